"""Graph -> .tflite: LiteRT on this computer gives what onnxruntime gives, but for its own rounding."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest

from edgec.errors import UnsupportedError
from edgec.frontend import export_model
from edgec.frontend.tflite import export_tflite
from edgec.frontend.tflite.rules import RELU, RELU6, activation, same_pads
from edgec.ir import Array, DType, Graph, Node, Port, QuantParams, Source, TensorType, Value
from edgec.ops import get_op
from edgec.ops.conv import ConvAttrs
from edgec.ops.elementwise import BinaryAttrs
from edgec.ops.gemm import GemmAttrs
from edgec.ops.movement import ConcatAttrs, PadAttrs, ReshapeAttrs, SliceAttrs, TransposeAttrs
from edgec.ops.numbers import dequantize, quantize
from edgec.ops.pool import PoolAttrs, ReduceAttrs
from edgec.ops.softmax import SoftmaxAttrs
from edgec.ops.table import TableAttrs
from tests.frontend.models import run
from tests.graphs import conv, s8, tiny_graph

RNG = np.random.default_rng(7)
X = QuantParams.per_tensor(0.05, -7)
Y = QuantParams.per_tensor(0.0613, 9)
SIGNED = QuantParams.per_tensor(0.1, -128)

needs_litert = pytest.mark.skipif(
    find_spec("ai_edge_litert") is None, reason="LiteRT is not installed: pip install 'edgec[litert]'"
)


def graph_of(nodes: list[Node], *inputs: Value) -> Graph:
    """The last node's output is the graph's."""
    y = nodes[-1].output
    dtype = {DType.S8: "int8", DType.F32: "float32"}[y.type.dtype]
    ports = [Port(x.name, "int8", x.type.shape) for x in inputs], [Port("out", dtype, y.type.shape)]
    graph = Graph("some", list(inputs), [y], nodes, *ports, opset=13, node_count=len(nodes))
    graph.verify()
    return graph


def node_of(op: str, inputs: list[Value], attrs: Any, quant: QuantParams | None = Y) -> Node:
    node = Node(get_op(op), f"{op}_0", inputs, [], attrs, Source(op, f"{op}_0", 0))
    (inferred,) = node.op.infer(attrs, [value.type for value in inputs])
    if quant is None:
        inferred = TensorType(DType.F32, inferred.shape)
    node.outputs = [Value("y", inferred.with_quant(quant))]
    return node


def one(op: str, attrs: Any, *shapes: tuple[int, ...], quant: QuantParams | None = Y) -> Graph:
    """A graph of one operator without weights."""
    inputs = [Value(f"x{i}", TensorType(DType.S8, shape, X)) for i, shape in enumerate(shapes)]
    return graph_of([node_of(op, inputs, attrs, quant)], *inputs)


def layer(op: str, attrs: Any, shape: tuple[int, ...], w: QuantParams, w_shape: tuple[int, ...]) -> Graph:
    """A Conv or Gemm with weights of this quantisation."""
    x = Value("x", TensorType(DType.S8, shape, X))
    weights = Value("w", TensorType(DType.S8, w_shape, w), RNG.integers(-127, 128, w_shape).astype(np.int8))
    bias = Value("b", TensorType(DType.S32, w_shape[:1]), RNG.integers(-500, 500, w_shape[0]).astype(np.int32))
    return graph_of([node_of(op, [x, weights, bias], attrs)], x)


def table(function: str, quant: QuantParams, double: bool) -> Graph:
    x = Value("x", TensorType(DType.S8, (1, 5, 5, 3), X))
    reals = dequantize(np.arange(-128, 128).astype(np.int8), X)
    entries = Value("t", TensorType(DType.S8, (256,)), quantize(2 * reals if double else reals, quant))
    return graph_of([node_of("Table", [x, entries], TableAttrs(function), quant)], x)


def chain_with_unsigned_weights() -> Graph:
    """A stem with symmetric weights per tensor, then a depthwise layer whose weights have a zero point."""
    x = s8("x", (1, 8, 8, 3))
    stem = conv("stem", x, ConvAttrs((3, 3), (2, 2), (0, 0, 1, 1)), 4, SIGNED, RNG)
    deep = conv("deep", stem.output, ConvAttrs((3, 3), pads=(1, 1, 1, 1), group=4), 8, Y, RNG)
    for node, quant in ((stem, QuantParams.per_tensor(0.02, 0)), (deep, QuantParams.per_tensor(0.02, 43))):
        node.inputs[1].type = node.inputs[1].type.with_quant(quant)
    return graph_of([stem, deep], x)


SHARES = QuantParams.per_tensor(1 / 256, -128)
GRAPHS = {
    "chain": tiny_graph(),
    "uint8": chain_with_unsigned_weights(),
    "conv-dilated": layer(
        "Conv",
        ConvAttrs((3, 2), (1, 1), (2, 0, 2, 1), (2, 1)),
        (1, 9, 8, 3),
        QuantParams.per_tensor(0.01, 0),
        (5, 3, 2, 3),
    ),
    "gemm": layer("Gemm", GemmAttrs((9, 127)), (1, 30), QuantParams((0.01,) * 6, (0,) * 6, 0), (6, 30)),
    "gemm-uint8": layer("Gemm", GemmAttrs(), (1, 30), QuantParams.per_tensor(0.01, -28), (6, 30)),
    "add": one("Add", BinaryAttrs(), (1, 4, 4, 3), (1, 4, 4, 3)),
    "add-relu6": one("Add", BinaryAttrs((9, 107)), (1, 4, 4, 3), (1, 4, 4, 3)),
    "sub": one("Sub", BinaryAttrs(), (1, 4, 4, 3), (1, 1, 1, 3)),
    "mul": one("Mul", BinaryAttrs(), (1, 4, 4, 3), (1, 4, 4, 3)),
    "max-pool": one("MaxPool", PoolAttrs((3, 3), (2, 2), (1, 1, 0, 0)), (1, 8, 8, 4), quant=X),
    "max-pool-same": one("MaxPool", PoolAttrs((2, 2), (2, 2), (0, 0, 1, 1)), (1, 7, 7, 4), quant=X),
    "average-pool": one("AveragePool", PoolAttrs((3, 3), (1, 1), (1, 1, 1, 1)), (1, 8, 8, 4), quant=X),
    "average-pool-scale": one("AveragePool", PoolAttrs((2, 2), (2, 2)), (1, 8, 8, 4)),
    "average-pool-all": one("AveragePool", PoolAttrs((8, 8), (1, 1)), (1, 8, 8, 4)),
    "mean": one("ReduceMean", ReduceAttrs((1, 2), keepdims=False), (1, 8, 8, 4)),
    "softmax": one("Softmax", SoftmaxAttrs(1), (1, 12), quant=SHARES),
    "softmax-scale": one("Softmax", SoftmaxAttrs(1), (1, 12), quant=QuantParams.per_tensor(1 / 255, -128)),
    "softmax-real": one("Softmax", SoftmaxAttrs(1), (1, 12), quant=None),
    "log-softmax-real": one("LogSoftmax", SoftmaxAttrs(1), (1, 12), quant=None),
    "reshape": one("Reshape", ReshapeAttrs((1, 48)), (1, 4, 4, 3), quant=X),
    "transpose": one("Transpose", TransposeAttrs((0, 3, 1, 2)), (1, 4, 5, 3), quant=X),
    "concat": one("Concat", ConcatAttrs(3), (1, 4, 4, 3), (1, 4, 4, 2), quant=X),
    "slice": one("Slice", SliceAttrs((0, 1, 0, 1), (1, 2, 1, 1), (1, 3, 4, 2)), (1, 6, 4, 3), quant=X),
    "pad": one("Pad", PadAttrs((0, 1, 2, 0), (0, 0, 1, 0)), (1, 4, 4, 3), quant=X),
    "pad-value": one("Pad", PadAttrs((0, 1, 2, 0), (0, 0, 1, 0), value=1.5), (1, 4, 4, 3), quant=X),
    "requantize": table("Requantize", Y, double=False),
}
# With QUANTIZE, whose factor has few bits there.
COARSE = "average-pool-scale", "softmax-scale", "requantize"


def run_litert(graph: Graph, inputs: list[Array]) -> Array:
    """The only output, as the Graph holds it."""
    from ai_edge_litert.interpreter import Interpreter

    model = export_tflite(graph)
    shift = 128 if model.unsigned else 0
    interpreter = Interpreter(model_content=model.data, num_threads=1)
    interpreter.allocate_tensors()
    for details, x in zip(interpreter.get_input_details(), inputs, strict=True):
        interpreter.set_tensor(details["index"], (x.astype(np.int16) + shift).astype(details["dtype"]))
    interpreter.invoke()
    y = np.asarray(interpreter.get_tensor(interpreter.get_output_details()[0]["index"]))
    return y if y.dtype == np.float32 else y.astype(np.int16) - shift


@needs_litert
@pytest.mark.parametrize("name", GRAPHS)
def test_litert_computes_the_same(name: str) -> None:
    graph, rng = GRAPHS[name], np.random.default_rng(1)
    inputs = [rng.integers(-128, 128, value.type.shape).astype(np.int8) for value in graph.inputs]
    feed = {port.name: x for port, x in zip(graph.input_ports, inputs, strict=True)}
    (expected,) = run(export_model(graph), feed)
    expected = expected if expected.dtype == np.float32 else expected.astype(np.int16)
    found = run_litert(graph, inputs)
    assert found.shape == expected.shape
    assert np.ptp(expected) > 0  # not all the same by a scale that is too large
    if expected.dtype == np.float32:
        np.testing.assert_allclose(found, expected, atol=1e-4)
    else:
        assert np.abs(found - expected).max() <= 1
        assert np.count_nonzero(found - expected) <= (0.5 if name in COARSE else 0.05) * expected.size


@needs_litert
def test_only_weights_with_a_zero_point_make_uint8() -> None:
    assert export_tflite(GRAPHS["uint8"]).unsigned
    assert not export_tflite(GRAPHS["chain"]).unsigned


def bounded() -> Graph:
    return one("Add", BinaryAttrs((0, 50)), (1, 4, 4, 3), (1, 4, 4, 3))


def mixed_weights() -> Graph:
    graph = chain_with_unsigned_weights()
    weights = graph.nodes[0].inputs[1]
    weights.type = weights.type.with_quant(QuantParams((0.01,) * 4, (0,) * 4, 0))
    return graph


def grouped() -> Graph:
    x = s8("x", (1, 4, 4, 4))
    return graph_of([conv("conv", x, ConvAttrs((1, 1), group=2), 4, Y, RNG)], x)


REFUSED = {
    "operator Div: it is not among those": one("Div", BinaryAttrs(), (1, 4), (1, 4)),
    "operator Add: its output is bounded to 0..50": bounded(),
    "operator Conv: uint8 weights have one scale": mixed_weights(),
    "operator Conv: it has 2 groups": grouped(),
    "operator Softmax: its axis 1 is not the last": one("Softmax", SoftmaxAttrs(1), (1, 4, 3), quant=SHARES),
    "operator Table: it computes Double": table("Double", Y, double=True),
    r"operator AveragePool: pads \[1, 1, 1, 1\]": one(
        "AveragePool", PoolAttrs((2, 2), (2, 2), (1, 1, 1, 1)), (1, 8, 8, 4), quant=X
    ),
    "operator Pad: mode 'edge'": one("Pad", PadAttrs((0, 1), (0, 1), "edge"), (1, 4), quant=X),
    "operator Slice: it runs backwards": one("Slice", SliceAttrs((0, 3), (1, -1), (1, 4)), (1, 4), quant=X),
}


@needs_litert
@pytest.mark.parametrize("words", REFUSED)
def test_what_has_no_form_there_is_refused(words: str) -> None:
    with pytest.raises(UnsupportedError, match=words) as caught:
        export_tflite(REFUSED[words])
    assert caught.value.where.startswith(words.replace("operator ", "").split(":")[0])


def test_activation_functions_are_found_by_their_bounds() -> None:
    (node,) = one("Add", BinaryAttrs(), (1, 4), (1, 4), quant=QuantParams.per_tensor(0.05, 0)).nodes
    assert activation(node, (-128, 127)) == 0
    assert activation(node, (0, 127)) == RELU
    assert activation(node, (0, 120)) == RELU6
    with pytest.raises(UnsupportedError, match=r"bounded to 0\.\.119"):
        activation(node, (0, 119))


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "pads"), [(8, 3, 1, (1, 1)), (8, 3, 2, (0, 1)), (7, 3, 2, (1, 1)), (8, 1, 2, (0, 0))]
)
def test_padding_same(size: int, kernel: int, stride: int, pads: tuple[int, int]) -> None:
    (node,) = one("MaxPool", PoolAttrs((kernel, 1), (stride, 1)), (1, size, 4, 1), quant=X).nodes
    assert same_pads(node) == (pads[0], 0, pads[1], 0)
