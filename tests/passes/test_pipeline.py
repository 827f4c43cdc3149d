"""The whole pipeline: random small networks keep their results, the zoo ends as int8 without Transposes."""

from __future__ import annotations

import pathlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgec.frontend import import_model
from edgec.ir import Array, DType, Graph, QuantParams, Value
from edgec.ops.activation import AlphaAttrs, ClipAttrs
from edgec.ops.conv import ConvAttrs
from edgec.ops.elementwise import BinaryAttrs
from edgec.ops.gemm import GemmAttrs
from edgec.ops.movement import ConcatAttrs, PadAttrs, ReshapeAttrs, SliceAttrs, TransposeAttrs
from edgec.ops.numbers import dequantize, quantize
from edgec.ops.pool import PoolAttrs, ReduceAttrs
from edgec.passes.manager import run_passes
from edgec.passes.pipeline import AS_MODEL, PASSES, optimize
from tests.passes.builders import HOST, Builder, Q, floats, ops
from tests.passes.interpret import interpret, quant, trace
from tests.zoo.networks import NETWORKS, Network

TO_NCHW, TO_NHWC = TransposeAttrs((0, 3, 1, 2)), TransposeAttrs((0, 2, 3, 1))
BINARY = BinaryAttrs()


class Network4D(Builder):
    """Layers as an NCHW exporter and a QDQ quantiser leave them; `draw` chooses sizes and numbers."""

    def __init__(self, draw: st.DataObject) -> None:
        super().__init__()
        self.draw = draw

    def number(self, low: int, high: int) -> int:
        return self.draw.draw(st.integers(low, high))

    def real(self, x: Value) -> Value:
        """x through a random quantisation; its integers are what the next layer reads.

        The scale comes from a seed: drawn directly, hypothesis finds round or equal ones, where every other value
        (of a mean, say) lies in the middle between two integers.
        """
        scale = np.random.default_rng([self.number(0, 999), len(self.nodes)]).uniform(0.01, 0.1)
        return self.qdq(x, scale, self.number(-128, 127))

    def conv(self, x: Value) -> Value:
        kernel, out, seed = self.number(1, 3), self.number(1, 5), self.number(0, 99)
        group = 1
        if self.draw.draw(st.booleans()):
            group = out = x.type.shape[1]
        w = self.weights(f"w{len(self.nodes)}", out, x.type.shape[1] // group, kernel, kernel, seed=seed)
        w = self.node("Transpose", w, attrs=TO_NHWC)
        bias = self.bias(x, w, out)
        pads = (self.number(0, 1),) * 4
        attrs = ConvAttrs((kernel, kernel), (self.number(1, 2),) * 2, pads, group=group)
        y = self.node("Conv", self.node("Transpose", x, attrs=TO_NHWC), w, bias, attrs=attrs)
        return self.real(self.maybe_activated(self.node("Transpose", y, attrs=TO_NCHW)))

    def bias(self, x: Value, w: Value, channels: int) -> Value:
        """int32 with scale s_x * s_w, as quantisers write it: a bias of reals would be rounded by the passes."""
        s_x = self.integers_of(x).scale[0]
        scales = tuple(float(np.float32(s_x * s_w)) for s_w in self.integers_of(w).scale)
        data = np.random.default_rng(len(self.nodes)).integers(-300, 300, channels).astype(np.int32)
        return self.dequantize(self.constant(f"b{len(self.nodes)}", data, QuantParams(scales, (0,) * channels, 0)))

    def integers_of(self, value: Value) -> QuantParams:
        """The quantisation behind DequantizeLinear, through the movement of weights."""
        (node,) = [node for node in self.nodes if node.output is value]
        return (
            quant(node.inputs[0].type.quant) if node.op.name == "DequantizeLinear" else self.integers_of(node.inputs[0])
        )

    def maybe_activated(self, x: Value) -> Value:
        kind = self.draw.draw(st.sampled_from(["", "Relu", "Clip"]))
        if kind == "Relu":
            return self.node("Relu", x)
        return self.node("Clip", x, attrs=ClipAttrs(-0.5, 3.0)) if kind == "Clip" else x

    def pool(self, x: Value) -> Value:
        op = self.draw.draw(st.sampled_from(["MaxPool", "AveragePool"]))
        attrs = PoolAttrs((2, 2), (self.number(1, 2),) * 2, (self.number(0, 1), 0, 0, 1))
        y = self.node(op, self.node("Transpose", x, attrs=TO_NHWC), attrs=attrs)
        return self.real(self.node("Transpose", y, attrs=TO_NCHW))

    def add(self, x: Value) -> Value:
        y = self.real(self.node("Tanh", x))
        return self.real(self.maybe_activated(self.node("Add", x, y, attrs=BINARY)))

    def swish(self, x: Value) -> Value:
        return self.real(self.node("Mul", x, self.node("Sigmoid", x), attrs=BINARY))

    def function(self, x: Value) -> Value:
        return self.real(self.node("LeakyRelu", x, attrs=AlphaAttrs(0.25)))

    def gate(self, x: Value) -> Value:
        mean = self.real(self.node("ReduceMean", x, attrs=ReduceAttrs((2, 3))))
        return self.real(self.node("Mul", x, mean, attrs=BINARY))

    def pad(self, x: Value) -> Value:
        before, after = (0, 0, self.number(0, 1), self.number(0, 1)), (0, 0, 1, 0)
        return self.real(self.node("Pad", x, attrs=PadAttrs(before, after, value=self.number(0, 1) / 4)))

    def shuffle(self, x: Value) -> Value:
        n, c, h, w = x.type.shape
        first = self.node("Slice", x, attrs=SliceAttrs((0, c // 2, 0, 0), (1,) * 4, (n, c - c // 2, h, w)))
        return self.real(self.node("Concat", self.real(first), x, attrs=ConcatAttrs(1)))

    def flat_and_back(self, x: Value) -> Value:
        n, c, h, w = x.type.shape
        flat = self.node("Relu", self.node("Reshape", x, attrs=ReshapeAttrs((n, c, h * w))))
        return self.real(self.node("Reshape", flat, attrs=ReshapeAttrs((n, c, h, w))))

    def dense(self, x: Value) -> Value:
        flat = self.node("Reshape", x, attrs=ReshapeAttrs((1, x.type.elements)))
        w = self.weights("fc", 3, x.type.elements)
        bias = self.node("Reshape", self.bias(x, w, 3), attrs=ReshapeAttrs((1, 3)))
        return self.real(self.node("Add", self.node("Gemm", flat, w, attrs=GemmAttrs()), bias, attrs=BINARY))


LAYERS = ("conv", "pool", "add", "swish", "function", "gate", "pad", "shuffle", "flat_and_back")


def random_network(draw: st.DataObject) -> Graph:
    b = Network4D(draw)
    x = b.real(b.input("x", 1, draw.draw(st.integers(2, 4)), 7, 6))
    for layer in draw.draw(st.lists(st.sampled_from(LAYERS), min_size=1, max_size=5)):
        x = getattr(b, layer)(x)
        if min(x.type.shape[2:]) < 3:
            break
    return b.graph(b.dense(x) if draw.draw(st.booleans()) else x)


def differing(value: Array, reference: Array) -> tuple[int, Array]:
    """Elements that differ, at best of the layouts NCHW and NHWC, and the reference in that layout."""
    layouts = [reference, reference.transpose(0, 2, 3, 1)] if reference.ndim == 4 else [reference]
    best = min((layout.reshape(value.shape) for layout in layouts), key=lambda layout: int(np.sum(layout != value)))
    assert np.max(np.abs(best.astype(int) - value)) <= 1
    return int(np.sum(best != value)), best


@given(st.data())
def test_random_networks_keep_their_results(draw: st.DataObject) -> None:
    """Every int8 value of the model is compared with the graph's, then put in its place for the layers behind.

    float64 sums of reals and int32 sums times a float32 scale fall on two sides of a rounding now and then; without
    this the layers behind would make much of it.
    """
    graph = random_network(draw)
    x = quantize(floats(*graph.inputs[0].type.shape, seed=1) * 3, quant(graph.nodes[0].output.type.quant))
    model = trace(graph, [dequantize(x, quant(graph.nodes[0].output.type.quant))])
    run_passes(AS_MODEL, graph, HOST)
    assert all(value.type.dtype is DType.S8 for node in graph.nodes for value in node.outputs)
    compared = []

    def compare(name: str, value: Array) -> Array:
        if name not in model or model[name].dtype != np.int8:
            return value
        count, forced = differing(value, model[name])
        assert count <= 1 + value.size // 50, (name, graph.to_text())
        compared.append(name)
        return forced

    perm = graph.input_ports[0].perm
    trace(graph, [(x.transpose(perm) if perm else x).reshape(graph.inputs[0].type.shape)], compare)
    assert graph.outputs[0].name in compared
    # The passes behind may change any value but the outputs: for these, the same inputs give the same integers.
    given = [(x.transpose(perm) if perm else x).reshape(graph.inputs[0].type.shape)]
    before = interpret(graph, given)
    run_passes(PASSES[len(AS_MODEL) :], graph, HOST)
    assert np.array_equal(interpret(graph, given)[0], before[0])


@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.name)
def test_zoo_ends_as_int8_without_transposes(network: Network) -> None:
    if not network.int8.exists():
        pytest.skip(f"no {network.int8}")
    graph = import_model(network.int8)
    optimize(graph, HOST)
    assert "Transpose" not in ops(graph)
    reshapes = [node for node in graph.nodes if node.op.name == "Reshape"]
    assert not any(graph.producer(node.inputs[0]) in reshapes for node in reshapes)
    assert not {"QuantizeLinear", "DequantizeLinear", "Relu", "Clip"} & set(ops(graph))
    assert graph.producer(graph.outputs[0]) is graph.nodes[-1]


def test_dump_has_a_text_for_each_change(tmp_path: pathlib.Path) -> None:
    b = Builder()
    graph = b.graph(b.quantize(b.node("Relu", b.dequantize(b.input("x", 1, 4, quant=Q(0.1, 3)))), 0.1, 3))
    optimize(graph, HOST, dump_ir=tmp_path)
    names = sorted(file.name for file in tmp_path.iterdir())
    assert names[0] == "00-imported.txt"
    assert any(name.endswith("fuse-tables.txt") for name in names)


def test_reshapes_around_a_table_that_vanishes_merge() -> None:
    b = Builder()
    x = b.node("Reshape", b.qdq(b.input("x", 1, 12)), attrs=ReshapeAttrs((1, 3, 4)))
    x = b.node("Reshape", b.qdq(x), attrs=ReshapeAttrs((3, 4)))  # the same quantisation once more
    graph = b.graph(b.quantize(b.node("Gemm", x, b.weights("w", 2, 4), attrs=GemmAttrs()), 0.1, 0))
    optimize(graph, HOST)
    assert ops(graph) == ["Gemm"]
