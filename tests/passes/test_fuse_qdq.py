"""fuse-qdq: operators between DequantizeLinear and QuantizeLinear compute in integers."""

from __future__ import annotations

import numpy as np
import pytest

from edgec.ir import Array, DType, Graph, Value
from edgec.ops.activation import AlphaAttrs, ClipAttrs
from edgec.ops.conv import ConvAttrs
from edgec.ops.elementwise import BinaryAttrs
from edgec.ops.gemm import GemmAttrs
from edgec.ops.pool import PoolAttrs, ReduceAttrs
from edgec.ops.resize import ResizeAttrs
from edgec.ops.softmax import ArgMaxAttrs, SoftmaxAttrs
from edgec.passes.fuse_qdq import FuseQdq
from tests.passes.builders import Builder, Q, find, floats, ops, run_pass
from tests.passes.interpret import interpret

X = np.random.default_rng(0).integers(-128, 128, (1, 6, 6, 4)).astype(np.int8)
BINARY = BinaryAttrs()


def real_input(b: Builder, name: str = "x", scale: float = 0.05) -> Value:
    return b.dequantize(b.input(name, 1, 6, 6, 4, quant=Q(scale, -7)))


def check_same(graph: Graph, inputs: list[Array], expected: list[str]) -> None:
    before = interpret(graph, inputs)
    assert run_pass(FuseQdq(), graph)
    assert ops(graph) == expected
    for now, then in zip(interpret(graph, inputs), before, strict=True):
        np.testing.assert_array_equal(now, then)


@pytest.mark.parametrize("axis", [0, None], ids=["per channel", "per tensor"])
def test_conv_with_relu(axis: int | None) -> None:
    b = Builder()
    y = b.node("Conv", real_input(b), b.weights("w", 8, 3, 3, 4, axis=axis), attrs=ConvAttrs((3, 3)))
    graph = b.graph(b.quantize(b.node("Relu", y), 0.04, -100))
    check_same(graph, [X], ["Conv"])
    assert find(graph, "Conv").attrs.clamp == (-100, 127)


def test_gemm_with_clip_and_bias() -> None:
    b = Builder()
    y = b.node("Gemm", real_input(b), b.weights("w", 8, 4), b.constant("b", floats(8)), attrs=GemmAttrs())
    y = b.node("Clip", b.node("Relu", y), attrs=ClipAttrs(-1.0, 0.5))
    graph = b.graph(b.quantize(y, 0.01, 20))
    run_pass(FuseQdq(), graph)
    gemm = find(graph, "Gemm")
    assert gemm.attrs.clamp == (20, 70)
    unit = np.float64(np.float32(0.05)) * np.asarray(gemm.inputs[1].type.quant.scale)  # type: ignore[union-attr]
    np.testing.assert_array_equal(gemm.inputs[2].array, np.rint(floats(8) / unit))


@pytest.mark.parametrize(("factor", "taken"), [(1.00005, True), (1.01, False)])
def test_bias_of_int32_is_taken_as_it_is_where_its_scale_fits(factor: float, taken: bool) -> None:
    b = Builder()
    codes = np.array([2**24 + 1, -(2**20), 3], np.int32)
    scale = float(np.float32(0.05)) * 0.01 * factor
    bias = b.dequantize(b.constant("b", codes, Q(scale, 0)))
    y = b.node("Gemm", real_input(b), b.weights("w", 3, 4, axis=None), bias, attrs=GemmAttrs())
    graph = b.graph(b.quantize(y, 0.04, 0))
    run_pass(FuseQdq(), graph)
    unit = np.float64(np.float32(0.05)) * np.float64(np.float32(0.01))
    expected = codes if taken else np.rint(codes * np.float64(np.float32(scale)) / unit)
    np.testing.assert_array_equal(find(graph, "Gemm").inputs[2].array, expected)


@pytest.mark.parametrize("op", ["Add", "Sub", "Mul", "Div"])
def test_binary_of_two_tensors(op: str) -> None:
    b = Builder()
    y = b.node(op, real_input(b), real_input(b, "z", 0.02), attrs=BINARY)
    graph = b.graph(b.quantize(b.node("Relu", y), 0.04, -3))
    check_same(graph, [X, np.where(X == -7, 5, X)[:, ::-1]], [op])


@pytest.mark.parametrize("quantised", [True, False])
def test_binary_with_a_constant(quantised: bool) -> None:
    b = Builder()
    codes = np.array([-128, 0, 3, 127], np.int8).reshape(1, 1, 1, 4)
    real = b.constant("c", codes.astype(np.float32) / 4)
    c = b.dequantize(b.constant("c", codes, Q(0.3, 5))) if quantised else real
    graph = b.graph(b.quantize(b.node("Add", c, real_input(b), attrs=BINARY), 0.3, 1))
    check_same(graph, [X], ["Add"])


POOLS = {
    "AveragePool": PoolAttrs((2, 2), (2, 2)),
    "ReduceMean": ReduceAttrs((1, 2)),
    "Softmax": SoftmaxAttrs(3),
    "LogSoftmax": SoftmaxAttrs(3),
}


@pytest.mark.parametrize("op", POOLS)
def test_operators_of_one_input(op: str) -> None:
    b = Builder()
    check_same(b.graph(b.quantize(b.node(op, real_input(b), attrs=POOLS[op]), 0.05, -7)), [X], [op])


def test_clip_behind_an_operator_without_clamp_becomes_a_table() -> None:
    b = Builder()
    y = b.node("Clip", b.node("Softmax", real_input(b), attrs=SoftmaxAttrs(3)), attrs=ClipAttrs(0.1, 0.4))
    check_same(b.graph(b.quantize(y, 1 / 256, -128)), [X], ["Softmax", "Table"])


def test_ends_of_classifiers() -> None:
    b = Builder()
    x = real_input(b)
    softmax = b.node("Softmax", x, attrs=SoftmaxAttrs(3))
    graph = b.graph(softmax, b.node("ArgMax", x, attrs=ArgMaxAttrs(3)))
    check_same(graph, [X], ["Softmax", "ArgMax"])
    assert [value.type.dtype for value in graph.outputs] == [DType.F32, DType.S32]


def not_done_unquantised(b: Builder) -> list[Value]:
    x = b.node("Tanh", b.input("x", 1, 4))
    return [b.quantize(b.node("Gemm", x, b.weights("w", 2, 4), attrs=GemmAttrs()), 0.1, 0)]


def not_done_float_weights(b: Builder) -> list[Value]:
    return [b.quantize(b.node("Gemm", real_input(b), b.constant("w", floats(2, 4)), attrs=GemmAttrs()), 0.1, 0)]


def not_done_weights_per_input(b: Builder) -> list[Value]:
    return [b.quantize(b.node("Gemm", real_input(b), b.weights("w", 2, 4, axis=1), attrs=GemmAttrs()), 0.1, 0)]


def not_done_second_reader(b: Builder) -> list[Value]:
    y = b.node("Gemm", real_input(b), b.weights("w", 2, 4), attrs=GemmAttrs())
    return [b.quantize(y, 0.1, 0), b.node("Tanh", y)]


def not_done_second_reader_of_relu(b: Builder) -> list[Value]:
    y = b.node("Relu", b.node("Gemm", real_input(b), b.weights("w", 2, 4), attrs=GemmAttrs()))
    return [b.quantize(y, 0.1, 0), y]


def not_done_constant_without_int8_form(b: Builder) -> list[Value]:
    c = b.constant("c", np.float32([[[[1.0, 1.2345678, 0.3333333, 5.4321]]]]))
    return [b.quantize(b.node("Mul", real_input(b), c, attrs=BINARY), 0.1, 0)]


@pytest.mark.parametrize(
    "make",
    [
        not_done_unquantised,
        not_done_float_weights,
        not_done_weights_per_input,
        not_done_second_reader,
        not_done_second_reader_of_relu,
        not_done_constant_without_int8_form,
    ],
)
def test_not_done(make) -> None:  # type: ignore[no-untyped-def]
    b = Builder()
    assert not run_pass(FuseQdq(), b.graph(*make(b)))


def test_leaky_relu_behind_a_conv_is_not_a_clamp() -> None:
    b = Builder()
    y = b.node("Gemm", real_input(b), b.weights("w", 2, 4), attrs=GemmAttrs())
    assert not run_pass(FuseQdq(), b.graph(b.quantize(b.node("LeakyRelu", y, attrs=AlphaAttrs(0.1)), 0.1, 0)))


def test_linear_resize_is_taken_and_cubic_is_not() -> None:
    for mode, done in (("linear", True), ("cubic", False)):
        b = Builder()
        y = b.node("Resize", real_input(b), attrs=ResizeAttrs((12, 12), (2.0, 2.0), mode))
        assert run_pass(FuseQdq(), b.graph(b.quantize(y, 0.05, 0))) is done
