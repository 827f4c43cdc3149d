"""Graph -> ONNX: graphs as scheduled, ports in every form, tables, and back again."""

from __future__ import annotations

import dataclasses
import pathlib

import numpy as np
import onnx
import pytest

from edgec.frontend import export_model, import_model
from edgec.ir import Array, DType, Graph, Node, Port, QuantParams, Source, TensorType, Value
from edgec.ops import get_op
from edgec.ops.conv import ConvAttrs
from edgec.ops.gemm import GemmAttrs
from edgec.ops.numbers import dequantize, quantize, requantize, requantize_scale
from edgec.ops.table import TableAttrs
from edgec.ports import from_graph_output, to_graph_input
from tests.frontend.models import run
from tests.graphs import s8, tiny_graph

RNG = np.random.default_rng(5)
Y = QuantParams.per_tensor(0.1, 4)


def integers(shape: tuple[int, ...]) -> Array:
    return RNG.integers(-128, 128, shape).astype(np.int8)


def run_graph(graph: Graph, *inputs: Array) -> list[Array]:
    feed = {port.name: x for port, x in zip(graph.input_ports, inputs, strict=True)}
    return run(export_model(graph), feed)


def one(node: Node, x: Value) -> Graph:
    y = node.output
    ports = [Port("x", "int8", x.type.shape)], [Port("y", "int8", y.type.shape)]
    graph = Graph("one", [x], [y], [node], *ports, opset=13, node_count=1)
    graph.verify()
    return graph


def conv_by_hand(node: Node, q: Array) -> Array:
    """NHWC convolution in int64, requantised as the definition says. q: (1, H, W, C) s8."""
    attrs: ConvAttrs = node.attrs
    x, w, bias = node.inputs
    assert x.type.quant is not None
    assert w.type.quant is not None
    assert node.output.type.quant is not None
    zero_point = x.type.quant.scalar[1]
    top, left, bottom, right = attrs.pads
    padded = np.pad(q.astype(np.int64) - zero_point, ((0, 0), (top, bottom), (left, right), (0, 0)))
    _, height, width, channels = node.output.type.shape
    per_group = channels // attrs.group
    acc = np.zeros((1, height, width, channels), np.int64)
    kh, kw = attrs.kernel_shape
    taken = w.type.shape[3]
    for o in range(channels):
        first = o // per_group * taken
        for i, j in np.ndindex(height, width):
            at = i * attrs.strides[0], j * attrs.strides[1]
            window = padded[0, at[0] : at[0] + kh, at[1] : at[1] + kw, first : first + taken]
            acc[0, i, j, o] = (window * w.array[o].astype(np.int64)).sum() + bias.array[o]
    scale = requantize_scale(x.type.quant, w.type.quant, node.output.type.quant)
    return requantize(acc, scale, node.output.type.quant.scalar[1], attrs.clamp)


def test_a_graph_as_scheduled_gives_the_same_integers() -> None:
    """Strided, pointwise with a clamp, depthwise: int32 biases without a scale of their own."""
    graph = tiny_graph()
    q = integers(graph.inputs[0].type.shape)
    expected = q
    for node in graph.nodes:
        expected = conv_by_hand(node, expected)
    np.testing.assert_array_equal(run_graph(graph, q)[0], expected)


def test_exported_integers_come_back(tmp_path: pathlib.Path) -> None:
    """Import of the export computes the same, and the nodes keep their names."""
    graph = tiny_graph()
    path = tmp_path / "tiny.onnx"
    path.write_bytes(export_model(graph))
    again = import_model(path)
    assert [n.source.name for n in again.nodes if n.op.name == "Conv"] == [n.name for n in graph.nodes]
    q = integers(graph.inputs[0].type.shape)
    np.testing.assert_array_equal(run_graph(again, q)[0], run_graph(graph, q)[0])


@pytest.mark.parametrize("shape", [(1, 6), (1, 4, 6), (2, 3, 6)])
def test_gemm_of_every_rank(shape: tuple[int, ...]) -> None:
    x = s8("x", shape)
    w = Value("w", TensorType(DType.S8, (5, 6), QuantParams.per_tensor(0.03, 2)), integers((5, 6)))
    b = Value("b", TensorType(DType.S32, (5,)), RNG.integers(-300, 300, 5).astype(np.int32))
    y = Value("y", TensorType(DType.S8, (*shape[:-1], 5), Y))
    node = Node(get_op("Gemm"), "dense", [x, w, b], [y], GemmAttrs(clamp=(4, 90)), Source("Gemm", "dense", 0))
    graph = one(node, x)
    q = integers(shape)
    assert x.type.quant is not None
    acc = (q.astype(np.int64) - x.type.quant.scalar[1]) @ (w.array.astype(np.int64) - 2).T + b.array
    assert w.type.quant is not None
    expected = requantize(acc, requantize_scale(x.type.quant, w.type.quant, Y), 4, (4, 90))
    np.testing.assert_array_equal(run_graph(graph, q)[0], expected)


def table_graph(x_quant: QuantParams, shape: tuple[int, ...] = (1, 16, 16)) -> Graph:
    x = Value("x", TensorType(DType.S8, shape, x_quant))
    table = Value("t", TensorType(DType.S8, (256,), Y), RNG.permutation(np.arange(-128, 128)).astype(np.int8))
    y = Value("y", TensorType(DType.S8, shape, Y))
    return one(Node(get_op("Table"), "curve", [x, table], [y], TableAttrs("Anything"), Source("Tanh", "curve", 0)), x)


def test_any_table_is_exact_and_comes_back(tmp_path: pathlib.Path) -> None:
    graph = table_graph(QuantParams.per_tensor(0.02, -3))
    q = np.arange(-128, 128).astype(np.int8).reshape(1, 16, 16)
    expected = graph.nodes[0].inputs[1].array.reshape(1, 16, 16)
    np.testing.assert_array_equal(run_graph(graph, q)[0], expected)
    path = tmp_path / "table.onnx"
    path.write_bytes(export_model(graph))
    again = import_model(path)
    assert [node.op.name for node in again.nodes] == ["Table"]
    assert again.outputs[0].type.quant == Y
    np.testing.assert_array_equal(again.nodes[0].inputs[1].array, graph.nodes[0].inputs[1].array)


def test_a_table_with_a_second_reader_stays_nodes(tmp_path: pathlib.Path) -> None:
    proto = onnx.load_from_string(export_model(table_graph(QuantParams.per_tensor(0.02, -3))))
    gather = next(node for node in proto.graph.node if node.op_type == "Gather")
    proto.graph.output.append(onnx.helper.make_tensor_value_info("extra", onnx.TensorProto.FLOAT, [1, 16, 16]))
    proto.graph.node.append(onnx.helper.make_node("Relu", [gather.output[0]], ["extra"], name="extra"))
    path = tmp_path / "table.onnx"
    onnx.save_model(proto, str(path))
    with pytest.raises(Exception, match="casts int8 to int32"):
        import_model(path)


@pytest.mark.parametrize("dtype", ["float32", "uint8", "int8"])
@pytest.mark.parametrize("perm", [None, (0, 2, 3, 1)])
def test_ports(dtype: str, perm: tuple[int, ...] | None) -> None:
    """The exported file takes and gives the model's own form; `edgec.ports` computes the same."""
    graph = tiny_graph()
    offset = -128 if dtype == "uint8" else 0

    def port(name: str, value: Value) -> Port:
        shape = value.type.shape if perm is None else tuple(value.type.shape[axis] for axis in np.argsort(perm))
        return Port(name, dtype, shape, perm, offset)

    inner = tiny_graph()
    graph.input_ports, graph.output_ports = [port("x", graph.inputs[0])], [port("y", graph.outputs[0])]
    shape = graph.input_ports[0].shape
    low = 0 if dtype == "uint8" else -128
    x = RNG.integers(low, low + 256, shape).astype(dtype)
    x = (x / 40).astype(np.float32) if dtype == "float32" else x
    (found,) = run_graph(graph, x)
    q = to_graph_input(graph.input_ports[0], graph.inputs[0], x)
    expected = from_graph_output(graph.output_ports[0], graph.outputs[0], run_graph(inner, q)[0])
    assert found.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(found, expected)


def test_output_that_is_read_inside_too() -> None:
    """A value that is an output and an operator's input is written once, under the port's name."""
    graph = tiny_graph()
    middle = graph.nodes[1].output
    graph.outputs.append(middle)
    graph.output_ports.append(Port("middle", "int8", middle.type.shape))
    last, found = run_graph(graph, q := integers(graph.inputs[0].type.shape))
    expected = conv_by_hand(graph.nodes[1], conv_by_hand(graph.nodes[0], q))
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(last, conv_by_hand(graph.nodes[2], expected))


def test_names_that_collide_are_told_apart() -> None:
    """A value inside may have the name of a port."""
    graph = tiny_graph()
    graph.nodes[0].output.name = "y"
    graph.nodes[1].output.name = "x"
    graph.output_ports = [dataclasses.replace(graph.output_ports[0], name="y")]
    plain = tiny_graph()
    q = integers(graph.inputs[0].type.shape)
    np.testing.assert_array_equal(run_graph(graph, q)[0], run_graph(plain, q)[0])


def test_pad_value_is_quantised() -> None:
    from edgec.ops.movement import PadAttrs

    x = s8("x", (1, 2, 2, 1), 0.5, 3)
    node = Node(get_op("Pad"), "pad", [x], [], PadAttrs((0, 1, 0, 0), (0, 0, 0, 0), value=2.0), Source("Pad", "pad", 0))
    node.outputs = [Value("y", TensorType(DType.S8, (1, 3, 2, 1), x.type.quant))]
    (y,) = run_graph(one(node, x), integers((1, 2, 2, 1)))
    assert x.type.quant is not None
    assert y[0, 0].tolist() == [[7], [7]]
    assert quantize(dequantize(y, x.type.quant), x.type.quant).tolist() == y.tolist()
