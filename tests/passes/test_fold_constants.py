"""fold-constants: what becomes a constant, and what stays DequantizeLinear(constant)."""

from __future__ import annotations

import numpy as np

from edgec.ir import QuantParams
from edgec.ops.conv import ConvAttrs
from edgec.ops.elementwise import BinaryAttrs
from edgec.ops.gemm import GemmAttrs
from edgec.ops.movement import ConcatAttrs, PadAttrs, ReshapeAttrs, SliceAttrs, TransposeAttrs
from edgec.passes import fold_constants
from edgec.passes.fold_constants import FoldConstants
from tests.passes.builders import Builder, Q, find, floats, ops, run_pass
from tests.passes.interpret import interpret


def test_elementwise_and_movement_of_reals_are_computed() -> None:
    b = Builder()
    x = b.input("x", 2, 6)
    c = b.node("Mul", b.constant("a", floats(1, 3)), b.constant("b", floats(2, 3, seed=1)), attrs=BinaryAttrs())
    c = b.node("Concat", c, b.constant("c", floats(2, 3, seed=2)), attrs=ConcatAttrs(1))
    c = b.node("Slice", c, attrs=SliceAttrs((1, 5), (1, -1), (1, 6)))
    c = b.node("Pad", c, attrs=PadAttrs((1, 0), (0, 0), value=2.5))
    graph = b.graph(b.node("Add", x, c, attrs=BinaryAttrs()))
    before = interpret(graph, [floats(2, 6, seed=3)])
    assert run_pass(FoldConstants(), graph)
    assert ops(graph) == ["Add"]
    np.testing.assert_array_equal(interpret(graph, [floats(2, 6, seed=3)])[0], before[0])


def test_weights_stay_int8_behind_transpose_and_reshape() -> None:
    b = Builder()
    x = b.input("x", 1, 5, 5, 4)
    w = b.node("Transpose", b.weights("w", 6, 4, 3, 3), attrs=TransposeAttrs((0, 2, 3, 1)))
    graph = b.graph(b.node("Conv", x, w, attrs=ConvAttrs((3, 3))))
    before = interpret(graph, [floats(1, 5, 5, 4)])
    assert run_pass(FoldConstants(), graph)
    assert ops(graph) == ["DequantizeLinear", "Conv"]
    (constant,) = graph.nodes[0].inputs
    assert constant.type.shape == (6, 3, 3, 4)
    assert constant.type.quant is not None
    assert constant.type.quant.axis == 0
    np.testing.assert_array_equal(interpret(graph, [floats(1, 5, 5, 4)])[0], before[0])


def test_axis_of_the_scales_moves_with_a_transpose() -> None:
    b = Builder()
    x = b.input("x", 1, 4)
    w = b.node("Transpose", b.weights("w", 4, 6, axis=1), attrs=TransposeAttrs((1, 0)))
    graph = b.graph(b.node("Gemm", x, w, attrs=GemmAttrs()))
    before = interpret(graph, [floats(1, 4)])
    run_pass(FoldConstants(), graph)
    quant = graph.nodes[0].inputs[0].type.quant
    assert quant is not None
    assert quant.axis == 0
    np.testing.assert_array_equal(interpret(graph, [floats(1, 4)])[0], before[0])


def test_quantised_float_weights_become_int8_per_axis() -> None:
    b = Builder()
    x = b.input("x", 1, 4)
    quant = QuantParams((0.5, 0.25), (0, 3), 0)
    q = b.node("QuantizeLinear", b.constant("w", floats(2, 4)), quant=quant)
    graph = b.graph(b.node("Gemm", x, b.dequantize(q), attrs=GemmAttrs()))
    run_pass(FoldConstants(), graph)
    assert ops(graph) == ["DequantizeLinear", "Gemm"]
    expected = np.rint(floats(2, 4) / np.float32([[0.5], [0.25]])) + np.int8([[0], [3]])
    np.testing.assert_array_equal(graph.nodes[0].inputs[0].array, expected)


def test_not_done_for_dequantize_of_weights() -> None:
    b = Builder()
    graph = b.graph(b.node("Gemm", b.input("x", 1, 4), b.weights("w", 3, 4), attrs=GemmAttrs()))
    assert not run_pass(FoldConstants(), graph)


def test_not_done_where_a_reshape_merges_the_axis_of_the_scales() -> None:
    b = Builder()
    w = b.node("Reshape", b.weights("w", 2, 3, 4, axis=1), attrs=ReshapeAttrs((6, 4)))
    graph = b.graph(b.node("Gemm", b.input("x", 1, 4), w, attrs=GemmAttrs()))
    # The rest of the rule still holds: the reals are computed, and check-int8 tells of float weights.
    run_pass(FoldConstants(), graph)
    assert find(graph, "Gemm").inputs[1].is_constant
    assert "DequantizeLinear" not in ops(graph)


def test_not_done_where_the_result_would_fill_the_flash(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(fold_constants, "LARGEST_RETAINED", 8)
    b = Builder()
    wide = b.node("Pad", b.constant("c", floats(1, 2)), attrs=PadAttrs((0, 7), (0, 0)))
    graph = b.graph(b.node("Add", b.input("x", 1, 9), wide, attrs=BinaryAttrs()))
    assert not run_pass(FoldConstants(), graph)


def test_integer_constants_of_two_quantisations_are_not_joined() -> None:
    b = Builder()
    codes = np.arange(4, dtype=np.int8).reshape(1, 4)
    joined = b.node(
        "Concat", b.constant("a", codes, Q(0.5, 0)), b.constant("b", codes, Q(0.25, 0)), attrs=ConcatAttrs(1)
    )
    graph = b.graph(b.node("Add", b.input("x", 1, 8), b.dequantize(joined), attrs=BinaryAttrs()))
    assert not run_pass(FoldConstants(), graph)
