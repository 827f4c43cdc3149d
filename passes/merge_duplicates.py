"""MergeDuplicates: what is computed twice from the same values is computed once."""

from __future__ import annotations

from dataclasses import dataclass

from edgec.ir import Graph, Node, Value
from edgec.passes.base import Pass
from edgec.passes.wiring import Wiring
from edgec.target import Target

SMALL = 1024  # bytes up to which constants are compared by their data


@dataclass(frozen=True)
class MergeDuplicates(Pass):
    """Merge nodes with the same operator, attributes, inputs and type of result.

    y = op(x), z = op(x)  =>  y = op(x), z = y
    Not done when
    - z is an output of the graph: each output keeps a value of its own.
    """

    def run(self, graph: Graph, target: Target) -> bool:
        wiring = Wiring(graph)
        seen: dict[object, Node] = {}
        changed = False
        for node in wiring.nodes():
            key = (node.op.name, node.attrs, tuple(map(identity, node.inputs)), tuple(v.type for v in node.outputs))
            first = seen.setdefault(key, node)
            if first is node or any(graph.is_output(value) for value in node.outputs):
                continue
            for old, new in zip(node.outputs, first.outputs, strict=True):
                wiring.replace(old, new)
            changed = True
        return changed


def identity(value: Value) -> object:
    """Equal for the same value and for small constants of equal type and data."""
    if value.data is not None and value.data.nbytes <= SMALL:
        return value.type, value.data.tobytes()
    return value
