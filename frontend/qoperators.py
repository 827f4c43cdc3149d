"""QLinear* operators -> DequantizeLinear, operator, QuantizeLinear: after this there is one form of quantised model.

QLinearConv(x, w, b) = QuantizeLinear(Conv(DequantizeLinear(x), DequantizeLinear(w), DequantizeLinear(b)))
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnx
import onnx.helper
import onnx.numpy_helper

from edgec.errors import UnsupportedError
from edgec.frontend.load import Model
from edgec.ir import Array, Source

MICROSOFT = "com.microsoft"


class _Writer:
    """The new nodes that take the place of one QLinear* node."""

    def __init__(self, model: Model, node: onnx.NodeProto) -> None:
        self.model = model
        self.node = node
        self.nodes: list[onnx.NodeProto] = []
        self.source = model.sources.get(node.output[0], Source(node.op_type, node.name))

    def add(self, op: str, inputs: Sequence[str], output: str, **attributes: Any) -> str:
        self.nodes.append(onnx.helper.make_node(op, list(inputs), [output], name=f"{output}/{op}", **attributes))
        self.model.sources[output] = self.source
        return output

    def real(self, at: int, *, axis: int | None = None) -> str:
        """DequantizeLinear of the three inputs (integers, scale, zero point) from number `at` on."""
        x, scale, zero_point = self.node.input[at : at + 3]
        array = self.array(scale)
        attributes = {"axis": axis} if axis is not None and array is not None and array.size > 1 else {}
        return self.add("DequantizeLinear", [x, scale, zero_point], f"{self.node.output[0]}_real{at}", **attributes)

    def bias(self, name: str, x_scale: str, w_scale: str, factor: float = 1.0) -> str:
        """An int32 bias: its scale is that of the products, float32(s_x * s_w)."""
        s_x, s_w = self.array(x_scale), self.array(w_scale)
        if s_x is None or s_w is None:
            raise UnsupportedError("its scales are computed at run time")
        scale = (s_x.reshape(-1)[0] * s_w.reshape(-1) * np.float32(factor)).astype(np.float32)
        scale = scale if scale.size > 1 else scale.reshape(())
        constant = f"{self.node.output[0]}_bias_scale"
        self.model.proto.graph.initializer.append(onnx.numpy_helper.from_array(scale, constant))
        attributes = {"axis": 0} if scale.ndim else {}
        return self.add("DequantizeLinear", [name, constant], f"{self.node.output[0]}_bias", **attributes)

    def array(self, name: str) -> Array | None:
        tensor = next((t for t in self.model.proto.graph.initializer if t.name == name), None)
        return None if tensor is None else onnx.numpy_helper.to_array(tensor)

    def rank(self, name: str) -> int:
        array = self.array(name)
        return 2 if array is None else array.ndim

    def finish(self, op: str, inputs: Sequence[str], at: int, *drop: str, **more: Any) -> None:
        """The operator itself, its result quantised by the scale and zero point from input `at` on."""
        kept = {a.name: onnx.helper.get_attribute_value(a) for a in self.node.attribute if a.name not in drop}
        output = self.node.output[0]
        if len(self.node.input) <= at or not self.node.input[at]:
            self.add(op, inputs, output, **kept, **more)  # QGemm may give float32
            return
        real = self.add(op, inputs, f"{output}_real", **kept, **more)
        self.add("QuantizeLinear", [real, *self.node.input[at : at + 2]], output)


def _conv(writer: _Writer) -> None:
    node = writer.node
    inputs = [writer.real(0), writer.real(3, axis=0)]
    if len(node.input) > 8 and node.input[8]:
        inputs.append(writer.bias(node.input[8], node.input[1], node.input[4]))
    writer.finish("Conv", inputs, 6)


def _matmul(writer: _Writer) -> None:
    writer.finish("MatMul", [writer.real(0), writer.real(3, axis=writer.rank(writer.node.input[3]) - 1)], 6)


def _gemm(writer: _Writer) -> None:
    node = writer.node
    attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
    inputs = [writer.real(0), writer.real(3, axis=0 if attributes.get("transB", 0) else 1)]
    if len(node.input) > 6 and node.input[6]:
        # The int32 bias has alpha in its scale already, and no beta.
        inputs.append(writer.bias(node.input[6], node.input[1], node.input[4], attributes.get("alpha", 1.0)))
    writer.finish("Gemm", inputs, 7)


def _binary(op: str) -> Callable[[_Writer], None]:
    return lambda writer: writer.finish(op, [writer.real(0), writer.real(3)], 6)


def _unary(op: str) -> Callable[[_Writer], None]:
    return lambda writer: writer.finish(op, [writer.real(0)], 3)


def _pool(op: str) -> Callable[[_Writer], None]:
    def write(writer: _Writer) -> None:
        if any(a.name == "channels_last" and a.i for a in writer.node.attribute):
            raise UnsupportedError("channels_last is not taken; export it in ONNX's own layout")
        writer.finish(op, [writer.real(0)], 3, "channels_last")

    return write


def _concat(writer: _Writer) -> None:
    # y_scale, y_zero_point, then (x, scale, zero point) of each input
    writer.finish("Concat", [writer.real(at) for at in range(2, len(writer.node.input), 3)], 0)


def _softmax(writer: _Writer) -> None:
    opset = next((a.i for a in writer.node.attribute if a.name == "opset"), 13)
    if opset < 13 and next((a.i for a in writer.node.attribute if a.name == "axis"), 1) != -1:
        raise UnsupportedError("its axis counts as before opset 13; export the model with opset 13 or later")
    writer.finish("Softmax", [writer.real(0)], 3, "opset")


REWRITES: dict[tuple[str, str], Callable[[_Writer], None]] = {
    ("", "QLinearConv"): _conv,
    ("", "QLinearMatMul"): _matmul,
    (MICROSOFT, "QLinearAdd"): _binary("Add"),
    (MICROSOFT, "QLinearMul"): _binary("Mul"),
    (MICROSOFT, "QLinearConcat"): _concat,
    (MICROSOFT, "QLinearAveragePool"): _pool("AveragePool"),
    (MICROSOFT, "QLinearGlobalAveragePool"): _pool("GlobalAveragePool"),
    (MICROSOFT, "QLinearSoftmax"): _softmax,
    (MICROSOFT, "QLinearSigmoid"): _unary("Sigmoid"),
    (MICROSOFT, "QLinearLeakyRelu"): _unary("LeakyRelu"),
    (MICROSOFT, "QGemm"): _gemm,
}


def rewrite_qoperators(model: Model) -> bool:
    """Replace every QLinear* node; True when there was one. A node that can't be rewritten stays for the importer."""
    nodes: list[onnx.NodeProto] = []
    changed = False
    for node in model.proto.graph.node:
        if node.domain == MICROSOFT and node.op_type in ("QuantizeLinear", "DequantizeLinear"):
            node.domain = ""
            changed = True
        rewrite = REWRITES.get((node.domain, node.op_type))
        if rewrite is None:
            nodes.append(node)
            continue
        writer = _Writer(model, node)
        try:
            rewrite(writer)
        except UnsupportedError as error:
            model.refused[node.output[0]] = error.message
            nodes.append(node)
            continue
        nodes += writer.nodes
        changed = True
    if changed:
        copies = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
        del model.proto.graph.node[:]
        model.proto.graph.node.extend(copies)
    return changed
