"""QuantizeLinear and DequantizeLinear on real values: rounding with a gradient that passes straight through."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from edgec.errors import InternalError
from edgec.ir import Node
from edgec.ops.numbers import QMAX, QMIN
from edgec.simulator.ops.base import Builder, Constants, Function


class RoundStraightThrough(torch.autograd.Function):
    """Round half to even; the gradient is that of the identity."""

    @staticmethod
    def forward(ctx: object, x: Tensor) -> Tensor:
        return x.round()

    @staticmethod
    def backward(ctx: object, *gradients: Tensor) -> Tensor:
        return gradients[0]


round_straight_through: Callable[[Tensor], Tensor] = RoundStraightThrough.apply


def quantize_f32(node: Node, constants: Constants) -> Function:
    """(clamp(round(x / s) + z) - z) * s: int8 values stay real numbers; no gradient where they saturate."""
    quant = node.output.type.quant
    if quant is None:
        raise InternalError(f"{node} has no quantisation")
    constants.read(node.inputs[0])
    shape = [1] * (len(node.output.type.shape) + 1)
    if quant.axis is not None:
        shape[quant.axis + 1] = -1
    # scale and zero point: one, or one a slice along the axis, after the batch axis
    scale = constants.tensor(np.asarray(quant.scale)).reshape(shape)
    zero_point = constants.tensor(np.asarray(quant.zero_point)).reshape(shape)

    def run(x: Tensor) -> Tensor:
        q: Tensor = round_straight_through(x / scale)
        return torch.minimum(torch.maximum(q, QMIN - zero_point), QMAX - zero_point) * scale

    return lambda inputs: run(inputs[0])


def dequantize_f32(node: Node, constants: Constants) -> Function:
    """Nothing to do: int8 values are real numbers here already."""
    constants.read(node.inputs[0])
    return lambda inputs: inputs[0]


INT8: dict[str, Builder] = {}
FLOAT: dict[str, Builder] = {"QuantizeLinear": quantize_f32, "DequantizeLinear": dequantize_f32}
