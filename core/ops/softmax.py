"""Softmax, LogSoftmax and ArgMax along one axis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgec.ir import DType, TensorType
from edgec.ops.base import OpDef, QuantRule


@dataclass(frozen=True)
class SoftmaxAttrs:
    """`axis` is not negative. int8 in; int8 or, where the model leaves its end unquantised, float32 out."""

    axis: int


@dataclass(frozen=True)
class ArgMaxAttrs:
    axis: int
    keepdims: bool = True
    select_last_index: bool = False


def infer_softmax(attrs: SoftmaxAttrs, types: Sequence[TensorType]) -> tuple[TensorType, ...]:
    return (TensorType(types[0].dtype, types[0].shape),)


def infer_argmax(attrs: ArgMaxAttrs, types: Sequence[TensorType]) -> tuple[TensorType, ...]:
    shape = list(types[0].shape)
    shape[attrs.axis] = 1
    if not attrs.keepdims:
        del shape[attrs.axis]
    return (TensorType(DType.S32, tuple(shape)),)


SOFTMAX = OpDef("Softmax", SoftmaxAttrs, infer_softmax, summary="any axis", extra=("QLinearSoftmax",))
LOG_SOFTMAX = OpDef("LogSoftmax", SoftmaxAttrs, infer_softmax, summary="any axis; int8 or float32 out")
ARG_MAX = OpDef("ArgMax", ArgMaxAttrs, infer_argmax, QuantRule.NONE, summary="any axis; int32 out")

OPS = (SOFTMAX, LOG_SOFTMAX, ARG_MAX)
