"""QuantizeLinear and DequantizeLinear: the borders between real and int8 values in an imported graph.

The pass `fuse-qdq` removes them; what is left over between int8 values becomes a Table.
"""

from __future__ import annotations

from collections.abc import Sequence

from edgec.ir import DType, TensorType
from edgec.ops.base import NoAttrs, OpDef, QuantRule, each_row


def infer_quantize(attrs: NoAttrs, types: Sequence[TensorType]) -> tuple[TensorType, ...]:
    """The scale and zero point are those of the output's type."""
    return (TensorType(DType.S8, types[0].shape),)


def infer_dequantize(attrs: NoAttrs, types: Sequence[TensorType]) -> tuple[TensorType, ...]:
    """The scale and zero point are those of the input's type; s8 or s32 in."""
    return (TensorType(DType.F32, types[0].shape),)


QUANTIZE = OpDef("QuantizeLinear", NoAttrs, infer_quantize, rows=each_row, summary="removed, or a table")
DEQUANTIZE = OpDef(
    "DequantizeLinear", NoAttrs, infer_dequantize, QuantRule.NONE, rows=each_row, summary="removed, or a table"
)

OPS = (QUANTIZE, DEQUANTIZE)
