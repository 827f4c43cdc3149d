"""The kernel of Gemm for cores with DSP instructions and an FPU: that of a 1x1 convolution."""

from __future__ import annotations

from edgec.ir import Node
from edgec.ops.base import Kernel
from edgec.ops.conv.dsp import (
    BLOCK,
    TILE,
    ConvDspData,
    ConvDspGeometry,
    blocks_of,
    can_join,
    packed,
    tile_of,
    weighted_dsp,
)
from edgec.ops.conv.sums import conv_data
from edgec.ops.gemm.attrs import GemmAttrs, gemm_macs
from edgec.target import Core


def vectors(node: Node) -> int:
    return node.output.type.elements // node.output.type.shape[-1]


def gemm_geometry(node: Node, rows: int) -> ConvDspGeometry:
    out_c, in_c = node.inputs[1].type.shape
    count = node.output.type.row_elements * rows // out_c
    return ConvDspGeometry(
        in_w=count,
        in_c=in_c,
        out_w=count,
        out_c=out_c,
        kernel_h=1,
        kernel_w=1,
        stride_w=1,
        pad_w=0,
        dilation_w=1,
        blocks=blocks_of(in_c),
        padded=0,
        tile=tile_of(vectors(node)),
        joined=int(can_join(node)),
        clamp_min=node.attrs.clamp[0],
        clamp_max=node.attrs.clamp[1],
    )


def gemm_data(node: Node) -> ConvDspData:
    return packed(conv_data(node), tile_of(vectors(node)), can_join(node))


def gemm_scratch(node: Node) -> int:
    """Columns of a tile, their bytes where they are gathered first."""
    in_c = node.inputs[1].type.shape[1]
    if vectors(node) > 1:
        return BLOCK * TILE * blocks_of(in_c) * (2 if in_c % BLOCK == 0 else 3)
    return 0 if in_c % BLOCK == 0 else BLOCK * blocks_of(in_c)


def gemm_cost(node: Node, core: Core) -> float:
    macs, outputs = gemm_macs(node), node.output.type.elements
    return (0.85 if vectors(node) > 1 else 1.2) * macs + 11.0 * outputs


DSP: tuple[Kernel[GemmAttrs], ...] = (
    Kernel(
        name="ec_conv_s8_dsp",
        family="conv",
        why_not=weighted_dsp,
        geometry=gemm_geometry,
        data=gemm_data,
        scratch=gemm_scratch,
        flat=lambda node: True,
        cost=gemm_cost,
        code=900,
    ),
)
