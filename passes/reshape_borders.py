"""ReshapeBorders: a Reshape at an input or output is how the port sees the value, not a node."""

from __future__ import annotations

from dataclasses import dataclass

from edgec.ir import Graph, Value
from edgec.passes.base import Pass
from edgec.passes.wiring import Wiring, is_op
from edgec.target import Target


@dataclass(frozen=True)
class ReshapeBorders(Pass):
    """Drop Reshapes next to the graph's inputs and outputs.

    input x -> Reshape(x, s)   =>  input x of shape s
    Reshape(y, s) -> output    =>  y -> output

    The port keeps the model's own shape. Not done when
    - the input has other readers, or is an output itself;
    - the reshaped value is read elsewhere, or y is another output or an input (second rule).
    """

    def run(self, graph: Graph, target: Target) -> bool:
        wiring = Wiring(graph)
        changed = False
        for position, value in enumerate(graph.inputs):
            changed |= reshape_input(wiring, position, value)
        for position, value in enumerate(graph.outputs):
            changed |= reshape_output(wiring, position, value)
        return changed


def reshape_input(wiring: Wiring, position: int, value: Value) -> bool:
    """Take the Reshape behind an input into the input itself; True when it was done."""
    reader = wiring.only_user(value)
    if reader is None or not is_op(reader, "Reshape") or wiring.is_output(reader.output):
        return False
    new = Value(value.name, reader.output.type)
    wiring.graph.inputs[position] = new
    wiring.replace(reader.output, new)
    return True


def reshape_output(wiring: Wiring, position: int, value: Value) -> bool:
    """Take the Reshape before an output away: Port.shape restores it; True when it was done."""
    node = wiring.producer(value)
    outputs = wiring.graph.outputs
    if node is None or not is_op(node, "Reshape") or wiring.users(value) or outputs.count(value) != 1:
        return False
    source = node.inputs[0]
    if wiring.is_output(source) or source in wiring.graph.inputs or source.is_constant:
        return False
    wiring.set_outputs_of_graph([*outputs[:position], source, *outputs[position + 1 :]])
    return True
