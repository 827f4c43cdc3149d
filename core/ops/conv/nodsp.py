"""Kernels of Conv for cores without DSP instructions and FPU (Cortex-M0+, M3).

Two products come out of one 32-bit multiply (ec_pairs.h); requantising is fixed point (ec_fixed_point.h).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgec.ir import Array, Node
from edgec.ops.base import Kernel
from edgec.ops.conv.attrs import ConvAttrs, RowGeometry, conv_macs, pointwise, row_geometry
from edgec.ops.conv.depthwise_nodsp import DEPTHWISE
from edgec.ops.conv.dsp import conv_columns
from edgec.ops.conv.nodsp_sums import folded_bias, node_words, without_dsp
from edgec.ops.conv.sums import conv_data
from edgec.ops.numbers import QMIN
from edgec.target import Core

QUAD = 4  # elements of a window that two words hold
BLOCK = 32  # EC_CONV_BLOCK: output channels whose sums are kept at a time
UNPACKED, TWO_QUADS = 512, 16  # EC_CONV_UNPACKED: weights that are unpacked at a time; a quad of two channels; bytes
# Weights of 16 bits need no unpacking; each has to save it for so many pixels, and bytes of flash are few.
LEAST_USES, MOST_DOUBLED = 100, 16384
# Pixels whose windows share columns, where weights are wide; else scratch of pixels that share unpacked weights, bytes.
TILE_OF_WIDE, TILE_BYTES = 4, 6144
CODE = 500


@dataclass(frozen=True)
class PairsGeometry(RowGeometry):
    """Mirrors ec_conv_nodsp_geometry: one output row; a window is `quads` * 4 elements."""

    quads: int
    tile: int
    at_once: int


@dataclass(frozen=True)
class PairsData:
    """Mirrors ec_conv_nodsp_data."""

    weights: Array
    bias: Array
    fixed: Array
    doubtful: Array | None
    input_zero_point: int
    output_zero_point: int
    clamp_min: int
    clamp_max: int


def pairs_s8(node: Node, core: Core) -> str | None:
    """why_not of ec_conv_s8_nodsp."""
    reason = without_dsp(node, core)
    if reason is not None:
        return reason
    if node.attrs.group != 1:
        return f"takes one group only, group is {node.attrs.group}"
    first, second = np.split(window_weights(window_order(node)) == QMIN, 2, axis=2)
    if (first & second).any():
        return "adds two products in 16 bits, two weights of -128 are too much for it"
    return None


def wide_pairs_s8(node: Node, core: Core) -> str | None:
    """why_not of ec_conv_wide_s8_nodsp: twice the flash only where it is worth it."""
    reason = pairs_s8(node, core)
    if reason is not None:
        return reason
    y, weights = node.output.type, node.inputs[1].type.bytes
    pixels = y.elements // y.shape[-1]
    if pixels < LEAST_USES:
        return f"takes layers of {LEAST_USES} pixels or more, this one has {pixels}"
    return f"takes up to {MOST_DOUBLED} bytes of weights, these have {weights}" if weights > MOST_DOUBLED else None


def quads_of(node: Node) -> int:
    """Quads of one window."""
    return -(-int(np.prod(node.inputs[1].type.shape[1:])) // QUAD)


def window_weights(weights: Array) -> Array:
    """(O, ...) s8 -> (O, quads, 4): elements of each filter in window order, zeros at the end."""
    flat = weights.reshape(len(weights), -1)
    missing = -flat.shape[1] % QUAD
    return np.pad(flat, ((0, 0), (0, missing))).reshape(len(weights), -1, QUAD)


def in_twos(values: Array) -> Array:
    """Channels (first axis) made even with zeros."""
    return np.pad(values, ((0, len(values) % 2), *[(0, 0)] * (values.ndim - 1)))


def wide_weights(weights: Array) -> Array:
    """(O, ...) s8 -> (O / 2, quads, 2, 2) words of pairs for ec_pairs, flat."""
    w = in_twos(window_weights(weights)).astype(np.int64)
    words = np.stack([w[..., 2] + (w[..., 0] << 16), w[..., 3] + (w[..., 1] << 16)], axis=-1)  # (O, quads, 2)
    words = words.reshape(len(words) // 2, 2, *words.shape[1:]).transpose(0, 2, 1, 3)
    return np.asarray(words & 0xFFFFFFFF, np.uint32).reshape(-1)


def packed_weights(weights: Array) -> Array:
    """(O, ...) s8 -> (O / 2, quads, 2) words of four bytes that ec_quad takes apart, flat."""
    w = (in_twos(window_weights(weights)).astype(np.int64) + 128)[..., [2, 3, 0, 1]]
    words = np.asarray((w << np.array([0, 8, 16, 24])).sum(axis=-1), np.uint32)
    return words.reshape(len(words) // 2, 2, -1).transpose(0, 2, 1).reshape(-1)


def columns_apart(attrs: ConvAttrs) -> int:
    """Columns from one window to the next in scratch: less than kernel_w where they share some."""
    (_, kernel), (_, stride), (_, dilation) = attrs.kernel_shape, attrs.strides, attrs.dilations
    return min(stride, kernel) if dilation == 1 else kernel


def windows_bytes(node: Node, tile: int) -> int:
    """Scratch of the windows of so many pixels."""
    attrs: ConvAttrs = node.attrs
    in_c = node.inputs[0].type.shape[3]
    if in_c % QUAD:
        return tile * 2 * QUAD * quads_of(node)
    return ((tile - 1) * columns_apart(attrs) + attrs.kernel_shape[1]) * attrs.kernel_shape[0] * in_c * 2


def sums_bytes(node: Node) -> int:
    """Scratch of the sums of a pixel."""
    out_c = node.output.type.shape[-1]
    return 4 * min(BLOCK, out_c + out_c % 2)


def scratch_of_bytes(node: Node, tile: int) -> int:
    """Windows and sums of so many pixels, unpacked weights."""
    return windows_bytes(node, tile) + tile * sums_bytes(node) + UNPACKED


def tile_of_bytes(node: Node) -> int:
    """Pixels that share unpacked weights: as many as fit."""
    y = node.output.type
    pixels = y.shape[1] * y.shape[2] if pointwise(node) else y.shape[2]
    return next((tile for tile in range(pixels, 1, -1) if scratch_of_bytes(node, tile) <= TILE_BYTES), 1)


def tile_of_wide(node: Node) -> int:
    """Pixels that share columns; where windows have none in common, there is nothing to share."""
    attrs: ConvAttrs = node.attrs
    shared = columns_apart(attrs) < attrs.kernel_shape[1] and node.inputs[0].type.shape[3] % QUAD == 0
    return min(node.output.type.shape[2], TILE_OF_WIDE) if shared else 1


def pairs_geometry(node: Node, rows: int, tile: int) -> PairsGeometry:
    g = row_geometry(node, rows)
    quads = quads_of(node)
    return PairsGeometry(
        **vars(g), quads=quads, tile=min(tile, g.out_w), at_once=max(1, UNPACKED // TWO_QUADS // quads)
    )


def window_order(node: Node) -> Array:
    """Weights (O, KH, KW, C) in the order of a window in scratch."""
    w = conv_data(node).weights
    return w if w.shape[3] % QUAD else np.ascontiguousarray(w.transpose(0, 2, 1, 3))


def pairs_data(node: Node, packed: Array) -> PairsData:
    data, words = conv_data(node), node_words(node)
    return PairsData(
        weights=packed,
        bias=in_twos(folded_bias(node, words)),
        fixed=words.fixed,
        doubtful=words.doubtful,
        input_zero_point=data.input_zero_point,
        output_zero_point=data.output_zero_point,
        clamp_min=data.clamp_min,
        clamp_max=data.clamp_max,
    )


def pairs_cost(node: Node, unpacking: float) -> float:
    """Instructions: of a product, of an output, of an element of a window."""
    macs, outputs = conv_macs(node), node.output.type.elements
    return (1.95 + unpacking) * macs + 21.0 * outputs + 3.0 * macs / node.output.type.shape[-1]


NODSP: tuple[Kernel[ConvAttrs], ...] = (
    Kernel(
        name="ec_conv_wide_s8_nodsp",
        family="conv",
        why_not=wide_pairs_s8,
        geometry=lambda node, rows: pairs_geometry(node, rows, tile_of_wide(node)),
        data=lambda node: pairs_data(node, wide_weights(window_order(node))),
        scratch=lambda node: windows_bytes(node, tile_of_wide(node)) + sums_bytes(node),
        flat=pointwise,
        columns=conv_columns,
        cost=lambda node, core: pairs_cost(node, 0),
        code=CODE,
    ),
    Kernel(
        name="ec_conv_s8_nodsp",
        family="conv",
        why_not=pairs_s8,
        geometry=lambda node, rows: pairs_geometry(node, rows, tile_of_bytes(node)),
        data=lambda node: pairs_data(node, packed_weights(window_order(node))),
        scratch=lambda node: scratch_of_bytes(node, tile_of_bytes(node)),
        flat=pointwise,
        columns=conv_columns,
        cost=lambda node, core: pairs_cost(node, 2.15 / tile_of_bytes(node)),
        code=CODE,
    ),
    DEPTHWISE,
)
