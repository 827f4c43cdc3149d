"""The kernel of Gemm for cores without DSP instructions and FPU (Cortex-M0+, M3)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgec.ir import Array, Node
from edgec.ops.base import Kernel
from edgec.ops.conv.nodsp_sums import folded_bias, node_words, without_dsp
from edgec.ops.conv.sums import conv_data
from edgec.ops.gemm.attrs import GemmAttrs, gemm_macs
from edgec.ops.gemm.portable import gemm_geometry

FOUR = 4  # outputs at once


@dataclass(frozen=True)
class GemmBytesData:
    """Mirrors ec_gemm_s8_nodsp_data."""

    weights: Array
    bias: Array
    fixed: Array
    doubtful: Array | None
    output_zero_point: int
    clamp_min: int
    clamp_max: int


def gemm_bytes_data(node: Node) -> GemmBytesData:
    data, words = conv_data(node), node_words(node)
    missing = -len(data.bias) % FOUR
    w = np.pad(data.weights, ((0, missing), (0, 0))).astype(np.int16) + 128
    return GemmBytesData(
        weights=w.astype(np.uint8).reshape(-1, FOUR, w.shape[1]).transpose(0, 2, 1).reshape(-1),
        bias=np.pad(folded_bias(node, words), (0, missing)),
        fixed=words.fixed,
        doubtful=words.doubtful,
        output_zero_point=data.output_zero_point,
        clamp_min=data.clamp_min,
        clamp_max=data.clamp_max,
    )


NODSP: tuple[Kernel[GemmAttrs], ...] = (
    Kernel(
        name="ec_gemm_s8_nodsp",
        family="gemm",
        why_not=without_dsp,
        geometry=gemm_geometry,
        data=gemm_bytes_data,
        flat=lambda node: True,
        cost=lambda node, core: 3.6 * gemm_macs(node) + 25.0 * node.output.type.elements,
    ),
)
