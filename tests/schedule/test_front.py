"""The front from layer by layer to the least RAM: no Program on it is beaten by another, each is right."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgec.cost import executed_macs, instructions_estimate, kernel_calls
from edgec.ir import Graph
from edgec.passes.schedule import Scheduler, best_order, front, schedule
from edgec.passes.schedule.front import MOST_POINTS, thinned
from tests.graphs import HOST, wide_graph
from tests.schedule.test_groups import replay
from tests.schedule.test_memory import graphs


@settings(max_examples=30)
@given(graphs(), st.floats(0, 1))
def test_less_ram_never_takes_less_time(graph: Graph, share: float) -> None:
    scheduler = best_order(graph, HOST)
    layers, least = scheduler.layers, scheduler.within(0)
    programs = front(scheduler)
    assert programs[0].bytes <= layers.bytes
    assert kernel_calls(programs[0]) <= kernel_calls(layers)
    assert programs[-1].bytes <= least.bytes
    assert 1 <= len(programs) <= MOST_POINTS
    for more, less in itertools.pairwise(programs):
        assert less.bytes < more.bytes
        assert kernel_calls(less) >= kernel_calls(more)
        assert instructions_estimate(less) > instructions_estimate(more)
    replay(programs[int(share * (len(programs) - 1))])


def test_known_programs_stand_for_election() -> None:
    graph = wide_graph()
    layers, once = schedule(graph, HOST), schedule(graph, HOST, ram=0)
    least = schedule(graph, HOST, ram=0, recompute=True)
    programs = front(Scheduler(graph, HOST), known=(layers, once, least))
    assert programs[0] is layers
    assert once in programs
    assert programs[-1] is least
    assert executed_macs(least) > executed_macs(once) == executed_macs(layers)
    assert instructions_estimate(least) > instructions_estimate(once) > instructions_estimate(layers)


@pytest.mark.parametrize("count", [1, MOST_POINTS, MOST_POINTS + 1, 40])
def test_a_long_front_keeps_its_ends(count: int) -> None:
    programs = [schedule(wide_graph(), HOST)] * (count - 1) + [schedule(wide_graph(), HOST, ram=0)]
    kept = thinned(programs)
    assert len(kept) == min(count, MOST_POINTS)
    assert (kept[0], kept[-1]) == (programs[0], programs[-1])
