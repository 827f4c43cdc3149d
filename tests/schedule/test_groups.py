"""Steps that run together, row by row: rings, places and the C are right, the cut is the best."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from edgec.codegen import ModelFile, generate, write_project
from edgec.codegen.memory import memory_blocks
from edgec.ir import Graph, Node, Port, Source, Value
from edgec.ops import get_op
from edgec.ops.base import RowWindow
from edgec.ops.movement import ReshapeAttrs
from edgec.passes.pipeline import optimize
from edgec.passes.schedule import groups, schedule
from edgec.passes.schedule.choice import Choice
from edgec.passes.schedule.groups import Cuts
from edgec.passes.schedule.lower import choose_kernels, make_step
from edgec.program import Group, Program
from edgec.step import Step, padding_bytes, working_bytes
from edgec.targets import load_target
from edgec.targets.host import HostModel
from tests.passes.int8_networks import random_int8_network, samples
from tests.schedule.test_memory import HOST, FakeAttrs, graphs, node, value

# Each example builds a program: a failing one is not made smaller.
PHASES = (Phase.explicit, Phase.reuse, Phase.generate)
CHECKS = settings(deadline=None, phases=PHASES, suppress_health_check=list(HealthCheck))


class Arena:
    """Memory whose bytes know what was written there last: (value, row)."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.rings = {v: rows for group in program.groups for v, rows in group.rings.items()}
        self.rings |= {v: 1 for group in program.groups for v in group.area.values}
        self.number = {v: index for index, v in enumerate(program.placements)}
        for n in program.graph.nodes:
            if n.op.alias:
                self.number[n.output] = self.number[n.inputs[0]]
        self.fresh: dict[Value, int] = {}  # the row that its reader waits for
        self.owner = np.full(program.bytes, -1)
        self.byte = np.full(program.bytes, -1)

    def waits(self, v: Value, row: int) -> bool:
        """Whether a row goes where it is read before it goes into the ring."""
        if v not in self.program.fresh_at:
            return False
        reader, window = self.waiting(v)
        return any(window.last(other) == row for other in range(reader.calls))

    def waiting(self, v: Value) -> tuple[Step, RowWindow]:
        """The step that waits for rows of a value, and how it reads it."""
        reader = next(s for s in self.program.steps if s.node is self.program.fresh_at[v].reader)
        return reader, dict(reader.activations)[v]

    def span(self, v: Value, row: int, ring: bool = False) -> tuple[slice, np.ndarray]:
        """Where a row lies, and which bytes of the value it has."""
        size = v.type.row_elements
        start = self.program.placements[v].offset + row % self.rings.get(v, v.type.rows) * size
        if self.fresh.get(v) == row and not ring:
            start = self.program.fresh_at[v].at
        return slice(start, start + size), np.arange(row * size, (row + 1) * size)

    def write(self, v: Value, row: int) -> None:
        if self.waits(v, row):
            self.fresh[v] = row
        where, bytes_ = self.span(v, row)
        self.owner[where], self.byte[where] = self.number[v], bytes_

    def read(self, v: Value, row: int) -> None:
        where, bytes_ = self.span(v, row)
        assert (self.owner[where] == self.number[v]).all(), f"row {row} of {v.name} is overwritten"
        assert (self.byte[where] == bytes_).all(), f"row {row} of {v.name} is another one"

    def keep(self, v: Value) -> None:
        """The row of a value that was read goes into the ring."""
        row = self.fresh.pop(v)
        where, bytes_ = self.span(v, row, ring=True)
        self.owner[where], self.byte[where] = self.number[v], bytes_

    def spoil(self, step: Step) -> None:
        places = ((self.program.padding_at, padding_bytes(step)), (self.program.scratch_at, working_bytes(step)))
        for at, size in places:
            if step.node in at:
                assert at[step.node] + size <= len(self.owner)
                self.owner[at[step.node] : at[step.node] + size] = -1

    def call(self, step: Step, row: int) -> None:
        """One output row; it is written while the input rows are read."""
        self.spoil(step)
        self.write(step.node.output, min(row, step.node.output.type.rows - 1))
        for v, window in step.activations:
            reads = (window.first(row) + k * window.dilation for k in range(window.size))
            for read in (r for r in reads if 0 <= r < v.type.rows):
                self.read(v, read)
            if v in self.fresh:
                assert self.waiting(v)[0] is step
                assert self.fresh[v] == window.last(row)
                self.keep(v)


def reach(window: RowWindow, row: int, rows: int, in_rows: int) -> int:
    """ec_reach of ec_rows.h."""
    return min(window.last(min(row, rows - 1)) + 1, in_rows)


def run_group(group: Group, arena: Arena, pushed: Value | None) -> None:
    """The loop of a group as codegen writes it, with the rows that are pushed."""
    done = {step.node.output: 0 for step in group.steps}
    if pushed is None:
        run_rows(group, arena, done)
    else:
        for row in range(pushed.type.rows):
            done[pushed] = row + 1
            arena.write(pushed, row)
            run_rows(group, arena, done)
    for step in group.steps:
        if step.node.output not in group.rings and step.node.output not in group.area.values:
            assert done[step.node.output] == step.calls


def run_rows(group: Group, arena: Arena, done: dict[Value, int]) -> None:
    """All rows that can be computed."""

    def ready(step: Step, limited: bool) -> bool:
        y = step.node.output
        row, rows = done[y], step.calls
        inputs = [(v, w) for v, w in step.activations if v in done]
        if row >= rows or any(done[v] < reach(w, row, rows, v.type.rows) for v, w in inputs):
            return False
        wanted = [
            row < reach(w, done[other.node.output], other.calls, rows)
            for other in group.steps
            for v, w in other.activations
            if v is y
        ]
        return not limited or any(wanted)

    while True:
        pairs = zip(reversed(group.steps), reversed(group.limited), strict=True)
        step = next((step for step, limited in pairs if ready(step, limited)), None)
        if step is None:
            break
        arena.call(step, done[step.node.output])
        done[step.node.output] += 1


def replay(program: Program) -> None:
    """Every row that is read is the one that was written."""
    arena = Arena(program)
    pushed = program.push.value if program.push else None
    first = program.groups[:1]
    for v in program.graph.inputs:
        for row in range(v.type.rows if v is not pushed or not (first and first[0].by_rows) else 0):
            arena.write(v, row)
    for group in program.groups:
        if group.by_rows:
            run_group(group, arena, pushed if group in first else None)
        else:  # tests/schedule/test_memory.py looks inside
            (step,) = group.steps
            arena.spoil(step)
            for row in range(step.node.output.type.rows):
                arena.write(step.node.output, row)
    for v in program.graph.outputs:
        for row in range(v.type.rows):
            arena.read(v, row)


def cuts_of(graph: Graph) -> Cuts:
    return Cuts(graph, [make_step(n, kernel) for n, kernel in choose_kernels(graph, HOST).items()])


@given(graphs(), st.floats(0, 1.2))
def test_rows_are_there_when_they_are_read(graph: Graph, share: float) -> None:
    layers = schedule(graph, HOST)
    for ram in (0, int(share * layers.bytes)):
        program = schedule(graph, HOST, ram=ram)
        assert program.bytes <= max(ram, layers.bytes)
        replay(program)
        replay(schedule(graph, HOST, ram=ram, push=True))


@given(graphs())
def test_no_other_cut_needs_less(graph: Graph) -> None:
    """All ways to cut the order, each group looked at by itself."""
    cuts = cuts_of(graph)
    count = len(cuts.steps)
    if count == 0:
        return
    peaks = {pair: cut.peak for pair, cut in cuts.table.items()}
    best = min(
        max((peaks.get(pair, 1 << 62) for pair in itertools.pairwise([0, *inner, count])), default=0)
        for size in range(count)
        for inner in itertools.combinations(range(1, count), size)
    )
    assert Choice([cuts]).least == best
    assert max(group.cut.peak for group in Choice([cuts]).choose()) == best


@given(graphs())
def test_long_graphs_are_cut_by_estimates_that_are_checked(graph: Graph) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(groups, "FEW_STEPS", 0)
        cuts = cuts_of(graph)
        for group in Choice([cuts]).choose():
            cut, alone = group.cut, group.flow()
            assert cuts.table[cut.first, cut.last] == cut
            assert alone is None or alone is cuts.flows[cut.first, cut.last]
        replay(schedule(graph, HOST, ram=0))


def wide(name: str, source: Value, channels: int) -> Node:
    """A 3x3 layer that keeps height and width."""
    _, rows, columns, _ = source.type.shape
    return node(name, [source], FakeAttrs(RowWindow(3, 1, 1), (1, rows, columns, channels), False))


def test_a_chain_holds_the_rows_of_its_windows() -> None:
    """Three 3x3 convolutions over 32 rows, wide in between: two rings of three rows."""
    x = value("x", (1, 32, 8, 4))
    a = wide("a", x, 16)
    b = wide("b", a.output, 16)
    c = wide("c", b.output, 4)
    program = schedule(Graph("chain", [x], [c.output], [a, b, c]), HOST, ram=0)
    (group,) = program.groups
    assert group.rings == {a.output: 3, b.output: 3}
    # c begins below x by what it is ahead of the rows that a still reads: row i needs row i + 3 of x, but at the start.
    assert program.bytes == 32 * 32 + 2 * 3 * 128
    replay(program)


def test_long_chains_share_the_row_that_is_waited_for() -> None:
    """Two rows a ring, and a place for the third that two of them have by turns."""
    x = value("x", (1, 32, 8, 4))
    nodes = [wide("n0", x, 16)]
    for index in range(1, 5):
        nodes.append(wide(f"n{index}", nodes[-1].output, 16 if index < 4 else 4))
    program = schedule(Graph("chain", [x], [nodes[-1].output], nodes), HOST, ram=0)
    (group,) = program.groups
    assert set(group.rings.values()) == {2}
    assert group.area.bytes == 2 * 128
    assert program.bytes == 32 * 32 + (4 * 2 + 2) * 128
    replay(program)


def test_windows_of_padding_alone_wait_for_nothing() -> None:
    """The first and last rows of a layer that is padded by more than its kernel read none of the layer before."""
    x = value("x", (1, 8, 6, 4))
    first, second = wide("first", x, 16), wide("second", value("y", (1, 8, 6, 16)), 16)
    second.inputs[0] = first.output
    far = node("far", [second.output], FakeAttrs(RowWindow(2, 1, 3), (1, 13, 6, 16), False))
    last = wide("last", far.output, 2)
    program = schedule(Graph("padded", [x], [last.output], [first, second, far, last]), HOST, ram=0)
    replay(program)


def test_rows_that_nobody_wants_are_not_computed() -> None:
    """Of a map whose reader sees padding alone no row is needed; of one read with a stride not the last."""
    x = value("x", (1, 7, 6, 4))
    first = wide("first", x, 16)
    every = node("every", [first.output], FakeAttrs(RowWindow(1, 2), (1, 3, 6, 16), False))
    unread = node("unread", [every.output], FakeAttrs(RowWindow(3), (1, 1, 6, 16), False, scratch=40))
    last = node("last", [unread.output], FakeAttrs(RowWindow(1, 2, 1), (1, 1, 6, 2), False))
    graph = Graph("unread", [x], [last.output], [first, every, unread, last])
    run = cuts_of(graph).flow(0, 4)
    assert run is not None
    assert run.limited == (True, True, True, False)
    replay(schedule(graph, HOST, ram=0))


def test_a_pushed_input_is_reshaped_when_all_of_it_is_there() -> None:
    x = value("x", (1, 2, 3, 4))
    reshaped = value("reshaped", (1, 3, 2, 4))
    alias = Node(get_op("Reshape"), "reshaped", [x], [reshaped], ReshapeAttrs(reshaped.type.shape), Source("", "", -1))
    steps = [node("first", [reshaped], FakeAttrs(RowWindow(), (1, 3, 2, 4), True))]
    steps.append(node("sum", [reshaped, steps[0].output], FakeAttrs(RowWindow(), (1, 3, 2, 4), True)))
    steps.append(node("again", [steps[1].output, steps[0].output], FakeAttrs(RowWindow(), (1, 3, 2, 4), True)))
    steps.append(node("last", [x], FakeAttrs(RowWindow(), (1, 2, 3, 1), True)))
    graph = Graph("reshaped", [x], [steps[2].output, steps[3].output], [alias, *steps])
    program = schedule(graph, HOST, ram=0, push=True)
    assert [group.by_rows for group in program.groups] == [False, True, False]
    replay(program)


def test_a_skip_connection_waits_in_a_ring() -> None:
    """A 1x1 beside two 3x3: the map that both read holds the rows by which the longer way lags behind."""
    x = value("x", (1, 24, 6, 4))
    first = wide("first", x, 16)
    long = wide("long", first.output, 16)
    longer = wide("longer", long.output, 16)
    total = node("sum", [longer.output, first.output], FakeAttrs(RowWindow(), longer.output.type.shape, True))
    last = wide("last", total.output, 2)
    nodes = [first, long, longer, total, last]
    (group,) = schedule(Graph("skip", [x], [last.output], nodes), HOST, ram=0).groups
    # They lend each other the place for the row that is waited for; the sum reads no row before it is in the ring.
    assert group.rings == {first.output: 3, long.output: 2, total.output: 2}
    assert set(group.area.fresh) == {first.output, long.output, total.output}
    assert list(group.area.values) == [longer.output]


@pytest.mark.parametrize("seed", [pytest.param(0, id="few"), pytest.param(1, marks=pytest.mark.exhaustive, id="many")])
def test_the_c_computes_the_same(seed: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Random networks in the least RAM and in a random budget, built for this computer, against layer by layer."""
    target = load_target("host")

    @settings(CHECKS, max_examples=500 if seed else 6)
    @given(st.data(), st.floats(0, 1))
    def check(data: st.DataObject, share: float) -> None:
        graph = random_int8_network(data)
        optimize(graph, target)
        if not graph.nodes or any(v.is_constant for v in graph.outputs):
            return
        inputs = samples(graph, 4, 0)
        layers = schedule(graph, target)
        folder = tmp_path_factory.mktemp("c")
        wanted = built(layers, folder / "layers").run(inputs)
        budget = int(share * layers.bytes)
        for number, (ram, push, again) in enumerate(((0, False, False), (budget, False, True), (0, True, True))):
            program = schedule(graph, target, ram=ram, push=push, recompute=again)
            replay(program)
            for a, b in zip(built(program, folder / str(number)).run(inputs), wanted, strict=True):
                np.testing.assert_array_equal(a, b)

    check()


def test_an_input_that_no_layer_takes_by_rows_is_gathered(tmp_path: Path) -> None:
    """A reshaped one, of which the outputs are other shapes: pushing it saves nothing, and works."""
    x = value("x", (1, 8, 4, 2))
    shaped = value("shaped", (1, 4, 8, 2))
    reshape = Node(get_op("Reshape"), "reshape", [x], [shaped], ReshapeAttrs((1, 4, 8, 2)), Source("Reshape"))
    ports = [Port("x", "int8", x.type.shape)], [Port("y", "int8", shaped.type.shape)]
    graph = Graph("g", [x], [shaped], [reshape], *ports)
    program = schedule(graph, HOST, ram=0, push=True)
    assert len(memory_blocks(program)) == 2
    frames = np.arange(128, dtype=np.int8).reshape(2, 8, 4, 2)
    (y,) = built(program, tmp_path).run([frames])
    np.testing.assert_array_equal(y.reshape(frames.shape), frames)


def built(program: Program, folder: Path) -> HostModel:
    write_project(generate(program, ModelFile("m", "m.onnx", "0" * 64)), folder)
    return HostModel(folder)
