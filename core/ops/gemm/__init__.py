"""Gemm: a dense layer with constant weights; MatMul and MatMul + Add are imported as this."""

from __future__ import annotations

from edgec.ops import backward
from edgec.ops.base import OpDef, each_row
from edgec.ops.gemm.attrs import GemmAttrs, gemm_macs, infer_gemm
from edgec.ops.gemm.dsp import DSP
from edgec.ops.gemm.mve import MVE
from edgec.ops.gemm.neon import NEON
from edgec.ops.gemm.nodsp import NODSP
from edgec.ops.gemm.portable import PORTABLE

GEMM = OpDef(
    name="Gemm",
    attrs=GemmAttrs,
    infer=infer_gemm,
    rows=each_row,
    macs=gemm_macs,
    grad=backward.gemm,
    summary="constant weights, any transposition",
    extra=("MatMul", "QLinearMatMul", "QGemm"),
    kernels=(*NEON, *MVE, *DSP, *NODSP, *PORTABLE),
)

OPS = (GEMM,)

__all__ = ["GEMM", "OPS", "GemmAttrs"]
