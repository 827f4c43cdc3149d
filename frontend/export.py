"""Graph -> ONNX: a model with QuantizeLinear and DequantizeLinear that onnxruntime runs with the same results.

An int8 operator becomes DequantizeLinear -> operator -> QuantizeLinear (-> Clip for a fused clamp). Conv, pools, Resize
and DepthToSpace, which ONNX knows as NCHW only, stand between Transposes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnx.checker
import onnx.helper
import onnx.numpy_helper

from edgec.errors import InternalError
from edgec.frontend.context import UINT8_SHIFT
from edgec.frontend.export_ops import EXPORTERS
from edgec.ir import DType, Graph, Node, Port, QuantParams, Value
from edgec.ops.numbers import FULL_RANGE, Clamp

OPSET, IR_VERSION = 20, 9
TENSOR = onnx.TensorProto
ELEMENTS = {DType.F32: TENSOR.FLOAT, DType.S8: TENSOR.INT8, DType.S32: TENSOR.INT64}


def export_model(graph: Graph) -> bytes:
    """The bytes of an ONNX file of a Graph, as imported or as scheduled."""
    return bytes(export_proto(graph).SerializeToString())


def export_proto(graph: Graph) -> onnx.ModelProto:
    """As `export_model`, as onnx's own type."""
    writer = Writer(graph)
    inputs = [writer.read_port(p, v) for p, v in zip(graph.input_ports, graph.inputs, strict=True)]
    for node in graph.nodes:
        EXPORTERS[node.op.name](writer, node)
    outputs = [writer.write_port(p, v) for p, v in zip(graph.output_ports, graph.outputs, strict=True)]
    onnx_graph = onnx.helper.make_graph(writer.nodes, graph.name or "graph", inputs, outputs, writer.constants)
    opsets = [onnx.helper.make_opsetid("", OPSET)]
    proto = onnx.helper.make_model(onnx_graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="edgec")
    onnx.checker.check_model(proto)
    return proto


class Writer:
    """The ONNX nodes and constants so far. `stored` names hold what the Graph holds, `real` names float32."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self.names: set[str] = {port.name for port in (*graph.input_ports, *graph.output_ports)}
        self.node_names: set[str] = set()
        self.stored_names: dict[Value, str] = {}
        self.real_names: dict[Value, str] = {}
        for port, value in zip(graph.output_ports, graph.outputs, strict=True):
            # An output that needs no conversion is computed under the name of its port.
            if _same_form(port, value) and value not in self.stored_names and value not in graph.inputs:
                self.stored_names[value] = port.name

    # Names.

    def unique(self, base: str) -> str:
        name, count = base, 0
        while name in self.names:
            count += 1
            name = f"{base}_{count}"
        self.names.add(name)
        return name

    def name(self, value: Value) -> str:
        """The ONNX name of a Graph value as stored: int8, int32 or float32."""
        if value not in self.stored_names:
            self.stored_names[value] = (
                self.constant(value.name, value.data) if value.is_constant else self.unique(value.name)
            )
        return self.stored_names[value]

    def constant(self, base: str, array: npt.ArrayLike | None) -> str:
        if array is None:
            raise InternalError(f"{base!r} is not a constant")
        name = self.unique(base)
        self.constants.append(onnx.numpy_helper.from_array(np.asarray(array).copy(order="C"), name))
        return name

    def integers(self, base: str, values: Sequence[int]) -> str:
        """A constant list of int64: shapes, axes, pads."""
        return self.constant(base, np.array(list(values), np.int64))

    # Nodes.

    def add(self, op: str, inputs: Sequence[str], output: str, name: str = "", **attributes: Any) -> str:
        """Add an ONNX node; gives `output`. Attributes that are None are left out."""
        base = name or f"{output}/{op}"
        unique, count = base, 0
        while unique in self.node_names:
            count += 1
            unique = f"{base}_{count}"
        self.node_names.add(unique)
        self.nodes.append(onnx.helper.make_node(op, list(inputs), [output], name=unique, **attributes))
        return output

    def step(self, op: str, inputs: Sequence[str], **attributes: Any) -> str:
        """Add a node whose result is only a step on the way."""
        return self.add(op, inputs, self.unique(f"{inputs[0]}/{op}"), **attributes)

    def transpose(self, x: str, perm: Sequence[int], output: str = "") -> str:
        output = output or self.unique(f"{x}/Transpose")
        return self.add("Transpose", [x], output, perm=list(perm))

    def reshape(self, x: str, shape: Sequence[int], output: str = "") -> str:
        output = output or self.unique(f"{x}/Reshape")
        return self.add("Reshape", [x, self.integers(f"{output}/shape", shape)], output)

    def dequantize(self, x: str, quant: QuantParams, dtype: DType = DType.S8, output: str = "") -> str:
        """float32 from int8 (or int32) with that scale and zero point."""
        output = output or self.unique(f"{x}/real")
        return self.add("DequantizeLinear", [x, *self._params(output, quant, dtype)], output, axis=quant.axis)

    def quantize(self, x: str, quant: QuantParams, output: str) -> str:
        return self.add("QuantizeLinear", [x, *self._params(output, quant, DType.S8)], output, axis=quant.axis)

    def _params(self, base: str, quant: QuantParams, dtype: DType) -> list[str]:
        """Names of scale and zero point as constants: single numbers, or one a slice along the axis."""
        scale, zero_point = np.array(quant.scale, np.float32), np.array(quant.zero_point, dtype.numpy)
        if quant.axis is None:
            scale, zero_point = scale.reshape(()), zero_point.reshape(())
        return [self.constant(f"{base}/scale", scale), self.constant(f"{base}/zero_point", zero_point)]

    # Values of the Graph.

    def real(self, value: Value, *, nchw: bool = False) -> str:
        """float32 name of a value, dequantised if need be; `nchw`: its feature map in ONNX's layout."""
        if value.type.dtype is DType.F32 or not nchw:
            name = self._plain_real(value)
            return self.transpose(name, (0, 3, 1, 2)) if nchw else name
        return self.dequantize(self.transpose(self.name(value), (0, 3, 1, 2)), _quant(value))

    def _plain_real(self, value: Value) -> str:
        if value.type.dtype is DType.F32:
            return self.name(value)
        if value not in self.real_names:
            self.real_names[value] = self.dequantize(self.name(value), _quant(value), value.type.dtype)
        return self.real_names[value]

    def finish(
        self,
        node: Node,
        op: str,
        inputs: Sequence[str],
        *,
        nchw: bool = False,
        clamp: Clamp = FULL_RANGE,
        **attributes: Any,
    ) -> None:
        """The operator itself; an int8 result is quantised, clamped, and brought back to NHWC."""
        value = node.output
        if value.type.dtype is not DType.S8:
            output = self.unique(f"{self.name(value)}/nchw") if nchw else self.name(value)
            self.add(op, inputs, output, node.name, **attributes)
            if nchw:
                self.transpose(output, (0, 2, 3, 1), self.name(value))
            return
        steps = ["quantized"] + (["clamped"] if clamp != FULL_RANGE else []) + (["nhwc"] if nchw else [])
        real = self.add(op, inputs, self.unique(f"{self.name(value)}/float"), node.name, **attributes)
        self.store(real, value, steps, clamp)

    def store(self, real: str, value: Value, steps: Sequence[str] = ("quantized",), clamp: Clamp = FULL_RANGE) -> None:
        """Quantise a float32 result into the int8 value, then clamp it and transpose it as `steps` say."""
        x = real
        for index, step in enumerate(steps):
            output = self.name(value) if index == len(steps) - 1 else self.unique(f"{self.name(value)}/{step}")
            if step == "quantized":
                x = self.quantize(x, _quant(value), output)
            elif step == "clamped":
                bounds = [self.constant(f"{output}/{limit}", np.int8(limit)) for limit in clamp]
                x = self.add("Clip", [x, *bounds], output)
            else:
                x = self.transpose(x, (0, 2, 3, 1), output)

    # Ports.

    def read_port(self, port: Port, value: Value) -> onnx.ValueInfoProto:
        """A model input, brought to what the Graph's input value holds."""
        x = port.name
        if _same_form(port, value):
            self.stored_names[value] = x
            return _value_info(port)
        if value.type.dtype is DType.S8 and port.dtype == "float32":
            x = self.quantize(x, _quant(value), self.unique(f"{x}/int8"))
        elif port.dtype == "uint8":
            real = self.add("DequantizeLinear", [x, *self._uint8_params(value)], self.unique(f"{x}/real"))
            x = self.quantize(real, _quant(value), self.unique(f"{x}/int8"))
        x = x if port.perm is None else self.transpose(x, port.perm)
        permuted = port.shape if port.perm is None else tuple(port.shape[axis] for axis in port.perm)
        self.stored_names[value] = x if permuted == value.type.shape else self.reshape(x, value.type.shape)
        return _value_info(port)

    def write_port(self, port: Port, value: Value) -> onnx.ValueInfoProto:
        """A model output from what the Graph's output value holds."""
        x = self.name(value)
        if x == port.name:
            return _value_info(port)
        if value.type.dtype is DType.S8 and port.dtype in ("float32", "uint8"):
            x = self.dequantize(x, _quant(value))
        if port.perm is not None:
            x = self.reshape(x, [port.shape[axis] for axis in port.perm])
            x = self.transpose(x, [int(axis) for axis in np.argsort(port.perm)])
        elif value.type.shape != port.shape:
            x = self.reshape(x, port.shape)
        if port.dtype == "uint8":
            self.add("QuantizeLinear", [x, *self._uint8_params(value)], port.name)
        elif port.dtype == "int32":
            self.add("Cast", [x], port.name, to=TENSOR.INT32)
        else:
            self.add("Identity", [x], port.name)
        return _value_info(port)

    def _uint8_params(self, value: Value) -> list[str]:
        scale, zero_point = _quant(value).scalar
        shifted = np.uint8(zero_point + UINT8_SHIFT)
        return [
            self.constant(f"{value.name}/uint8_scale", scale),
            self.constant(f"{value.name}/uint8_zero_point", shifted),
        ]


def _same_form(port: Port, value: Value) -> bool:
    """The model's file holds exactly what the Graph holds."""
    names = {DType.F32: "float32", DType.S8: "int8", DType.S32: "int64"}
    return port.dtype == names[value.type.dtype] and port.perm is None and port.shape == value.type.shape


def _quant(value: Value) -> QuantParams:
    if value.type.quant is None:
        raise InternalError(f"value {value.name!r} has no quantisation")
    return value.type.quant


def _value_info(port: Port) -> onnx.ValueInfoProto:
    kind = onnx.helper.np_dtype_to_tensor_dtype(np.dtype(port.dtype))
    return onnx.helper.make_tensor_value_info(port.name, kind, list(port.shape))
