"""Takes channels out of nodes: weights, bias, attributes, operands that are constants."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from edgec.ir import Array, DType, Node, QuantParams, TensorType, Value
from edgec.ops.conv import ConvAttrs
from edgec.ops.movement import PadAttrs, ReshapeAttrs, SliceAttrs
from edgec.passes.dead_channels.dense import absorbed, is_dense
from edgec.passes.dead_channels.kept import Kept
from edgec.passes.dead_channels.links import operands
from edgec.passes.intervals import Interval
from edgec.passes.wiring import Wiring, is_op


def cut_node(wiring: Wiring, node: Node, kept: Kept, bounds: Mapping[Value, Interval]) -> None:
    """Let a node compute the kept channels from the kept channels. The types of activations are not touched yet."""
    x, y = kept.get(node.inputs[0]), kept[node.output]
    attrs = node.attrs
    if x is not None and is_op(node, "Conv", "Gemm"):
        cut_weights(wiring, node, x, y, bounds)
    elif x is not None and isinstance(attrs, SliceAttrs):
        # Where the first channel that is left lies among those of x that are left.
        first = attrs.starts[-1] + attrs.steps[-1] * int(np.argmax(y))
        starts = (*attrs.starts[:-1], int(np.count_nonzero(x[:first])))
        node.attrs = replace(attrs, starts=starts, sizes=(*attrs.sizes[:-1], count(y)))
    elif isinstance(attrs, PadAttrs):
        before = count(y[: max(attrs.before[-1], 0)])
        after = count(y[len(y) - max(attrs.after[-1], 0) :])
        if min(attrs.before[-1], attrs.after[-1]) >= 0:
            node.attrs = replace(attrs, before=(*attrs.before[:-1], before), after=(*attrs.after[:-1], after))
    elif isinstance(attrs, ReshapeAttrs) and attrs.shape:
        node.attrs = ReshapeAttrs((*attrs.shape[:-1], count(y)))
    constants = {value: kept_part(wiring, value, kept[value]) for value in operands(node) if value.is_constant}
    if constants:
        wiring.set_inputs(node, [constants.get(value, value) for value in node.inputs])


def count(channels: Array) -> int:
    return int(np.count_nonzero(channels))


def kept_part(wiring: Wiring, value: Value, channels: Array) -> Value:
    """A constant operand without the dropped channels."""
    if channels.all():
        return value
    data = value.array[..., channels]
    return wiring.constant(value.name, value.type.with_shape(data.shape), data)


def cut_weights(wiring: Wiring, node: Node, x: Array, y: Array, bounds: Mapping[Value, Interval]) -> None:
    """Rows and columns of the weights of a Conv or Gemm; the bias takes in what is constant. x, y: channels that stay.

    Of a grouped convolution, whole groups: its weights have no columns of other groups.
    """
    if x.all() and y.all():
        return
    w, b = node.inputs[1:]
    data, bias = w.array[y], b.array.astype(np.int64)
    if is_dense(node):
        bias = bias + absorbed(node, bounds[node.inputs[0]], ~x)
        data = data[..., x]
    else:
        attrs: ConvAttrs = node.attrs
        node.attrs = replace(attrs, group=count(x) * attrs.group // len(x))
    weights = wiring.constant(w.name, TensorType(w.type.dtype, data.shape, part_of(w.type.quant, y)), data)
    new = bias[y].astype(np.int32)
    wiring.set_inputs(node, [node.inputs[0], weights, wiring.constant(b.name, TensorType(DType.S32, new.shape), new)])


def part_of(quant: QuantParams | None, channels: Array) -> QuantParams | None:
    """The scales and zero points of the output channels that stay."""
    if quant is None or quant.axis is None:
        return quant
    scales = tuple(itertools.compress(quant.scale, channels))
    return QuantParams(scales, tuple(itertools.compress(quant.zero_point, channels)), quant.axis)
