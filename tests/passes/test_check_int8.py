"""check-int8: the full text of what the user reads when a network is not int8 throughout."""

from __future__ import annotations

import pytest

from edgec.errors import UnsupportedError
from edgec.ir import DType, Graph, TensorType
from edgec.ops.activation import AlphaAttrs
from edgec.ops.elementwise import BinaryAttrs
from edgec.ops.gemm import GemmAttrs
from edgec.ops.softmax import ArgMaxAttrs, SoftmaxAttrs
from edgec.passes.check_int8 import CheckInt8
from edgec.passes.pipeline import optimize
from tests.passes.builders import HOST, Builder, Q, floats, run_pass

HELP = (
    "quantise the whole network: give the float model with --data, "
    "or QuantizeLinear and DequantizeLinear around each of these"
)


def text_of(graph: Graph) -> str:
    with pytest.raises(UnsupportedError) as caught:
        optimize(graph, HOST)
    assert caught.value.help == HELP
    return "\n".join([caught.value.message, caught.value.where])


def test_all_places_at_once() -> None:
    b = Builder()
    x = b.qdq(b.input("x", 1, 4))
    y = b.node("Gemm", x, b.weights("w", 3, 4), attrs=GemmAttrs())
    y = b.qdq(b.node("LeakyRelu", y, attrs=AlphaAttrs(0.1)))
    y = b.qdq(b.node("Gemm", y, b.constant("u", floats(3, 3)), attrs=GemmAttrs()))
    y = b.qdq(b.node("Mul", y, b.constant("c", floats(1, 3)), attrs=BinaryAttrs()))
    y = b.node("Gemm", y, b.weights("v", 2, 3), attrs=GemmAttrs())
    assert text_of(b.graph(y)) == (
        "test is not int8 throughout: 5 places\n"
        "Gemm 'Gemm_3' (node 4 of 15) -> LeakyRelu 'LeakyRelu_4': 'gemm3_y' is not quantised\n"
        "LeakyRelu 'LeakyRelu_4' (node 5 of 15) computes 'leakyrelu4_y' in float32 from 'gemm3_y'\n"
        "Gemm 'Gemm_7' (node 8 of 15) has float32 weights ('u') next to int8 activations\n"
        "Mul 'Mul_10' (node 11 of 15) has a float32 constant 'c' of shape [1, 3] that int8 with one scale can't hold "
        "exactly; quantise it in the model\n"
        "Gemm 'Gemm_14' (node 15 of 15) -> the model's output: 'gemm14_y' is not quantised"
    )


def test_float_model() -> None:
    b = Builder()
    y = b.node("Relu", b.node("Gemm", b.input("x", 1, 4), b.constant("w", floats(3, 4)), attrs=GemmAttrs()))
    assert text_of(b.graph(y)) == (
        "test is not int8 throughout: 2 places\n"
        "Gemm 'Gemm_0' (node 1 of 2) reads 'x', which is not quantised: it is an input of the model\n"
        "Relu 'Relu_1' (node 2 of 2) -> the model's output: 'relu1_y' is not quantised"
    )


def test_input_quantised_in_two_ways() -> None:
    b = Builder()
    x = b.input("x", 1, 4)
    graph = b.graph(b.node("Tanh", b.qdq(x, 0.1)), b.node("Abs", b.qdq(x, 0.2)))
    text = text_of(graph)
    assert "input 'x' is read as float32: no QuantizeLinear, or several with different parameters" in text


def test_allowed_are_argmax_and_a_softmax_at_the_end() -> None:
    b = Builder()
    x = b.input("x", 1, 4, quant=Q(0.1, 0))
    graph = b.graph(b.node("Softmax", x, attrs=SoftmaxAttrs(1)), b.node("ArgMax", x, attrs=ArgMaxAttrs(1)))
    graph.outputs[0].type = TensorType(DType.F32, (1, 4))
    assert not run_pass(CheckInt8(), graph)
