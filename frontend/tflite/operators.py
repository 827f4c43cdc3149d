"""How each Graph operator is written as operators of TensorFlow Lite."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from edgec.frontend.tflite.rules import activation, quant_of, refuse
from edgec.frontend.tflite.windows import add_pad, bias, write_average_pool, write_conv, write_max_pool, write_mean
from edgec.ir import DType, Node, QuantParams
from edgec.ops.movement import ConcatAttrs, PadAttrs, ReshapeAttrs, SliceAttrs, TransposeAttrs
from edgec.ops.numbers import QMAX, QMIN, dequantize, quantize
from edgec.ops.pool import ReduceAttrs

if TYPE_CHECKING:
    from edgec.frontend.tflite.writer import Writer

# What TensorFlow Lite's int8 kernels give, whatever the file says.
SOFTMAX_QUANT = QuantParams.per_tensor(1 / 256, -128)
LOG_SOFTMAX_QUANT = QuantParams.per_tensor(16 / 256, 127)


def write_gemm(writer: Writer, node: Node) -> None:
    inputs = [writer.tensor(node.inputs[0]), writer.tensor(node.inputs[1]), bias(writer, node)]
    options = {"fusedActivationFunction": activation(node, node.attrs.clamp), "keepNumDims": True}
    writer.add("FULLY_CONNECTED", inputs, writer.tensor(node.output), "FullyConnectedOptions", **options)


def write_binary(writer: Writer, node: Node) -> None:
    """ADD, SUB or MUL."""
    inputs = [writer.tensor(value) for value in node.inputs]
    function = activation(node, node.attrs.clamp)
    kind = f"{node.op.name}Options"
    writer.add(node.op.name.upper(), inputs, writer.tensor(node.output), kind, fusedActivationFunction=function)


def write_reduce_mean(writer: Writer, node: Node) -> None:
    attrs: ReduceAttrs = node.attrs
    write_mean(writer, node, attrs.axes, attrs.keepdims)


def write_softmax(writer: Writer, node: Node) -> None:
    shares(writer, node, SOFTMAX_QUANT, "SOFTMAX", "SoftmaxOptions", beta=1.0)


def write_log_softmax(writer: Writer, node: Node) -> None:
    shares(writer, node, LOG_SOFTMAX_QUANT, "LOG_SOFTMAX", "LogSoftmaxOptions")


def shares(writer: Writer, node: Node, fixed: QuantParams, name: str, kind: str, **options: float) -> None:
    """A real result is computed in reals, an int8 one with another scale than the fixed one is requantised."""
    x, y = node.inputs[0], node.output
    if node.attrs.axis != len(x.type.shape) - 1:
        raise refuse(node, f"its axis {node.attrs.axis} is not the last one")
    source, output = writer.tensor(x), writer.tensor(y)
    if y.type.dtype is DType.F32:
        real = writer.new(f"{node.name}/real", x.type.shape, DType.F32)
        writer.add("DEQUANTIZE", [source], real)
        writer.add(name, [real], output, kind, **options)
    elif y.type.quant == fixed:
        writer.add(name, [source], output, kind, **options)
    else:
        first = writer.between(node, "fixed", y.type.shape, fixed)
        writer.add(name, [source], first, kind, **options)
        writer.add("QUANTIZE", [first], output)


def write_reshape(writer: Writer, node: Node) -> None:
    attrs: ReshapeAttrs = node.attrs
    inputs = [writer.tensor(node.inputs[0]), writer.integers(node, "shape", attrs.shape)]
    writer.add("RESHAPE", inputs, writer.tensor(node.output), "ReshapeOptions", newShape=list(attrs.shape))


def write_transpose(writer: Writer, node: Node) -> None:
    attrs: TransposeAttrs = node.attrs
    inputs = [writer.tensor(node.inputs[0]), writer.integers(node, "perm", attrs.perm)]
    writer.add("TRANSPOSE", inputs, writer.tensor(node.output), "TransposeOptions")


def write_concat(writer: Writer, node: Node) -> None:
    attrs: ConcatAttrs = node.attrs
    inputs = [writer.tensor(value) for value in node.inputs]
    writer.add("CONCATENATION", inputs, writer.tensor(node.output), "ConcatenationOptions", axis=attrs.axis)


def write_slice(writer: Writer, node: Node) -> None:
    """STRIDED_SLICE, which takes the index behind the last element."""
    attrs: SliceAttrs = node.attrs
    if min(attrs.steps) < 1:
        raise refuse(node, f"it runs backwards, with steps {list(attrs.steps)}")
    ends = [
        start + (size - 1) * step + 1 for start, size, step in zip(attrs.starts, attrs.sizes, attrs.steps, strict=True)
    ]
    lists = {"starts": attrs.starts, "ends": ends, "steps": attrs.steps}
    inputs = [writer.tensor(node.inputs[0]), *(writer.integers(node, what, values) for what, values in lists.items())]
    writer.add("STRIDED_SLICE", inputs, writer.tensor(node.output), "StridedSliceOptions")


def write_pad(writer: Writer, node: Node) -> None:
    """PAD or PADV2, whose value is real in the Graph."""
    attrs: PadAttrs = node.attrs
    if attrs.mode != "constant":
        raise refuse(node, f"mode {attrs.mode!r}")
    value = int(quantize(np.array(attrs.value, np.float32), quant_of(node.inputs[0])))
    add_pad(writer, node, writer.tensor(node.output), (attrs.before, attrs.after), value)


def write_table(writer: Writer, node: Node) -> None:
    """QUANTIZE, where the table does nothing but change the scale."""
    x, table = node.inputs
    every = np.arange(QMIN, QMAX + 1).astype(np.int8)
    requantized = quantize(dequantize(every, quant_of(x)), quant_of(node.output))
    if not np.array_equal(table.array, requantized):
        raise refuse(node, f"it computes {node.attrs.function}")
    writer.add("QUANTIZE", [writer.tensor(x)], writer.tensor(node.output), "QuantizeOptions")


WRITERS: Mapping[str, Callable[[Writer, Node], None]] = {
    "Add": write_binary,
    "AveragePool": write_average_pool,
    "Concat": write_concat,
    "Conv": write_conv,
    "Gemm": write_gemm,
    "LogSoftmax": write_log_softmax,
    "MaxPool": write_max_pool,
    "Mul": write_binary,
    "Pad": write_pad,
    "ReduceMean": write_reduce_mean,
    "Reshape": write_reshape,
    "Slice": write_slice,
    "Softmax": write_softmax,
    "Sub": write_binary,
    "Table": write_table,
    "Transpose": write_transpose,
}
