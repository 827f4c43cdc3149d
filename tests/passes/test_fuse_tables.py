"""fuse-tables: functions of one int8 element."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgec.ir import Graph, QuantParams, Value
from edgec.ops.activation import AlphaAttrs, AlphaBetaAttrs, ClipAttrs
from edgec.ops.elementwise import BinaryAttrs
from edgec.ops.softmax import SoftmaxAttrs
from edgec.passes.fuse_tables import FuseTables
from tests.passes.builders import Builder, Q, find, floats, ops, run_pass
from tests.passes.interpret import interpret

CODES = np.arange(-128, 128).astype(np.int8).reshape(1, 16, 16)
BINARY = BinaryAttrs()


def real_input(b: Builder, scale: float = 0.05, zero_point: int = 3) -> Value:
    return b.dequantize(b.input("x", 1, 16, 16, quant=Q(scale, zero_point)))


def check_same(graph: Graph) -> None:
    with np.errstate(all="ignore"):
        before = interpret(graph, [CODES])
        assert run_pass(FuseTables(), graph)
    assert ops(graph) == ["Table"]
    np.testing.assert_array_equal(interpret(graph, [CODES])[0], before[0])


UNARY = {
    "Sigmoid": None,
    "Tanh": None,
    "HardSwish": None,
    "Abs": None,
    "Round": None,
    "LeakyRelu": AlphaAttrs(0.1),
    "HardSigmoid": AlphaBetaAttrs(0.2, 0.5),
    "Clip": ClipAttrs(-1.0, 2.0),
}


@pytest.mark.parametrize("op", UNARY)
def test_function(op: str) -> None:
    b = Builder()
    attrs = {} if UNARY[op] is None else {"attrs": UNARY[op]}
    check_same(b.graph(b.quantize(b.node(op, real_input(b), **attrs), 0.02, 4)))  # type: ignore[arg-type]


@given(st.floats(1e-3, 1.0), st.integers(-128, 127), st.floats(1e-3, 1.0), st.integers(-128, 127))
def test_change_of_quantisation(s_x: float, z_x: int, s_y: float, z_y: int) -> None:
    b = Builder()
    check_same(b.graph(b.quantize(real_input(b, s_x, z_x), s_y, z_y)))


def test_region_with_constants_that_reads_x_twice() -> None:
    b = Builder()
    x = real_input(b)
    y = b.node("Add", b.node("Mul", b.constant("two", np.float32([[[2]]])), x, attrs=BINARY), x, attrs=BINARY)
    y = b.node("Mul", y, b.node("Sigmoid", x), attrs=BINARY)
    graph = b.graph(b.quantize(y, 0.1, 4))
    check_same(graph)
    assert find(graph, "Table").attrs.function == "Mul+Add+Sigmoid+Mul"


def test_scalar_constant_from_int8() -> None:
    b = Builder()
    c = b.dequantize(b.constant("c", np.int8([[[9]]]), Q(0.5, 1)))
    check_same(b.graph(b.quantize(b.node("Div", real_input(b), c, attrs=BINARY), 0.02, 4)))


def test_infinities_saturate_and_nan_is_the_zero_point() -> None:
    b = Builder()
    graph = b.graph(b.quantize(b.node("Log", real_input(b, 0.5, 0)), 0.1, 4))
    run_pass(FuseTables(), graph)
    table = find(graph, "Table").inputs[1].array
    assert table[128] == -128  # log(0) = -inf
    assert set(table[:128]) == {4}  # log of negative numbers


def not_done_two_sources(b: Builder) -> Value:
    return b.node("Mul", real_input(b), b.dequantize(b.input("z", 1, 16, 16, quant=Q(0.1, 0))), attrs=BINARY)


def not_done_vector_constant(b: Builder) -> Value:
    return b.node("Mul", real_input(b), b.constant("c", floats(1, 1, 16)), attrs=BINARY)


def not_done_several_elements(b: Builder) -> Value:
    return b.node("Relu", b.node("Softmax", real_input(b), attrs=SoftmaxAttrs(2)))


def not_done_real_input(b: Builder) -> Value:
    return b.node("Relu", b.input("z", 1, 4))


@pytest.mark.parametrize(
    "make", [not_done_two_sources, not_done_vector_constant, not_done_several_elements, not_done_real_input]
)
def test_not_done(make) -> None:  # type: ignore[no-untyped-def]
    b = Builder()
    assert not run_pass(FuseTables(), b.graph(b.quantize(make(b), 0.1, 0)))


def test_not_done_per_axis() -> None:
    b = Builder()
    quant = QuantParams((0.1, 0.2), (0, 0), 1)
    x = b.dequantize(b.input("x", 1, 2, quant=quant))
    y = b.node("QuantizeLinear", b.node("Relu", b.dequantize(b.input("z", 1, 2, quant=Q(0.1, 0)))), quant=quant)
    assert not run_pass(FuseTables(), b.graph(b.quantize(b.node("Relu", x), 0.1, 0), y))
