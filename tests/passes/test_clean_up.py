"""merge-duplicates, remove-dead, quantize-borders, reshape-borders."""

from __future__ import annotations

import numpy as np

from edgec.ir import DType, QuantParams
from edgec.ops.activation import ClipAttrs
from edgec.ops.elementwise import BinaryAttrs
from edgec.ops.movement import ReshapeAttrs
from edgec.passes.merge_duplicates import MergeDuplicates
from edgec.passes.quantize_borders import QuantizeBorders
from edgec.passes.remove_dead import RemoveDead
from edgec.passes.reshape_borders import ReshapeBorders
from tests.passes.builders import Builder, floats, ops, run_pass
from tests.passes.interpret import as_model

FLAT = ReshapeAttrs((1, 12))


def test_duplicates_merge_with_equal_constants() -> None:
    b = Builder()
    x = b.input("x", 1, 4)
    one, same = (b.constant(name, np.float32([[2.0]])) for name in "ab")
    y, z = (b.node("Tanh", b.node("Relu", x)) for _ in range(2))
    y, z = (b.node("Mul", v, c, attrs=BinaryAttrs()) for v, c in ((y, one), (z, same)))
    graph = b.graph(b.node("Add", y, z, attrs=BinaryAttrs()))
    assert run_pass(MergeDuplicates(), graph)
    assert ops(graph) == ["Relu", "Tanh", "Mul", "Add"]


def test_duplicates_with_other_attributes_or_types_stay() -> None:
    b = Builder()
    x = b.input("x", 1, 4)
    clips = [b.node("Tanh", b.node("Clip", x, attrs=ClipAttrs(0.0, top))) for top in (1.0, 2.0)]
    graph = b.graph(*clips, b.quantize(x, 0.1, 0), b.quantize(x, 0.2, 0))
    assert not run_pass(MergeDuplicates(), graph)


def test_duplicates_not_done_for_an_output() -> None:
    b = Builder()
    x = b.input("x", 1, 4)
    graph = b.graph(b.node("Relu", x), b.node("Relu", x))
    assert not run_pass(MergeDuplicates(), graph)


def test_dead_nodes_go_and_inputs_stay() -> None:
    b = Builder()
    x, unused = b.input("x", 1, 4), b.input("unused", 1, 4)
    b.node("Tanh", b.node("Relu", unused))
    graph = b.graph(b.node("Relu", x))
    assert run_pass(RemoveDead(), graph)
    assert ops(graph) == ["Relu"]
    assert graph.inputs == [x, unused]
    assert not run_pass(RemoveDead(), graph)


def test_borders_become_int8() -> None:
    b = Builder()
    x = b.input("x", 3, 4)
    one, two = b.quantize(x, 0.1, 3), b.quantize(x, 0.1, 3)
    graph = b.graph(b.dequantize(b.node("Reshape", one, attrs=FLAT)), b.dequantize(b.node("Reshape", two, attrs=FLAT)))
    before = as_model(graph, [floats(3, 4)])
    assert run_pass(QuantizeBorders(), graph)
    assert ops(graph) == ["Reshape", "Reshape"]
    assert graph.inputs[0].type.dtype is DType.S8
    assert graph.input_ports[0].dtype == "float32"
    np.testing.assert_array_equal(as_model(graph, [floats(3, 4)]), before)


def test_borders_not_done_for_an_input_read_otherwise() -> None:
    b = Builder()
    x = b.input("x", 3, 4)
    assert not run_pass(QuantizeBorders(), b.graph(b.quantize(x, 0.1, 3), b.node("Relu", x)))
    b = Builder()
    x = b.input("x", 3, 4)
    assert not run_pass(QuantizeBorders(), b.graph(b.quantize(x, 0.1, 3), b.quantize(x, 0.2, 3)))


def test_borders_not_done_per_axis() -> None:
    b = Builder()
    quant = QuantParams((0.1, 0.2, 0.3), (0, 0, 0), 0)
    y = b.node("Reshape", b.node("QuantizeLinear", b.input("x", 3, 4), quant=quant), attrs=ReshapeAttrs((3, 4)))
    assert not run_pass(QuantizeBorders(), b.graph(b.dequantize(y)))


def test_reshapes_at_the_borders_go() -> None:
    b = Builder()
    x = b.node("Reshape", b.input("x", 3, 4), attrs=ReshapeAttrs((2, 6)))
    graph = b.graph(b.node("Reshape", b.node("Relu", x), attrs=FLAT))
    before = as_model(graph, [floats(3, 4)])
    assert run_pass(ReshapeBorders(), graph)
    assert ops(graph) == ["Relu"]
    assert graph.input_ports[0].shape == (3, 4)
    np.testing.assert_array_equal(as_model(graph, [floats(3, 4)]), before)


def test_reshape_of_an_input_read_elsewhere_stays() -> None:
    b = Builder()
    x = b.input("x", 3, 4)
    assert not run_pass(ReshapeBorders(), b.graph(b.node("Tanh", b.node("Reshape", x, attrs=FLAT)), b.node("Relu", x)))


def test_reshape_from_input_to_output_stays() -> None:
    b = Builder()
    assert not run_pass(ReshapeBorders(), b.graph(b.node("Reshape", b.input("x", 3, 4), attrs=FLAT)))


def test_reshaped_output_read_elsewhere_stays() -> None:
    b = Builder()
    y = b.node("Reshape", b.node("Relu", b.input("x", 3, 4)), attrs=FLAT)
    assert not run_pass(ReshapeBorders(), b.graph(y, b.node("Tanh", y)))


def test_reshape_of_another_output_stays() -> None:
    b = Builder()
    y = b.node("Relu", b.input("x", 3, 4))
    assert not run_pass(ReshapeBorders(), b.graph(b.node("Reshape", y, attrs=FLAT), y))
