"""The depthwise kernel for cores without DSP instructions and FPU (Cortex-M0+, M3)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgec.ir import Array, Node
from edgec.ops.base import Kernel
from edgec.ops.conv.attrs import ConvAttrs, RowGeometry, conv_macs, row_geometry
from edgec.ops.conv.nodsp_sums import folded_bias, node_words, without_dsp
from edgec.ops.conv.portable import depthwise_only
from edgec.ops.conv.sums import conv_data
from edgec.target import Core

TILE, TILE_OF_7 = 6, 5  # outputs whose sums ec_depthwise_row.h keeps in registers; less where kernel_w is 7
IN_PLANES = 128  # what the bytes of the planes are larger by
WORD = 4


@dataclass(frozen=True)
class DepthwiseRowGeometry(RowGeometry):
    """Mirrors ec_depthwise_conv_s8_nodsp_geometry."""

    pitch: int
    tile: int


@dataclass(frozen=True)
class DepthwiseRowData:
    """Mirrors ec_depthwise_conv_s8_nodsp_data."""

    weights: Array
    records: Array
    doubtful: Array | None
    input_zero_point: int
    output_zero_point: int
    clamp_min: int
    clamp_max: int


def depthwise_rows_s8(node: Node, core: Core) -> str | None:
    """why_not of ec_depthwise_conv_s8_nodsp."""
    return without_dsp(node, core) or depthwise_only(node, core)


def pitch_of(g: RowGeometry) -> int:
    """Words of a plane: columns of the padded row that are equal modulo the stride."""
    return ((g.out_w - 1) * g.stride_w + (g.kernel_w - 1) * g.dilation_w) // g.stride_w + 1


def outputs_at_once(out_w: int, kernel_w: int) -> int:
    """Outputs whose sums are in registers at once: what computes the row with the least work."""
    most = min(out_w, TILE_OF_7 if kernel_w == 7 else TILE)
    return min(range(1, most + 1), key=lambda tile: (-(-out_w // tile) * (3 * tile + 4), -tile))


def depthwise_row_geometry(node: Node, rows: int) -> DepthwiseRowGeometry:
    g = row_geometry(node, rows)
    return DepthwiseRowGeometry(**vars(g), pitch=pitch_of(g), tile=outputs_at_once(g.out_w, g.kernel_w))


def depthwise_row_data(node: Node) -> DepthwiseRowData:
    data, words, g = conv_data(node), node_words(node), row_geometry(node, 1)
    # Taps of a row in the order of their planes.
    order = sorted(range(g.kernel_w), key=lambda kx: (kx * g.dilation_w % g.stride_w, kx))
    w = data.weights.reshape(len(data.bias), g.kernel_h, g.kernel_w)
    bias = folded_bias(node, words, IN_PLANES)
    records = np.column_stack([bias.view(np.uint32), words.fixed.reshape(-1, 3)])
    return DepthwiseRowData(
        weights=w[:, :, order],
        records=records.reshape(-1),
        doubtful=words.doubtful,
        input_zero_point=data.input_zero_point,
        output_zero_point=data.output_zero_point,
        clamp_min=data.clamp_min,
        clamp_max=data.clamp_max,
    )


def depthwise_row_scratch(node: Node) -> int:
    g = row_geometry(node, 1)
    planes = g.kernel_h * g.stride_w * pitch_of(g)
    # Plain C computes the sums of a row in fours.
    return WORD * (planes + -(-g.out_w // 4) * 4)


DEPTHWISE: Kernel[ConvAttrs] = Kernel(
    name="ec_depthwise_conv_s8_nodsp",
    family="conv",
    why_not=depthwise_rows_s8,
    geometry=depthwise_row_geometry,
    data=depthwise_row_data,
    scratch=depthwise_row_scratch,
    cost=lambda node, core: 4.5 * conv_macs(node) + 20.0 * node.output.type.elements,
    code=1200,
)
