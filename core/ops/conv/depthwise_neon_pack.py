"""Weights of the depthwise kernels for AArch64: which taps of a window are multiplied together, and their order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edgec.ir import Array, Node
from edgec.ops.conv.mve_pack import folded_bias
from edgec.ops.conv.sums import conv_data
from edgec.ops.numbers import QMAX, QMIN

CELL = 4  # products of a lane of SDOT
S16 = 2**15 - 1

Tap = tuple[int, int]  # ky, kx
Cell = list[Tap | None]  # taps that are multiplied by the lanes of a channel; None: a zero
Part = tuple[Array, Cell]  # (C, KH, KW) s8, and which of them come next


@dataclass(frozen=True)
class DepthwiseNeonData:
    """Mirrors ec_depthwise_neon_data. weights: s8, the constants of a block of channels together."""

    weights: Array
    input_zero_point: int
    output_zero_point: int
    clamp_min: int
    clamp_max: int


def true_weights(node: Node) -> Array:
    """(C, KH, KW) s64: weights less their zero points."""
    data = conv_data(node)
    weights = data.weights.reshape(len(data.bias), *node.attrs.kernel_shape).astype(np.int64)
    return weights if data.weight_zero_point is None else weights - data.weight_zero_point[:, None, None]


def weight_sets(node: Node) -> list[Array]:
    """(C, KH, KW) s8: weights without their zero points; where those do not fit int8, arrays whose sum they are.

    Two, but for a weight of 127 with a zero point of -128: the sum of two is 254 at most.
    """
    rest = true_weights(node)
    sets: list[Array] = []
    while not sets or rest.any():
        sets.append(np.clip(rest, QMIN, QMAX).astype(np.int8))
        rest = rest - sets[-1]
    return sets


def offset_sets(node: Node) -> list[Array]:
    """The same in two arrays at most, the second one number for each channel; none where that does not fit int8."""
    weights = true_weights(node)
    taps = weights.reshape(len(weights), -1)
    offset = np.clip(0, taps.max(axis=1) - QMAX, taps.min(axis=1) - QMIN)[:, None, None]
    if not offset.any():
        return [weights.astype(np.int8)]
    if offset.min() < QMIN or offset.max() > QMAX:
        return []
    return [(weights - offset).astype(np.int8), np.broadcast_to(offset.astype(np.int8), weights.shape)]


def planes(kernel_h: int) -> tuple[int, int]:
    """Planes of four rows, and whether one more row is left: its cells lie along the row."""
    along = int(kernel_h % CELL == 1)
    return -(-(kernel_h - along) // CELL), along


def ring_cells(kh: int, kw: int) -> list[Cell]:
    """Taps of each cell: for each column its planes, then the row that is left, its last cell at the window's end."""
    count, along = planes(kh)
    cells: list[Cell] = [
        [(ky, kx) if ky < kh - along else None for ky in range(CELL * plane, CELL * (plane + 1))]
        for kx in range(kw)
        for plane in range(count)
    ]
    if along:
        row: Cell = [(kh - 1, kx) for kx in range(kw)]
        if kw > CELL:
            cells.append(row[:CELL])
            row = row[CELL:]
        before: Cell = [None] * (CELL - len(row))
        cells.append(before + row)
    return cells


def window_cells(kh: int, kw: int) -> list[Cell]:
    """Four taps after another in each cell, row by row."""
    taps: Cell = [(ky, kx) for ky in range(kh) for kx in range(kw)]
    taps += [None] * (-len(taps) % CELL)
    return [taps[first : first + CELL] for first in range(0, len(taps), CELL)]


def ring_pairs(kh: int, kw: int) -> list[Cell]:
    """Taps of each pair without dot products: of two rows of each column, then along an odd last row."""
    columns: list[Cell] = [[(ky, kx), (ky + 1, kx)] for kx in range(kw) for ky in range(0, kh - 1, 2)]
    along: list[Cell] = [[(kh - 1, kx), (kh - 1, kx + 1)] for kx in range(0, kw - 1, 2)]
    return columns + along if kh % 2 else columns


def ring_single(kh: int, kw: int) -> list[Cell]:
    """The tap that no pair has, or none; what is read as one vector."""
    single: Cell = [(kh - 1, kw - 1) if kh % 2 and kw % 2 else None]
    return [single, [None]]


def weights_of(weights: Array, cell: Cell) -> Array:
    """(C, taps of the cell) of (C, KH, KW)"""
    zeros = np.zeros(len(weights), weights.dtype)
    return np.stack([zeros if tap is None else weights[:, tap[0], tap[1]] for tap in cell], axis=-1)


def pack_blocks(node: Node, block: int, parts_of_block: Sequence[Part]) -> DepthwiseNeonData:
    """For each block of channels scale (f32), bias (s32), and the weights (block, taps of the cell) of each part.

    The last block lies at the end of the channels, over the one before; channels that are not there are zeros.
    """
    data = conv_data(node)
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
        parts += [of_block(weights_of(weights, cell)).ravel() for weights, cell in parts_of_block]
    packed = np.concatenate(parts)
    return DepthwiseNeonData(packed, data.input_zero_point, data.output_zero_point, data.clamp_min, data.clamp_max)


def products_of_s16(lanes: Array) -> int:
    """Products, one after another in a lane, whose sum fits int16 whatever the inputs are: 1 ... 4.

    lanes: (any, taps), the weights of each lane in turn
    """
    # x is in -128..127
    high, low = np.where(lanes < 0, lanes * QMIN, lanes * QMAX), np.where(lanes < 0, lanes * QMAX, lanes * QMIN)
    for count in (4, 3, 2):
        starts = np.arange(0, lanes.shape[1], count)
        if np.add.reduceat(high, starts, 1).max() <= S16 and np.add.reduceat(low, starts, 1).min() >= -S16 - 1:
            return count
    return 1
