"""Branches run in the order that needs least: other orders compute the same, and the best of them is taken."""

from __future__ import annotations

import itertools

from hypothesis import given

from edgec.ir import Graph, Node
from edgec.ops.base import RowWindow
from edgec.passes.schedule import Scheduler, best_order, schedule
from edgec.passes.schedule.order import orders
from tests.schedule.test_groups import replay
from tests.schedule.test_memory import HOST, FakeAttrs, graphs, node, value


@given(graphs())
def test_every_order_has_each_node_behind_what_it_reads(graph: Graph) -> None:
    found = list(orders(graph))
    assert found[0] is graph
    assert len({tuple(map(id, each.nodes)) for each in found}) == len(found)
    for each in found:
        assert sorted(map(id, each.nodes)) == sorted(map(id, graph.nodes))
        there = set(graph.inputs)
        for n in each.nodes:
            assert all(v in there or v.is_constant for v in n.inputs)
            there |= set(n.outputs)


@given(graphs())
def test_the_best_order_is_taken(graph: Graph) -> None:
    tried = [Scheduler(each, HOST).within(0).bytes for each in orders(graph)]
    program = schedule(graph, HOST, ram=0)
    assert program.bytes == min(tried)
    replay(program)


def two_branches(first: str, second: str) -> Graph:
    """Values that are summed: one is small on its way and as large as the other in the end, the other the reverse."""
    whole = RowWindow(4, 4)  # each layer needs four rows for one: little is gained by rows
    x = value("x", (1, 4, 4, 1))
    ways: dict[str, list[Node]] = {}
    for name, middle in (("wide", 64), ("narrow", 1)):
        grow = node(f"{name}_a", [x], FakeAttrs(whole, (1, 1, 4, middle), False))
        end = node(f"{name}_b", [grow.output], FakeAttrs(RowWindow(), (1, 1, 4, 16), False))
        ways[name] = [grow, end]
    ends = [ways["wide"][-1].output, ways["narrow"][-1].output]
    total = node("sum", ends, FakeAttrs(RowWindow(), (1, 1, 4, 16), True))
    return Graph("branches", [x], [total.output], [*ways[first], *ways[second], total])


def test_the_wide_way_goes_before_what_has_to_wait() -> None:
    least = {
        pair: Scheduler(two_branches(*pair), HOST).once.least for pair in itertools.permutations(("wide", "narrow"))
    }
    assert least["wide", "narrow"] < least["narrow", "wide"]
    chosen = best_order(two_branches("narrow", "wide"), HOST)
    assert chosen.once.least == least["wide", "narrow"]
    assert [n.name for n in chosen.graph.nodes[:2]] == ["wide_a", "wide_b"]
