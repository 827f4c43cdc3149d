"""The depthwise kernel of Conv for Helium (Cortex-M55)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgec.ir import Array, Node
from edgec.ops.base import Kernel
from edgec.ops.conv.attrs import ConvAttrs, is_depthwise
from edgec.ops.conv.mve import conv_geometry
from edgec.ops.conv.mve_pack import GROUP, VECTOR, MveData, has_zero_points, mve_data, needs_mve, vectors, weighed
from edgec.ops.conv.sums import input_zero_point
from edgec.target import Core

CELL = 4  # rows in a cell: EC_DEPTHWISE_MVE_CELL
MOST_WINDOW = 8
BEHIND_PLANE = 64  # EC_DEPTHWISE_MVE_BEHIND
MOST_CELL_BYTES = 1536  # of scratch for cells: longer rows go in strips


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


def cell_bytes(node: Node) -> int:
    """Of the cells of one column and one block of channels, all planes together."""
    return planes(node) * min(node.output.type.shape[3], VECTOR) * CELL


def strip_of(node: Node) -> int:
    """Output pixels at once, so that their cells take little room: strips of about the same size."""
    attrs: ConvAttrs = node.attrs
    out_w = node.output.type.shape[2]
    columns = MOST_CELL_BYTES // cell_bytes(node)
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
    """Zero points for a row of padding, then the cells of a strip."""
    attrs: ConvAttrs = node.attrs
    columns = (strip_of(node) - 1) * attrs.strides[1] + attrs.kernel_shape[1]
    return VECTOR + columns * cell_bytes(node) + planes(node) * BEHIND_PLANE


def depthwise_only(node: Node, core: Core) -> str | None:
    """why_not of the depthwise kernel."""
    attrs: ConvAttrs = node.attrs
    channels, filters = node.inputs[0].type.shape[3], node.output.type.shape[3]
    if not core.mve:
        return needs_mve(node, core)
    if not is_depthwise(node) or channels != filters:
        return (
            f"takes depthwise convolutions with one filter a channel only, {filters} of {attrs.group} groups are here"
        )
    if max(attrs.kernel_shape) > MOST_WINDOW:
        return f"takes windows of up to {MOST_WINDOW} x {MOST_WINDOW}, this is {list(attrs.kernel_shape)}"
    if attrs.dilations[1] > 1:
        return f"takes no dilation along the row, this is {attrs.dilations[1]}"
    return needs_mve(node, core)


def depthwise_work(node: Node) -> tuple[float, ...]:
    """Windows of one vector, vectors of larger ones, outputs, cells."""
    attrs: ConvAttrs = node.attrs
    outputs, count = float(node.output.type.elements), vectors(planes(node) * attrs.kernel_shape[1] * CELL)
    cells = outputs * planes(node) * attrs.strides[1]
    return (outputs, 0.0, outputs, cells) if count == 1 else (0.0, outputs * count, outputs, cells)


def depthwise_cost(node: Node, core: Core) -> float:
    return weighed(depthwise_work(node), (2.0, 3.5, 4.2, 0.8))


DEPTHWISE_MVE: tuple[Kernel[ConvAttrs], ...] = (
    Kernel(
        name="ec_depthwise_conv_s8_mve",
        family="conv",
        why_not=depthwise_only,
        geometry=depthwise_geometry,
        data=depthwise_mve_data,
        scratch=depthwise_scratch,
        cost=depthwise_cost,
        work=depthwise_work,
        stack=320,
        code=700,
    ),
)
