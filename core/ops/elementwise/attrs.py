"""Shapes of Add, Sub, Mul and Div: attributes, output shape, row windows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edgec.errors import InternalError
from edgec.ir import Node, TensorType
from edgec.ops.base import RowWindow
from edgec.ops.numbers import FULL_RANGE, Clamp


@dataclass(frozen=True)
class BinaryAttrs:
    """`clamp` bounds the int8 output (fused Relu, Clip)."""

    clamp: Clamp = FULL_RANGE


def infer_binary(attrs: BinaryAttrs, types: Sequence[TensorType]) -> tuple[TensorType, ...]:
    # Both inputs have the same rank; numpy broadcasting. One of them may be a constant.
    a, b = types
    if len(a.shape) != len(b.shape):
        raise InternalError(f"inputs of different rank: {a} and {b}")
    return (TensorType(a.dtype, tuple(np.broadcast_shapes(a.shape, b.shape))),)


def binary_rows(node: Node) -> tuple[RowWindow, ...] | None:
    """Output row y reads row y, or always row 0 of an input with a single row.

    None where a constant differs from row to row (a row's call does not know which one it is) and where rows do not
    lie one after the other.
    """
    shape = node.output.type.shape
    if len(shape) <= 2:
        return tuple(RowWindow() for value in node.inputs if not value.is_constant)
    if shape[0] != 1 or any(value.is_constant and value.type.rows != 1 for value in node.inputs):
        return None
    return tuple(
        RowWindow(stride=1 if value.type.rows == shape[1] else 0) for value in node.inputs if not value.is_constant
    )
