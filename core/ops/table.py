"""Table: any int8 -> int8 function of one element, as 256 bytes computed at compile time.

Unary functions (sigmoid, hard-swish, ...), requantising and chains of them all become this.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgec.errors import InternalError
from edgec.ir import Array, Node, TensorType
from edgec.ops.base import Kernel, OpDef, each_row, s8_only
from edgec.target import Core


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


@dataclass(frozen=True)
class TableGeometry:
    """Mirrors ec_table_s8_geometry."""

    count: int


@dataclass(frozen=True)
class TableData:
    """Mirrors ec_table_s8_data. table: (256) s8."""

    table: Array


def table_geometry(node: Node, rows: int) -> TableGeometry:
    return TableGeometry(count=node.output.type.row_elements * rows)


def constant_table(node: Node, core: Core) -> str | None:
    if not node.inputs[1].is_constant:
        return f"takes a constant table, {node.inputs[1].name!r} is computed"
    return s8_only(node, core)


def constant_table_mve(node: Node, core: Core) -> str | None:
    return constant_table(node, core) if core.mve else f"needs Helium, {core.name} has none"


def constant_table_neon(node: Node, core: Core) -> str | None:
    return constant_table(node, core) if core.neon else f"needs NEON, {core.name} has none"


TABLE = OpDef(
    name="Table",
    attrs=TableAttrs,
    infer=infer_table,
    rows=each_row,
    summary="any function of one element",
    extra=("QuantizeLinear", "DequantizeLinear", "Cast"),
    kernels=(
        Kernel(
            name="ec_table_s8_neon",
            family="table",
            why_not=constant_table_neon,
            geometry=table_geometry,
            data=lambda node: TableData(node.inputs[1].array),
            flat=lambda node: True,
            inplace=True,
            cost=lambda node, core: 0.7 * node.output.type.elements + 30.0,
            stack=32,
            code=300,
        ),
        Kernel(
            name="ec_table_s8_mve",
            family="table",
            why_not=constant_table_mve,
            geometry=table_geometry,
            data=lambda node: TableData(node.inputs[1].array),
            flat=lambda node: True,
            inplace=True,
            cost=lambda node, core: 0.4 * node.output.type.elements,
            stack=32,
            code=80,
        ),
        Kernel(
            name="ec_table_s8",
            family="table",
            why_not=constant_table,
            geometry=table_geometry,
            data=lambda node: TableData(node.inputs[1].array),
            flat=lambda node: True,
            inplace=True,
            cost=lambda node, core: 5.0 * node.output.type.elements,
            stack=32,
            code=60,
        ),
    ),
)

OPS = (TABLE,)
