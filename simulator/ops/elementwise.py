"""Add, Sub, Mul and Div in torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import torch
from torch import Tensor

from edgec.ir import Node, Value
from edgec.ops.elementwise import BinaryAttrs
from edgec.ops.numbers import dequantize
from edgec.simulator.ops.base import Constants, Function, bound, centred_clamp, quant_of

Binary = Callable[[Tensor, Tensor], Tensor]


def reader(value: Value, constants: Constants) -> Callable[[Tensor], Tensor]:
    """Centred int8 -> real, one float32 multiply; a constant is dequantised here, once."""
    if value.is_constant:
        quant = value.type.quant
        real = constants.tensor(dequantize(value.array, quant) if quant else value.array).unsqueeze(0)
        return lambda _: real
    scale = float(quant_of(value)[0])
    return lambda x: x * scale


def binary_s8(function: Binary, node: Node, constants: Constants) -> Function:
    """f(deq(a), deq(b)) / s_y, each operation rounded once to float32, then round half to even."""
    attrs: BinaryAttrs = node.attrs
    read_a, read_b = (reader(value, constants) for value in node.inputs)
    low, high = centred_clamp(attrs.clamp, node.output)
    # A tensor, not a float: torch would multiply by the reciprocal of a constant divisor, which rounds twice.
    scale = constants.tensor(np.asarray(quant_of(node.output)[0]))

    def run(inputs: Sequence[Tensor]) -> Tensor:
        y = function(read_a(inputs[0]), read_b(inputs[1]))
        return y.div_(scale).round_().clamp_(low, high)

    def divide(inputs: Sequence[Tensor]) -> Tensor:
        return run(inputs).nan_to_num_(nan=float(low))  # 0 / 0, as in C and in onnxruntime

    return divide if node.op.name == "Div" else run


def binary_f32(function: Binary, node: Node, constants: Constants) -> Function:
    attrs: BinaryAttrs = node.attrs
    constants.read(*node.inputs)
    return lambda inputs: bound(node.output, attrs.clamp, function(inputs[0], inputs[1]))


FUNCTIONS: dict[str, Binary] = {"Add": torch.add, "Sub": torch.sub, "Mul": torch.mul, "Div": torch.div}

INT8 = {name: partial(binary_s8, function) for name, function in FUNCTIONS.items()}
FLOAT = {name: partial(binary_f32, function) for name, function in FUNCTIONS.items()}
