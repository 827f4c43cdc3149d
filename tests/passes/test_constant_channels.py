"""constant-channels: what is the same for every input has no weights and the least bias."""

from __future__ import annotations

import numpy as np
import pytest

from edgec.ir import Array, Graph, QuantParams, Value
from edgec.ops.conv import ConvAttrs, largest_sum
from edgec.ops.elementwise import BinaryAttrs
from edgec.ops.gemm import GemmAttrs
from edgec.ops.pool import ReduceAttrs
from edgec.passes.constant_channels import ConstantChannels
from tests.passes.builders import Builder, Q, find, ops, run_pass
from tests.passes.interpret import interpret

INT32 = np.iinfo(np.int32)


def conv(b: Builder, x: Value, bias: list[int], *, scale: float = 0.01, clamp: tuple[int, int] = (-128, 127)) -> Value:
    """A 1x1 Conv with weights of 100 and one scale for all of them; 100 is one step of the output."""
    shape = (len(bias), 1, 1, x.type.shape[3])
    w = b.constant(f"w{len(b.nodes)}", np.full(shape, 100, np.int8), Q(scale, 0))
    constant = b.constant(f"b{len(b.nodes)}", np.array(bias, np.int32))
    return b.node("Conv", x, w, constant, attrs=ConvAttrs((1, 1), clamp=clamp), quant=Q(0.1, 3))


def start(b: Builder) -> Value:
    return b.input("x", 1, 2, 2, 1, quant=Q(0.1, 0))


def outputs(graph: Graph) -> Array:
    x = np.random.default_rng(0).integers(-128, 128, graph.inputs[0].type.shape).astype(np.int8)
    return interpret(graph, [x])[0]


@pytest.mark.parametrize("bias", [INT32.min, INT32.max])
def test_saturated_bias_of_a_dead_channel_becomes_its_output(bias: int) -> None:
    b = Builder()
    graph = b.graph(conv(b, start(b), [bias, 5], scale=1e-9))  # sums of 2^31 are an output of about 2
    assert largest_sum(find(graph, "Conv")) > INT32.max
    assert run_pass(ConstantChannels(), graph)
    node = find(graph, "Conv")
    assert largest_sum(node) < 256
    assert not node.inputs[1].array.any()
    assert node.inputs[2].array.tolist() == [2 if bias > 0 else -2, 0]
    assert np.all(outputs(graph) == [5 if bias > 0 else 1, 3])
    assert not run_pass(ConstantChannels(), graph)


def test_weights_with_zero_points_and_one_scale_keep_those_of_other_channels() -> None:
    b = Builder()
    x = b.input("x", 1, 6, quant=Q(0.1, -7))
    w = b.constant("w", np.arange(18, dtype=np.int8).reshape(3, 6), Q(0.01, 4))
    bias = b.constant("b", np.array([100, -500000, 7], np.int32))
    graph = b.graph(b.node("Gemm", x, w, bias, attrs=GemmAttrs((-20, 127)), quant=Q(0.02, 60)))
    before = outputs(graph)
    assert run_pass(ConstantChannels(), graph)
    weights, constant = find(graph, "Gemm").inputs[1:]
    assert weights.array.tolist() == [[0, 1, 2, 3, 4, 5], [4] * 6, [12, 13, 14, 15, 16, 17]]
    assert constant.array.tolist() == [100, -80, 7]
    scale = float(np.float32(0.01))
    assert weights.type.quant == QuantParams((scale, float(np.float32(0.02) / np.float32(0.1)), scale), (4,) * 3, 0)
    assert np.array_equal(outputs(graph), before)


def test_a_clamp_that_leaves_one_value_is_a_constant() -> None:
    b = Builder()
    graph = b.graph(conv(b, start(b), [0, 0], clamp=(9, 9)))
    assert run_pass(ConstantChannels(), graph)
    assert find(graph, "Conv").inputs[2].array.tolist() == [6, 6]


def test_not_done_when_inputs_give_different_values() -> None:
    b = Builder()
    # All sums are about 3.5 after scaling, some just below, some just above: they round to different integers.
    graph = b.graph(conv(b, start(b), [INT32.max], scale=3.5 / 2**31))
    assert not run_pass(ConstantChannels(), graph)
    assert find(graph, "Conv").inputs[2].array[0] == INT32.max


def test_not_done_when_the_border_differs() -> None:
    b = Builder()
    x = conv(b, start(b), [2000], clamp=(50, 50))
    w = b.constant("w", np.full((1, 3, 3, 1), 100, np.int8), Q(0.001, 0))
    y = b.node("Conv", x, w, b.constant("b", np.zeros(1, np.int32)), attrs=ConvAttrs((3, 3), pads=(1, 1, 1, 1)))
    same = b.node("Conv", x, w, b.constant("b2", np.zeros(1, np.int32)), attrs=ConvAttrs((3, 3), pads=(2, 2, 2, 2)))
    graph = b.graph(y, same)
    assert run_pass(ConstantChannels(), graph)
    constant = [not node.inputs[1].array.any() for node in graph.nodes]
    assert constant == [True, True, False]  # of 2x2 pixels, a window with pads of 1 always has all four inside


def gate(op: str, *, clamp: tuple[int, int]) -> Graph:
    """x times, or whatever, a gate that is constant with a narrow clamp."""
    b = Builder()
    x = conv(b, start(b), [0, 0, 0])
    mean = b.node("ReduceMean", x, attrs=ReduceAttrs((1, 2)))
    return b.graph(b.node(op, x, conv(b, mean, [0, 0, 0], clamp=clamp), attrs=BinaryAttrs(), quant=Q(0.2, 0)))


@pytest.mark.parametrize("op", ["Add", "Sub", "Mul", "Div"])
def test_a_constant_operand_is_not_computed(op: str) -> None:
    graph = gate(op, clamp=(40, 40))
    before, macs = outputs(graph), sum(node.op.macs(node) for node in graph.nodes)
    assert run_pass(ConstantChannels(), graph)
    assert ops(graph) == ["Conv", op]
    constant = graph.nodes[1].inputs[1]
    assert (constant.type.shape, constant.array.tolist()) == ((1, 1, 1, 3), [[[[40, 40, 40]]]])
    assert np.array_equal(outputs(graph), before)
    (mean,) = graph.removed
    assert (mean.channels_before, mean.channels_after) == (3, 0)
    assert macs == mean.macs + sum(node.op.macs(node) for node in graph.nodes)


def test_not_done_when_one_channel_of_the_operand_varies() -> None:
    assert not run_pass(ConstantChannels(), gate("Mul", clamp=(40, 41)))


def both_constant() -> tuple[Builder, Value]:
    b = Builder()
    x = start(b)
    return b, b.node("Add", conv(b, x, [0], clamp=(9, 9)), conv(b, x, [0], clamp=(7, 7)), attrs=BinaryAttrs())


def test_not_done_when_both_operands_are_constant() -> None:
    b, y = both_constant()
    graph = b.graph(y)
    run_pass(ConstantChannels(), graph)
    assert ops(graph) == ["Conv", "Conv", "Add"]


def test_of_two_additions_of_constants_only_the_last_is_left() -> None:
    b, y = both_constant()
    graph = b.graph(b.node("Add", y, b.inputs[0], attrs=BinaryAttrs()))
    before = outputs(graph)
    assert run_pass(ConstantChannels(), graph)
    assert ops(graph) == ["Add"]
    assert np.array_equal(outputs(graph), before)


def test_not_done_when_the_operand_gives_height_and_width() -> None:
    b = Builder()
    x = b.input("x", 1, 1, 1, 3, quant=Q(0.1, 0))
    wide = b.input("wide", 1, 4, 4, 3, quant=Q(0.1, 0))
    graph = b.graph(b.node("Mul", x, conv(b, wide, [0, 0, 0], clamp=(9, 9)), attrs=BinaryAttrs()))
    run_pass(ConstantChannels(), graph)
    assert ops(graph) == ["Conv", "Mul"]
