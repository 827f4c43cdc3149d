"""SinkTransposes: Transposes around operators that work in any layout cancel each other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from edgec.ir import Graph, Node, Port, Source, TensorType, Value
from edgec.ops import get_op
from edgec.ops.movement import TransposeAttrs
from edgec.passes.base import Pass
from edgec.passes.constants import transposed
from edgec.passes.simplify_movement import SimplifyMovement
from edgec.passes.sink_transposes.layout import Perm, compose, inverse, pick
from edgec.passes.sink_transposes.region import (
    Region,
    comes_from_outside,
    grow,
    identity,
    input_takes,
    output_takes,
    saving,
    transpose_perm,
)
from edgec.passes.wiring import Wiring, is_op
from edgec.target import Target


@dataclass(frozen=True)
class SinkTransposes(Pass):
    """Choose the order of axes between layers so that Transposes move as little as possible.

    Transpose(f(Transpose(x, p), ...), inverse p)  =>  f'(x, ...)

    f is any region of elementwise operators, Table, QuantizeLinear, DequantizeLinear, Concat, Slice, Pad, ReduceMean,
    ArgMax, Softmax, Gemm over the last axis, and Reshape that keeps groups of axes together; f' is the same with
    axes renamed and constants transposed. The region grows as far as it can in all directions, graph inputs and
    outputs take permutations in their ports, and the change is made only where fewer elements are moved in total:
    that is why the pass ends. Not done when
    - the Transposes at the rim would move as much as before;
    - the region contains a Conv, pool, Resize or DepthToSpace (their layout is fixed: they are its rim).
    """

    def run(self, graph: Graph, target: Target) -> bool:
        changed = False
        wiring = Wiring(graph)
        again = True
        while again:
            again = False
            for node in [node for node in graph.nodes if is_op(node, "Transpose")]:
                # An earlier change may have removed the node, with all that was behind it.
                region = best_region(wiring, node) if wiring.alive(node) else None
                if region is None:
                    continue
                apply(wiring, region)
                SimplifyMovement().run(graph, target)
                wiring = Wiring(graph)
                again = changed = True
        return changed


def best_region(wiring: Wiring, node: Node) -> Region | None:
    """Of the regions in front of and behind a Transpose the one that saves most, None where neither saves."""
    regions = [
        grow(wiring, node.output, inverse(node.attrs.perm)),
        grow(wiring, node.inputs[0], node.attrs.perm),
    ]
    savings = [saving(wiring, region) for region in regions]
    best = max(savings)
    return regions[savings.index(best)] if best > 0 else None


def apply(wiring: Wiring, region: Region) -> None:
    """Give the region's values their permutations, with Transposes where they meet the outside."""
    Rewrite(wiring, region).run()


class Rewrite:
    """One application of a region; `new` maps old values to permuted ones, `back` to inverse Transposes of those."""

    def __init__(self, wiring: Wiring, region: Region) -> None:
        self.wiring = wiring
        self.graph = wiring.graph
        self.region = region
        self.new: dict[Value, Value] = {}
        self.back: dict[Value, Value] = {}
        self.outside = {v for v in region.perms if comes_from_outside(wiring, region, v)}
        for value, perm in region.perms.items():
            if region.changes(value):
                name = wiring.unique_name(f"{value.name}_transposed") if value in self.outside else value.name
                self.new[value] = Value(name, permuted_type(value.type, perm))

    def run(self) -> None:
        graph = self.graph
        takes_output = {value: output_takes(self.wiring, value) for value in graph.outputs}
        takes_input = {value: input_takes(self.wiring, value) for value in graph.inputs}
        nodes = [node for value in graph.inputs if not takes_input[value] for node in self.transpose_of(value)]
        for node in list(graph.nodes):
            nodes += self.rewritten(node)
        for position, value in enumerate(graph.outputs):
            if value in self.new and takes_output[value]:
                graph.outputs[position] = self.new[value]
                graph.output_ports[position] = self.port(graph.output_ports[position], value)
            elif value in self.new:
                nodes += self.outside_reading(value)
                graph.outputs[position] = self.seen_outside(value)
        for position, value in enumerate(graph.inputs):
            if value in self.new and takes_input[value]:
                graph.inputs[position] = self.new[value]
                graph.input_ports[position] = self.port(graph.input_ports[position], value)
        graph.nodes[:] = nodes

    def rewritten(self, node: Node) -> Iterator[Node]:
        """The node, changed, with the Transposes that it needs before and behind."""
        layout = self.region.layouts.get(node)
        if layout is not None:
            node.attrs = layout.attrs
            node.inputs = [self.reading(value, perm) for value, perm in zip(node.inputs, layout.inputs, strict=True)]
            node.outputs = [self.new.get(value, value) for value in node.outputs]
            yield node
        elif is_op(node, "Transpose"):
            perm = transpose_perm(self.region, node)
            node.attrs = TransposeAttrs(perm)
            node.inputs = [self.new.get(value, value) for value in node.inputs]
            node.outputs = [self.new.get(value, value) for value in node.outputs]
            yield node
        else:
            for value in node.inputs:
                yield from self.outside_reading(value)
            node.inputs = [self.seen_outside(value) for value in node.inputs]
            yield node
            for value in node.outputs:
                yield from self.transpose_of(value)

    def reading(self, value: Value, perm: Perm | None) -> Value:
        """What a node of the region reads instead of `value`; constants are transposed now."""
        if not value.is_constant:
            return self.new.get(value, value)
        if perm is None or perm == identity(value):
            return value
        return transposed(self.wiring, value, perm)

    def transpose_of(self, value: Value) -> Iterator[Node]:
        """The Transpose behind a value that comes from outside."""
        if value in self.new:
            yield self.transpose(value, self.new[value], self.region.perm(value))

    def outside_reading(self, value: Value) -> Iterator[Node]:
        """The Transpose back to the old order that readers outside the region need, once a value."""
        if value in self.new and value not in self.outside and value not in self.back:
            old = Value(self.wiring.unique_name(f"{value.name}_transposed"), value.type)
            self.back[value] = old
            yield self.transpose(self.new[value], old, inverse(self.region.perm(value)))

    def seen_outside(self, value: Value) -> Value:
        return self.back.get(value, value)

    def transpose(self, source: Value, result: Value, perm: Perm) -> Node:
        producer = next((node for node in self.graph.nodes if source in node.outputs), None)
        origin = producer.source if producer is not None else Source("Transpose", result.name)
        name = self.wiring.unique_name(f"{result.name}_transpose")
        return Node(get_op("Transpose"), name, [source], [result], TransposeAttrs(perm), origin)

    def port(self, port: Port, value: Value) -> Port:
        perm = compose(port.perm or identity(value), self.region.perm(value))
        return replace(port, perm=None if perm == identity(value) else perm)


def permuted_type(type: TensorType, perm: Perm) -> TensorType:
    return type.with_shape(pick(type.shape, perm))
