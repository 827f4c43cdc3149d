"""DeadChannels: channels that nobody needs, or that are the same for every input, are not computed."""

from __future__ import annotations

from dataclasses import dataclass

from edgec.ir import Graph, Node, Removed
from edgec.passes.base import Pass
from edgec.passes.dead_channels.cut import count, cut_node
from edgec.passes.dead_channels.kept import kept_channels
from edgec.passes.intervals import channels_of, intervals
from edgec.passes.wiring import Wiring
from edgec.target import Target


@dataclass(frozen=True)
class DeadChannels(Pass):
    """Take channels (last axis) out of every value where the layers behind can do without; results stay the same bits.

    Conv(x, w, b), x[c] = v at every pixel (passes/intervals.py)  =>  Conv(x without c, w without c, b'),
        b'[o] = b[o] + sum of w[o, taps, c] * (v - z_x); Gemm likewise
    Conv(x, w, b), w[:, taps, c] = 0                              =>  Conv(x without c, w without c, b)
    and x is computed without c: its producer loses an output channel, and elementwise operators, pools, depthwise and
    grouped convolutions, Concat, Slice, Pad, Reshape in between lose it too. What was taken is added to graph.removed.
    Not done when
    - the channel is one of a graph input or output, or the last one of a value;
    - another reader needs the channel, or one that is linked to it (links.py): both operands of an Add go, or none;
    - padding makes the sums of a constant channel differ at the border, so that no bias can hold them;
    - the channels of a group of a grouped convolution do not all go;
    - an operator mixes channels or moves them to another axis: Softmax, ArgMax, ReduceMean along the channels,
      Transpose, a Slice with steps, a Reshape whose channels do not divide each other;
    - sums of the layer behind can leave int32.
    """

    def run(self, graph: Graph, target: Target) -> bool:
        bounds = intervals(graph)
        kept = kept_channels(graph, bounds)
        if all(channels.all() for channels in kept.values()):
            return False
        wiring = Wiring(graph)
        before = [(node, work_of(node)) for node in graph.nodes]
        for node in graph.nodes:
            cut_node(wiring, node, kept, bounds)
        for value, stays in kept.items():
            if not value.is_constant and not stays.all():
                value.type = value.type.with_shape((*value.type.shape[:-1], count(stays)))
        changes = (removed(node, work) for node, work in before)
        graph.removed += [change for change in changes if change.macs or change.weights]
        return True


@dataclass(frozen=True)
class Work:
    """What a node does: output channels, MACs, bytes of constants."""

    channels: int
    macs: int
    weights: int


def work_of(node: Node) -> Work:
    weights = sum(value.type.bytes for value in node.inputs if value.is_constant)
    return Work(channels_of(node.output.type), node.op.macs(node), weights)


def removed(node: Node, before: Work) -> Removed:
    after = work_of(node)
    macs, weights = before.macs - after.macs, before.weights - after.weights
    return Removed(node.source.name or node.name, before.channels, after.channels, macs, weights)
