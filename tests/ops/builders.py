"""Builds small quantised ONNX models (QDQ: QuantizeLinear / DequantizeLinear around float operators).

    m = Model("conv")
    x = m.input("x", (1, 3, 8, 8), 0.02, -3)
    y = m.node("Conv", [x, m.weights((4, 3, 3, 3)), m.bias(4)], kernel_shape=[3, 3])
    m.output(y, 0.05, 5)
    proto = m.build()

Inputs and outputs of the model are int8; weights and biases are random, the same for the same name.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from edgec.ir import Array

QMIN, QMAX = -128, 127


class Model:
    """An ONNX graph under construction; methods give the names of the real (dequantised) values."""

    def __init__(self, name: str, opset: int = 17) -> None:
        self.name = name
        self.opset = opset
        self.rng = np.random.default_rng(zlib.crc32(name.encode()))
        self.nodes: list[onnx.NodeProto] = []
        self.inputs: list[onnx.ValueInfoProto] = []
        self.outputs: list[onnx.ValueInfoProto] = []
        self.initializers: list[onnx.TensorProto] = []
        self._count = 0
        self._scales: dict[str, Array] = {}

    def fresh(self, base: str) -> str:
        self._count += 1
        return f"{base}_{self._count}"

    def constant(self, data: Array, base: str = "c") -> str:
        """Name of a constant as it is: float32, int64 ..."""
        name = self.fresh(base)
        self.initializers.append(numpy_helper.from_array(np.asarray(data), name))
        return name

    def node(self, op: str, inputs: Sequence[str], *, outputs: int = 1, domain: str = "", **attributes: Any) -> str:
        """Adds a node; the name of its first output. The others are `<name>_1`, `<name>_2` ..."""
        name = self.fresh(op.lower())
        results = [name, *(f"{name}_{index}" for index in range(1, outputs))]
        self.nodes.append(helper.make_node(op, list(inputs), results, name=name, domain=domain, **attributes))
        return name

    def dequantize(self, q: str, scale: Array | float, zero_point: Array, axis: int | None = None) -> str:
        extra = {} if axis is None else {"axis": axis}
        s = self.constant(np.asarray(scale, np.float32), "scale")
        real = self.node("DequantizeLinear", [q, s, self.constant(zero_point, "zero_point")], **extra)
        self._scales[real] = np.asarray(scale, np.float32)
        return real

    def quantize(self, real: str, scale: float, zero_point: int) -> str:
        s = self.constant(np.asarray(scale, np.float32), "scale")
        return self.node("QuantizeLinear", [real, s, self.constant(np.asarray(zero_point, np.int8), "zero_point")])

    def requantized(self, real: str, scale: float, zero_point: int) -> str:
        """A quantised activation in the middle of the model."""
        return self.dequantize(self.quantize(real, scale, zero_point), scale, np.asarray(zero_point, np.int8))

    def input(self, name: str, shape: Sequence[int], scale: float = 0.02, zero_point: int = -3) -> str:
        self.inputs.append(helper.make_tensor_value_info(name, TensorProto.INT8, list(shape)))
        return self.dequantize(name, scale, np.asarray(zero_point, np.int8))

    def weights(
        self, shape: Sequence[int], *, axis: int | None = 0, zero_points: bool = False, extreme: bool = False
    ) -> str:
        """int8 weights with a scale for each slice along `axis`, or a single one; `extreme`: all -128 or 127."""
        channels = 1 if axis is None else shape[axis]
        scale = self.rng.uniform(0.005, 0.02, channels).astype(np.float32)
        offset = self.rng.integers(-20, 20, channels).astype(np.int8) * int(zero_points)
        w = self.rng.choice([QMIN, QMAX], shape) if extreme else self.rng.integers(-127, 128, shape)
        q = self.constant(w.astype(np.int8), "w")
        if axis is None:
            return self.dequantize(q, scale[0], np.asarray(offset[0], np.int8))
        return self.dequantize(q, scale, offset.astype(np.int8), axis)

    def bias(self, channels: int, x: str, w: str, largest: int = 2000) -> str:
        """int32 bias whose scale is the product of those of the values `x` and `w`."""
        scale = (self._scales[x] * self._scales[w]).astype(np.float32)
        q = self.constant(self.rng.integers(-largest, largest + 1, channels).astype(np.int32), "bias")
        if scale.ndim == 0:
            return self.dequantize(q, scale, np.asarray(0, np.int32))
        return self.dequantize(q, scale, np.zeros(channels, np.int32), 0)

    def output(self, real: str, scale: float = 0.05, zero_point: int = 5) -> None:
        """Quantises a real value and makes it an output of the model."""
        q = self.quantize(real, scale, zero_point)
        self.outputs.append(helper.make_tensor_value_info(q, TensorProto.INT8, None))

    def raw_output(self, name: str, dtype: int = TensorProto.FLOAT) -> None:
        """Makes a value an output as it is."""
        self.outputs.append(helper.make_tensor_value_info(name, dtype, None))

    def build(self) -> onnx.ModelProto:
        graph = helper.make_graph(self.nodes, self.name, self.inputs, self.outputs, self.initializers)
        domains = {node.domain for node in self.nodes if node.domain}
        opsets = [helper.make_opsetid("", self.opset), *(helper.make_opsetid(domain, 1) for domain in sorted(domains))]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
        model = onnx.shape_inference.infer_shapes(model, strict_mode=True)
        onnx.checker.check_model(model)
        return model
