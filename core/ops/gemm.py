"""Gemm: a dense layer with constant weights; MatMul and MatMul + Add are imported as this."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgec.errors import InternalError
from edgec.ir import Node, TensorType
from edgec.ops import backward
from edgec.ops.base import Kernel, OpDef, each_row
from edgec.ops.conv import conv_data, weighted_s8
from edgec.ops.numbers import FULL_RANGE, Clamp


@dataclass(frozen=True)
class GemmAttrs:
    """Weights are stored (N, K), one row an output, whatever the ONNX node had."""

    clamp: Clamp = FULL_RANGE


def infer_gemm(attrs: GemmAttrs, types: Sequence[TensorType]) -> tuple[TensorType, ...]:
    # x: (..., K), w: (N, K), bias: (N)
    x, w = types[0], types[1]
    if x.shape[-1] != w.shape[1]:
        raise InternalError(f"Gemm of {x} with weights {w}")
    return (TensorType(x.dtype, (*x.shape[:-1], w.shape[0])),)


def gemm_macs(node: Node) -> int:
    return node.output.type.elements * node.inputs[1].type.shape[1]


@dataclass(frozen=True)
class GemmGeometry:
    """Mirrors ec_gemm_s8_geometry: `count` vectors of in_c elements, each to one of out_c."""

    count: int
    in_c: int
    out_c: int


def gemm_geometry(node: Node, rows: int) -> GemmGeometry:
    out_c, in_c = node.inputs[1].type.shape
    return GemmGeometry(count=node.output.type.row_elements * rows // out_c, in_c=in_c, out_c=out_c)


GEMM = OpDef(
    name="Gemm",
    attrs=GemmAttrs,
    infer=infer_gemm,
    rows=each_row,
    macs=gemm_macs,
    grad=backward.gemm,
    summary="constant weights, any transposition",
    extra=("MatMul", "QLinearMatMul", "QGemm"),
    kernels=(
        Kernel(
            name="ec_gemm_s8",
            family="gemm",
            why_not=weighted_s8,
            geometry=gemm_geometry,
            data=conv_data,
            flat=lambda node: True,
            cost=lambda node, core: 8.0 * gemm_macs(node),
        ),
    ),
)

OPS = (GEMM,)
