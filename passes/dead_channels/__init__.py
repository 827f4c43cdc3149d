"""DeadChannels: channels that nobody needs, or that are the same for every input, are not computed."""

from __future__ import annotations

from dataclasses import dataclass

from edgec.ir import Graph
from edgec.passes.base import Pass
from edgec.passes.dead_channels.cut import count, cut_node
from edgec.passes.dead_channels.kept import kept_channels
from edgec.passes.intervals import intervals
from edgec.passes.removed import record, work
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
        before, changed = work(graph), False
        # A grouped convolution that has one group left is a dense layer: it may lose more.
        while cut(graph):
            changed = True
        record(graph, before)
        return changed


def cut(graph: Graph) -> bool:
    """Take out what is not needed as the graph is now; True when there was something."""
    bounds = intervals(graph)
    kept = kept_channels(graph, bounds)
    if all(channels.all() for channels in kept.values()):
        return False
    wiring = Wiring(graph)
    for node in graph.nodes:
        cut_node(wiring, node, kept, bounds)
    for value, channels in kept.items():
        if not value.is_constant and not channels.all():
            value.type = value.type.with_shape((*value.type.shape[:-1], count(channels)))
    return True
