"""Operators that move values: Reshape and its kin, Transpose, Concat, Slice, Split, Gather, Pad, DepthToSpace."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from edgec.errors import UnsupportedError
from edgec.frontend.context import UINT8_SHIFT, Context, quant_of
from edgec.frontend.node import OnnxNode
from edgec.ir import DType, Value
from edgec.ops.movement import ConcatAttrs, DepthToSpaceAttrs, PadAttrs, SliceAttrs

FAR = 1 << 31  # ends beyond this mean "to the end"; exporters write the largest int64


def import_reshape(ctx: Context, node: OnnxNode) -> None:
    """Reshape, Flatten, Squeeze, Unsqueeze: the inferred shape says it all."""
    ctx.reshape(node, ctx.value(node, 0), ctx.onnx_shape(node.output), output=node.output)


def import_identity(ctx: Context, node: OnnxNode) -> None:
    if any(node.proto.output[1:]):
        raise UnsupportedError("gives its mask as a second output")
    ctx.bind(node.output, ctx.value(node, 0))


def import_transpose(ctx: Context, node: OnnxNode) -> None:
    x = ctx.value(node, 0)
    rank = len(x.type.shape)
    ctx.transpose(node, x, node.ints("perm", range(rank)[::-1]), output=node.output)


def import_concat(ctx: Context, node: OnnxNode) -> None:
    inputs = [ctx.value(node, index) for index in range(len(node.proto.input))]
    inputs = [value for value in inputs if value.type.elements] or inputs[:1]
    first = inputs[0].type
    if any(value.type.dtype is not first.dtype or value.type.quant != first.quant for value in inputs):
        raise UnsupportedError("joins values of different type or quantisation")
    axis = node.integer("axis", 0) % len(first.shape)
    ctx.emit(node, "Concat", inputs, ConcatAttrs(axis), output=node.output)


def take(
    ctx: Context, node: OnnxNode, x: Value, axis: int, first: int, size: int, *, output: str, hint: str = ""
) -> Value:
    """`size` neighbouring elements of one axis."""
    starts, sizes = [0] * len(x.type.shape), list(x.type.shape)
    starts[axis], sizes[axis] = first, size
    attrs = SliceAttrs(tuple(starts), (1,) * len(sizes), tuple(sizes))
    return ctx.emit(node, "Slice", [x], attrs, output=output, hint=hint)


def import_slice(ctx: Context, node: OnnxNode) -> None:
    """starts, ends, axes, steps: attributes before opset 10, inputs since; negative ones count from the end."""
    x = ctx.value(node, 0)
    rank = len(x.type.shape)
    read = [_integers(ctx, node, name, index) for index, name in enumerate(("starts", "ends", "axes", "steps"), 1)]
    starts, ends = read[0] or (), read[1] or ()
    axes = read[2] or tuple(range(len(starts)))
    steps = read[3] or (1,) * len(starts)
    first, step, size = [0] * rank, [1] * rank, list(x.type.shape)
    for axis, start, end, by in zip(axes, starts, ends, steps, strict=True):
        axis %= rank  # noqa: PLW2901 - negative axes count from the end
        taken = range(size[axis])[slice(start, None if abs(end) >= FAR and (end > 0) == (by > 0) else end, by)]
        if by < 0 and end <= -FAR:
            taken = range(size[axis])[slice(start, None, by)]
        first[axis], step[axis], size[axis] = (taken[0] if taken else 0), by, len(taken)
    if 0 in size:
        raise UnsupportedError("takes no elements at all")
    ctx.emit(node, "Slice", [x], SliceAttrs(tuple(first), tuple(step), tuple(size)), output=node.output)


def _integers(ctx: Context, node: OnnxNode, name: str, index: int) -> tuple[int, ...] | None:
    """A list of integers from an input or, in old opsets, an attribute of the same name."""
    if node.has_input(index):
        return tuple(int(i) for i in ctx.constant_input(node, index, f"has its {name}").reshape(-1))
    return node.ints(name, ()) if node.has(name) else None


def import_split(ctx: Context, node: OnnxNode) -> None:
    """One Slice an output; outputs that nobody reads fall away with the dead nodes."""
    x = ctx.value(node, 0)
    axis = node.integer("axis", 0) % len(x.type.shape)
    outputs = list(node.proto.output)
    # Equal parts, the last one smaller where the size does not divide.
    part = -(-x.type.shape[axis] // len(outputs))
    equal = [min(part, x.type.shape[axis] - part * i) for i in range(len(outputs))]
    at = 0
    for index, (output, size) in enumerate(zip(outputs, _integers(ctx, node, "split", 1) or equal, strict=True)):
        if output:
            take(ctx, node, x, axis, at, size, output=output, hint=f"part{index}")
        at += size


def import_gather(ctx: Context, node: OnnxNode) -> None:
    """Constant indices at equal distances are a Slice; a single index drops the axis."""
    x = ctx.value(node, 0)
    axis = node.integer("axis", 0) % len(x.type.shape)
    stored = ctx.constant_input(node, 1, "has its indices")
    size = x.type.shape[axis]
    indices = [int(i) + (size if i < 0 else 0) for i in stored.reshape(-1)]
    steps = set(np.diff(indices).tolist()) or {1}
    if stored.ndim > 1 or len(steps) != 1 or 0 in steps:
        raise UnsupportedError(f"has indices of shape {list(stored.shape)} at unequal distances")
    starts, by, sizes = [0] * len(x.type.shape), [1] * len(x.type.shape), list(x.type.shape)
    starts[axis], by[axis], sizes[axis] = indices[0], steps.pop(), len(indices)
    attrs = SliceAttrs(tuple(starts), tuple(by), tuple(sizes))
    if stored.ndim:
        ctx.emit(node, "Slice", [x], attrs, output=node.output)
        return
    picked = ctx.emit(node, "Slice", [x], attrs, hint="picked")
    ctx.reshape(node, picked, sizes[:axis] + sizes[axis + 1 :], output=node.output)


def import_pad(ctx: Context, node: OnnxNode) -> None:
    """Positive pads are a Pad, negative ones a Slice. The value is an attribute before opset 11."""
    x = ctx.value(node, 0)
    rank = len(x.type.shape)
    pads = _integers(ctx, node, "pads", 1) or (0,) * (2 * rank)
    axes = _integers(ctx, node, "axes", 3) or tuple(range(rank))
    before, after = [0] * rank, [0] * rank
    for position, axis in enumerate(axes):
        before[axis % rank], after[axis % rank] = pads[position], pads[position + len(axes)]
    mode = node.text("mode", "constant")
    if mode not in ("constant", "reflect", "edge"):
        raise UnsupportedError(f"has mode {mode!r}; constant, reflect and edge are taken")
    value = _pad_value(ctx, node, x)
    if min(*before, *after) < 0:
        x = _cropped(ctx, node, x, before, after)
        before, after = [max(b, 0) for b in before], [max(a, 0) for a in after]
    attrs = PadAttrs(tuple(before), tuple(after), mode, value)
    ctx.emit(node, "Pad", [x], attrs, output=node.output)


def _pad_value(ctx: Context, node: OnnxNode, x: Value) -> float:
    """The value as a real number: an integer of an int8 input is dequantised."""
    value = node.number("value", 0.0)
    if node.has_input(2):
        value = float(ctx.constant_input(node, 2, "has its value").reshape(-1)[0])
    if x.type.dtype is not DType.S8:
        return value
    scale, zero_point = quant_of(x).scalar
    shift = UINT8_SHIFT if ctx.is_uint8(node.input(0)) else 0
    return float(np.float32(value - shift - zero_point) * scale)


def _cropped(ctx: Context, node: OnnxNode, x: Value, before: Sequence[int], after: Sequence[int]) -> Value:
    starts = tuple(max(-b, 0) for b in before)
    sizes = tuple(s - f + min(a, 0) for s, f, a in zip(x.type.shape, starts, after, strict=True))
    return ctx.emit(node, "Slice", [x], SliceAttrs(starts, (1,) * len(sizes), sizes), hint="cropped")


def import_tile(ctx: Context, node: OnnxNode) -> None:
    """Repeats along an axis are a Concat of the value with itself."""
    repeats = [int(r) for r in ctx.constant_input(node, 1, "has its repeats").reshape(-1)]
    _repeat(ctx, node, ctx.value(node, 0), repeats)


def import_expand(ctx: Context, node: OnnxNode) -> None:
    """Axes of size 1 are repeated."""
    x = ctx.value(node, 0)
    wanted = ctx.onnx_shape(node.output)
    x = ctx.reshape(node, x, (1,) * (len(wanted) - len(x.type.shape)) + x.type.shape, hint="rank")
    _repeat(ctx, node, x, [w // s for w, s in zip(wanted, x.type.shape, strict=True)])


def _repeat(ctx: Context, node: OnnxNode, x: Value, repeats: Sequence[int]) -> None:
    todo = [axis for axis, count in enumerate(repeats) if count > 1]
    if not todo:
        ctx.bind(node.output, x)
    for axis in todo:
        output = node.output if axis == todo[-1] else ""
        x = ctx.emit(node, "Concat", [x] * repeats[axis], ConcatAttrs(axis), output=output, hint=f"repeat{axis}")


def import_depth_to_space(ctx: Context, node: OnnxNode) -> None:
    x = ctx.value(node, 0)
    attrs = DepthToSpaceAttrs(node.integer("blocksize", 1), node.text("mode", "DCR"))
    y = ctx.emit(node, "DepthToSpace", [ctx.to_nhwc(node, x)], attrs, hint="blocks")
    ctx.from_nhwc(node, y, 4, output=node.output)


def import_space_to_depth(ctx: Context, node: OnnxNode) -> None:
    """(N, C, H b, W b) -> (N, b b C, H, W): a Transpose between two Reshapes."""
    x = ctx.value(node, 0)
    n, c, h, w = x.type.shape
    b = node.integer("blocksize", 1)
    blocks = ctx.reshape(node, x, (n, c, h // b, b, w // b, b), hint="blocks")
    moved = ctx.transpose(node, blocks, (0, 3, 5, 1, 2, 4), hint="moved")
    ctx.reshape(node, moved, (n, b * b * c, h // b, w // b), output=node.output)


IMPORTERS: dict[str, Callable[[Context, OnnxNode], None]] = {
    **dict.fromkeys(("Reshape", "Flatten", "Squeeze", "Unsqueeze"), import_reshape),
    **dict.fromkeys(("Identity", "Dropout"), import_identity),
    "Transpose": import_transpose,
    "Concat": import_concat,
    "Slice": import_slice,
    "Split": import_split,
    "Gather": import_gather,
    "Pad": import_pad,
    "Tile": import_tile,
    "Expand": import_expand,
    "DepthToSpace": import_depth_to_space,
    "SpaceToDepth": import_space_to_depth,
}
