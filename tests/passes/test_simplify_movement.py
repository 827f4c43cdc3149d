"""simplify-movement: movement that does nothing goes, chains merge."""

from __future__ import annotations

import numpy as np
import pytest

from edgec.ir import Graph
from edgec.ops.movement import ConcatAttrs, PadAttrs, ReshapeAttrs, SliceAttrs, TransposeAttrs
from edgec.passes.simplify_movement import SimplifyMovement
from tests.passes.builders import Builder, find, floats, ops, run_pass
from tests.passes.interpret import interpret

X = floats(1, 2, 3, 4)


def check_same(graph: Graph, expected: list[str]) -> None:
    before = interpret(graph, [X])
    assert run_pass(SimplifyMovement(), graph)
    assert ops(graph) == expected
    for now, then in zip(interpret(graph, [X]), before, strict=True):
        np.testing.assert_array_equal(now, then)


def test_chain_of_reshapes() -> None:
    b = Builder()
    y = b.input("x", 1, 2, 3, 4)
    for shape in ((6, 4), (24,), (1, 12, 2)):
        y = b.node("Reshape", y, attrs=ReshapeAttrs(shape))
    check_same(b.graph(y), ["Reshape"])


def test_chain_of_transposes() -> None:
    b = Builder()
    y = b.node("Transpose", b.input("x", 1, 2, 3, 4), attrs=TransposeAttrs((0, 3, 1, 2)))
    graph = b.graph(b.node("Transpose", y, attrs=TransposeAttrs((0, 3, 1, 2))))
    check_same(graph, ["Transpose"])
    assert find(graph, "Transpose").attrs.perm == (0, 2, 3, 1)


def test_inverse_transposes_cancel() -> None:
    b = Builder()
    y = b.node("Transpose", b.node("Relu", b.input("x", 1, 2, 3, 4)), attrs=TransposeAttrs((0, 3, 1, 2)))
    check_same(b.graph(b.node("Transpose", y, attrs=TransposeAttrs((0, 2, 3, 1)))), ["Relu"])


def test_transpose_of_single_axes_is_a_reshape() -> None:
    b = Builder()
    y = b.node("Reshape", b.input("x", 1, 2, 3, 4), attrs=ReshapeAttrs((1, 1, 6, 4)))
    check_same(b.graph(b.node("Transpose", y, attrs=TransposeAttrs((2, 1, 3, 0)))), ["Reshape"])


IDENTITIES = {
    "Reshape": ReshapeAttrs((1, 2, 3, 4)),
    "Transpose": TransposeAttrs((0, 1, 2, 3)),
    "Slice": SliceAttrs((0, 0, 0, 0), (-1, 1, 1, 1), (1, 2, 3, 4)),
    "Pad": PadAttrs((0,) * 4, (0,) * 4),
    "Concat": ConcatAttrs(1),
}


@pytest.mark.parametrize("op", IDENTITIES)
def test_identity(op: str) -> None:
    b = Builder()
    check_same(b.graph(b.node(op, b.node("Relu", b.input("x", 1, 2, 3, 4)), attrs=IDENTITIES[op])), ["Relu"])


def test_reversal_is_not_an_identity() -> None:
    b = Builder()
    y = b.node("Slice", b.input("x", 1, 2, 3, 4), attrs=SliceAttrs((0, 1, 0, 0), (1, -1, 1, 1), (1, 2, 3, 4)))
    assert not run_pass(SimplifyMovement(), b.graph(b.node("Relu", y)))


def test_first_of_two_stays_for_other_readers() -> None:
    b = Builder()
    y = b.node("Reshape", b.input("x", 1, 2, 3, 4), attrs=ReshapeAttrs((6, 4)))
    graph = b.graph(b.node("Relu", y), b.node("Reshape", y, attrs=ReshapeAttrs((24,))))
    check_same(graph, ["Reshape", "Relu", "Reshape"])


def test_identity_between_input_and_output_stays() -> None:
    b = Builder()
    graph = b.graph(b.node("Reshape", b.input("x", 1, 2, 3, 4), attrs=ReshapeAttrs((1, 2, 3, 4))))
    assert not run_pass(SimplifyMovement(), graph)
