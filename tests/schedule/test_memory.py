"""The arena is right when a byte-by-byte replay of every call finds each input byte where it was put."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from edgec.ir import DType, Graph, Node, QuantParams, Source, TensorType, Value
from edgec.ops import get_op
from edgec.ops.base import Kernel, NoAttrs, NoData, OpDef, RowWindow
from edgec.ops.movement import ReshapeAttrs
from edgec.passes.schedule import schedule
from edgec.passes.schedule.lower import choose_kernels, make_step
from edgec.passes.schedule.memory import area_buffers, kept_buffers, least_end, place, plan_buffers, size_of
from edgec.program import Group, Program
from edgec.step import Step, padding_bytes, working_bytes
from edgec.target import Core, Target

HOST = Target("host", "host", Core("host", "host", True, False, False, True, (), "", "", None), (), 0, None, None)
QUANT = QuantParams.per_tensor(0.1, 0)
TILE = 3  # pixels that a kernel with `columns` reads before it writes them
ONE = RowWindow()


@dataclass(frozen=True)
class FakeAttrs:
    """A row operator of any window: what the planner sees of a convolution."""

    window: RowWindow
    shape: tuple[int, ...]
    inplace: bool
    scratch: int = 0
    columns: RowWindow | None = None


def fake_op(attrs: FakeAttrs, inputs: int) -> OpDef[Any]:
    kernel: Kernel[Any] = Kernel(
        name="fake",
        family="fake",
        why_not=lambda node, core: None,
        geometry=lambda node, rows: NoAttrs(),
        data=lambda node: NoData(),
        flat=lambda node: attrs.window == RowWindow() and attrs.columns in (None, RowWindow()),
        inplace=attrs.inplace,
        scratch=lambda node: attrs.scratch,
        columns=lambda node: attrs.columns,
    )
    return OpDef(
        "Fake",
        FakeAttrs,
        lambda a, types: (TensorType(DType.S8, a.shape),),
        rows=lambda node: (attrs.window,) * inputs,
        kernels=(kernel,),
    )


def value(name: str, shape: tuple[int, ...]) -> Value:
    return Value(name, TensorType(DType.S8, shape, QUANT))


def node(name: str, inputs: list[Value], attrs: FakeAttrs) -> Node:
    return Node(fake_op(attrs, len(inputs)), name, inputs, [value(name, attrs.shape)], attrs, Source("Fake", name, 0))


@st.composite
def windows(draw: st.DrawFn, side: int) -> RowWindow:
    """A window that fits a side of so many rows or pixels."""
    size = draw(st.integers(1, min(3, side)))
    return RowWindow(size, draw(st.integers(1, 3)), draw(st.integers(0, size - 1)))


def length(side: int, window: RowWindow) -> int:
    return (side + 2 * window.pad - window.size) // window.stride + 1


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """Chains of row operators with residual sums and reshapes, of random geometry."""
    shape = (1, draw(st.integers(1, 9)), draw(st.integers(1, 5)), draw(st.integers(1, 4)))
    values = [value("x", shape)]
    nodes: list[Node] = []
    for number in range(draw(st.integers(1, 8))):
        source = values[draw(st.integers(max(0, len(values) - 3), len(values) - 1))]
        name, (_, height, width, channels) = f"n{number}", source.type.shape
        same = [other for other in values if other.type.shape == source.type.shape and other is not source]
        match draw(st.sampled_from(["window", "ordered", "inplace", "sum", "reshape"])):
            case "sum" if same:
                attrs = FakeAttrs(RowWindow(), source.type.shape, True)
                nodes.append(node(name, [source, draw(st.sampled_from(same))], attrs))
            case "reshape":
                new = (1, width, height, channels)
                attr = ReshapeAttrs(new)
                nodes.append(Node(get_op("Reshape"), name, [source], [value(name, new)], attr, Source("Reshape")))
            case "inplace":
                nodes.append(node(name, [source], FakeAttrs(RowWindow(), source.type.shape, True)))
            case "ordered":
                window, columns = (draw(windows(side)) for side in (height, width))
                out = (1, length(height, window), length(width, columns), draw(st.integers(1, 4)))
                nodes.append(node(name, [source], FakeAttrs(window, out, False, columns=columns)))
            case _:
                size = draw(st.integers(1, 4))
                window = RowWindow(size, draw(st.integers(1, 3)), draw(st.integers(0, size - 1)))
                rows = max(1, (height + 2 * window.pad - size) // window.stride + 1)
                out = (1, rows, draw(st.integers(1, 5)), draw(st.integers(1, 4)))
                nodes.append(node(name, [source], FakeAttrs(window, out, False, draw(st.sampled_from([0, 5, 40])))))
        values.append(nodes[-1].output)
    outputs = [values[-1]]
    return Graph("random", [values[0]], outputs, nodes)


def call_rows(step: Step, position: int, call: int) -> range:
    """Input rows that a call reads."""
    rows = step.node.inputs[position].type.rows
    if step.windows is None or step.calls == 1:
        return range(rows)
    window = step.windows[position]
    if step.rows_per_call > 1:  # joined: of elementwise operators and the like
        return range(call * step.rows_per_call, (call + 1) * step.rows_per_call)
    return range(max(0, window.first(call)), min(rows, window.last(call) + 1))


def moments(step: Step, position: int, call: int) -> list[tuple[list[range], range]]:
    """What a call reads of an input and then writes, moment by moment, both as bytes of the whole tensors.

    Kernels with `columns` take three pixels at a time, in order; others read everything while they write.
    """
    x, y = step.node.inputs[position].type, step.node.output.type
    rows, size = call_rows(step, position, call), x.row_elements
    start, stop = (number * step.rows_per_call * y.row_elements for number in (call, call + 1))
    columns = step.kernel.columns(step.node)
    if columns is None:
        return [([range(row * size, (row + 1) * size) for row in rows], range(start, stop))]
    result = []
    # Joined rows are one longer row.
    joined = step.rows_per_call > 1
    width, in_width = (t.shape[2] * (step.rows_per_call if joined else 1) for t in (y, x))
    pixel, in_pixel = (t.shape[3] for t in (y, x))
    for first in range(0, width, TILE):
        end = min(first + TILE, width)
        left, right = max(0, columns.first(first)), min(in_width, columns.last(end - 1) + 1)
        starts = [row * size for row in (rows[:1] if joined else rows)]
        reads = [range(at + left * in_pixel, at + right * in_pixel) for at in starts if left < right]
        result.append((reads, range(start + first * pixel, start + end * pixel)))
    return result


def replay(program: Program) -> None:
    """Run the calls on an arena whose bytes hold (value number, index), checking each byte that is read."""
    owner = {id(v): number for number, v in enumerate(program.placements)}
    for n in program.graph.nodes:
        if n.op.alias:
            owner[id(n.output)] = owner[id(n.inputs[0])]
    arena = np.full((program.bytes, 2), -1)

    def write(v: Value, start: int, stop: int) -> None:
        at = program.placements[v].offset
        arena[at + start : at + stop] = np.stack([np.full(stop - start, owner[id(v)]), np.arange(start, stop)], 1)

    for v in program.graph.inputs:
        write(v, 0, v.type.bytes)
    for step in program.steps:
        first_reads_all = step.kernel.inplace or step.kernel.columns(step.node) is not None
        for call in range(step.calls):
            for places, size in ((program.padding_at, padding_bytes(step)), (program.scratch_at, working_bytes(step))):
                if step.node in places:
                    at = places[step.node]
                    assert at + size <= len(arena)
                    arena[at : at + size] = -1
            for part in zip(*(moments(step, position, call) for position in range(len(step.node.inputs))), strict=True):
                written = part[0][1]
                if not first_reads_all:  # such a kernel may write its output before it has read all of its input
                    write(step.node.output, written.start, written.stop)
                for v, (reads, _) in zip(step.node.inputs, part, strict=True):
                    at = program.placements[v].offset
                    for read in reads:
                        seen = arena[at + read.start : at + read.stop]
                        assert (seen[:, 0] == owner[id(v)]).all(), f"{step.node} reads {v.name} overwritten"
                        assert (seen[:, 1] == np.arange(read.start, read.stop)).all()
                if first_reads_all:
                    write(step.node.output, written.start, written.stop)
    for v in program.graph.outputs:
        at = program.placements[v].offset
        assert (arena[at : at + v.type.bytes, 0] == owner[id(v)]).all()


@given(graphs())
def test_no_input_byte_is_overwritten_before_it_is_read(graph: Graph) -> None:
    replay(schedule(graph, HOST))


def test_elementwise_output_takes_the_place_of_its_input() -> None:
    x = value("x", (1, 8, 8, 4))
    graph = Graph("g", [x], [], [node("n", [x], FakeAttrs(RowWindow(), x.type.shape, True))])
    graph.outputs = [graph.nodes[0].output]
    assert schedule(graph, HOST).arena == x.type.bytes


def test_scratch_lies_where_nothing_is_alive() -> None:
    """The large first layer needs no scratch, the small second one does: it takes the place of the dead input."""
    x = value("x", (1, 8, 8, 4))
    first = node("a", [x], FakeAttrs(RowWindow(2, 2), (1, 4, 4, 4), False))
    second = node("b", [first.output], FakeAttrs(RowWindow(2, 2), (1, 2, 2, 4), False, 100))
    program = schedule(Graph("g", [x], [second.output], [first, second]), HOST)
    assert program.scratch == 0
    replay(program)


def test_shrinking_layer_needs_one_row_beside_its_input() -> None:
    x = value("x", (1, 16, 8, 4))
    graph = Graph("g", [x], [], [node("n", [x], FakeAttrs(RowWindow(3, 1, 1), (1, 16, 8, 2), False))])
    graph.outputs = [graph.nodes[0].output]
    # Output row i is written while input rows from i - 1 on are needed: one output row of 16 bytes and
    # the padding row's head start never exceed one input row of 32 bytes.
    assert schedule(graph, HOST).arena <= x.type.bytes + 32


def test_values_alive_together_lie_apart() -> None:
    x = value("x", (1, 4, 4, 4))
    first = node("a", [x], FakeAttrs(RowWindow(), x.type.shape, True))
    second = node("b", [x], FakeAttrs(RowWindow(), x.type.shape, True))
    total = node("c", [first.output, second.output], FakeAttrs(RowWindow(), x.type.shape, True))
    program = schedule(Graph("g", [x], [total.output], [first, second, total]), HOST)
    assert program.arena == 2 * x.type.bytes
    replay(program)


def test_residual_blocks_need_no_third_map() -> None:
    """Of blocks whose inner maps have fewer channels: two maps and a few rows are enough."""
    window = RowWindow(3, 1, 1)
    x = value("x", (1, 32, 32, 3))
    nodes = [node("stem", [x], FakeAttrs(window, (1, 32, 32, 16), False))]
    for number, channels in enumerate((14, 16, 14, 15, 16)):
        first = node(f"a{number}", [nodes[-1].output], FakeAttrs(window, (1, 32, 32, channels), False))
        second = node(f"b{number}", [first.output], FakeAttrs(window, (1, 32, 32, 16), False))
        shape = first.inputs[0].type.shape
        nodes += [first, second, node(f"sum{number}", [second.output, first.inputs[0]], FakeAttrs(ONE, shape, True))]
    program = schedule(Graph("g", [x], [nodes[-1].output], nodes), HOST)
    assert program.arena <= 2 * 16384 + 6 * 512
    replay(program)


@given(graphs())
def test_no_placement_ends_below_the_bound(graph: Graph) -> None:
    steps = [make_step(node, kernel) for node, kernel in choose_kernels(graph, HOST).items()]
    groups = [Group((step,)) for step in steps]
    scratch = (buffer for buffer in (*kept_buffers(groups), *area_buffers(groups)) if buffer)
    buffers = [*plan_buffers(graph, groups, {}), *scratch]
    place(buffers)
    assert size_of(buffers) >= least_end(buffers)
