"""ConstantChannels: what is the same for every input needs no weights, and no operand that is computed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgec.ir import Array, Graph, Node, QuantParams, Value
from edgec.ops.conv import conv_data, quant_of
from edgec.ops.conv.sums import per_channel
from edgec.ops.elementwise import BinaryAttrs
from edgec.ops.numbers import requantize, requantize_scale
from edgec.passes.base import Pass
from edgec.passes.intervals import Interval, intervals
from edgec.passes.removed import record, work
from edgec.passes.wiring import Wiring, is_op
from edgec.target import Target


@dataclass(frozen=True)
class ConstantChannels(Pass):
    """Write channels that hold one value v (passes/intervals.py) as constants.

    Conv(x, w, b)[o] = v, Gemm likewise  =>  w[o] = zero point, b[o] = v - z_y, scale of w[o] = s_y / s_x
    Add, Sub, Mul, Div (x, y), y constant  =>  the same of x and a constant of one pixel
    Quantisers write biases at the ends of int32 for such channels, with a weight scale near 0; now all of their sums
    are as small as the output. The inputs that they alone read are read by nobody any more.
    Not done when
    - some inputs, or some pixels at the border, give the channel another value than others;
    - x is constant too: then so is the result, whose readers are looked at in turn;
    - x has fewer pixels than the result: y gives it its height and width.
    """

    def run(self, graph: Graph, target: Target) -> bool:
        wiring, bounds, before = Wiring(graph), intervals(graph), work(graph)
        changed = False
        for node in wiring.nodes():
            if is_op(node, "Conv", "Gemm") and len(node.inputs) == 3 and all(v.is_constant for v in node.inputs[1:]):
                changed |= without_weights(wiring, node, bounds[node.output])
            elif isinstance(node.attrs, BinaryAttrs):
                changed |= constant_operand(wiring, node, bounds)
        record(graph, before)
        return changed


def without_weights(wiring: Wiring, node: Node, bounds: Interval) -> bool:
    """First rule; True when a weight or bias changed."""
    data, (x, w, y) = conv_data(node), quant_of(node)
    zero_point, scale = (per_channel(values, len(data.bias)) for values in (w.zero_point, w.scale))
    clamp = (data.clamp_min, data.clamp_max)
    new_bias, new_scale = bounds.low - data.output_zero_point, np.float32(y.scalar[0] / x.scalar[0])
    about_one = requantize_scale(x, QuantParams.per_tensor(float(new_scale), 0), y)
    # Sums of 255 at most: a factor so near to 1 does not move them, as long as the two scales have a ratio.
    settled = bounds.constant & (requantize(new_bias, about_one, data.output_zero_point, clamp) == bounds.low)
    each_output = (-1, *[1] * (data.weights.ndim - 1))
    weights = np.where(settled.reshape(each_output), zero_point.reshape(each_output), data.weights).astype(np.int8)
    bias = np.where(settled, new_bias, data.bias).astype(np.int32)
    if np.array_equal(weights, data.weights) and np.array_equal(bias, data.bias):
        return False
    scales = np.where(settled, new_scale, scale.astype(np.float32))
    set_weights(wiring, node, weights, bias, QuantParams(tuple(map(float, scales)), tuple(map(int, zero_point)), 0))
    return True


def set_weights(wiring: Wiring, node: Node, weights: Array, bias: Array, quant: QuantParams) -> None:
    """Give a Conv or Gemm other weights and bias of the same shape."""
    w, b = node.inputs[1:]
    new_w = wiring.constant(f"{w.name}_constant", w.type.with_quant(quant), weights)
    new_b = wiring.constant(f"{b.name}_constant", b.type.with_quant(None), bias)
    wiring.set_inputs(node, [node.inputs[0], new_w, new_b])


def constant_operand(wiring: Wiring, node: Node, bounds: dict[Value, Interval]) -> bool:
    """Second rule; True when an operand was replaced."""
    computed = [value for value in node.inputs if not value.is_constant]
    same = [value for value in computed if bounds[value].constant.all()]
    if len(node.inputs) != 2 or len(computed) != 2 or len(same) != 1 or computed[0] is computed[1]:
        return False
    (old,) = same
    shape = (*[1] * (len(old.type.shape) - 1), *old.type.shape[-1:])
    (other,) = (value for value in node.inputs if value is not old)
    if np.broadcast_shapes(shape, other.type.shape) != node.output.type.shape:
        return False
    data = bounds[old].low.astype(np.int8).reshape(shape)
    new = wiring.constant(f"{old.name}_constant", old.type.with_shape(shape), data)
    wiring.set_inputs(node, [new if value is old else value for value in node.inputs])
    return True
