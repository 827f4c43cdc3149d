"""Operators that move integers without changing them: Concat, Slice, Pad, Transpose, Reshape, DepthToSpace."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from edgec.errors import InternalError
from edgec.ir import Array, Node, TensorType
from edgec.ops import backward
from edgec.ops.base import Kernel, NoData, OpDef, QuantRule, RowWindow, each_row, s8_only
from edgec.ops.numbers import quantize
from edgec.target import Core

AXES, PAD_AXES = 6, 4  # EC_AXES, EC_PAD_AXES
PAD_MODES = ("constant", "edge", "reflect")  # EC_PAD_CONSTANT, EC_PAD_EDGE, EC_PAD_REFLECT


@dataclass(frozen=True)
class ConcatAttrs:
    axis: int


@dataclass(frozen=True)
class SliceAttrs:
    """For every axis: first index, step (may be negative) and number of elements taken."""

    starts: tuple[int, ...]
    steps: tuple[int, ...]
    sizes: tuple[int, ...]


@dataclass(frozen=True)
class PadAttrs:
    """For every axis the elements added before and after; `value` is real, used by mode "constant"."""

    before: tuple[int, ...]
    after: tuple[int, ...]
    mode: str = "constant"  # constant, reflect, edge
    value: float = 0.0


@dataclass(frozen=True)
class TransposeAttrs:
    perm: tuple[int, ...]


@dataclass(frozen=True)
class ReshapeAttrs:
    shape: tuple[int, ...]


@dataclass(frozen=True)
class DepthToSpaceAttrs:
    """On NHWC; mode is "DCR" or "CRD"."""

    blocksize: int
    mode: str = "DCR"


def infer_concat(attrs: ConcatAttrs, types: Sequence[TensorType]) -> tuple[TensorType, ...]:
    shape = list(types[0].shape)
    shape[attrs.axis] = sum(t.shape[attrs.axis] for t in types)
    return (TensorType(types[0].dtype, tuple(shape)),)


def concat_rows(node: Node) -> tuple[RowWindow, ...] | None:
    # A call on one row does not know which row of a constant belongs to it.
    if any(value.is_constant for value in node.inputs):
        return None
    return None if node.attrs.axis <= 1 and len(node.output.type.shape) > 2 else each_row(node)


def infer_slice(attrs: SliceAttrs, types: Sequence[TensorType]) -> tuple[TensorType, ...]:
    return (TensorType(types[0].dtype, attrs.sizes),)


def slice_rows(node: Node) -> tuple[RowWindow, ...] | None:
    attrs: SliceAttrs = node.attrs
    if len(attrs.sizes) <= 2:
        return (RowWindow(),)
    if attrs.steps[1] < 0 or node.inputs[0].type.shape[0] != 1:
        return None
    return (RowWindow(1, attrs.steps[1], -attrs.starts[1]),)


def infer_pad(attrs: PadAttrs, types: Sequence[TensorType]) -> tuple[TensorType, ...]:
    shape = [b + d + a for b, d, a in zip(attrs.before, types[0].shape, attrs.after, strict=True)]
    return (TensorType(types[0].dtype, tuple(shape)),)


def pad_rows(node: Node) -> tuple[RowWindow, ...] | None:
    attrs: PadAttrs = node.attrs
    if len(attrs.before) <= 2:
        return (RowWindow(),)
    if node.inputs[0].type.shape[0] != 1 or attrs.before[0] or attrs.after[0]:
        return None
    if attrs.mode != "constant" and (attrs.before[1] or attrs.after[1]):
        return None
    return (RowWindow(1, 1, attrs.before[1]),)


def infer_transpose(attrs: TransposeAttrs, types: Sequence[TensorType]) -> tuple[TensorType, ...]:
    return (TensorType(types[0].dtype, tuple(types[0].shape[axis] for axis in attrs.perm)),)


def infer_reshape(attrs: ReshapeAttrs, types: Sequence[TensorType]) -> tuple[TensorType, ...]:
    result = TensorType(types[0].dtype, attrs.shape)
    if result.elements != types[0].elements:
        raise InternalError(f"Reshape of {types[0]} to {attrs.shape}")
    return (result,)


def infer_depth_to_space(attrs: DepthToSpaceAttrs, types: Sequence[TensorType]) -> tuple[TensorType, ...]:
    # x: (N, H, W, C * b * b) -> (N, H * b, W * b, C)
    n, h, w, c = types[0].shape
    b = attrs.blocksize
    return (TensorType(types[0].dtype, (n, h * b, w * b, c // (b * b))),)


@dataclass(frozen=True)
class ConcatGeometry:
    """Mirrors ec_concat_s8_geometry."""

    inputs: int
    outer: int


@dataclass(frozen=True)
class ConcatData:
    """Mirrors ec_concat_s8_data."""

    sizes: Array
    constants: Array | None
    constant_starts: Array | None


@dataclass(frozen=True)
class StridedGeometry:
    """Mirrors ec_transpose_s8_geometry and ec_depth_to_space_s8_geometry: a view of x, axis by axis."""

    size: tuple[int, ...]
    stride: tuple[int, ...]


@dataclass(frozen=True)
class SliceGeometry:
    """Mirrors ec_slice_s8_geometry: a view of x that begins at element `start`."""

    start: int
    size: tuple[int, ...]
    stride: tuple[int, ...]


@dataclass(frozen=True)
class PadGeometry:
    """Mirrors ec_pad_s8_geometry."""

    size: tuple[int, ...]
    in_size: tuple[int, ...]
    before: tuple[int, ...]
    mode: int


@dataclass(frozen=True)
class PadData:
    """Mirrors ec_pad_s8_data."""

    value: int


def strides_of(shape: Sequence[int]) -> list[int]:
    """Elements between neighbours along each axis of a contiguous tensor."""
    return [math.prod(shape[axis + 1 :]) for axis in range(len(shape))]


def merged_view(sizes: Sequence[int], strides: Sequence[int]) -> tuple[list[int], list[int]]:
    """The same view with the fewest axes: axes of one element go, neighbours that lie one after the other join."""
    merged: list[tuple[int, int]] = []
    for size, stride in zip(sizes, strides, strict=True):
        if size == 1:
            continue
        if merged and merged[-1][1] == stride * size:
            merged[-1] = (merged[-1][0] * size, stride)
        else:
            merged.append((size, stride))
    merged = merged or [(1, 1)]
    return [size for size, _ in merged], [stride for _, stride in merged]


def strided(sizes: Sequence[int], strides: Sequence[int]) -> StridedGeometry:
    """The geometry of a view; axes of one element stand in front until there are AXES."""
    size, stride = merged_view(sizes, strides)
    missing = AXES - len(size)
    return StridedGeometry((*[1] * missing, *size), (*[0] * missing, *stride))


def transposed(node: Node) -> tuple[list[int], list[int]]:
    """Sizes and strides of x in the order of y's axes."""
    shape, perm = node.inputs[0].type.shape, node.attrs.perm
    strides = strides_of(shape)
    return [shape[axis] for axis in perm], [strides[axis] for axis in perm]


def transpose_geometry(node: Node, rows: int) -> StridedGeometry:
    return strided(*transposed(node))


def depth_to_space_geometry(node: Node, rows: int) -> StridedGeometry:
    attrs: DepthToSpaceAttrs = node.attrs
    n, h, w, depth = node.inputs[0].type.shape
    b = attrs.blocksize
    c = depth // (b * b)
    # Channels of x are (b, b, c) with DCR, (c, b, b) with CRD; y: (n, h, b, w, b, c).
    block_y, block_x, channel = (b * c, c, 1) if attrs.mode == "DCR" else (b, 1, b * b)
    return strided((n, h, b, w, b, c), (h * w * depth, w * depth, block_y, depth, block_x, channel))


def sliced(node: Node, rows: int) -> tuple[int, list[int], list[int]]:
    """(first element, sizes, strides) of the slice within the whole input or within `rows` joined rows."""
    attrs: SliceAttrs = node.attrs
    shape = node.inputs[0].type.shape
    strides = strides_of(shape)
    parts = list(zip(attrs.starts, attrs.steps, attrs.sizes, strides, strict=True))
    sizes, steps = [], []
    if slice_rows(node) is not None and len(shape) > 2:
        # Axes 0 and 1 are the caller's: it passes the row. Rows that are joined are all of them, one after the other.
        parts, sizes, steps = parts[2:], [rows], [strides[1]]
    start = sum(start * stride for start, _, _, stride in parts)
    return start, sizes + [size for _, _, size, _ in parts], steps + [step * stride for _, step, _, stride in parts]


def slice_geometry(node: Node, rows: int) -> SliceGeometry:
    start, sizes, strides = sliced(node, rows)
    view = strided(sizes, strides)
    return SliceGeometry(start, view.size, view.stride)


def too_many_axes(sizes: Sequence[int], strides: Sequence[int]) -> str | None:
    axes = len(merged_view(sizes, strides)[0])
    return None if axes <= AXES else f"takes {AXES} axes that can't be merged, these are {axes}"


def concat_geometry(node: Node, rows: int) -> ConcatGeometry:
    y = node.output.type
    return ConcatGeometry(len(node.inputs), math.prod(y.shape[: node.attrs.axis]) * rows // y.rows)


def concat_data(node: Node) -> ConcatData:
    sizes = [math.prod(value.type.shape[node.attrs.axis :]) for value in node.inputs]
    constants, starts, end = [], [], 0
    for value in node.inputs:
        starts.append(end if value.is_constant else -1)
        if value.is_constant:
            constants.append(value.array.reshape(-1))
            end += value.array.size
    return ConcatData(
        sizes=np.array(sizes, np.int32),
        constants=np.concatenate(constants) if constants else None,
        constant_starts=np.array(starts, np.int32) if constants else None,
    )


def same_quantisation(node: Node, core: Core) -> str | None:
    """why_not of ec_concat_s8: integers are moved, not changed."""
    for value in node.inputs:
        if value.type.quant != node.output.type.quant:
            return f"takes inputs of the output's quantisation, {value.name!r} is {value.type}"
    return s8_only(node, core)


def padded_axes(node: Node, rows: int) -> list[tuple[int, int, int]]:
    """(size, size of x, elements before) of every axis, neighbours joined where only the first is padded."""
    attrs: PadAttrs = node.attrs
    x, y = node.inputs[0].type.shape, node.output.type.shape
    axes = list(zip(y, x, attrs.before, strict=True))
    if pad_rows(node) is not None and len(x) > 2:
        axes = [(rows, rows, 0), *axes[2:]]
    merged: list[tuple[int, int, int]] = []
    for size, in_size, before in reversed(axes):
        if merged:
            inner, in_inner, inner_before = merged[-1]
            # A constant may be counted in elements of the inner axes; mirrored or repeated elements may not.
            if (inner, inner_before) == (in_inner, 0) and (attrs.mode == "constant" or (size, before) == (in_size, 0)):
                merged[-1] = (size * inner, in_size * inner, before * inner)
                continue
            if (size, in_size, before) == (1, 1, 0):
                continue
        merged.append((size, in_size, before))
    return merged[::-1]


def pad_geometry(node: Node, rows: int) -> PadGeometry:
    axes = padded_axes(node, rows)
    size, in_size, before = zip(*[(1, 1, 0)] * (PAD_AXES - len(axes)), *axes, strict=True)
    return PadGeometry(size, in_size, before, PAD_MODES.index(node.attrs.mode))


def pad_data(node: Node) -> PadData:
    quant = node.inputs[0].type.quant
    if node.attrs.mode != "constant":
        return PadData(0)
    if quant is None:
        raise InternalError(f"{node} is not quantised")
    return PadData(int(quantize(np.asarray(node.attrs.value, np.float32), quant)))


def pad_why_not(node: Node, core: Core) -> str | None:
    """why_not of ec_pad_s8."""
    axes = len(padded_axes(node, 1))
    if axes > PAD_AXES:
        return f"takes {PAD_AXES} axes that can't be merged, these are {axes}"
    if node.attrs.mode not in PAD_MODES:
        return f"takes modes {', '.join(PAD_MODES)}, this one is {node.attrs.mode!r}"
    return s8_only(node, core)


def all_rows(node: Node) -> bool:
    """The output has every row of the input and no other, so rows may be joined."""
    return node.inputs[0].type.rows == node.output.type.rows


def moved(instructions: float) -> Callable[[Node, Core], float]:
    """Cost of so many instructions an output element."""
    return lambda node, core: instructions * node.output.type.elements


CONCAT = OpDef(
    "Concat",
    ConcatAttrs,
    infer_concat,
    QuantRule.SAME,
    rows=concat_rows,
    grad=backward.concat,
    summary="any axis",
    extra=("QLinearConcat",),
    kernels=(
        Kernel(
            name="ec_concat_s8",
            family="movement",
            why_not=same_quantisation,
            geometry=concat_geometry,
            data=concat_data,
            flat=lambda node: True,
            cost=moved(2),
        ),
    ),
)
SLICE = OpDef(
    "Slice",
    SliceAttrs,
    infer_slice,
    QuantRule.SAME,
    rows=slice_rows,
    summary="any steps",
    extra=("Split",),
    kernels=(
        Kernel(
            name="ec_slice_s8",
            family="movement",
            why_not=lambda node, core: too_many_axes(*sliced(node, 1)[1:]) or s8_only(node, core),
            geometry=slice_geometry,
            data=lambda node: NoData(),
            flat=all_rows,
            cost=moved(4),
        ),
    ),
)
PAD = OpDef(
    "Pad",
    PadAttrs,
    infer_pad,
    QuantRule.SAME,
    rows=pad_rows,
    summary="constant, reflect, edge",
    kernels=(
        Kernel(
            name="ec_pad_s8",
            family="movement",
            why_not=pad_why_not,
            geometry=pad_geometry,
            data=pad_data,
            flat=all_rows,
            cost=moved(3),
        ),
    ),
)
TRANSPOSE = OpDef(
    "Transpose",
    TransposeAttrs,
    infer_transpose,
    QuantRule.SAME,
    grad=backward.transpose,
    summary="any permutation",
    kernels=(
        Kernel(
            name="ec_transpose_s8",
            family="movement",
            why_not=lambda node, core: too_many_axes(*transposed(node)) or s8_only(node, core),
            geometry=transpose_geometry,
            data=lambda node: NoData(),
            cost=moved(5),
        ),
    ),
)
RESHAPE = OpDef(
    "Reshape",
    ReshapeAttrs,
    infer_reshape,
    QuantRule.SAME,
    grad=backward.same_shape,
    summary="costs nothing: the same memory",
    extra=("Flatten", "Squeeze", "Unsqueeze", "Identity", "Dropout"),
)
DEPTH_TO_SPACE = OpDef(
    "DepthToSpace",
    DepthToSpaceAttrs,
    infer_depth_to_space,
    QuantRule.SAME,
    summary="DCR and CRD",
    kernels=(
        Kernel(
            name="ec_depth_to_space_s8",
            family="movement",
            why_not=s8_only,
            geometry=depth_to_space_geometry,
            data=lambda node: NoData(),
            cost=moved(5),
        ),
    ),
)

OPS = (CONCAT, SLICE, PAD, TRANSPOSE, RESHAPE, DEPTH_TO_SPACE)
