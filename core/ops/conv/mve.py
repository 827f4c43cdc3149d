"""The kernels of Conv for Helium (Cortex-M55)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from edgec.ir import Array, Node
from edgec.ops.base import Kernel
from edgec.ops.conv.attrs import ConvAttrs, conv_macs, is_depthwise, pointwise
from edgec.ops.conv.mve_pack import GROUP, VECTOR, MveData, has_zero_points, mve_data, needs_mve, output_way, run_order
from edgec.ops.conv.sums import input_zero_point
from edgec.target import Core

STEP = 14.0 / 8  # instructions of an output for each vector of its inputs: a tile of 2 pixels and 4 channels
MOST_STEPS = 9  # EC_MVE_MOST_STEPS
MOST_PIECES = 16  # EC_CONV_S8_MVE_PIECES
CELL = 4  # rows in a cell: EC_DEPTHWISE_MVE_CELL
MOST_WINDOW = 8
BEHIND_PLANE = 64  # EC_DEPTHWISE_MVE_BEHIND
MOST_CELL_BYTES = 1536  # of scratch for cells: longer rows go in strips


@dataclass(frozen=True)
class MatmulGeometry:
    """Mirrors ec_matmul_mve_geometry: `count` vectors, `step` bytes from one to the next."""

    count: int
    step: int
    in_c: int
    out_c: int
    zero_points: int
    way: int


def pointwise_geometry(node: Node, rows: int) -> MatmulGeometry:
    attrs: ConvAttrs = node.attrs
    x, y = node.inputs[0].type, node.output.type
    return MatmulGeometry(
        count=y.shape[2] * rows,
        step=x.shape[3] * attrs.strides[1],
        in_c=x.shape[3],
        out_c=y.shape[3],
        zero_points=int(has_zero_points(node)),
        way=output_way(node),
    )


def pointwise_only(node: Node, core: Core) -> str | None:
    """why_not of the 1x1 kernel: every pixel is a vector of the input."""
    attrs: ConvAttrs = node.attrs
    if attrs.kernel_shape != (1, 1) or any(attrs.pads) or attrs.group != 1:
        return "takes 1x1 convolutions without padding and groups only"
    return needs_mve(node, core)


def matmul_cost(node: Node, macs: int) -> float:
    """Of 1x1 and dense: two pixels by four channels are 14 instructions for 16 inputs, and 20 to requantise."""
    outputs = node.output.type.elements
    inputs = macs // outputs
    return outputs * (STEP * -(-inputs // VECTOR) + 3.5)


@dataclass(frozen=True)
class ConvMveGeometry:
    """Mirrors ec_conv_s8_mve_geometry: one output row of `out_w` pixels."""

    in_w: int
    in_c: int
    out_w: int
    out_c: int
    kernel_h: int
    kernel_w: int
    stride_w: int
    pad_w: int
    dilation_w: int
    columns: int
    inside: int
    zero_points: int
    way: int


@dataclass(frozen=True)
class ConvMveData(MveData):
    """Mirrors ec_conv_s8_mve_data."""

    input_zero_point: int


def vectors(count: int) -> int:
    """Vectors that hold so many bytes."""
    return -(-count // VECTOR)


def pieces(run: int) -> int:
    """Pieces of a run of so many bytes, each of the same number of vectors: ec_mve_pieces."""
    whole = run // VECTOR
    return next((whole // steps for steps in range(MOST_STEPS, 0, -1) if whole and whole % steps == 0), 1)


def in_columns(node: Node) -> bool:
    """Gather the inputs of every pixel: where rows cannot be read as they lie, or where that costs less.

    Compared are instructions of two pixels, as fitted to counts: a step of a tile takes 14, what is left of a run 24.
    """
    attrs: ConvAttrs = node.attrs
    (kh, kw), in_c, out_c = attrs.kernel_shape, node.inputs[0].type.shape[3], node.output.type.shape[3]
    run = kw * in_c
    if kh * pieces(run) > MOST_PIECES or (attrs.dilations[1] > 1 and kw > 1):
        return True
    groups = -(-out_c // GROUP)
    as_they_lie = groups * kh * (14 * (run // VECTOR) + (24 if run % VECTOR else 0) + 3)
    gathered = groups * 14 * vectors(kh * run) + 2 * kh * (2 * vectors(run) + 2) + 10
    return gathered < as_they_lie


def windows_inside(node: Node) -> bool:
    """No window leaves its row to the left or right."""
    attrs: ConvAttrs = node.attrs
    in_w, out_w = node.inputs[0].type.shape[2], node.output.type.shape[2]
    reach = (attrs.kernel_shape[1] - 1) * attrs.dilations[1]
    return attrs.pads[1] == 0 and (out_w - 1) * attrs.strides[1] + reach < in_w


def conv_geometry(node: Node, rows: int) -> ConvMveGeometry:
    attrs: ConvAttrs = node.attrs
    x, y = node.inputs[0].type, node.output.type
    return ConvMveGeometry(
        in_w=x.shape[2],
        in_c=x.shape[3],
        out_w=y.shape[2],
        out_c=y.shape[3],
        kernel_h=attrs.kernel_shape[0],
        kernel_w=attrs.kernel_shape[1],
        stride_w=attrs.strides[1],
        pad_w=attrs.pads[1],
        dilation_w=attrs.dilations[1],
        columns=int(in_columns(node)),
        inside=int(windows_inside(node)),
        zero_points=int(has_zero_points(node)),
        way=output_way(node),
    )


def conv_mve_data(node: Node) -> ConvMveData:
    weights = node.inputs[1].array.reshape(node.output.type.shape[3], -1)
    if in_columns(node):
        unused = 0 if has_zero_points(node) else -weights.shape[1] % VECTOR
        groups = run_order(np.pad(weights, ((0, 0), (0, unused))), 1)
    else:
        groups = run_order(weights, node.attrs.kernel_shape[0])
    return ConvMveData(**vars(mve_data(node, groups)), input_zero_point=input_zero_point(node))


def conv_scratch(node: Node) -> int:
    """The gathered inputs of two pixels; a column fills whole vectors, and one behind it is written."""
    size = math.prod(node.inputs[1].type.shape[1:])
    if in_columns(node):
        return 2 * (vectors(size) + 1) * VECTOR
    return 0 if windows_inside(node) else 2 * size


def ungrouped(node: Node, core: Core) -> str | None:
    """why_not of the kernel for any window."""
    if node.attrs.group != 1:
        return f"takes no groups, here are {node.attrs.group}"
    return needs_mve(node, core)


def conv_cost(node: Node, core: Core) -> float:
    """As 1x1, with the runs and columns of every pixel."""
    shape = node.inputs[1].type.shape
    pixels = node.output.type.elements // shape[0]
    run = shape[2] * shape[3]
    steps = vectors(shape[1] * run) if in_columns(node) else shape[1] * vectors(run)
    gather = shape[1] * (2 * vectors(run) + 2) if in_columns(node) else 4 * shape[1]
    return pixels * (shape[0] * (STEP * steps + 4.0) + gather + 10.0)


@dataclass(frozen=True)
class DepthwiseMveGeometry:
    """Mirrors ec_depthwise_conv_s8_mve_geometry: one output row of `out_w` pixels."""

    in_w: int
    channels: int
    out_w: int
    kernel_h: int
    kernel_w: int
    stride_w: int
    pad_w: int
    strip: int
    zero_points: int
    way: int


@dataclass(frozen=True)
class DepthwiseMveData(MveData):
    """Mirrors ec_depthwise_conv_s8_mve_data."""

    ones: Array | None
    input_zero_point: int


def planes(node: Node) -> int:
    """Blocks of four rows that a window has."""
    attrs: ConvAttrs = node.attrs
    return -(-attrs.kernel_shape[0] // CELL)


def column_bytes(node: Node) -> int:
    """Of the cells of one column and one block of channels, all planes together."""
    return planes(node) * min(node.output.type.shape[3], VECTOR) * CELL


def strip_of(node: Node) -> int:
    """Output pixels at once, so that their cells take little room: strips of about the same size."""
    attrs: ConvAttrs = node.attrs
    out_w = node.output.type.shape[2]
    columns = MOST_CELL_BYTES // column_bytes(node)
    most = max(1, (columns - attrs.kernel_shape[1]) // attrs.strides[1] + 1)
    return -(-out_w // -(-out_w // most))


def depthwise_geometry(node: Node, rows: int) -> DepthwiseMveGeometry:
    g = conv_geometry(node, rows)
    return DepthwiseMveGeometry(
        g.in_w, g.in_c, g.out_w, g.kernel_h, g.kernel_w, g.stride_w, g.pad_w, strip_of(node), g.zero_points, g.way
    )


def pack_cells(weights: Array) -> Array:
    """(..., KH, KW) -> (..., vectors, VECTOR): for each four rows the cells of the window in turn, zeros behind."""
    *front, kh, kw = weights.shape
    rows = -(-kh // CELL) * CELL
    padded = np.zeros((*front, rows, kw), np.int8)
    padded[..., :kh, :] = weights
    cells = padded.reshape(*front, rows // CELL, CELL, kw).swapaxes(-1, -2).reshape(*front, -1)
    result = np.zeros((*front, vectors(cells.shape[-1]) * VECTOR), np.int8)
    result[..., : cells.shape[-1]] = cells
    return result


def depthwise_mve_data(node: Node) -> DepthwiseMveData:
    cells = pack_cells(node.inputs[1].array.reshape(node.output.type.shape[3], *node.attrs.kernel_shape))
    common = vars(mve_data(node, [cells[first : first + GROUP] for first in range(0, len(cells), GROUP)]))
    ones = pack_cells(np.ones(node.attrs.kernel_shape, np.int8)) if has_zero_points(node) else None
    return DepthwiseMveData(**common, ones=ones, input_zero_point=input_zero_point(node))


def depthwise_scratch(node: Node) -> int:
    """The cells of a strip."""
    attrs: ConvAttrs = node.attrs
    columns = (strip_of(node) - 1) * attrs.strides[1] + attrs.kernel_shape[1]
    return columns * column_bytes(node) + planes(node) * BEHIND_PLANE


def depthwise_only(node: Node, core: Core) -> str | None:
    """why_not of the depthwise kernel."""
    attrs: ConvAttrs = node.attrs
    channels, filters = node.inputs[0].type.shape[3], node.output.type.shape[3]
    if not is_depthwise(node) or channels != filters:
        return (
            f"takes depthwise convolutions with one filter a channel only, {filters} of {attrs.group} groups are here"
        )
    if max(attrs.kernel_shape) > MOST_WINDOW:
        return f"takes windows of up to {MOST_WINDOW} x {MOST_WINDOW}, this is {list(attrs.kernel_shape)}"
    if attrs.dilations[1] > 1:
        return f"takes no dilation along the row, this is {attrs.dilations[1]}"
    return needs_mve(node, core)


def depthwise_cost(node: Node, core: Core) -> float:
    """For each output its vectors, a fourth of the rest of a pixel, and its share of the cells."""
    attrs: ConvAttrs = node.attrs
    count = vectors(planes(node) * attrs.kernel_shape[1] * CELL)
    window = 2.0 if count == 1 else 3.0 * count
    return node.output.type.elements * (window + 3.0 + 0.6 * planes(node) * attrs.strides[1])


MVE: tuple[Kernel[ConvAttrs], ...] = (
    Kernel(
        name="ec_pointwise_conv_s8_mve",
        family="conv",
        why_not=pointwise_only,
        geometry=pointwise_geometry,
        data=mve_data,
        flat=pointwise,
        cost=lambda node, core: matmul_cost(node, conv_macs(node)),
        code=700,
    ),
    Kernel(
        name="ec_depthwise_conv_s8_mve",
        family="conv",
        why_not=depthwise_only,
        geometry=depthwise_geometry,
        data=depthwise_mve_data,
        scratch=depthwise_scratch,
        pad_value=input_zero_point,
        cost=depthwise_cost,
        code=700,
    ),
    Kernel(
        name="ec_conv_s8_mve",
        family="conv",
        why_not=ungrouped,
        geometry=conv_geometry,
        data=conv_mve_data,
        scratch=conv_scratch,
        pad_value=input_zero_point,
        cost=conv_cost,
        code=1500,
    ),
)
