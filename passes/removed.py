"""What a pass took out of the layers of a graph: `work` before, `record` after."""

from __future__ import annotations

from dataclasses import dataclass

from edgec.ir import Graph, Node, Removed


@dataclass(frozen=True)
class Work:
    """What a node computes: output channels, MACs, bytes of constants."""

    channels: int
    macs: int
    weights: int


def work(graph: Graph) -> dict[Node, Work]:
    return {node: work_of(node) for node in graph.nodes}


def work_of(node: Node) -> Work:
    weights = sum(value.type.bytes for value in node.inputs if value.is_constant)
    return Work(node.output.type.shape[-1] if node.output.type.shape else 1, node.op.macs(node), weights)


def record(graph: Graph, before: dict[Node, Work]) -> None:
    """Add to graph.removed the layers that have fewer MACs or weights than `before`, or are gone."""
    after = work(graph)
    for node, had in before.items():
        has = after.get(node, Work(0, 0, 0))
        if had.macs > has.macs or (had.macs and had.weights > has.weights):
            name = node.source.name or node.name
            graph.removed.append(
                Removed(name, had.channels, has.channels, had.macs - has.macs, had.weights - has.weights)
            )
