"""Softmax, LogSoftmax and ArgMax in torch; tables and logarithm are those of core/ops/softmax.py."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from edgec.ir import DType, Node
from edgec.ops.exponentials import exp_bits, exp_table, log_f32
from edgec.ops.numbers import FULL_RANGE
from edgec.ops.softmax import ArgMaxAttrs, SoftmaxAttrs
from edgec.simulator.ops.base import Constants, Function, bound, centred_clamp, quant_of

# x: (B, *shape) centred -> (d = max - x, t[d], sum of t along the axis as float32)
Parts = tuple[Tensor, Tensor, Tensor]


def exp_and_sum(node: Node, constants: Constants) -> Callable[[Tensor], Parts]:
    attrs: SoftmaxAttrs = node.attrs
    axis = attrs.axis + 1
    scale, _ = quant_of(node.inputs[0])
    # At most 2^31 in the sum: int64 is exact, float32(t) too (core/ops/softmax.py).
    table = constants.tensor(
        exp_table(float(scale), node.inputs[0].type.shape[attrs.axis]).astype(np.int64), torch.int64
    )

    def run(x: Tensor) -> Parts:
        distance = x.amax(axis, keepdim=True) - x
        t = table[distance.to(torch.int64)]
        return distance, t, t.sum(axis, keepdim=True).to(torch.float32)

    return run


def finish(node: Node, constants: Constants) -> Callable[[Tensor], Tensor]:
    """Real results -> the output's type: centred int8, or float32 as they are."""
    if node.output.type.dtype is not DType.S8:
        return lambda y: y
    low, high = centred_clamp(FULL_RANGE, node.output)
    scale = constants.tensor(np.asarray(quant_of(node.output)[0]))
    return lambda y: (y / scale).round_().clamp_(low, high)


def softmax_s8(node: Node, constants: Constants) -> Function:
    """float32(t) / float32(sum of t)."""
    parts, store = exp_and_sum(node, constants), finish(node, constants)

    def run(inputs: Sequence[Tensor]) -> Tensor:
        _, t, total = parts(inputs[0])
        return store(t.to(torch.float32) / total)

    return run


def log_softmax_s8(node: Node, constants: Constants) -> Function:
    """-(float32(d) * s_x) - log_f32(float32(sum of t) * 2^-k)."""
    attrs: SoftmaxAttrs = node.attrs
    parts, store = exp_and_sum(node, constants), finish(node, constants)
    scale, _ = quant_of(node.inputs[0])
    unit = np.float32(2.0 ** -exp_bits(node.inputs[0].type.shape[attrs.axis]))

    def run(inputs: Sequence[Tensor]) -> Tensor:
        distance, _, total = parts(inputs[0])
        # log_f32 takes its steps in numpy: there is one sum an axis, and its bits must be those of the C.
        log_sum = torch.from_numpy(log_f32(total.cpu().numpy() * unit)).to(total.device)
        return store(-(distance * float(scale)) - log_sum)

    return run


def softmax_f32(node: Node, constants: Constants) -> Function:
    attrs: SoftmaxAttrs = node.attrs
    constants.read(*node.inputs)
    return lambda inputs: bound(node.output, FULL_RANGE, torch.softmax(inputs[0], attrs.axis + 1))


def log_softmax_f32(node: Node, constants: Constants) -> Function:
    attrs: SoftmaxAttrs = node.attrs
    constants.read(*node.inputs)
    return lambda inputs: bound(node.output, FULL_RANGE, torch.log_softmax(inputs[0], attrs.axis + 1))


def argmax(node: Node, constants: Constants) -> Function:
    """First (or last) index of the largest element; torch.argmax does not say which of equals it gives."""
    attrs: ArgMaxAttrs = node.attrs
    axis = attrs.axis + 1
    constants.read(*node.inputs)

    def run(inputs: Sequence[Tensor]) -> Tensor:
        x = inputs[0]
        largest = x == x.amax(axis, keepdim=True)
        shape = [1] * x.ndim
        shape[axis] = -1
        index = torch.arange(x.shape[axis], dtype=torch.int32, device=x.device).reshape(shape)
        if attrs.select_last_index:
            return torch.where(largest, index, -1).amax(axis, keepdim=attrs.keepdims)
        return torch.where(largest, index, x.shape[axis]).amin(axis, keepdim=attrs.keepdims)

    return run


INT8 = {"Softmax": softmax_s8, "LogSoftmax": log_softmax_s8, "ArgMax": argmax}
FLOAT = {"Softmax": softmax_f32, "LogSoftmax": log_softmax_f32, "ArgMax": argmax}
