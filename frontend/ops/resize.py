"""Resize and Upsample of height and width."""

from __future__ import annotations

from edgec.errors import UnsupportedError
from edgec.frontend.context import Context
from edgec.frontend.node import OnnxNode
from edgec.ops.resize import ResizeAttrs

MODES = ("nearest", "linear")
COORDINATES = (
    "half_pixel",
    "half_pixel_symmetric",
    "pytorch_half_pixel",
    "align_corners",
    "asymmetric",
    "tf_half_pixel_for_nn",
)
NEAREST = ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil")


def import_resize(ctx: Context, node: OnnxNode) -> None:
    """x: (N, C, H, W); scales or sizes are inputs (Upsample before opset 9: an attribute)."""
    x = ctx.value(node, 0)
    rank = len(x.type.shape)
    if rank not in (3, 4):
        raise UnsupportedError(f"takes 1-D and 2-D feature maps, input is {list(x.type.shape)}")
    sizes = ctx.onnx_shape(node.output)
    if sizes[:2] != x.type.shape[:2]:
        raise UnsupportedError(f"resizes {list(x.type.shape)} to {list(sizes)}; height and width may change")
    scales = _scales(ctx, node, x.type.shape, sizes)
    attrs = ResizeAttrs(
        sizes=(1 if rank == 3 else sizes[2], sizes[-1]),
        scales=(1.0 if rank == 3 else scales[2], scales[-1]),
        mode=_mode(node),
        coordinate_transformation_mode=_coordinates(node),
        nearest_mode=_one_of(node, "nearest_mode", "floor" if _is_old(node) else "round_prefer_floor", NEAREST),
    )
    # Nearest moves integers; linear computes with what they stand for, in the same quantisation.
    y = ctx.emit(node, "Resize", [ctx.to_nhwc(node, x)], attrs, hint="resized", quant=x.type.quant)
    ctx.from_nhwc(node, y, rank, output=node.output)


def _is_old(node: OnnxNode) -> bool:
    """Upsample and Resize of opset 10 have neither coordinate nor nearest modes."""
    return node.op_type == "Upsample" or node.opset < 11


def _scales(ctx: Context, node: OnnxNode, before: tuple[int, ...], after: tuple[int, ...]) -> list[float]:
    """One scale an axis, as given, else the ratio of the sizes."""
    at = 1 if _is_old(node) else 2
    given = [float(scale) for scale in node.floats("scales", ())]
    if node.has_input(at):
        given = [float(scale) for scale in ctx.constant_input(node, at, "has its scales").reshape(-1)]
    if not given:
        return [b / a for a, b in zip(before, after, strict=True)]
    scales = [1.0] * len(before)
    for axis, scale in zip(node.ints("axes", range(len(before))), given, strict=True):
        scales[axis] = scale
    return scales


def _mode(node: OnnxNode) -> str:
    if node.integer("antialias", 0) or node.integer("exclude_outside", 0):
        raise UnsupportedError("has antialias or exclude_outside set")
    if node.text("keep_aspect_ratio_policy", "stretch") != "stretch":
        raise UnsupportedError("keeps the aspect ratio; export it with the final sizes")
    mode = node.text("mode", "nearest")
    if mode == "bilinear":
        return "linear"
    return _one_of(node, "mode", "nearest", MODES)


def _coordinates(node: OnnxNode) -> str:
    default = "asymmetric" if _is_old(node) else "half_pixel"
    return _one_of(node, "coordinate_transformation_mode", default, COORDINATES)


def _one_of(node: OnnxNode, name: str, default: str, allowed: tuple[str, ...]) -> str:
    value = node.text(name, default)
    if value not in allowed:
        raise UnsupportedError(f"has {name} {value!r}; taken are {', '.join(allowed)}")
    return value


IMPORTERS = {"Resize": import_resize, "Upsample": import_resize}
