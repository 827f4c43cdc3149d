"""fold-batch-norm and fuse-bias: constants behind a Conv or Gemm go into it."""

from __future__ import annotations

import numpy as np
import pytest

from edgec.ir import Graph
from edgec.ops.conv import ConvAttrs
from edgec.ops.elementwise import BinaryAttrs
from edgec.ops.gemm import GemmAttrs
from edgec.passes.fold_batch_norm import FoldBatchNorm
from edgec.passes.fuse_bias import FuseBias
from tests.passes.builders import Builder, Q, find, floats, ops, run_pass
from tests.passes.interpret import interpret

BINARY = BinaryAttrs()


def conv_mul_add(*, shape: tuple[int, ...] = (1, 1, 1, 4), bias: bool = True) -> Graph:
    b = Builder()
    inputs = [b.input("x", 1, 5, 5, 2), b.constant("w", floats(4, 3, 3, 2))]
    inputs += [b.constant("b", floats(4, seed=1))] if bias else []
    y = b.node("Conv", *inputs, attrs=ConvAttrs((3, 3)))
    y = b.node("Mul", y, b.constant("scale", floats(*shape, seed=2)), attrs=BINARY)
    return b.graph(b.node("Add", b.constant("shift", floats(*shape, seed=3)), y, attrs=BINARY))


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("shape", [(1, 1, 1, 4), (1, 1, 1, 1)])
def test_batch_norm_becomes_weights_and_bias(bias: bool, shape: tuple[int, ...]) -> None:
    graph = conv_mul_add(shape=shape, bias=bias)
    before = interpret(graph, [floats(1, 5, 5, 2, seed=4)])
    assert run_pass(FoldBatchNorm(), graph)
    assert run_pass(FuseBias(), graph)
    assert ops(graph) == ["Conv"]
    np.testing.assert_allclose(interpret(graph, [floats(1, 5, 5, 2, seed=4)])[0], before[0], atol=1e-5)


def test_batch_norm_not_done_for_int8_weights() -> None:
    b = Builder()
    y = b.node("Gemm", b.input("x", 1, 4), b.weights("w", 3, 4), attrs=GemmAttrs())
    graph = b.graph(b.node("Mul", y, b.constant("scale", floats(1, 3)), attrs=BINARY))
    assert not run_pass(FoldBatchNorm(), graph)


def test_batch_norm_not_done_with_a_second_reader() -> None:
    b = Builder()
    y = b.node("Gemm", b.input("x", 1, 4), b.constant("w", floats(3, 4)), attrs=GemmAttrs())
    graph = b.graph(b.node("Mul", y, b.constant("scale", floats(1, 3)), attrs=BINARY), b.node("Relu", y))
    assert not run_pass(FoldBatchNorm(), graph)


@pytest.mark.parametrize("shape", [(1, 3, 1, 1), (1, 1, 3, 4)])
def test_neither_is_done_along_another_axis(shape: tuple[int, ...]) -> None:
    graph = conv_mul_add(shape=shape)
    assert not run_pass(FoldBatchNorm(), graph)
    assert not run_pass(FuseBias(), graph)


def test_bias_of_an_integer_constant_stays_integer() -> None:
    b = Builder()
    y = b.node("Gemm", b.input("x", 1, 4), b.weights("w", 3, 4), attrs=GemmAttrs())
    # 2^24 + 1 has no float32: the bias must not pass through one.
    added = b.dequantize(b.constant("c", np.array([[2**24 + 1, -7, 5]], np.int32), Q(0.001, 0)))
    graph = b.graph(b.node("Add", y, added, attrs=BINARY))
    assert run_pass(FuseBias(), graph)
    assert ops(graph).count("Add") == 0
    bias = find(graph, "Gemm").inputs[2]
    (source,) = [node.inputs[0] for node in graph.nodes if node.output is bias]
    np.testing.assert_array_equal(source.array, [2**24 + 1, -7, 5])


def test_bias_not_done_with_a_second_reader() -> None:
    b = Builder()
    y = b.node("Gemm", b.input("x", 1, 4), b.weights("w", 3, 4), attrs=GemmAttrs())
    graph = b.graph(b.node("Add", y, b.constant("c", floats(1, 3)), attrs=BINARY), y)
    assert not run_pass(FuseBias(), graph)
