"""clean-tables: Tables compose, vanish, or become clamps."""

from __future__ import annotations

import numpy as np
import pytest

from edgec.ir import Graph, Value
from edgec.ops.elementwise import BinaryAttrs
from edgec.ops.movement import PadAttrs, ReshapeAttrs
from edgec.ops.pool import PoolAttrs
from edgec.ops.softmax import SoftmaxAttrs
from edgec.ops.table import TableAttrs
from edgec.passes.clean_tables import CleanTables
from tests.passes.builders import Builder, Q, find, ops, run_pass
from tests.passes.interpret import interpret

CODES = np.arange(-128, 128)
X = CODES.astype(np.int8).reshape(1, 8, 8, 4)
SAME = Q(0.1, -20)


def table(b: Builder, x: Value, entries: np.ndarray, scale: float = 0.1) -> Value:  # type: ignore[type-arg]
    constant = b.constant("t", entries.astype(np.int8), Q(scale, -20))
    return b.node("Table", x, constant, attrs=TableAttrs("f"), quant=Q(scale, -20))


def added(b: Builder) -> Value:
    """x + x, a producer with a clamp."""
    x = b.input("x", 1, 8, 8, 4, quant=SAME)
    return b.node("Add", x, x, attrs=BinaryAttrs((-100, 127)), quant=SAME)


def check_same(graph: Graph, expected: list[str]) -> None:
    before = interpret(graph, [X])
    assert run_pass(CleanTables(), graph)
    assert ops(graph) == expected
    for now, then in zip(interpret(graph, [X]), before, strict=True):
        np.testing.assert_array_equal(now, then)


def test_chains_compose() -> None:
    b = Builder()
    y = table(b, b.input("x", 1, 8, 8, 4, quant=SAME), -CODES.clip(-127), 0.2)
    check_same(b.graph(table(b, y, CODES // 2, 0.3)), ["Table"])


def test_inner_table_stays_for_other_readers() -> None:
    b = Builder()
    y = table(b, b.input("x", 1, 8, 8, 4, quant=SAME), -CODES.clip(-127), 0.2)
    check_same(b.graph(table(b, y, CODES // 2, 0.3), y), ["Table", "Table"])


def test_identity_over_what_the_input_can_hold_vanishes() -> None:
    b = Builder()
    check_same(b.graph(table(b, added(b), CODES.clip(-100))), ["Add"])


def test_clamp_goes_into_the_producer_through_movement() -> None:
    b = Builder()
    y = b.node("MaxPool", added(b), attrs=PoolAttrs((2, 2), (2, 2)))
    y = b.node("Reshape", y, attrs=ReshapeAttrs((1, 64)))
    graph = b.graph(table(b, y, CODES.clip(-20, 50)))
    check_same(graph, ["Add", "MaxPool", "Reshape"])
    assert find(graph, "Add").attrs.clamp == (-20, 50)


def test_not_done_with_another_quantisation() -> None:
    b = Builder()
    assert not run_pass(CleanTables(), b.graph(table(b, added(b), CODES, 0.2)))


def test_not_done_with_another_quantisation_for_a_clamp() -> None:
    b = Builder()
    assert not run_pass(CleanTables(), b.graph(table(b, added(b), CODES.clip(0), 0.2)))


def test_clamp_not_done_with_a_second_reader() -> None:
    b = Builder()
    y = added(b)
    assert not run_pass(CleanTables(), b.graph(table(b, y, CODES.clip(0)), y))


def test_clamp_not_done_with_a_second_reader_of_the_movement() -> None:
    b = Builder()
    y = b.node("Reshape", added(b), attrs=ReshapeAttrs((1, 256)))
    assert not run_pass(CleanTables(), b.graph(table(b, y, CODES.clip(0)), y))


def test_clamp_not_done_without_a_clamp_to_take_it() -> None:
    b = Builder()
    x = b.input("x", 1, 8, 8, 4, quant=SAME)
    graph = b.graph(table(b, b.node("Softmax", x, attrs=SoftmaxAttrs(3), quant=SAME), CODES.clip(0)))
    assert not run_pass(CleanTables(), graph)


def test_identity_between_input_and_output_stays() -> None:
    b = Builder()
    assert not run_pass(CleanTables(), b.graph(table(b, b.input("x", 1, 8, 8, 4, quant=SAME), CODES)))


AROUND = PadAttrs((0, 1, 0, 0), (0, 0, 1, 0), value=0.5)


def test_table_behind_a_pad_goes_before_it() -> None:
    b = Builder()
    y = b.node("Pad", b.input("x", 1, 8, 8, 4, quant=SAME), attrs=AROUND)
    graph = b.graph(table(b, y, -CODES.clip(-127), 0.2))
    check_same(graph, ["Table", "Pad"])
    assert find(graph, "Pad").attrs.value == pytest.approx((15 + 20) * 0.2)  # 0.5 is -15, its negative 15


def test_table_stays_behind_a_pad_that_is_read_elsewhere() -> None:
    b = Builder()
    y = b.node("Pad", b.input("x", 1, 8, 8, 4, quant=SAME), attrs=AROUND)
    assert not run_pass(CleanTables(), b.graph(table(b, y, -CODES.clip(-127), 0.2), y))


def test_clamp_behind_a_pad_reaches_the_producer() -> None:
    b = Builder()
    y = b.node("Pad", added(b), attrs=AROUND)
    check_same(b.graph(table(b, y, CODES.clip(-20))), ["Add", "Pad"])
