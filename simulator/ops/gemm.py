"""Gemm in torch: one matrix product."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch import Tensor
from torch.nn import functional as F

from edgec.ir import DType, Node
from edgec.ops.conv import per_channel, quant_of, weight_zero_points
from edgec.ops.gemm import GemmAttrs
from edgec.ops.numbers import requantize_scale
from edgec.simulator.ops.base import Constants, Function, bound, requantizer, sum_type
from edgec.simulator.ops.conv import real_bias


def gemm_s8(node: Node, constants: Constants) -> Function:
    """Exact sums in float32 (float64 where they may pass 2^24), then one requantisation."""
    attrs: GemmAttrs = node.attrs
    x_quant, w_quant, y_quant = quant_of(node)
    # x: (B, ..., K) centred, weights: (N, K) s8 -> zero points taken off, bias: (N) s32
    centred = node.inputs[1].array.astype(np.int32)
    outputs = len(centred)
    zero_points = weight_zero_points(w_quant, outputs)
    if zero_points is not None:
        centred -= zero_points[:, None]
    bias = node.inputs[2].array
    dtype = sum_type(np.abs(centred).sum(axis=1), node.inputs[0], bias)
    weights, offset = constants.tensor(centred, dtype), constants.tensor(bias, dtype)
    scale = constants.tensor(per_channel(requantize_scale(x_quant, w_quant, y_quant), outputs))
    requantize = requantizer(scale, attrs.clamp, node.output)
    return lambda inputs: requantize(F.linear(inputs[0].to(dtype), weights, offset))


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
