"""Add, Sub, Mul, Div of two tensors with broadcasting."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from edgec.errors import InternalError
from edgec.ir import Array, TensorType
from edgec.ops.base import OpDef, each_row
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


def binary(name: str, function: Callable[[Array, Array], Array]) -> OpDef[BinaryAttrs]:
    return OpDef(
        name=name,
        attrs=BinaryAttrs,
        infer=infer_binary,
        rows=each_row,
        evaluate=lambda attrs, a, b: function(a, b),
        summary="two tensors or a tensor and a constant, broadcast",
    )


ADD = binary("Add", np.add)
SUB = binary("Sub", np.subtract)
MUL = binary("Mul", np.multiply)
DIV = binary("Div", np.divide)

OPS = (ADD, SUB, MUL, DIV)
