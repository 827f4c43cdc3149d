"""Gemm in torch: one matrix product."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor
from torch.nn import functional as F

from edgec.ir import DType, Node
from edgec.ops.gemm import GemmAttrs
from edgec.simulator.ops.base import Constants, Function, bound
from edgec.simulator.ops.conv import real_bias
from edgec.simulator.sums import layer_s8


def gemm_s8(node: Node, constants: Constants) -> Function:
    """x: (B, ..., K), weights: (N, K), bias: (N)."""
    return layer_s8(node, constants, F.linear, lambda weights: weights)


def gemm_f32(node: Node, constants: Constants) -> Function:
    """x: (B, ..., K), w: (N, K), bias: (N), real."""
    attrs: GemmAttrs = node.attrs
    fixed = real_bias(node, constants)
    constants.read(*(value for value in node.inputs if value.type.dtype is not DType.S32))

    def run(inputs: Sequence[Tensor]) -> Tensor:
        bias = inputs[2][0] if fixed is None and len(inputs) > 2 else fixed
        return bound(node.output, attrs.clamp, F.linear(inputs[0], inputs[1][0], bias))

    return run


INT8 = {"Gemm": gemm_s8}
FLOAT = {"Gemm": gemm_f32}
