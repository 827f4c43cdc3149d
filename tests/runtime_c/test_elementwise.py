"""Add, Sub, Mul, Div and Table kernels against numpy: every broadcast, every pair of int8 values, no fused sums."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgec.ir import Array, Graph, QuantParams, Value
from edgec.ops.base import RowWindow
from edgec.ops.elementwise import AXES, BinaryAttrs, binary_rows, binary_s8, broadcast_loops
from edgec.ops.table import TableAttrs
from edgec.passes.schedule import schedule
from edgec.program import Program
from tests.graphs import HOST
from tests.runtime_c.harness import LAYOUTS, activation, check, constant, one_node, random_inputs, taking

FUNCTIONS = {"Add": np.add, "Sub": np.subtract, "Mul": np.multiply, "Div": np.divide}
ZERO_POINTS = st.sampled_from([-128, -3, 0, 127])
SCALES = st.sampled_from([0.0078125, 0.02, 0.043137256, 1.7])
LIMIT = 4194303


def real(q: Array, value: Value) -> Array:
    assert value.type.quant is not None
    scale, zero_point = value.type.quant.scalar
    return (q.astype(np.int32) - zero_point).astype(np.float32) * scale


def expected(graph: Graph, batches: list[Array]) -> Array:
    """float32, each operation rounded once; 0 / 0 gives the lowest value."""
    (node,) = graph.nodes
    queue = iter(batches)
    computed: dict[int, Array] = {}
    for value in node.inputs:
        if id(value) not in computed:
            computed[id(value)] = value.array[None] if value.is_constant else next(queue)
    a, b = (real(computed[id(value)], value) for value in node.inputs)
    quant = node.output.type.quant
    assert quant is not None
    scale, zero_point = quant.scalar
    with np.errstate(all="ignore"):
        y = FUNCTIONS[node.op.name](a, b) / scale
    y = np.nan_to_num(np.rint(y.astype(np.float64)), nan=-LIMIT)
    result = np.clip(np.clip(y, -LIMIT, LIMIT) + zero_point, *node.attrs.clamp).astype(np.int8)
    return np.broadcast_to(result, (len(batches[0]), *node.output.type.shape))


@st.composite
def broadcasts(draw: st.DrawFn) -> Graph:
    """Shapes that broadcast in any way, rank 1 to 5, one input perhaps constant."""
    full = [1, *(draw(st.integers(1, 4)) for _ in range(draw(st.integers(0, 4))))]
    if draw(st.integers(0, 4)) == 0:
        full[0] = draw(st.integers(2, 3))
    shapes = [tuple(1 if draw(st.integers(0, 2)) == 0 else size for size in full) for _ in range(2)]
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    inputs = [
        activation(name, shape, draw(SCALES), draw(ZERO_POINTS)) for name, shape in zip("ab", shapes, strict=True)
    ]
    frozen = draw(st.sampled_from([None, None, 0, 1]))
    if frozen is not None:
        value = inputs[frozen]
        data = rng.integers(-128, 128, value.type.shape).astype(np.int8)
        inputs[frozen] = constant(value.name, data, value.type.quant)
    attrs = BinaryAttrs(draw(st.sampled_from([(-128, 127), (-10, 20)])))
    quant = QuantParams.per_tensor(draw(SCALES), draw(ZERO_POINTS))
    return one_node(draw(st.sampled_from(sorted(FUNCTIONS))), attrs, inputs, quant)


@given(graph=broadcasts(), layout=st.sampled_from(LAYOUTS))
def test_broadcasts(graph: Graph, layout: str) -> None:
    if binary_s8(graph.nodes[0], HOST.core) is not None:
        loops = broadcast_loops(*(value.type.shape for value in graph.nodes[0].inputs))
        assert len(loops) > AXES
        return
    inputs = random_inputs(graph, np.random.default_rng(0))
    check(graph, inputs, expected(graph, inputs), layout)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ((1, 5, 4, 3), (1, 5, 4, 3)),
        ((1, 5, 4, 3), (1, 1, 1, 3)),
        ((1, 5, 4, 3), (1, 1, 1, 1)),
        ((1, 5, 1, 1), (1, 1, 1, 3)),
        ((1, 1, 4, 3), (1, 5, 1, 3)),
        ((1, 1, 4, 3), (1, 5, 4, 3)),
        ((2, 3, 1, 3), (2, 1, 4, 1)),
    ],
    ids=str,
)
@pytest.mark.parametrize("frozen", [None, 0, 1], ids=["computed", "a constant", "b constant"])
def test_usual_broadcasts(a: tuple[int, ...], b: tuple[int, ...], frozen: int | None) -> None:
    inputs = [activation("a", a), activation("b", b, 0.07, 12)]
    if frozen is not None:
        data = np.random.default_rng(1).integers(-128, 128, inputs[frozen].type.shape).astype(np.int8)
        inputs[frozen] = constant("ab"[frozen], data, inputs[frozen].type.quant)
    graph = one_node("Sub", BinaryAttrs(), inputs, QuantParams.per_tensor(0.05, 5))
    batches = random_inputs(graph, np.random.default_rng(0))
    check(graph, batches, expected(graph, batches))


@pytest.mark.parametrize("op", FUNCTIONS)
@pytest.mark.parametrize("scales", [(0.0123, 0.0456, 0.0301), (0.5, 0.25, 0.125), (3e-5, 1e-4, 1e-6)], ids=str)
def test_every_pair_of_values(op: str, scales: tuple[float, float, float]) -> None:
    """256 x 256 pairs, halves and divisions by zero among them."""
    a, b = activation("a", (1, 256, 1, 1), scales[0], -7), activation("b", (1, 1, 256, 1), scales[1], 100)
    graph = one_node(op, BinaryAttrs(), [a, b], QuantParams.per_tensor(scales[2], -20))
    every = np.arange(-128, 128).astype(np.int8)
    batches = [every.reshape(1, 1, 256, 1, 1), every.reshape(1, 1, 1, 256, 1)]
    check(graph, batches, expected(graph, batches), "packed")


@pytest.mark.parametrize("op", ["Add", "Sub", "Mul"])
@pytest.mark.parametrize(
    ("scales", "clamp"),
    [
        ((0.0123, 0.0456, 0.0301), (-128, 127)),
        ((0.5, 0.25, 0.125), (-128, 127)),
        ((0.00437, 0.0048, 0.0048), (-10, 20)),
        ((3e-5, 1e-4, 1e-6), (-128, 127)),
    ],
    ids=str,
)
def test_every_pair_side_by_side(op: str, scales: tuple[float, float, float], clamp: tuple[int, int]) -> None:
    """256 x 256 pairs as elements of two tensors of one shape, which kernels take in words; 3 more for the rest."""
    count = 256 * 256 + 3
    a, b = activation("a", (1, 1, 1, count), scales[0], -7), activation("b", (1, 1, 1, count), scales[1], 100)
    graph = one_node(op, BinaryAttrs(clamp), [a, b], QuantParams.per_tensor(scales[2], -20))
    pairs = np.arange(count)
    batches = [(part % 256 - 128).astype(np.int8).reshape(1, 1, 1, 1, count) for part in (pairs // 256, pairs)]
    check(graph, batches, expected(graph, batches), "packed")


@pytest.mark.parametrize(
    ("b", "scale", "taken"),
    [
        ((1, 5, 4, 3), 0.0456, True),
        ((1, 1, 1, 3), 0.0456, True),
        ((1, 5, 4, 1), 0.0456, False),  # b stands still along the last axis
        ((1, 5, 4, 3), 0.0123 * 11 / 12, False),  # pairs at a half, now rounded up, now down
    ],
    ids=str,
)
def test_what_integers_take(b: tuple[int, ...], scale: float, taken: bool) -> None:
    inputs = [activation("a", (1, 5, 4, 3), 0.0123), activation("b", b, scale, 100)]
    graph = one_node("Add", BinaryAttrs(), inputs, QuantParams.per_tensor(0.0123, -20))
    assert ("ec_add_s8_dsp" in taking(graph)) == taken


def test_a_value_times_itself() -> None:
    x = activation("x", (1, 4, 4, 3), 0.1, 7)
    graph = one_node("Mul", BinaryAttrs(), [x, x], QuantParams.per_tensor(0.2, -128))
    batches = random_inputs(graph, np.random.default_rng(0))
    check(graph, batches, expected(graph, batches))


def row_rule(a: tuple[int, ...], b: tuple[int, ...], frozen: bool = False) -> tuple[RowWindow, ...] | None:
    second = activation("b", b)
    if frozen:
        second = constant("b", np.zeros(b, np.int8), second.type.quant)
    return binary_rows(
        one_node("Add", BinaryAttrs(), [activation("a", a), second], QuantParams.per_tensor(1, 0)).nodes[0]
    )


def test_row_rules() -> None:
    """An input of one row is read again for every row of the output."""
    same, again = RowWindow(), RowWindow(stride=0)
    assert row_rule((1, 5, 4, 3), (1, 5, 4, 3)) == (same, same)
    assert row_rule((1, 5, 4, 3), (1, 1, 4, 3)) == (same, again)
    assert row_rule((1, 1, 4, 3), (1, 5, 1, 1)) == (again, same)
    assert row_rule((1, 5, 4, 3), (1, 1, 1, 3), frozen=True) == (same,)
    assert row_rule((1, 5, 4, 3), (1, 5, 1, 1), frozen=True) is None
    assert row_rule((2, 5, 4), (2, 5, 4)) is None
    assert [window.first(7) for window in (same, again)] == [7, 0]


def arena(graph: Graph) -> tuple[Program, list[int]]:
    program = schedule(graph, HOST)
    return program, [program.placements[value].offset for value in (*graph.inputs, *graph.outputs)]


def test_output_takes_the_place_of_a_dying_input_only_where_it_may() -> None:
    equal = one_node("Add", BinaryAttrs(), [activation("a", (1, 4, 4, 4)), activation("b", (1, 4, 4, 4))], quant())
    program, (a, _, y) = arena(equal)
    assert a == y
    assert program.arena == 128
    table = one_node("Table", TableAttrs("Tanh"), [activation("x", (1, 4, 4, 4)), any_table()], quant())
    program, (x, y) = arena(table)
    assert x == y
    assert program.arena == 64
    repeated = one_node("Add", BinaryAttrs(), [activation("a", (1, 1, 4, 4)), activation("b", (1, 4, 4, 4))], quant())
    _, (a, _, y) = arena(repeated)
    assert y + 64 <= a or a + 16 <= y


def quant() -> QuantParams:
    return QuantParams.per_tensor(0.05, 5)


def any_table() -> Value:
    rng = np.random.default_rng(3)
    return constant("table", rng.permutation(np.arange(-128, 128)).astype(np.int8), quant())


@pytest.mark.parametrize("shape", [(7,), (1, 11), (1, 5, 3), (1, 3, 4, 5), (2, 3, 4, 5)], ids=str)
def test_table(shape: tuple[int, ...]) -> None:
    table = any_table()
    graph = one_node("Table", TableAttrs("Tanh"), [activation("x", shape), table], quant())
    batches = random_inputs(graph, np.random.default_rng(0))
    check(graph, batches, table.array[batches[0].astype(np.int32) + 128])


def test_table_of_every_value() -> None:
    table = any_table()
    graph = one_node("Table", TableAttrs("Tanh"), [activation("x", (1, 256)), table], quant())
    every = np.arange(-128, 128).astype(np.int8).reshape(1, 1, 256)
    check(graph, [every], table.array.reshape(1, 1, 256))


@pytest.mark.parametrize(
    "change", [{"quant": QuantParams((0.1, 0.2), (0, 0), 1)}, {"quant": None}], ids=["per channel", "not quantised"]
)
def test_inputs_without_one_scale_are_refused(change: dict[str, QuantParams | None]) -> None:
    b = activation("b", (1, 2))
    b = constant("b", np.zeros((1, 2), np.int8), change["quant"])
    graph = one_node("Add", BinaryAttrs(), [activation("a", (1, 2)), b], quant())
    assert binary_s8(graph.nodes[0], HOST.core) == "takes one scale a tensor, 'b' has not"
