"""RemoveDead: nodes whose results nobody reads are not computed."""

from __future__ import annotations

from dataclasses import dataclass

from edgec.ir import Graph, Value
from edgec.passes.base import Pass
from edgec.target import Target


@dataclass(frozen=True)
class RemoveDead(Pass):
    """Remove nodes that no output depends on. The graph's inputs stay, read or not: callers pass them."""

    def run(self, graph: Graph, target: Target) -> bool:
        needed: set[Value] = set(graph.outputs)
        kept = []
        for node in reversed(graph.nodes):
            if any(value in needed for value in node.outputs):
                needed.update(node.inputs)
                kept.append(node)
        changed = len(kept) != len(graph.nodes)
        graph.nodes[:] = reversed(kept)
        return changed
