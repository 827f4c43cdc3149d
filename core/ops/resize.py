"""Resize of height and width: nearest and linear, as ONNX Resize defines the coordinates.

ONNX leaves the precision of the coordinates open; here they are what onnxruntime 1.32 computes, found by comparing
index by index: float32, but float64 for "half_pixel_symmetric", and halves with a tolerance of 1e-6. (A Resize to the
input's own size is a copy there, whatever its scales say; it should not reach this file.)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edgec.errors import InternalError
from edgec.ir import Array, Node, QuantParams, TensorType
from edgec.ops.base import Kernel, OpDef, s8_only
from edgec.ops.conv.mve_pack import way_of
from edgec.ops.numbers import FULL_RANGE, QMAX, QMIN, dequantize, quantize
from edgec.target import Core

# onnxruntime takes a coordinate this near to a half for the half itself.
TIE = 1e-6
ALL_VALUES = 256  # that an input may be away from its zero point, at most
NEON_CHANNELS = 8  # half a vector


@dataclass(frozen=True)
class ResizeAttrs:
    """ONNX names; `sizes` and `scales` are for (H, W). Upsample is imported with "asymmetric" and "floor"."""

    sizes: tuple[int, int]
    scales: tuple[float, float]
    mode: str = "nearest"  # nearest, linear
    coordinate_transformation_mode: str = "half_pixel"
    nearest_mode: str = "round_prefer_floor"


@dataclass(frozen=True)
class Taps:
    """Of every output index the two input indices (int32) and their weights (float32, sum 1)."""

    lower: Array
    upper: Array
    lower_weight: Array
    upper_weight: Array


def infer_resize(attrs: ResizeAttrs, types: Sequence[TensorType]) -> tuple[TensorType, ...]:
    n, _, _, c = types[0].shape
    return (TensorType(types[0].dtype, (n, *attrs.sizes, c)),)


def source_coordinates(attrs: ResizeAttrs, axis: int, size: int) -> Array:
    """Real input coordinate (float32) of every output index along `axis` (0: H, 1: W) of `size` input elements."""
    out, scale = attrs.sizes[axis], np.float32(attrs.scales[axis])
    index = np.arange(out, dtype=np.float32)
    half = np.float32(0.5)
    if scale == 1:
        return index
    match attrs.coordinate_transformation_mode:
        case "half_pixel":
            x = (index + half) / scale - half
        case "pytorch_half_pixel":
            x = (index + half) / scale - half if out > 1 else np.zeros(1, np.float32)
        case "half_pixel_symmetric":
            adjustment = np.float32(out) / (scale * np.float32(size))
            offset = np.float32(size) / np.float32(2) * (np.float32(1) - adjustment)
            x = np.float64(offset) + (index.astype(np.float64) + 0.5) / np.float64(scale) - 0.5
        case "align_corners":
            x = index * np.float32(size - 1) / np.float32(max(out - 1, 1))
        case "asymmetric":
            x = index / scale
        case "tf_half_pixel_for_nn":
            x = (index + half) / scale
        case mode:
            raise InternalError(f"Resize with coordinate_transformation_mode {mode!r}")
    return np.asarray(x, np.float32)


def nearest_indices(attrs: ResizeAttrs, axis: int, size: int) -> Array:
    """int32 input index of every output index along `axis`."""
    # float64: x + 0.5 must not round.
    x = source_coordinates(attrs, axis, size).astype(np.float64)
    match attrs.nearest_mode:
        case "round_prefer_floor":
            rounded = np.ceil(x - 0.5 - TIE)
        case "round_prefer_ceil":
            rounded = np.floor(x + 0.5 + TIE)
        case "floor":
            rounded = np.floor(x)
        case "ceil":
            rounded = np.ceil(x)
        case mode:
            raise InternalError(f"Resize with nearest_mode {mode!r}")
    return np.clip(rounded, 0, size - 1).astype(np.int32)


def linear_taps(attrs: ResizeAttrs, axis: int, size: int) -> Taps:
    """Input indices and weights of every output index along `axis`."""
    x = np.clip(source_coordinates(attrs, axis, size), 0, np.float32(size - 1)).astype(np.float32)
    lower = x.astype(np.int32)
    upper = np.minimum(lower + 1, size - 1).astype(np.int32)
    # On the last element both taps are the same: onnxruntime halves it, which the order of the sum makes visible.
    last = lower == upper
    half = np.float32(0.5)
    return Taps(
        lower,
        upper,
        np.where(last, half, upper.astype(np.float32) - x).astype(np.float32),
        np.where(last, half, x - lower.astype(np.float32)).astype(np.float32),
    )


def interpolate(x: Array, rows: Taps, columns: Taps) -> Array:
    """float32 (N, H, W, C) -> (N, H', W', C), the four products summed in the order of onnxruntime's bilinear kernel.

    ((w_x0 * w_y0) * x00 + (w_x1 * w_y0) * x01) + (w_x0 * w_y1) * x10) + (w_x1 * w_y1) * x11, each step rounded once.
    """
    y0, y1 = (w[:, None, None] for w in (rows.lower_weight, rows.upper_weight))
    x0, x1 = (w[None, :, None] for w in (columns.lower_weight, columns.upper_weight))
    top, bottom = x[:, rows.lower], x[:, rows.upper]
    total = x0 * y0 * top[:, :, columns.lower] + x1 * y0 * top[:, :, columns.upper]
    total = total + x0 * y1 * bottom[:, :, columns.lower]
    return np.asarray(total + x1 * y1 * bottom[:, :, columns.upper], np.float32)


@dataclass(frozen=True)
class ResizeGeometry:
    """Mirrors ec_resize_nearest_s8_geometry and ec_resize_linear_s8_geometry."""

    in_w: int
    channels: int
    out_h: int
    out_w: int


@dataclass(frozen=True)
class LinearNeonGeometry(ResizeGeometry):
    """Mirrors ec_resize_linear_s8_neon_geometry."""

    way: int


@dataclass(frozen=True)
class NearestData:
    """Mirrors ec_resize_nearest_s8_data; `table` requantises, None where the scales are the same."""

    rows: Array
    columns: Array
    table: Array | None


@dataclass(frozen=True)
class LinearData:
    """Mirrors ec_resize_linear_s8_data."""

    rows_lower: Array
    rows_upper: Array
    rows_lower_weight: Array
    rows_upper_weight: Array
    columns_lower: Array
    columns_upper: Array
    columns_lower_weight: Array
    columns_upper_weight: Array
    input_scale: float
    input_zero_point: int
    output_scale: float
    output_zero_point: int


def mode_only(mode: str, node: Node, core: Core) -> str | None:
    """why_not of both kernels."""
    attrs: ResizeAttrs = node.attrs
    if attrs.mode != mode:
        return f"takes mode {mode!r} only, this one is {attrs.mode!r}"
    x = node.inputs[0].type
    if x.shape[0] != 1 or max(*x.shape[1:3], *attrs.sizes) > 65535:
        return f"takes batch 1 and sizes up to 65535, the input is {x}"
    return s8_only(node, core)


def resize_geometry(node: Node, rows: int) -> ResizeGeometry:
    _, _, width, channels = node.inputs[0].type.shape
    return ResizeGeometry(width, channels, *node.attrs.sizes)


def quants(node: Node) -> tuple[QuantParams, QuantParams]:
    """Quantisations of input and output."""
    x, y = node.inputs[0].type.quant, node.output.type.quant
    if x is None or y is None:
        raise InternalError(f"{node} is not quantised")
    return x, y


def nearest_data(node: Node) -> NearestData:
    x, y = quants(node)
    _, height, width, _ = node.inputs[0].type.shape
    rows, columns = nearest_indices(node.attrs, 0, height), nearest_indices(node.attrs, 1, width)
    table = None if x == y else quantize(dequantize(np.arange(QMIN, QMAX + 1), x), y)
    return NearestData(rows.astype(np.uint16), columns.astype(np.uint16), table)


def linear_data(node: Node) -> LinearData:
    x, y = quants(node)
    _, height, width, _ = node.inputs[0].type.shape
    rows, columns = linear_taps(node.attrs, 0, height), linear_taps(node.attrs, 1, width)
    return LinearData(
        rows_lower=rows.lower.astype(np.uint16),
        rows_upper=rows.upper.astype(np.uint16),
        rows_lower_weight=rows.lower_weight,
        rows_upper_weight=rows.upper_weight,
        columns_lower=columns.lower.astype(np.uint16),
        columns_upper=columns.upper.astype(np.uint16),
        columns_lower_weight=columns.lower_weight,
        columns_upper_weight=columns.upper_weight,
        input_scale=float(x.scalar[0]),
        input_zero_point=x.scalar[1],
        output_scale=float(y.scalar[0]),
        output_zero_point=y.scalar[1],
    )


def linear_way(node: Node) -> int:
    """EC_NEON_FITS ...: a mean of elements is no further from 0 than they are, but for float32's rounding."""
    x, y = quants(node)
    return way_of(2 * ALL_VALUES * float(x.scalar[0]) / float(y.scalar[0]), y.scalar[1], FULL_RANGE)


def linear_neon_geometry(node: Node, rows: int) -> LinearNeonGeometry:
    return LinearNeonGeometry(**vars(resize_geometry(node, rows)), way=linear_way(node))


def linear_neon(node: Node, core: Core) -> str | None:
    """why_not: NEON, channels for half a vector, results that fit int16."""
    if not core.neon:
        return f"needs NEON, {core.name} has none"
    reason = mode_only("linear", node, core)
    if reason is None and node.inputs[0].type.shape[-1] < NEON_CHANNELS:
        return f"takes {NEON_CHANNELS} channels or more"
    if reason is None and linear_way(node) == 0:
        return "takes results that fit int16 before they saturate"
    return reason


RESIZE = OpDef(
    "Resize",
    ResizeAttrs,
    infer_resize,
    summary="nearest and linear, height and width",
    extra=("Upsample",),
    kernels=(
        Kernel(
            name="ec_resize_nearest_s8",
            family="resize",
            why_not=lambda node, core: mode_only("nearest", node, core),
            geometry=resize_geometry,
            data=nearest_data,
            cost=lambda node, core: 3.0 * node.output.type.elements,
        ),
        Kernel(
            name="ec_resize_linear_s8_neon",
            family="resize",
            why_not=linear_neon,
            geometry=linear_neon_geometry,
            data=linear_data,
            cost=lambda node, core: 7.5 * node.output.type.elements,
        ),
        Kernel(
            name="ec_resize_linear_s8",
            family="resize",
            why_not=lambda node, core: mode_only("linear", node, core),
            geometry=resize_geometry,
            data=linear_data,
            # Without an FPU each of the dozen float operations of an element is a call.
            cost=lambda node, core: (45.0 if core.fpu else 900.0) * node.output.type.elements,
        ),
    ),
)

OPS = (RESIZE,)
