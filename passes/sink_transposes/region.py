"""A region: operators that don't mind the order of axes, with one new order for all their values, and what it costs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from edgec.ir import Node, Value
from edgec.passes.simplify_movement import moves_data
from edgec.passes.sink_transposes.absorb import absorbs, dense_behind
from edgec.passes.sink_transposes.layout import Layout, Perm, compose, inverse, pick, spread
from edgec.passes.wiring import Wiring, is_op


@dataclass
class Region:
    """Permutation of every value and layout of every node; the values at its rim also belong to it."""

    perms: dict[Value, Perm] = field(default_factory=dict)
    layouts: dict[Node, Layout] = field(default_factory=dict)

    def perm(self, value: Value) -> Perm:
        return self.perms.get(value) or identity(value)

    def changes(self, value: Value) -> bool:
        return self.perm(value) != identity(value)


def identity(value: Value) -> Perm:
    return tuple(range(len(value.type.shape)))


def grow(wiring: Wiring, seed: Value, perm: Perm) -> Region:
    """The largest region around `seed` when `seed` gets permutation `perm`."""
    region = Region({seed: perm})
    waiting = [seed]
    while waiting:
        value = waiting.pop()
        producer = wiring.producer(value)
        for node in [*([producer] if producer is not None else []), *wiring.users(value)]:
            if node in region.layouts:
                continue
            layout = spread(node, value, region.perms[value])
            if layout is None:
                continue
            wanted = wanted_perms(node, layout)
            if all(region.perms.get(other, perm) == perm for other, perm in wanted):
                region.layouts[node] = layout
                waiting += [other for other, _ in wanted if other not in region.perms]
                region.perms.update(wanted)
    return region


def wanted_perms(node: Node, layout: Layout) -> list[tuple[Value, Perm]]:
    """The permutations that a layout asks of the values computed at run time."""
    inputs = [
        (value, perm)
        for value, perm in zip(node.inputs, layout.inputs, strict=True)
        if perm is not None and not value.is_constant
    ]
    return [*inputs, (node.output, layout.output)]


def saving(wiring: Wiring, region: Region) -> int:
    """Elements that Transposes move now, less those they would move with the region's permutations."""
    total = 0
    transposes: dict[Node, None] = {}
    for value in region.perms:
        around = [wiring.producer(value), *wiring.users(value)]
        transposes.update({node: None for node in around if node is not None and is_op(node, "Transpose")})
        total -= added(wiring, region, value)
    for node in transposes:
        if not absorbs(wiring, node.output):
            shape = node.inputs[0].type.shape
            total += weight(shape, node.attrs.perm)
            total -= weight(pick(shape, region.perm(node.inputs[0])), transpose_perm(region, node))
    return total


def transpose_perm(region: Region, node: Node) -> Perm:
    """What a Transpose at the rim has to do once its input, its output or both are permuted."""
    back = inverse(region.perm(node.inputs[0]))
    return compose(compose(back, node.attrs.perm), region.perm(node.output))


def added(wiring: Wiring, region: Region, value: Value) -> int:
    """Elements that new Transposes between `value` and its neighbours outside the region move."""
    perm = region.perm(value)
    if comes_from_outside(wiring, region, value):
        return weight(value.type.shape, perm)
    outside = [user for user in wiring.users(value) if not in_region(region, user)]
    needs_old = any(not flattens(wiring, user) for user in outside)
    if wiring.is_output(value) and not output_takes(wiring, value):
        needs_old = True
    # The way back moves as much as the way there.
    return weight(value.type.shape, perm) if needs_old else 0


def flattens(wiring: Wiring, user: Node) -> bool:
    """A Reshape to the vector of a dense layer: absorb-transposes will take the Transpose before it."""
    if not is_op(user, "Reshape") or user.output.type.shape[-1:] != (user.output.type.elements,):
        return False
    return dense_behind(wiring, user.output) is not None


def in_region(region: Region, node: Node) -> bool:
    return node in region.layouts or is_op(node, "Transpose")


def comes_from_outside(wiring: Wiring, region: Region, value: Value) -> bool:
    """Computed by a node that keeps its layout, or an input whose port can't take the permutation."""
    producer = wiring.producer(value)
    return not input_takes(wiring, value) if producer is None else not in_region(region, producer)


def input_takes(wiring: Wiring, value: Value) -> bool:
    """The port of this graph input can do the permuting: its shape is the value's, but for the order."""
    graph = wiring.graph
    return any(
        value is source and pick(port.shape, port.perm or identity(value)) == value.type.shape
        for source, port in zip(graph.inputs, graph.input_ports, strict=True)
        if len(port.shape) == len(value.type.shape)
    )


def output_takes(wiring: Wiring, value: Value) -> bool:
    """Every port that gives out this value can do the permuting."""
    graph = wiring.graph
    return all(
        len(port.shape) == len(value.type.shape) and pick(port.shape, port.perm or identity(value)) == value.type.shape
        for result, port in zip(graph.outputs, graph.output_ports, strict=True)
        if value is result
    )


def weight(shape: Sequence[int], perm: Perm) -> int:
    """Elements that a Transpose of `shape` moves; none where only axes of size 1 change places."""
    return math.prod(shape) if moves_data(shape, perm) else 0
