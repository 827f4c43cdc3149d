"""move-quantization: movement runs on int8."""

from __future__ import annotations

import numpy as np
import pytest

from edgec.ir import DType, Graph, Value
from edgec.ops.activation import ClipAttrs
from edgec.ops.gemm import GemmAttrs
from edgec.ops.movement import ConcatAttrs, DepthToSpaceAttrs, PadAttrs, ReshapeAttrs, SliceAttrs, TransposeAttrs
from edgec.ops.pool import PoolAttrs
from edgec.ops.resize import ResizeAttrs
from edgec.passes.move_quantization import MoveQuantization
from tests.passes.builders import Builder, Q, find, floats, ops, run_pass
from tests.passes.interpret import interpret

MOVES = {
    "Transpose": TransposeAttrs((0, 3, 1, 2)),
    "Reshape": ReshapeAttrs((1, 8, 8)),
    "Slice": SliceAttrs((0, 1, 0, 3), (1, 1, 2, -1), (1, 2, 2, 2)),
    "Pad": PadAttrs((0, 1, 0, 0), (0, 0, 1, 0), value=0.5),
    "MaxPool": PoolAttrs((2, 2), pads=(1, 1, 0, 0)),
    "DepthToSpace": DepthToSpaceAttrs(2),
    "Resize": ResizeAttrs((8, 8), (2.0, 2.0)),
}
X = floats(1, 4, 4, 4)


def check_moved_as_int8(graph: Graph, inputs: list[np.ndarray]) -> None:  # type: ignore[type-arg]
    before = interpret(graph, inputs)
    assert run_pass(MoveQuantization(), graph)
    moved = [node for node in graph.nodes if node.op.name in (*MOVES, "Concat")]
    assert moved
    assert all(node.output.type.dtype is DType.S8 for node in moved)
    for now, then in zip(interpret(graph, inputs), before, strict=True):
        np.testing.assert_array_equal(now, then)


@pytest.mark.parametrize("op", MOVES)
def test_dequantize_sinks(op: str) -> None:
    b = Builder()
    x = b.dequantize(b.input("x", 1, 4, 4, 4, quant=Q(0.25, 7)))
    graph = b.graph(b.node(op, x, attrs=MOVES[op]))
    check_moved_as_int8(graph, [np.arange(-32, 32, dtype=np.int8).reshape(1, 4, 4, 4)])


@pytest.mark.parametrize("op", MOVES)
def test_functions_and_quantize_rise(op: str) -> None:
    b = Builder()
    y = b.node(op, b.node("Tanh", b.input("x", 1, 4, 4, 4)), attrs=MOVES[op])
    y = b.node("Clip", b.node("Relu", y), attrs=ClipAttrs(0.1, 0.4))
    check_moved_as_int8(b.graph(b.quantize(y, 0.01, -5)), [X])


def test_concat_with_a_constant_of_the_same_scale() -> None:
    b = Builder()
    x = b.dequantize(b.input("x", 1, 4, quant=Q(0.25, 7)))
    c = b.constant("c", np.float32([[0.5, -1.25]]))
    check_moved_as_int8(b.graph(b.node("Concat", x, c, attrs=ConcatAttrs(1))), [np.int8([[1, 2, 3, 4]])])


def concat_of_two_scales(b: Builder) -> Value:
    a = b.dequantize(b.input("a", 1, 4, quant=Q(0.25, 7)))
    c = b.dequantize(b.input("c", 1, 4, quant=Q(0.5, 0)))
    return b.node("Concat", a, c, attrs=ConcatAttrs(1))


def test_concat_of_two_scales_takes_the_one_behind() -> None:
    b = Builder()
    graph = b.graph(b.quantize(concat_of_two_scales(b), 0.3, 1))
    check_moved_as_int8(graph, [np.int8([[1, 2, 3, 4]]), np.int8([[9, 8, -7, 6]])])


def test_readers_with_different_scales_get_a_copy_each() -> None:
    b = Builder()
    y = b.node("Reshape", b.node("Tanh", b.input("x", 1, 4, 4, 4)), attrs=MOVES["Reshape"])
    check_moved_as_int8(b.graph(b.quantize(y, 0.01, 0), b.quantize(y, 0.02, 0)), [X])


def test_not_done_for_concat_of_two_scales_without_quantize() -> None:
    b = Builder()
    assert not run_pass(MoveQuantization(), b.graph(concat_of_two_scales(b)))


def test_not_done_for_a_pad_value_between_two_steps() -> None:
    b = Builder()
    x = b.dequantize(b.input("x", 1, 4, quant=Q(0.25, 7)))
    graph = b.graph(b.node("Pad", x, attrs=PadAttrs((0, 1), (0, 0), value=0.3)))
    assert not run_pass(MoveQuantization(), graph)


def test_not_done_where_the_moved_reals_are_read_otherwise() -> None:
    b = Builder()
    y = b.node("Reshape", b.node("Tanh", b.input("x", 1, 4)), attrs=ReshapeAttrs((4, 1)))
    graph = b.graph(b.quantize(y, 0.01, 0), b.node("Gemm", y, b.constant("w", floats(2, 1)), attrs=GemmAttrs()))
    assert not run_pass(MoveQuantization(), graph)


def test_not_done_for_an_interpolating_resize() -> None:
    b = Builder()
    x = b.dequantize(b.input("x", 1, 4, 4, 2, quant=Q(0.25, 7)))
    graph = b.graph(b.quantize(b.node("Resize", x, attrs=ResizeAttrs((8, 8), (2.0, 2.0), "linear")), 0.2, 0))
    assert not run_pass(MoveQuantization(), graph)
    assert find(graph, "Resize").output.type.dtype is DType.F32
    assert ops(graph) == ["DequantizeLinear", "Resize", "QuantizeLinear"]


def test_names_stay_with_the_integers_in_front_of_a_transpose() -> None:
    b = Builder()
    y = b.quantize(b.node("Transpose", b.node("Tanh", b.input("x", 1, 4, 4, 4)), attrs=MOVES["Transpose"]), 0.01, 0)
    name = y.name
    graph = b.graph(y)
    run_pass(MoveQuantization(), graph)
    assert find(graph, "QuantizeLinear").output.name == name
    assert find(graph, "Transpose").output.name != name
