"""Which channels of each value have to stay."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np

from edgec.ir import Array, Graph, Node, Value
from edgec.passes.dead_channels.dense import is_dense, matters
from edgec.passes.dead_channels.links import Links, links, operands
from edgec.passes.intervals import Interval, channels_of

Kept = dict[Value, Array]
# Marks what a node's other channels ask for; True when something new was marked.
Step = Callable[[Kept], bool]


def kept_channels(graph: Graph, bounds: Mapping[Value, Interval]) -> Kept:
    """(C) bool of every activation and of the constants among operands: the fewest channels that can stay.

    The least fixed point: graph inputs and outputs stay; a dense layer asks for the inputs that matter to outputs
    that stay; linked channels stay together. No value loses its last channel.
    """
    values = [*graph.inputs, *(value for node in graph.nodes for value in (*operands(node), *node.outputs))]
    kept: Kept = {value: np.zeros(channels_of(value.type), bool) for value in values}
    for value in (*graph.inputs, *graph.outputs):
        mark(kept, value)
    # From the end to the beginning, as needs travel.
    steps = [step_of(node, bounds) for node in reversed(graph.nodes)]
    while True:
        while sum(step(kept) for step in steps):
            pass
        empty = next((value for value in reversed(kept) if not kept[value].any()), None)
        if empty is None:
            return kept
        kept[empty][0] = True


def mark(kept: Kept, value: Value, channels: Array | slice = slice(None)) -> bool:
    """Let channels of a value stay; True when one of them did not yet."""
    new = not kept[value][channels].all()
    kept[value][channels] = True
    return new


def step_of(node: Node, bounds: Mapping[Value, Interval]) -> Step:
    """What a node asks for."""
    if is_dense(node) and node.inputs[0] in bounds:
        return partial(ask_inputs, node, matters(node, bounds[node.inputs[0]]))
    found = links(node)
    return partial(keep_whole, node) if found is None else partial(keep_linked, node, found)


def ask_inputs(node: Node, needs: Array, kept: Kept) -> bool:
    """Of a dense layer. needs: (O, C) bool."""
    return mark(kept, node.inputs[0], np.any(needs[kept[node.output]], axis=0))


def keep_linked(node: Node, found: Links, kept: Kept) -> bool:
    """Linked channels stay together; an operand without links stays whole."""
    new = False
    for link in found:
        x, y = kept[link.value], kept[node.output]
        together = x[link.x] | y[link.y]
        new |= mark(kept, link.value, link.x[together]) | mark(kept, node.output, link.y[together])
    linked = [link.value for link in found]
    return mark_whole(kept, *(value for value in operands(node) if value not in linked)) or new


def keep_whole(node: Node, kept: Kept) -> bool:
    return mark_whole(kept, *operands(node), *node.outputs)


def mark_whole(kept: Kept, *values: Value) -> bool:
    return sum(mark(kept, value) for value in values) > 0
