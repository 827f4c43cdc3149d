"""Table: any int8 -> int8 function of one element, as 256 bytes computed at compile time.

Unary functions (sigmoid, hard-swish, ...), requantising and chains of them all become this.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgec.errors import InternalError
from edgec.ir import TensorType
from edgec.ops.base import OpDef, each_row


@dataclass(frozen=True)
class TableAttrs:
    """`function` names what the table computes, for people: "Sigmoid", "Requantize"."""

    function: str


def infer_table(attrs: TableAttrs, types: Sequence[TensorType]) -> tuple[TensorType, ...]:
    # x: any shape s8, table: (256) s8, entry q + 128 for input q
    x, table = types
    if table.shape != (256,):
        raise InternalError(f"table of shape {table.shape}")
    return (TensorType(x.dtype, x.shape),)


TABLE = OpDef(
    name="Table",
    attrs=TableAttrs,
    infer=infer_table,
    rows=each_row,
    summary="any function of one element",
    extra=("QuantizeLinear", "DequantizeLinear", "Cast"),
)

OPS = (TABLE,)
