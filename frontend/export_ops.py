"""How each Graph operator is written as ONNX nodes; used by `export`."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx

from edgec.errors import InternalError
from edgec.ir import DType, Node, QuantParams, Value
from edgec.ops.activation import PLAIN
from edgec.ops.conv import ConvAttrs
from edgec.ops.movement import DepthToSpaceAttrs, PadAttrs, SliceAttrs
from edgec.ops.numbers import dequantize, quantize
from edgec.ops.pool import PoolAttrs, ReduceAttrs
from edgec.ops.resize import ResizeAttrs

if TYPE_CHECKING:
    from edgec.frontend.export import Writer

FAR = np.iinfo(np.int64).min  # the end of a Slice that runs backwards to the first element
Exporter = Callable[["Writer", Node], None]


def write_conv(writer: Writer, node: Node) -> None:
    """Conv between Transposes; integer weights are stored in ONNX's order."""
    attrs: ConvAttrs = node.attrs
    x, w = writer.real(node.inputs[0], nchw=True), _weights(writer, node.inputs[1], (0, 3, 1, 2))
    writer.finish(
        node,
        "Conv",
        [x, w, *_bias(writer, node)],
        nchw=True,
        clamp=attrs.clamp,
        kernel_shape=list(attrs.kernel_shape),
        strides=list(attrs.strides),
        pads=list(attrs.pads),
        dilations=list(attrs.dilations),
        group=attrs.group,
    )


def write_gemm(writer: Writer, node: Node) -> None:
    """Gemm takes matrices: other ranks are reshaped around it."""
    x, y = node.inputs[0], node.output
    weights = [_weights(writer, node.inputs[1], (0, 1)), *_bias(writer, node)]
    if len(x.type.shape) == 2:
        writer.finish(node, "Gemm", [writer.real(x), *weights], clamp=node.attrs.clamp, transB=1)
        return
    rows = x.type.elements // x.type.shape[-1]
    flat = Value(f"{y.name}/x", x.type.with_shape((rows, x.type.shape[-1])))
    writer.stored_names[flat] = writer.reshape(writer.name(x), flat.type.shape)
    product = Value(f"{y.name}/product", y.type.with_shape((rows, y.type.shape[-1])))
    matrix = Node(node.op, node.name, [flat], [product], node.attrs)
    writer.finish(matrix, "Gemm", [writer.real(flat), *weights], clamp=node.attrs.clamp, transB=1)
    writer.reshape(writer.name(product), y.type.shape, writer.name(y))


def _weights(writer: Writer, w: Value, perm: tuple[int, ...]) -> str:
    """float32 name of weights with their axes in ONNX's order; integers are stored in that order."""
    if perm == tuple(range(len(perm))):
        return writer.real(w)
    if w.data is None or w.type.quant is None:
        return writer.transpose(writer.real(w), perm)
    quant = w.type.quant
    axis = None if quant.axis is None else perm.index(quant.axis)
    stored = writer.constant(w.name, w.data.transpose(perm))
    return writer.dequantize(stored, QuantParams(quant.scale, quant.zero_point, axis))


def _bias(writer: Writer, node: Node) -> list[str]:
    """The bias, if there is one. int32 without a scale of its own has that of the products: s_x * s_w."""
    if len(node.inputs) < 3:
        return []
    x, w, bias = node.inputs[:3]
    if bias.type.dtype is not DType.S32 or bias.type.quant is not None:
        return [writer.real(bias)]
    if x.type.quant is None or w.type.quant is None:
        raise InternalError(f"{node} has an int32 bias next to values without a scale")
    scales = (x.type.quant.scalar[0] * np.asarray(w.type.quant.scale, np.float32)).astype(np.float32)
    axis = 0 if len(scales) > 1 else None
    quant = QuantParams(tuple(map(float, scales)), (0,) * len(scales), axis)
    return [writer.dequantize(writer.name(bias), quant, DType.S32)]


def write_binary(writer: Writer, node: Node) -> None:
    writer.finish(node, node.op.name, [writer.real(value) for value in node.inputs], clamp=node.attrs.clamp)


def write_pool(writer: Writer, node: Node) -> None:
    """MaxPool moves integers, AveragePool computes with reals."""
    attrs: PoolAttrs = node.attrs
    options: dict[str, Any] = {
        "kernel_shape": list(attrs.kernel_shape),
        "strides": list(attrs.strides),
        "pads": list(attrs.pads),
    }
    if attrs.dilations != (1, 1):  # onnxruntime's QLinearAveragePool does not know the attribute
        options["dilations"] = list(attrs.dilations)
    if node.op.name == "AveragePool":
        options["count_include_pad"] = int(attrs.count_include_pad)
    writer.finish(node, node.op.name, [writer.real(node.inputs[0], nchw=True)], nchw=True, clamp=attrs.clamp, **options)


def write_reduce(writer: Writer, node: Node) -> None:
    """ReduceMean; over height and width GlobalAveragePool."""
    attrs: ReduceAttrs = node.attrs
    x = node.inputs[0]
    if attrs.axes == (1, 2) and attrs.keepdims and len(x.type.shape) == 4:
        # onnxruntime has an integer kernel for this form, none for ReduceMean.
        writer.finish(node, "GlobalAveragePool", [writer.real(x, nchw=True)], nchw=True, clamp=attrs.clamp)
        return
    axes = writer.integers(f"{node.output.name}/axes", attrs.axes)
    writer.finish(node, "ReduceMean", [writer.real(x), axes], clamp=attrs.clamp, keepdims=int(attrs.keepdims))


def write_unary(writer: Writer, node: Node) -> None:
    writer.finish(node, node.op.name, [writer.real(node.inputs[0])], **_unary_attributes(node))


def _unary_attributes(node: Node) -> dict[str, Any]:
    """Attributes under ONNX's names; the second of Selu is gamma there."""
    names = {"Selu": {"beta": "gamma"}}.get(node.op.name, {})
    found = {name: getattr(node.attrs, name) for name in ("alpha", "beta", "approximate") if hasattr(node.attrs, name)}
    return {names.get(name, name): value for name, value in found.items()}


def write_clip(writer: Writer, node: Node) -> None:
    """Clip with its finite bounds as inputs."""
    inputs = [writer.real(node.inputs[0])]
    for name, bound in (("min", node.attrs.min), ("max", node.attrs.max)):
        inputs.append("" if math.isinf(bound) else writer.constant(f"{node.output.name}/{name}", np.float32(bound)))
    writer.finish(node, "Clip", inputs)


def write_softmax(writer: Writer, node: Node) -> None:
    writer.finish(node, node.op.name, [writer.real(node.inputs[0])], axis=node.attrs.axis)


def write_arg_max(writer: Writer, node: Node) -> None:
    attrs = node.attrs
    options = {"axis": attrs.axis, "keepdims": int(attrs.keepdims), "select_last_index": int(attrs.select_last_index)}
    writer.add("ArgMax", [writer.name(node.inputs[0])], writer.name(node.output), node.name, **options)


def write_resize(writer: Writer, node: Node) -> None:
    """Resize by scales, or by sizes where the scales do not give them."""
    attrs: ResizeAttrs = node.attrs
    scales = writer.constant(f"{node.output.name}/scales", np.array([1, 1, *attrs.scales], np.float32))
    x = node.inputs[0].type.shape
    # Sizes where scales would be rounded to others.
    exact = all(
        math.floor(np.float32(s) * np.float32(n)) == o
        for s, n, o in zip(attrs.scales, x[1:3], attrs.sizes, strict=True)
    )
    inputs = [writer.real(node.inputs[0], nchw=True), "", scales]
    if not exact:
        inputs = [inputs[0], "", "", writer.integers(f"{node.output.name}/sizes", (x[0], x[3], *attrs.sizes))]
    options: dict[str, Any] = {
        "mode": attrs.mode,
        "coordinate_transformation_mode": attrs.coordinate_transformation_mode,
    }
    if attrs.mode == "nearest":
        options["nearest_mode"] = attrs.nearest_mode
    resized: dict[str, Any] = dict(options)
    writer.finish(node, "Resize", inputs, nchw=True, **resized)


def write_depth_to_space(writer: Writer, node: Node) -> None:
    attrs: DepthToSpaceAttrs = node.attrs
    x = writer.real(node.inputs[0], nchw=True)
    writer.finish(node, "DepthToSpace", [x], nchw=True, blocksize=attrs.blocksize, mode=attrs.mode)


def write_transpose(writer: Writer, node: Node) -> None:
    writer.add(
        "Transpose", [writer.name(node.inputs[0])], writer.name(node.output), node.name, perm=list(node.attrs.perm)
    )


def write_reshape(writer: Writer, node: Node) -> None:
    shape = writer.integers(f"{node.output.name}/shape", node.attrs.shape)
    writer.add("Reshape", [writer.name(node.inputs[0]), shape], writer.name(node.output), node.name)


def write_concat(writer: Writer, node: Node) -> None:
    inputs = [writer.name(value) for value in node.inputs]
    writer.add("Concat", inputs, writer.name(node.output), node.name, axis=node.attrs.axis)


def write_slice(writer: Writer, node: Node) -> None:
    """Slice over all axes; ends are exclusive, as ONNX has them."""
    attrs: SliceAttrs = node.attrs
    ends = []
    for start, step, size in zip(attrs.starts, attrs.steps, attrs.sizes, strict=True):
        end = start + step * size
        ends.append(FAR if step < 0 and end < 0 else end)
    lists = (("starts", attrs.starts), ("ends", ends), ("axes", range(len(ends))), ("steps", attrs.steps))
    inputs = [writer.integers(f"{node.output.name}/{name}", values) for name, values in lists]
    writer.add("Slice", [writer.name(node.inputs[0]), *inputs], writer.name(node.output), node.name)


def write_pad(writer: Writer, node: Node) -> None:
    """Pad; the value is quantised where the input is int8."""
    attrs: PadAttrs = node.attrs
    x = node.inputs[0]
    inputs = [writer.name(x), writer.integers(f"{node.output.name}/pads", (*attrs.before, *attrs.after))]
    if attrs.mode == "constant":
        value = np.float32(attrs.value)
        stored = value if x.type.quant is None else quantize(np.asarray(value), x.type.quant)
        inputs.append(writer.constant(f"{node.output.name}/value", np.asarray(stored)))
    writer.add("Pad", inputs, writer.name(node.output), node.name, mode=attrs.mode)


def write_quantize(writer: Writer, node: Node) -> None:
    writer.store(writer.name(node.inputs[0]), node.output)


def write_dequantize(writer: Writer, node: Node) -> None:
    """DequantizeLinear with the scale and zero point of the value read."""
    x = node.inputs[0]
    if x.type.quant is None:
        raise InternalError(f"{node} reads a value without a scale")
    writer.dequantize(writer.name(x), x.type.quant, x.type.dtype, writer.name(node.output))


def write_table(writer: Writer, node: Node) -> None:
    """y = QuantizeLinear(Gather(real table, q + 128)): real, so that the file says the scale of the result."""
    x, table = node.inputs
    y = node.output
    if y.type.quant is None:
        raise InternalError(f"{node} has no quantisation")
    wide = writer.step("Cast", [writer.name(x)], to=onnx.TensorProto.INT32)
    index = writer.step("Add", [wide, writer.constant(f"{y.name}/shift", np.int32(128))])
    entries = writer.constant(f"{table.name}/real", dequantize(table.array, y.type.quant))
    writer.finish(node, "Gather", [entries, index], axis=0)


EXPORTERS: Mapping[str, Exporter] = {
    **dict.fromkeys(PLAIN, write_unary),
    **dict.fromkeys(("LeakyRelu", "Elu", "Selu", "HardSigmoid", "Celu", "ThresholdedRelu", "Gelu"), write_unary),
    "Clip": write_clip,
    "Conv": write_conv,
    "Gemm": write_gemm,
    **dict.fromkeys(("Add", "Sub", "Mul", "Div"), write_binary),
    "MaxPool": write_pool,
    "AveragePool": write_pool,
    "ReduceMean": write_reduce,
    "Softmax": write_softmax,
    "LogSoftmax": write_softmax,
    "ArgMax": write_arg_max,
    "Resize": write_resize,
    "DepthToSpace": write_depth_to_space,
    "Transpose": write_transpose,
    "Reshape": write_reshape,
    "Concat": write_concat,
    "Slice": write_slice,
    "Pad": write_pad,
    "QuantizeLinear": write_quantize,
    "DequantizeLinear": write_dequantize,
    "Table": write_table,
}
