"""Shapes of a dense layer: attributes, output shape, multiply-accumulates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgec.errors import InternalError
from edgec.ir import Node, TensorType
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
