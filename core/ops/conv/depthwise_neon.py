"""The depthwise kernels of Conv for AArch64: plain NEON, and with dot products.

A step computes 16 or 8 channels of an output. Where few columns hold the window they stay in registers along the row
(`ring`); other windows are read anew for each output.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from edgec.ir import Node
from edgec.ops.base import Kernel
from edgec.ops.conv.attrs import ConvAttrs, is_depthwise
from edgec.ops.conv.depthwise_neon_pack import (
    Cell,
    DepthwiseNeonData,
    Part,
    offset_sets,
    pack_blocks,
    planes,
    products_of_s16,
    ring_cells,
    ring_pairs,
    ring_single,
    weight_sets,
    weights_of,
    window_cells,
)
from edgec.ops.conv.mve_pack import output_way, weighed
from edgec.ops.conv.sums import input_zero_point, weighted_s8
from edgec.target import Core

WIDE, NARROW = 16, 8  # channels of a step
MOST_TAPS = 64  # EC_DEPTHWISE_NEON_TAPS
MOST_STRIP = 8  # output pixels whose inputs are copied together
MOST_EDGES = 6  # outputs of a ring with columns outside the row: each has code of its own
MOST_RING_W = 5  # EC_DEPTHWISE_DOTPROD_COLUMNS
MOST_RING_CELLS = 6  # columns of the window times planes of four rows: each takes two registers
MOST_RING_H = 5  # EC_DEPTHWISE_NEON_ROWS: of windows without dot products
BEHIND = 64  # bytes that may be read behind the constants of a ring without dot products


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
        and node.attrs.kernel_shape[1] <= MOST_RING_W
    )


def dotprod_ring(node: Node) -> bool:
    """A second set of weights has to be the same in all cells."""
    kh, kw = node.attrs.kernel_shape
    sets = len(offset_sets(node))
    return (
        slides(node) and planes(kh)[0] * kw <= MOST_RING_CELLS and (sets == 1 or (sets == 2 and planes(kh) == (1, 0)))
    )


def neon_ring(node: Node) -> bool:
    return slides(node) and node.attrs.kernel_shape[0] <= MOST_RING_H and len(weight_sets(node)) == 1


def block_of(node: Node, ring: bool) -> int:
    return NARROW if ring or node.output.type.shape[3] < WIDE else WIDE


def taps_of_s16(node: Node) -> int:
    """Products that one int16 may sum: of a lane of a ring, or of taps and sets one after another."""
    weights = np.stack(weight_sets(node), axis=-1).astype(np.int64)  # (C, KH, KW, sets)
    if not neon_ring(node):
        return products_of_s16(weights.reshape(len(weights), -1))
    pairs = [weights_of(weights[..., 0], pair) for pair in ring_pairs(*node.attrs.kernel_shape)]
    # (C, 2) of each pair -> (C * 2, pairs)
    return products_of_s16(np.stack(pairs, axis=-1).reshape(-1, len(pairs))) if pairs else 1


def geometry_of(node: Node, ring: bool, taps: int) -> DepthwiseNeonGeometry:
    """Of both kernels; `taps` means nothing to that with dot products."""
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
    if neon_ring(node):
        (weights,) = weight_sets(node)
        data = pack_blocks(node, NARROW, [(weights, cell) for cell in ring_single(kh, kw) + ring_pairs(kh, kw)])
        return replace(data, weights=np.pad(data.weights, (0, BEHIND)))
    single: list[Cell] = [[(ky, kx)] for ky in range(kh) for kx in range(kw)]
    return pack_blocks(node, block_of(node, False), each_set(node, single))


def each_set(node: Node, cells: Sequence[Cell]) -> list[Part]:
    return [(weights, cell) for cell in cells for weights in weight_sets(node)]


def dotprod_data(node: Node) -> DepthwiseNeonData:
    kh, kw = node.attrs.kernel_shape
    if not dotprod_ring(node):
        return pack_blocks(node, block_of(node, False), each_set(node, window_cells(kh, kw)))
    cells = ring_cells(kh, kw)
    weights, *offset = offset_sets(node)
    return pack_blocks(node, NARROW, [(weights, cell) for cell in cells] + [(each, cells[0]) for each in offset])


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


def work_of(node: Node, ring: bool) -> tuple[float, ...]:
    """Outputs, products, and inputs that are read, all of whole blocks of channels."""
    attrs: ConvAttrs = node.attrs
    y = node.output.type
    kh, kw = attrs.kernel_shape
    block = block_of(node, ring)
    outputs = float(y.elements // y.shape[3] * -(-y.shape[3] // block) * block)
    return outputs, outputs * kh * kw * len(weight_sets(node)), outputs * kh * (attrs.strides[1] if ring else kw)


def neon_work(node: Node) -> tuple[float, ...]:
    return work_of(node, neon_ring(node))


def dotprod_work(node: Node) -> tuple[float, ...]:
    return work_of(node, dotprod_ring(node))


def neon_cost(node: Node, core: Core) -> float:
    return weighed(neon_work(node), (1.5, 0.22, 0.21))


def dotprod_cost(node: Node, core: Core) -> float:
    return weighed(dotprod_work(node), (1.6, 0.075, 0.22))


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
        work=dotprod_work,
        stack=900,
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
        work=neon_work,
        stack=900,
        code=1600,
    ),
)
