"""Random int8 networks "as scheduled" in which many channels are dead, constant or read by nobody."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from edgec.ir import Array, Graph, QuantParams, Value
from edgec.ops.conv import ConvAttrs, window_output
from edgec.ops.elementwise import BinaryAttrs
from edgec.ops.gemm import GemmAttrs
from edgec.ops.movement import ConcatAttrs, DepthToSpaceAttrs, PadAttrs, ReshapeAttrs, SliceAttrs, TransposeAttrs
from edgec.ops.pool import PoolAttrs, ReduceAttrs
from edgec.ops.resize import ResizeAttrs
from edgec.ops.softmax import SoftmaxAttrs
from edgec.ops.table import TableAttrs
from tests.passes.builders import Builder, Q

INT32 = np.iinfo(np.int32)
LAYERS = ("conv", "conv", "conv", "conv", "depthwise", "depthwise", "table", "pool", "add", "gate", "branches", "slice")
LAYERS += ("pad", "resize", "depth_to_space", "flat_and_back", "transpose", "softmax")


class Int8Network(Builder):
    """Layers on NHWC int8; `draw` chooses what they are, a seed the numbers in them."""

    def __init__(self, draw: st.DataObject) -> None:
        super().__init__()
        self.draw = draw
        self.rng = np.random.default_rng(self.number(0, 10**6))

    def number(self, low: int, high: int) -> int:
        return self.draw.draw(st.integers(low, high))

    def choice(self, *values: object) -> object:
        return self.draw.draw(st.sampled_from(values))

    def quant(self) -> QuantParams:
        return Q(float(self.rng.uniform(0.02, 0.1)), int(self.rng.choice([-128, -128, -3, 0, 60])))

    def clamp(self, quant: QuantParams) -> tuple[int, int]:
        """None, a Relu, a narrow one, one that leaves one value."""
        ranges = [(-128, 127), (-128, 127), (quant.zero_point[0], 127), (3, 40), (5, 5)]
        return ranges[int(self.rng.choice(len(ranges), p=[0.3, 0.2, 0.3, 0.15, 0.05]))]

    def some(self, *shape: int) -> Array:
        """True here and there."""
        return self.rng.random(shape) < self.rng.choice([0.0, 0.3, 0.7])

    def layer_constants(self, shape: tuple[int, ...]) -> tuple[Value, Value]:
        """Weights with rows and columns of zeros, biases that leave no choice, some at the ends of int32."""
        out = shape[0]
        zero_point = self.rng.integers(-9, 9, out) * int(self.rng.random() < 0.3)
        column = (out, *[1] * (len(shape) - 1))
        w = self.rng.integers(-127, 128, shape)
        w = np.where(self.some(*shape[-1:]) | self.some(out).reshape(column), zero_point.reshape(column), w)
        if self.rng.random() < 0.2 and len(shape) == 4:  # only the taps of one row and column
            w[:, 1:, 1:] = zero_point.reshape(column)
        scale = self.rng.uniform(0.005, 0.02, out).astype(np.float32)
        bias = self.rng.integers(-3000, 3000, out) * np.where(self.some(out), 30, 1)
        dead = self.some(out) & self.some(out)
        scale, bias = np.where(dead, np.float32(1e-9), scale), np.where(dead, INT32.min, bias)
        quant = QuantParams(tuple(map(float, scale)), tuple(map(int, zero_point)), 0)
        name = f"w{len(self.nodes)}"
        return self.constant(name, w.astype(np.int8), quant), self.constant(f"{name}_bias", bias.astype(np.int32))

    def window(self, x: Value) -> tuple[tuple[int, int], ...]:
        """(kernel, strides, dilations), small enough for x with pads of 0."""
        kernel, stride, dilation = self.number(1, 3), self.number(1, 2), self.number(1, 2)
        room = min(x.type.shape[1:3])
        kernel = kernel if window_output(room, kernel, 1, 0, dilation) > 0 else 1
        return (kernel, min(kernel, room)), (stride, stride), (dilation, 1)

    def pads(self, largest: int = 2) -> tuple[int, int, int, int]:
        if self.draw.draw(st.booleans()):
            return (0, 0, 0, 0)
        return (self.number(0, largest), self.number(0, largest), self.number(0, 1), self.number(0, 1))

    def conv(self, x: Value) -> Value:
        channels = x.type.shape[3]
        group = int(self.rng.choice([g for g in (1, 1, 2, 3) if channels % g == 0]))
        return self.convolution(x, group * self.number(1, 6 if group == 1 else 2), group)

    def depthwise(self, x: Value) -> Value:
        channels = x.type.shape[3]
        return self.convolution(x, channels * self.number(1, 2 if channels < 5 else 1), channels)

    def convolution(self, x: Value, out: int, group: int) -> Value:
        kernel, strides, dilations = self.window(x)
        w, b = self.layer_constants((out, *kernel, x.type.shape[3] // group))
        quant = self.quant()
        attrs = ConvAttrs(kernel, strides, self.pads(), dilations, group, self.clamp(quant))
        return self.node("Conv", x, w, b, attrs=attrs, quant=quant)

    def table(self, x: Value) -> Value:
        kind = self.choice("random", "step", "one value")
        entries = self.rng.integers(-128, 128, 256)
        if kind == "step":
            entries = np.where(np.arange(256) < 140, -7, entries)
        entries = np.full(256, 9) if kind == "one value" and self.rng.random() < 0.3 else entries
        quant = self.quant()
        values = self.constant(f"t{len(self.nodes)}", entries.astype(np.int8), quant)
        return self.node("Table", x, values, attrs=TableAttrs("Test"), quant=quant)

    def pool(self, x: Value) -> Value:
        op = str(self.choice("MaxPool", "AveragePool"))
        kernel, strides, dilations = self.window(x)
        counts, pads = bool(self.number(0, 1)), self.pads(2 if op == "MaxPool" else 1)
        quant = quant_of(x) if op == "MaxPool" else self.quant()
        attrs = PoolAttrs(kernel, strides, pads, dilations, counts, self.clamp(quant))
        return self.node(op, x, attrs=attrs, quant=quant)

    def add(self, x: Value) -> Value:
        """With itself through a layer, or with a constant. Division is by constants other than 0: 0 / 0 is no int8."""
        channels, quant = x.type.shape[3], self.quant()
        op = str(self.choice("Add", "Sub", "Mul", "Div"))
        if op == "Div" or self.draw.draw(st.booleans()):
            data = self.rng.integers(1, 128, (1, 1, 1, channels if self.draw.draw(st.booleans()) else 1))
            other = self.constant(f"c{len(self.nodes)}", data.astype(np.int8), Q(0.05, int(self.rng.choice([0, -3]))))
            if op == "Div":
                return self.node(op, x, other, attrs=BinaryAttrs(self.clamp(quant)), quant=quant)
        else:
            w, b = self.layer_constants((channels, 1, 1, channels))
            own = self.quant()
            other = self.node("Conv", x, w, b, attrs=ConvAttrs((1, 1), clamp=self.clamp(own)), quant=own)
        pair = (x, other) if self.draw.draw(st.booleans()) else (other, x)
        return self.node(op, *pair, attrs=BinaryAttrs(self.clamp(quant)), quant=quant)

    def gate(self, x: Value) -> Value:
        """Squeeze and excite."""
        mean = self.node("ReduceMean", x, attrs=ReduceAttrs((1, 2)), quant=self.quant())
        w, b = self.layer_constants((x.type.shape[3], 1, 1, x.type.shape[3]))
        quant, own = self.quant(), self.quant()
        gate = self.node("Conv", mean, w, b, attrs=ConvAttrs((1, 1), clamp=self.clamp(own)), quant=own)
        return self.node("Mul", x, gate, attrs=BinaryAttrs(), quant=quant)

    def branches(self, x: Value) -> Value:
        """Two layers side by side, and a constant at times, along the channels or the rows."""
        quant = self.quant()
        parts = []
        for _ in range(2):
            w, b = self.layer_constants((3, 1, 1, x.type.shape[3]))
            parts.append(self.node("Conv", x, w, b, attrs=ConvAttrs((1, 1), clamp=self.clamp(quant)), quant=quant))
        if self.draw.draw(st.booleans()):
            data = self.rng.integers(-128, 128, parts[0].type.shape).astype(np.int8)
            parts.insert(1, self.constant(f"c{len(self.nodes)}", data, quant))
        return self.node("Concat", *parts, attrs=ConcatAttrs(self.number(1, 3)), quant=quant)

    def slice(self, x: Value) -> Value:
        n, h, w, c = x.type.shape
        if self.draw.draw(st.booleans()):
            return self.node("Slice", x, attrs=SliceAttrs((0, 0, 0, c - 1), (1, 1, 1, -1), (n, h, w, c - c // 3)))
        step = self.number(1, 2)
        size = -(-(c - c // 2) // step)
        return self.node("Slice", x, attrs=SliceAttrs((0, 0, 0, c // 2), (1, 1, 1, step), (n, h, w, size)))

    def pad(self, x: Value) -> Value:
        before = (0, self.number(0, 1), 0, self.number(0, 2))
        attrs = PadAttrs(before, (0, 0, self.number(0, 1), self.number(0, 2)), value=self.number(-1, 1) / 2)
        return self.node("Pad", x, attrs=attrs)

    def resize(self, x: Value) -> Value:
        mode = str(self.choice("nearest", "linear"))
        quant = self.quant() if self.draw.draw(st.booleans()) else quant_of(x)
        sizes = (x.type.shape[1] * 2, x.type.shape[2] + 1)
        scales = (2.0, sizes[1] / x.type.shape[2])
        return self.node("Resize", x, attrs=ResizeAttrs(sizes, scales, mode), quant=quant)

    def depth_to_space(self, x: Value) -> Value:
        w, b = self.layer_constants((8, 1, 1, x.type.shape[3]))
        quant = self.quant()
        wide = self.node("Conv", x, w, b, attrs=ConvAttrs((1, 1), clamp=self.clamp(quant)), quant=quant)
        return self.node("DepthToSpace", wide, attrs=DepthToSpaceAttrs(2, str(self.choice("DCR", "CRD"))))

    def flat_and_back(self, x: Value) -> Value:
        n, h, w, c = x.type.shape
        flat = self.node("Reshape", x, attrs=ReshapeAttrs((n, h, w * c)))
        return self.node("Reshape", flat, attrs=ReshapeAttrs((n, h, w, c)))

    def transpose(self, x: Value) -> Value:
        return self.node("Transpose", x, attrs=TransposeAttrs((0, 2, 1, 3) if self.number(0, 1) else (0, 3, 1, 2)))

    def softmax(self, x: Value) -> Value:
        return self.node("Softmax", x, attrs=SoftmaxAttrs(self.number(1, 3)), quant=Q(1 / 256, -128))

    def dense(self, x: Value) -> Value:
        flat = self.node("Reshape", x, attrs=ReshapeAttrs((1, x.type.elements)))
        w, b = self.layer_constants((3, x.type.elements))
        quant = self.quant()
        return self.node("Gemm", flat, w, b, attrs=GemmAttrs(self.clamp(quant)), quant=quant)


def quant_of(value: Value) -> QuantParams:
    assert value.type.quant is not None
    return value.type.quant


def random_int8_network(draw: st.DataObject) -> Graph:
    """One to seven layers, then at times a dense one; at times an output in the middle too."""
    b = Int8Network(draw)
    x = b.conv(b.input("x", 1, b.number(3, 6), b.number(3, 6), b.number(1, 4), quant=Q(0.05, -3)))
    middle = []
    for layer in draw.draw(st.lists(st.sampled_from(LAYERS), min_size=1, max_size=6)):
        x = getattr(b, layer)(x)
        if draw.draw(st.integers(0, 9)) == 9:
            middle.append(x)
        if x.type.elements > 3000:
            break
    outputs = [*middle, b.dense(x) if draw.draw(st.booleans()) else x]
    return b.graph(*dict.fromkeys(outputs))


def samples(graph: Graph, count: int, seed: int) -> list[Array]:
    """Random inputs; the first two are all lowest and all highest."""
    rng = np.random.default_rng(seed)
    arrays = [rng.integers(-128, 128, (count, *value.type.shape[1:])).astype(np.int8) for value in graph.inputs]
    for x in arrays:
        x[0], x[1] = -128, 127
    return arrays
