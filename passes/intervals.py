"""Least and largest int8 that each channel of each value can hold, over all inputs of the graph.

Every bound is computed with the kernel's own arithmetic (core/ops/numbers.py), which is monotone: a channel whose two
bounds are equal holds that value at every pixel, borders included, whatever the input.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from edgec.errors import InternalError
from edgec.ir import Array, DType, Graph, Node, QuantParams, TensorType, Value
from edgec.ops.conv import conv_data
from edgec.ops.movement import PadAttrs, pad_data
from edgec.ops.numbers import FULL_RANGE, QMIN, dequantize, quantize, requantize
from edgec.ops.pool import mean_scale, quants
from edgec.ops.resize import interpolate, linear_taps
from edgec.passes.constants import move_data

Rule = Callable[[Node, "Sequence[Interval]"], "Interval"]


@dataclass(frozen=True, eq=False)
class Interval:
    """Bounds of the channels (last axis) of an int8 value. low, high: (C) int64, both can be reached or lie outside."""

    low: Array
    high: Array

    @property
    def constant(self) -> Array:
        """(C) bool: the channel holds one value, `low`, everywhere."""
        return np.asarray(self.low == self.high)


def intervals(graph: Graph) -> dict[Value, Interval]:
    """The interval of every int8 value of a graph as scheduled; values of other types have none."""
    known = {value: unbounded(value.type) for value in graph.inputs if value.type.dtype is DType.S8}
    for node in graph.nodes:
        for value in node.inputs:
            if value.is_constant and value.type.dtype is DType.S8 and value not in known:
                known[value] = over_channels(value.array, value.array)
        if node.output.type.dtype is DType.S8:
            known[node.output] = output_interval(node, known)
    return known


def output_interval(node: Node, known: dict[Value, Interval]) -> Interval:
    """What a node's rule makes of the intervals of its inputs; all that its clamp allows where nothing is known."""
    rule = RULES.get(node.op.name)
    if rule is None or any(value not in known for value in node.inputs if value.type.dtype is not DType.S32):
        return unbounded(node.output.type, getattr(node.attrs, "clamp", FULL_RANGE))
    return rule(node, [known[value] for value in node.inputs if value in known])


def channels_of(type: TensorType) -> int:
    """Elements along the last axis; a scalar has one channel."""
    return type.shape[-1] if type.shape else 1


def unbounded(type: TensorType, clamp: tuple[int, int] = FULL_RANGE) -> Interval:
    channels = channels_of(type)
    return Interval(np.full(channels, clamp[0], np.int64), np.full(channels, clamp[1], np.int64))


def quant_of(value: Value) -> QuantParams:
    """The quantisation of an int8 value."""
    if value.type.quant is None:
        raise InternalError(f"{value.name!r} is not quantised")
    return value.type.quant


def spread(bound: Array, type: TensorType) -> Array:
    """(C) -> the shape of the type: the same at every pixel."""
    return np.broadcast_to(bound, type.shape) if type.shape else bound.reshape(())


def over_channels(low: Array, high: Array) -> Interval:
    """Bounds of each channel from bounds of each element, (..., C)."""
    channels = low.shape[-1] if low.ndim else 1
    low, high = (bound.astype(np.int64).reshape(-1, channels) for bound in (low, high))
    return Interval(low.min(axis=0), high.max(axis=0))


def clipped(x: Interval, clamp: tuple[int, int]) -> Interval:
    return Interval(np.clip(x.low, *clamp), np.clip(x.high, *clamp))


def window_sets(node: Node) -> tuple[Array, Array]:
    """`axis_sets` of the rows and of the columns of a Conv or pool; of a Gemm, one tap that is always inside."""
    if node.op.name == "Gemm":
        return np.ones((1, 1), bool), np.ones((1, 1), bool)
    return axis_sets(node, 0), axis_sets(node, 1)


def axis_sets(node: Node, axis: int) -> Array:
    """(sets, kernel) bool: the distinct sets of taps that lie inside, over all positions along H (axis 0) or W (1)."""
    attrs = node.attrs
    size, out = (value.type.shape[axis + 1] for value in (node.inputs[0], node.output))
    first = np.arange(out)[:, None] * attrs.strides[axis] - attrs.pads[axis]
    index = first + np.arange(attrs.kernel_shape[axis]) * attrs.dilations[axis]
    return np.unique((index >= 0) & (index < size), axis=0)


def centred_weights(node: Node) -> Array:
    """(O, KH, KW, C / group) int64: weights less their zero points; of a Gemm (N, 1, 1, K)."""
    data = conv_data(node)
    w = data.weights.astype(np.int64)
    if data.weight_zero_point is not None:
        w -= data.weight_zero_point.reshape(-1, *[1] * (w.ndim - 1))
    return w.reshape(len(w), 1, 1, -1) if w.ndim == 2 else w


def sum_intervals(node: Node, x: Interval) -> tuple[Array, Array]:
    """(least, largest) int64 sums (O, sets) of a Conv or Gemm: of each output channel with each set of taps inside."""
    data, w = conv_data(node), centred_weights(node)
    group = getattr(node.attrs, "group", 1)
    # x - zero_point of the input channels that output channel o reads: (O, C / group). Padding adds nothing.
    low, high = (
        np.repeat((bound - data.input_zero_point).reshape(group, -1), len(w) // group, axis=0)
        for bound in (x.low, x.high)
    )
    positive, negative = np.maximum(w, 0), np.minimum(w, 0)
    rows, columns = (sets.astype(np.int64) for sets in window_sets(node))

    def summed(of_positive: Array, of_negative: Array) -> Array:
        taps = np.einsum("okli,oi->okl", positive, of_positive) + np.einsum("okli,oi->okl", negative, of_negative)
        sums = np.einsum("okl,rk,sl->ors", taps, rows, columns, optimize=True)
        return np.asarray(sums.reshape(len(w), -1) + data.bias.astype(np.int64)[:, None])

    return summed(low, high), summed(high, low)


def weighted(node: Node, x: Sequence[Interval]) -> Interval:
    """Conv and Gemm: sums of the bounds, requantised for each set of taps, then the least and the largest."""
    if any(not value.is_constant for value in node.inputs[1:]) or len(node.inputs) != 3:
        return unbounded(node.output.type, node.attrs.clamp)
    data = conv_data(node)
    lower, upper = (
        requantize(sums, data.scale[:, None], data.output_zero_point, node.attrs.clamp)
        for sums in sum_intervals(node, x[0])
    )
    return over_channels(lower.T, upper.T)


def table(node: Node, x: Sequence[Interval]) -> Interval:
    """The entries between the bounds."""
    entries = node.inputs[1].array.astype(np.int64)
    bounds = np.stack([x[0].low, x[0].high], axis=1)
    pairs, channel = np.unique(bounds, axis=0, return_inverse=True)
    reached = [entries[low - QMIN : high - QMIN + 1] for low, high in pairs]
    low, high = (np.array([extreme(part) for part in reached], np.int64) for extreme in (np.min, np.max))
    return Interval(low[channel.reshape(-1)], high[channel.reshape(-1)])


def max_pool(node: Node, x: Sequence[Interval]) -> Interval:
    """The input's bounds; a window in the padding alone gives the least int8."""
    outside = any(not sets.any(axis=1).all() for sets in window_sets(node))
    low = np.full_like(x[0].low, QMIN) if outside else x[0].low
    return clipped(Interval(low, x[0].high), node.attrs.clamp)


def average_pool(node: Node, x: Sequence[Interval]) -> Interval:
    """Requantised sums for each number of elements inside."""
    x_quant, y_quant = quants(node)
    inside = np.unique(np.outer(*(sets.sum(axis=1) for sets in window_sets(node))))
    bounds = []
    for elements in inside:
        counted = np.prod(node.attrs.kernel_shape) if node.attrs.count_include_pad else elements
        scale = mean_scale(x_quant, y_quant, max(int(counted), 1))
        bounds += [
            requantize(elements * (bound - x_quant.scalar[1]), scale, y_quant.scalar[1], node.attrs.clamp)
            for bound in (x[0].low, x[0].high)
        ]
    return over_channels(np.stack(bounds[::2]), np.stack(bounds[1::2]))


def reduce_mean(node: Node, x: Sequence[Interval]) -> Interval:
    """Requantised sums of the bounds over the axes."""
    x_quant, y_quant = quants(node)
    shape, axes = node.inputs[0].type.shape, node.attrs.axes
    scale = mean_scale(x_quant, y_quant, int(np.prod([shape[axis] for axis in axes])))
    sums = (
        spread(bound - x_quant.scalar[1], node.inputs[0].type).sum(axis=axes, keepdims=node.attrs.keepdims)
        for bound in (x[0].low, x[0].high)
    )
    return over_channels(*(requantize(acc, scale, y_quant.scalar[1], node.attrs.clamp) for acc in sums))


def binary(node: Node, x: Sequence[Interval]) -> Interval:
    """The function at the four corners: it is monotone in each operand as long as the other one stays."""
    a, b = (
        [dequantize(bound, quant_of(value)) for bound in (i.low, i.high)]
        for value, i in zip(node.inputs, x, strict=True)
    )
    evaluate = node.op.evaluate
    if evaluate is None or (node.op.name == "Div" and np.any((b[0] <= 0) & (b[1] >= 0))):
        return unbounded(node.output.type, node.attrs.clamp)
    corners = [quantize(evaluate(node.attrs, left, right), quant_of(node.output)) for left in a for right in b]
    codes = np.stack([np.broadcast_to(corner, channels_of(node.output.type)) for corner in corners])
    return clipped(over_channels(codes, codes), node.attrs.clamp)


def movement(node: Node, x: Sequence[Interval]) -> Interval:
    """Each element has the bounds of where it came from."""

    def moved(bounds: Sequence[Array]) -> Array | None:
        types = [value.type for value in node.inputs]
        return moved_codes(node, [spread(bound, type) for bound, type in zip(bounds, types, strict=True)])

    low, high = moved([i.low for i in x]), moved([i.high for i in x])
    return unbounded(node.output.type) if low is None or high is None else over_channels(low, high)


def moved_codes(node: Node, x: Sequence[Array]) -> Array | None:
    """What a movement node makes of integers; None where it is not known."""
    attrs = node.attrs
    if isinstance(attrs, PadAttrs):
        if min(*attrs.before, *attrs.after) < 0:
            return None
        widths = list(zip(attrs.before, attrs.after, strict=True))
        if attrs.mode == "constant":
            return np.pad(x[0], widths, constant_values=pad_data(node).value)
        return np.pad(x[0], widths, mode="edge") if attrs.mode == "edge" else np.pad(x[0], widths, mode="reflect")
    return move_data(node, x)


def depth_to_space(node: Node, x: Sequence[Interval]) -> Interval:
    """A channel takes over a whole block of channels."""
    blocks = node.attrs.blocksize**2
    shape, axis = ((blocks, -1), 0) if node.attrs.mode == "DCR" else ((-1, blocks), 1)
    return Interval(x[0].low.reshape(shape).min(axis=axis), x[0].high.reshape(shape).max(axis=axis))


def resize(node: Node, x: Sequence[Interval]) -> Interval:
    """Mixing with weights that are not negative is monotone, in float32 too."""
    a, b = quants(node)
    if a == b and node.attrs.mode == "nearest":
        return x[0]
    real = [dequantize(bound, a) for bound in (x[0].low, x[0].high)]
    if node.attrs.mode == "linear":
        x_type = node.inputs[0].type
        rows, columns = (linear_taps(node.attrs, axis, x_type.shape[axis + 1]) for axis in (0, 1))
        real = [interpolate(spread(bound, x_type), rows, columns) for bound in real]
    return over_channels(*(quantize(bound, b) for bound in real))


RULES: dict[str, Rule] = {
    "Conv": weighted,
    "Gemm": weighted,
    "Table": table,
    "MaxPool": max_pool,
    "AveragePool": average_pool,
    "ReduceMean": reduce_mean,
    "Resize": resize,
    "DepthToSpace": depth_to_space,
    **dict.fromkeys(("Add", "Sub", "Mul", "Div"), binary),
    **dict.fromkeys(("Concat", "Slice", "Pad", "Transpose", "Reshape"), movement),
}
