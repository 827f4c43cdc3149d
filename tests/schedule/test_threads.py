"""Threads that share the rows of a layer: none writes a byte that another reads or writes, and outputs are equal."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgec.codegen import ModelFile, generate
from edgec.ir import Graph, Value
from edgec.ops.base import RowWindow
from edgec.passes.pipeline import optimize
from edgec.passes.schedule import schedule, threads
from edgec.passes.schedule.memory import Buffer, first_fit
from edgec.passes.schedule.threads import joined_rows
from edgec.program import Program
from edgec.step import Step, padding_bytes
from tests.graphs import tiny_graph
from tests.passes.int8_networks import random_int8_network, samples
from tests.schedule.test_groups import CHECKS, built
from tests.schedule.test_memory import HOST, FakeAttrs, graphs, node, replay, value

THREADS = (1, 2, 4)


@pytest.fixture(autouse=True)
def share_small_layers(monkeypatch: pytest.MonkeyPatch) -> None:
    """The networks here are far below what is worth a thread."""
    monkeypatch.setattr(threads, "LEAST", 0)


def place(program: Program, v: Value, first: int, count: int) -> range:
    """Where rows of a value lie."""
    size = v.type.row_elements * v.type.dtype.bytes
    at = program.placements[v].offset + first * size
    return range(at, at + count * size)


def written(program: Program, step: Step, call: int) -> range:
    return place(program, step.node.output, call * step.rows_per_call, step.rows_per_call)


def read(program: Program, step: Step, call: int) -> Iterator[range]:
    """What a call reads, but for constants."""
    for v, window in step.activations:
        if step.rows_per_call > 1:
            yield place(program, v, call * step.rows_per_call, step.rows_per_call)
        else:
            first, last = max(0, window.first(call)), min(v.type.rows - 1, window.last(call))
            yield place(program, v, first, max(0, last + 1 - first))
    if padding_bytes(step):
        at = program.padding_at[step.node]
        yield range(at, at + padding_bytes(step))


def meet(a: range, b: range) -> bool:
    return max(a.start, b.start) < min(a.stop, b.stop)


def check_independent(program: Program) -> int:
    """Of each layer with threads, any two calls may run at the same time; how many such layers there are."""
    found = 0
    for step in program.steps:
        if step.threads == 1:
            continue
        found += 1
        for a, b in combinations(range(step.calls), 2):
            assert not meet(written(program, step, a), written(program, step, b))
            for one, other in ((a, b), (b, a)):
                assert not any(meet(written(program, step, one), each) for each in read(program, step, other))
        if step.node in program.scratch_at:
            at = program.scratch_at[step.node]
            scratch = range(at, at + step.threads * step.thread_bytes)
            for call in range(step.calls):
                assert not meet(scratch, written(program, step, call))
                assert not any(meet(scratch, each) for each in read(program, step, call))
    return found


@given(graphs(), st.integers(2, 5))
def test_calls_of_a_layer_are_independent(graph: Graph, count: int) -> None:
    program = schedule(graph, HOST, threads=count)
    check_independent(program)
    replay(program)


def test_an_output_takes_the_place_of_an_input_exactly_or_not_at_all() -> None:
    """One row beside the input is enough for a window whose rows come in order; an elementwise layer needs nothing."""
    x = value("x", (1, 16, 8, 4))
    window = node("a", [x], FakeAttrs(RowWindow(3, 1, 1), (1, 16, 8, 4), False))
    same = node("b", [x], FakeAttrs(RowWindow(), (1, 16, 8, 4), True))
    for each, once, shared in ((window, 1.25, 2), (same, 1, 1)):
        graph = Graph("g", [x], [each.output], [each])
        assert schedule(graph, HOST).arena <= once * x.type.bytes
        program = schedule(graph, HOST, threads=2)
        assert program.arena == shared * x.type.bytes
        assert check_independent(program) == 1


@pytest.mark.parametrize("exact", [True, False])
def test_an_output_does_not_begin_below_an_input_whose_rows_are_shared(exact: bool) -> None:
    """Where there is room below: in order, a row is read before the one above it is written over it."""
    below, source, output = Buffer([], 48, 0, 0), Buffer([], 64, 0, 1), Buffer([], 64, 1, 1)
    output.gaps[id(source)] = 0
    if exact:
        output.exact.add(id(source))
    around = {id(below): [source], id(source): [below, output], id(output): [source]}
    offsets = first_fit([below, source, output], around)
    assert offsets[id(source)] == 48
    assert offsets[id(output)] == (48 if exact else 0)
    first = first_fit([below, output, source], around)
    assert first[id(source)] >= (64 if exact else 48)


def test_each_thread_has_scratch_of_its_own() -> None:
    x = value("x", (1, 3, 8, 4))
    graph = Graph("g", [x], [], [node("a", [x], FakeAttrs(RowWindow(3, 1, 1), (1, 3, 8, 4), False, 100))])
    graph.outputs = [graph.nodes[0].output]
    sizes = [schedule(graph, HOST, threads=count).bytes for count in (1, 2, 3, 8)]
    assert sizes[1] - sizes[0] > 100
    assert sizes[2] - sizes[1] == 128
    assert sizes[3] == sizes[2], "three rows keep three threads busy"


@pytest.mark.parametrize(
    ("rows", "count", "joined"), [(56, 4, 14), (10, 4, 1), (7, 4, 2), (6, 4, 2), (3, 4, 1), (12, 2, 6)]
)
def test_joined_rows(rows: int, count: int, joined: int) -> None:
    """No thread gets more rows than it would one by one, whatever divides them evenly."""
    found = joined_rows(rows, count)
    assert rows % found == 0
    assert -(-(rows // found) // count) * found == -(-rows // count)
    assert found == joined if rows % joined == 0 else found == 1


def test_layers_below_the_least_have_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    assert all(step.threads > 1 for step in schedule(tiny_graph(), HOST, threads=4).steps)
    monkeypatch.setattr(threads, "LEAST", 1 << 40)
    program = schedule(tiny_graph(), HOST, threads=4)
    assert all(step.threads == 1 for step in program.steps)
    assert "ec_parallel" not in generate(program, ModelFile("m", "m.onnx", "0" * 64)).files["src/m.c"]


def test_outputs_are_equal_with_any_number_of_threads(tmp_path_factory: pytest.TempPathFactory) -> None:
    """On this computer, with POSIX threads; in half of the networks of every layer."""
    shared = []

    @settings(CHECKS, max_examples=settings.default.max_examples // 2)
    @given(st.data(), st.booleans())
    def check(data: st.DataObject, every: bool) -> None:
        graph = random_int8_network(data)
        optimize(graph, HOST)
        if not graph.nodes or any(v.is_constant for v in graph.outputs):
            return
        inputs, results = samples(graph, 3, 0), []
        if every:
            made = dict.fromkeys([*graph.outputs, *(n.output for n in graph.nodes)])
            port = graph.output_ports[0]
            graph.outputs, graph.output_ports = list(made), [port] * len(made)
        for count in THREADS:
            program = schedule(graph, HOST, threads=count)
            shared.append(check_independent(program))
            results.append(built(program, tmp_path_factory.mktemp("threads") / "m").run(inputs))
        for result in results[1:]:
            for ours, wanted in zip(result, results[0], strict=True):
                np.testing.assert_array_equal(ours, wanted)

    check()
    assert sum(shared) > 0
