"""Pieces of C and of its comments that say something of one layer or value."""

from __future__ import annotations

from edgec.codegen.chains import plus
from edgec.codegen.literals import DTYPE_C
from edgec.codegen.texts import ENDLESS, Layer
from edgec.ir import Node, Value
from edgec.ops.base import RowWindow
from edgec.step import Step


def reach_text(layer: Layer, window: RowWindow, in_rows: object) -> str:
    """C expression of how many input rows have to be there for the next row of a layer."""
    ahead = (window.size - 1) * window.dilation - window.pad
    return f"ec_reach({layer.counter}, {layer.turns}, {window.stride}, {ahead}, {in_rows})"


def arena(offset: int) -> str:
    """C expression of a place in the arena."""
    return plus("arena", offset)


def joined(step: Step) -> int:
    """Rows that each of several calls takes as one longer row."""
    return step.rows_per_call if step.calls > 1 else 1


def row_bytes_of(value: Value) -> int:
    return value.type.row_elements * value.type.dtype.bytes


def in_rows(layer: Layer, value: Value) -> object:
    """C expression of the rows that a value has in the group of a layer."""
    return ENDLESS if layer.endless else value.type.rows


def types_of(node: Node) -> tuple[str, str]:
    """C types of the first activation and of the output."""
    return DTYPE_C[first_activation(node).type.dtype], DTYPE_C[node.output.type.dtype]


def first_activation(node: Node) -> Value:
    return next(value for value in node.inputs if not value.is_constant)


def shape(value: Value) -> str:
    return f"({','.join(map(str, value.type.shape))}) {value.type.dtype.value}"


def describe(node: Node) -> str:
    """`Conv 'stem/conv1': (1,96,96,3) s8 -> (1,48,48,8) s8`, safe inside a C comment."""
    inputs = ", ".join(shape(value) for value in node.inputs if not value.is_constant)
    source = str(node.source) if node.source.op else str(node)
    return f"{source}: {inputs} -> {shape(node.output)}".replace("*/", "* /").replace("/*", "/ *")
