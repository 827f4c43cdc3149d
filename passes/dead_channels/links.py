"""Which channels of a node's inputs and output can only go together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from edgec.ir import Array, Node, Value
from edgec.ops.conv import ConvAttrs
from edgec.ops.elementwise import BinaryAttrs
from edgec.ops.movement import ConcatAttrs, DepthToSpaceAttrs, PadAttrs, SliceAttrs, TransposeAttrs
from edgec.ops.pool import ReduceAttrs
from edgec.ops.softmax import ArgMaxAttrs, SoftmaxAttrs
from edgec.passes.intervals import channels_of


@dataclass(frozen=True, eq=False)
class Link:
    """Channel x[i] of the input `value` and channel y[i] of the output are one: (L) int64 each, with repetitions."""

    value: Value
    x: Array
    y: Array


Links = Sequence[Link]


def operands(node: Node) -> list[Value]:
    """The inputs whose channels are channels of activations; weights and tables are none."""
    if isinstance(node.attrs, BinaryAttrs | ConcatAttrs):
        return list(node.inputs)
    return [value for value in node.inputs if not value.is_constant]


def links(node: Node) -> Links | None:
    """The links of a node; None where its channels have to stay as they are. Not asked for dense layers."""
    rule = RULES.get(node.op.name)
    return None if rule is None else rule(node)


def same(node: Node) -> Links | None:
    """Channel by channel."""
    channels = np.arange(channels_of(node.output.type))
    return [Link(node.inputs[0], channels, channels)]


def along_other_axis(node: Node) -> Links | None:
    """Softmax, LogSoftmax, ArgMax: channel by channel unless they run along the channels."""
    attrs: SoftmaxAttrs | ArgMaxAttrs = node.attrs
    return None if attrs.axis == len(node.inputs[0].type.shape) - 1 else same(node)


def reduce_mean(node: Node) -> Links | None:
    attrs: ReduceAttrs = node.attrs
    return None if len(node.inputs[0].type.shape) - 1 in attrs.axes else same(node)


def transpose(node: Node) -> Links | None:
    attrs: TransposeAttrs = node.attrs
    return same(node) if attrs.perm[-1] == len(attrs.perm) - 1 else None


def binary(node: Node) -> Links | None:
    """Of both operands; one that is repeated along the channels has no say."""
    channels = np.arange(channels_of(node.output.type))
    return [Link(value, channels, channels) for value in node.inputs if channels_of(value.type) == len(channels)]


def concat(node: Node) -> Links | None:
    """Along the channels, each input has its part of the result's."""
    attrs: ConcatAttrs = node.attrs
    found, start = [], 0
    for value in node.inputs:
        channels = np.arange(channels_of(value.type))
        found.append(Link(value, channels, channels + start))
        start += len(channels) if attrs.axis == len(node.output.type.shape) - 1 else 0
    return found


def slice_(node: Node) -> Links | None:
    """Neighbours stay neighbours when others go; with larger steps that is not so."""
    attrs: SliceAttrs = node.attrs
    start, step, size = attrs.starts[-1], attrs.steps[-1], attrs.sizes[-1]
    if abs(step) != 1 and size > 1:
        return None
    return [Link(node.inputs[0], start + step * np.arange(size), np.arange(size))]


def pad(node: Node) -> Links | None:
    """Channels that the Pad adds are linked to none."""
    attrs: PadAttrs = node.attrs
    before, after = attrs.before[-1], attrs.after[-1]
    if min(before, after) < 0 or (attrs.mode != "constant" and (before or after)):
        return None
    channels = np.arange(channels_of(node.inputs[0].type))
    return [Link(node.inputs[0], channels, before + channels)]


def reshape(node: Node) -> Links | None:
    """Flattened pixels repeat the channels of x, unflattened ones those of the result."""
    x, y = channels_of(node.inputs[0].type), channels_of(node.output.type)
    if max(x, y) % min(x, y):
        return None
    index = np.arange(max(x, y))
    return [Link(node.inputs[0], index % x, index % y)]


def depth_to_space(node: Node) -> Links | None:
    """All channels of a block become pixels of one channel."""
    attrs: DepthToSpaceAttrs = node.attrs
    index = np.arange(channels_of(node.inputs[0].type))
    y = index % channels_of(node.output.type) if attrs.mode == "DCR" else index // attrs.blocksize**2
    return [Link(node.inputs[0], index, y)]


def grouped_conv(node: Node) -> Links | None:
    """A group goes as a whole, its inputs with its outputs; of a depthwise convolution, one channel."""
    attrs: ConvAttrs = node.attrs
    inputs, outputs = (channels_of(value.type) // attrs.group for value in (node.inputs[0], node.output))
    groups = np.arange(attrs.group)[:, None, None]
    x, y = np.arange(inputs)[:, None] + groups * inputs, np.arange(outputs) + groups * outputs
    x, y = np.broadcast_arrays(x, y)
    return [Link(node.inputs[0], x.reshape(-1), y.reshape(-1))]


RULES: dict[str, Callable[[Node], Links | None]] = {
    **dict.fromkeys(("Table", "MaxPool", "AveragePool", "Resize"), same),
    **dict.fromkeys(("Softmax", "LogSoftmax", "ArgMax"), along_other_axis),
    **dict.fromkeys(("Add", "Sub", "Mul", "Div"), binary),
    "ReduceMean": reduce_mean,
    "Transpose": transpose,
    "Concat": concat,
    "Slice": slice_,
    "Pad": pad,
    "Reshape": reshape,
    "DepthToSpace": depth_to_space,
    "Conv": grouped_conv,
}
