"""The depthwise kernels of Conv for AArch64: plain NEON, and with dot products.

A step computes 16 or 8 channels of an output. Where few columns hold the window they stay in registers along the row
(`ring`); other windows are read anew for each output.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgec.ir import Array, Node
from edgec.ops.base import Kernel
from edgec.ops.conv.attrs import ConvAttrs, is_depthwise
from edgec.ops.conv.mve_pack import folded_bias, output_way, weighed
from edgec.ops.conv.sums import conv_data, input_zero_point, weighted_s8
from edgec.ops.numbers import QMAX, QMIN
from edgec.target import Core

CELL = 4  # products of a lane of SDOT
WIDE, NARROW = 16, 8  # channels of a step
MOST_TAPS = 64  # EC_DEPTHWISE_NEON_TAPS
MOST_STRIP = 8  # output pixels whose inputs are copied together
MOST_EDGES = 6  # outputs of a ring with columns outside the row: each has code of its own
MOST_RING_W = 5  # EC_DEPTHWISE_DOTPROD_COLUMNS
MOST_RING_CELLS = 6  # columns of the window times planes of four rows: each takes two registers
MOST_RING_TAPS = 12  # without dot products: inputs and weights each take a register
S16 = 2**15 - 1

Tap = tuple[int, int]  # ky, kx


@dataclass(frozen=True)
class DepthwiseNeonGeometry:
    """Mirrors ec_depthwise_neon_geometry: one output row of `out_w` pixels."""

    in_w: int
    channels: int
    out_w: int
    kernel_h: int
    kernel_w: int
    stride_w: int
    pad_w: int
    dilation_w: int
    block: int
    ring: int
    strip: int
    sets: int
    taps: int
    way: int


@dataclass(frozen=True)
class DepthwiseNeonData:
    """Mirrors ec_depthwise_neon_data. weights: s8, the constants of a block of channels together."""

    weights: Array
    input_zero_point: int
    output_zero_point: int
    clamp_min: int
    clamp_max: int


def weight_sets(node: Node) -> list[Array]:
    """(C, KH, KW) s8: weights without their zero points; where those do not fit int8, two arrays whose sum they are."""
    data = conv_data(node)
    weights = data.weights.reshape(len(data.bias), *node.attrs.kernel_shape).astype(np.int64)
    if data.weight_zero_point is not None:
        weights -= data.weight_zero_point[:, None, None]
    first = np.clip(weights, QMIN, QMAX)
    rest = weights - first
    return [part.astype(np.int8) for part in ((first, rest) if rest.any() else (first,))]


def border_outputs(node: Node) -> int:
    """Outputs whose new columns, beside those of the output before, are not all inside the row."""
    attrs: ConvAttrs = node.attrs
    kw, stride, pad = attrs.kernel_shape[1], attrs.strides[1], attrs.pads[1]
    in_w, out_w = node.inputs[0].type.shape[2], node.output.type.shape[2]
    first = -(-max(0, pad + stride - kw) // stride)
    end = max(first, min(out_w, (pad + in_w - kw) // stride + 1))
    return out_w - max(0, end - first)


def slides(node: Node) -> bool:
    """The columns of a window may be kept along the row."""
    attrs: ConvAttrs = node.attrs
    return (
        node.output.type.shape[3] >= NARROW
        and attrs.dilations[1] == 1
        and attrs.strides[1] <= attrs.kernel_shape[1]
        and border_outputs(node) <= MOST_EDGES
        and len(weight_sets(node)) == 1
    )


def planes(kernel_h: int) -> tuple[int, int]:
    """Planes of four rows, and whether one more row is left: its cells lie along the row."""
    along = int(kernel_h % CELL == 1)
    return -(-(kernel_h - along) // CELL), along


def dotprod_ring(node: Node) -> bool:
    kh, kw = node.attrs.kernel_shape
    return slides(node) and kw <= MOST_RING_W and planes(kh)[0] * kw <= MOST_RING_CELLS


def neon_ring(node: Node) -> bool:
    kh, kw = node.attrs.kernel_shape
    return slides(node) and kh * kw <= MOST_RING_TAPS


def ring_cells(kh: int, kw: int) -> list[list[Tap | None]]:
    """Taps of each cell: for each column its planes, then the row that is left, its last cell at the window's end."""
    count, along = planes(kh)
    cells: list[list[Tap | None]] = [
        [(ky, kx) if ky < kh - along else None for ky in range(CELL * plane, CELL * (plane + 1))]
        for kx in range(kw)
        for plane in range(count)
    ]
    if along:
        row: list[Tap | None] = [(kh - 1, kx) for kx in range(kw)]
        if kw > CELL:
            cells.append(row[:CELL])
            row = row[CELL:]
        cells.append([None] * (CELL - len(row)) + row)
    return cells


def window_cells(kh: int, kw: int) -> list[list[Tap | None]]:
    """Four taps after another in each cell, column by column."""
    taps: list[Tap | None] = [(ky, kx) for kx in range(kw) for ky in range(kh)]
    taps += [None] * (-len(taps) % CELL)
    return [taps[first : first + CELL] for first in range(0, len(taps), CELL)]


def block_of(node: Node, ring: bool) -> int:
    return NARROW if ring or node.output.type.shape[3] < WIDE else WIDE


def pack_blocks(node: Node, block: int, cells: list[list[Tap | None]]) -> DepthwiseNeonData:
    """For each block of channels scale (f32), bias (s32), and of each cell and set the weights (block, taps of it).

    The last block lies at the end of the channels, over the one before; channels that are not there are zeros.
    """
    data, sets = conv_data(node), weight_sets(node)
    channels = len(data.bias)
    bias, scale = folded_bias(node).astype("<i4"), data.scale.astype("<f4")
    parts: list[Array] = []
    for first in range(0, channels, block):
        own = slice(max(0, min(first, channels - block)), first + block)

        def of_block(values: Array, own: slice = own) -> Array:
            """(block, ...) of (channels, ...)"""
            there = values[own][:block]
            return np.concatenate([there, np.zeros((block - len(there), *there.shape[1:]), there.dtype)])

        parts += [of_block(scale).view(np.int8), of_block(bias).view(np.int8)]
        for cell in cells:
            for weights in sets:
                zeros = np.zeros(channels, np.int8)
                taps = [zeros if tap is None else weights[:, tap[0], tap[1]] for tap in cell]
                parts.append(of_block(np.stack(taps, axis=-1)).ravel())
    packed = np.concatenate(parts)
    return DepthwiseNeonData(
        packed, data.input_zero_point, data.output_zero_point, data.clamp_min, data.clamp_max
    )


def taps_of_s16(node: Node) -> int:
    """Products, one after another in the window and of all sets, whose sum fits int16 whatever the inputs are: 1 ... 4."""
    weights = np.stack(weight_sets(node), axis=-1).astype(np.int64)
    taps = weights.reshape(len(weights), -1)  # (C, KH * KW * sets)
    # x is in -128..127
    high, low = np.where(taps < 0, taps * QMIN, taps * QMAX), np.where(taps < 0, taps * QMAX, taps * QMIN)
    for count in (4, 3, 2):
        starts = np.arange(0, taps.shape[1], count)
        if np.add.reduceat(high, starts, 1).max() <= S16 and np.add.reduceat(low, starts, 1).min() >= -S16 - 1:
            return count
    return 1


def geometry_of(node: Node, ring: bool, taps: int) -> DepthwiseNeonGeometry:
    attrs: ConvAttrs = node.attrs
    x, y = node.inputs[0].type, node.output.type
    return DepthwiseNeonGeometry(
        in_w=x.shape[2],
        channels=y.shape[3],
        out_w=y.shape[2],
        kernel_h=attrs.kernel_shape[0],
        kernel_w=attrs.kernel_shape[1],
        stride_w=attrs.strides[1],
        pad_w=attrs.pads[1],
        dilation_w=attrs.dilations[1] if attrs.kernel_shape[1] > 1 else 1,
        block=block_of(node, ring),
        ring=int(ring),
        strip=min(y.shape[2], MOST_STRIP),
        sets=len(weight_sets(node)),
        taps=taps,
        way=output_way(node),
    )


def scratch_of(node: Node, ring: bool) -> int:
    """The inputs of a strip of outputs at the border of the row: (kernel_h, columns, block)."""
    if ring:
        return 0
    g = geometry_of(node, ring, 1)
    columns = (g.strip - 1) * g.stride_w + (g.kernel_w - 1) * g.dilation_w + 1
    return g.kernel_h * columns * g.block


def neon_geometry(node: Node, rows: int) -> DepthwiseNeonGeometry:
    return geometry_of(node, neon_ring(node), taps_of_s16(node))


def dotprod_geometry(node: Node, rows: int) -> DepthwiseNeonGeometry:
    return geometry_of(node, dotprod_ring(node), 0)


def neon_data(node: Node) -> DepthwiseNeonData:
    kh, kw = node.attrs.kernel_shape
    single: list[list[Tap | None]] = [[(ky, kx)] for ky in range(kh) for kx in range(kw)]
    return pack_blocks(node, block_of(node, neon_ring(node)), single)


def dotprod_data(node: Node) -> DepthwiseNeonData:
    ring = dotprod_ring(node)
    cells = ring_cells if ring else window_cells
    return pack_blocks(node, block_of(node, ring), cells(*node.attrs.kernel_shape))


def one_filter(node: Node, core: Core) -> str | None:
    """why_not that both kernels share."""
    attrs: ConvAttrs = node.attrs
    channels, filters = node.inputs[0].type.shape[3], node.output.type.shape[3]
    if not is_depthwise(node) or channels != filters:
        return (
            f"takes depthwise convolutions with one filter a channel only, {filters} of {attrs.group} groups are here"
        )
    if attrs.kernel_shape[0] * attrs.kernel_shape[1] > MOST_TAPS:
        return f"takes windows of up to {MOST_TAPS} inputs, this is {list(attrs.kernel_shape)}"
    return weighted_s8(node, core)


def neon_only(node: Node, core: Core) -> str | None:
    return one_filter(node, core) if core.neon else f"needs NEON, {core.name} has none"


def dotprod_only(node: Node, core: Core) -> str | None:
    return one_filter(node, core) if core.dotprod else f"needs dot products, {core.name} has none"


def depthwise_work(node: Node) -> tuple[float, ...]:
    """Outputs, products, inputs of the rows that are read."""
    attrs: ConvAttrs = node.attrs
    outputs = float(node.output.type.elements)
    kh, kw = attrs.kernel_shape
    return outputs, outputs * kh * kw, outputs * kh * min(kw, attrs.strides[1])


def neon_cost(node: Node, core: Core) -> float:
    return weighed(depthwise_work(node), (1.5, 0.25, 0.13))


def dotprod_cost(node: Node, core: Core) -> float:
    return weighed(depthwise_work(node), (1.5, 0.085, 0.2))


DEPTHWISE_NEON: tuple[Kernel[ConvAttrs], ...] = (
    Kernel(
        name="ec_depthwise_conv_s8_dotprod",
        family="conv",
        why_not=dotprod_only,
        geometry=dotprod_geometry,
        data=dotprod_data,
        scratch=lambda node: scratch_of(node, dotprod_ring(node)),
        pad_value=input_zero_point,
        cost=dotprod_cost,
        work=depthwise_work,
        stack=320,
        code=1600,
    ),
    Kernel(
        name="ec_depthwise_conv_s8_neon",
        family="conv",
        why_not=neon_only,
        geometry=neon_geometry,
        data=neon_data,
        scratch=lambda node: scratch_of(node, neon_ring(node)),
        pad_value=input_zero_point,
        cost=neon_cost,
        work=depthwise_work,
        stack=320,
        code=1600,
    ),
)
