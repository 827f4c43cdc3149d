"""The order of branches: which of the values that meet somewhere is computed first.

Layers may run in any order in which each comes behind those it reads. Where two branches meet (a concat, a shortcut
with layers of its own), what the first leaves has to be kept while the second runs: the one that needs much memory on
its way and leaves little goes first (Sethi and Ullman, 1970, for registers; here as one of several tries).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from edgec.ir import Graph, Node, Value

Order = Callable[[list[Node]], list[Node]]


def smallest_first(nodes: list[Node]) -> list[Node]:
    """Those that leave most come last."""
    return sorted(nodes, key=lambda node: sum(value.type.bytes for value in node.outputs))


ORDERS: tuple[Order, ...] = (
    lambda nodes: nodes,
    lambda nodes: nodes[::-1],
    smallest_first,
    lambda nodes: smallest_first(nodes)[::-1],
)


def orders(graph: Graph) -> Iterator[Graph]:
    """The graph itself, then with its nodes in other orders that compute the same; each once."""
    known = {tuple(map(id, graph.nodes))}
    yield graph
    for order in ORDERS:
        nodes = depth_first(graph, order)
        key = tuple(map(id, nodes))
        if key not in known:
            known.add(key)
            yield replace(graph, nodes=nodes)


def depth_first(graph: Graph, order: Order) -> list[Node]:
    """Each node right behind the last of what it reads; what it reads in the order that `order` gives it."""
    makers: dict[Value, Node] = {value: node for node in graph.nodes for value in node.outputs}
    done: dict[int, Node] = {}
    stack = [(makers[value], False) for value in reversed(graph.outputs) if value in makers]
    # What no output needs goes where it was, behind the rest.
    stack = [*((node, False) for node in reversed(graph.nodes)), *stack]
    while stack:
        node, ready = stack.pop()
        if id(node) in done:
            continue
        if ready:
            done[id(node)] = node
            continue
        read = list(dict.fromkeys(makers[value] for value in node.inputs if value in makers))
        stack.append((node, True))
        stack += [(maker, False) for maker in reversed(order(read)) if id(maker) not in done]
    return list(done.values())
