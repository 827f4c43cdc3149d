"""Backward rules of float operators, as `OpDef.grad` takes them: (graph, node, gradients of outputs) -> of inputs.

A rule appends nodes of existing operators to the graph, so that a backward pass is a Graph like any other. The
gradient of a constant input is None: what weights need is not built here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from edgec.ir import Array, DType, Graph, Node, TensorType, Value
from edgec.ops import get_op
from edgec.ops.base import NoAttrs

if TYPE_CHECKING:
    from edgec.ops.conv import ConvAttrs

Gradients = list[Value | None]


def emit(graph: Graph, op: str, inputs: Sequence[Value], attrs: Any) -> Value:
    """Append one node to the graph; its output."""
    definition = get_op(op)
    (inferred,) = definition.infer(attrs, [value.type for value in inputs])
    name = graph.unique_name(f"backward_{op.lower()}")
    node = Node(definition, name, list(inputs), [Value(f"{name}_out", inferred)], attrs)
    graph.nodes.append(node)
    return node.output


def real(graph: Graph, array: Array) -> Value:
    """A float32 constant."""
    data = np.ascontiguousarray(array, np.float32)
    return Value(graph.unique_name("backward_constant"), TensorType(DType.F32, data.shape), data)


def binary(graph: Graph, op: str, a: Value, b: Value) -> Value:
    from edgec.ops.elementwise import BinaryAttrs

    return emit(graph, op, [a, b], BinaryAttrs())


def unary(graph: Graph, op: str, x: Value) -> Value:
    return emit(graph, op, [x], NoAttrs())


def reshape(graph: Graph, x: Value, shape: Sequence[int]) -> Value:
    from edgec.ops.movement import ReshapeAttrs

    return x if x.type.shape == tuple(shape) else emit(graph, "Reshape", [x], ReshapeAttrs(tuple(shape)))


def scaled(graph: Graph, x: Value, factor: float) -> Value:
    return binary(graph, "Mul", x, real(graph, np.full([1] * len(x.type.shape), factor)))


def summed_to(graph: Graph, gradient: Value, value: Value) -> Value | None:
    """The gradient of a broadcast input: summed over the axes along which it was repeated."""
    from edgec.ops.pool import ReduceAttrs

    if value.is_constant:
        return None
    for axis, (size, wide) in enumerate(zip(value.type.shape, gradient.type.shape, strict=True)):
        if size != wide:
            gradient = scaled(graph, emit(graph, "ReduceMean", [gradient], ReduceAttrs((axis,))), wide)
    return gradient


def add(graph: Graph, node: Node, outputs: Sequence[Value]) -> Gradients:
    return [summed_to(graph, outputs[0], value) for value in node.inputs]


def sub(graph: Graph, node: Node, outputs: Sequence[Value]) -> Gradients:
    a, b = node.inputs
    right = None if b.is_constant else summed_to(graph, unary(graph, "Neg", outputs[0]), b)
    return [summed_to(graph, outputs[0], a), right]


def mul(graph: Graph, node: Node, outputs: Sequence[Value]) -> Gradients:
    """d(a * b) = da * b + a * db"""
    a, b = node.inputs
    return [
        None if value.is_constant else summed_to(graph, binary(graph, "Mul", outputs[0], other), value)
        for value, other in ((a, b), (b, a))
    ]


def div(graph: Graph, node: Node, outputs: Sequence[Value]) -> Gradients:
    """d(a / b) = da / b - db * (a / b) / b"""
    a, b = node.inputs
    part = binary(graph, "Div", outputs[0], b)
    right = None
    if not b.is_constant:
        right = summed_to(graph, unary(graph, "Neg", binary(graph, "Mul", part, node.output)), b)
    return [summed_to(graph, part, a), right]


def relu(graph: Graph, node: Node, outputs: Sequence[Value]) -> Gradients:
    # 1 where y > 0, else 0
    return [binary(graph, "Mul", outputs[0], unary(graph, "Sign", node.output))]


def sigmoid(graph: Graph, node: Node, outputs: Sequence[Value]) -> Gradients:
    """dy * y * (1 - y)"""
    y = node.output
    one = real(graph, np.ones([1] * len(y.type.shape)))
    slope = binary(graph, "Mul", y, binary(graph, "Sub", one, y))
    return [binary(graph, "Mul", outputs[0], slope)]


def tanh(graph: Graph, node: Node, outputs: Sequence[Value]) -> Gradients:
    """dy * (1 - y * y)"""
    y = node.output
    one = real(graph, np.ones([1] * len(y.type.shape)))
    return [binary(graph, "Mul", outputs[0], binary(graph, "Sub", one, binary(graph, "Mul", y, y)))]


def clip(graph: Graph, node: Node, outputs: Sequence[Value]) -> Gradients:
    """Passes where min < x < max."""
    gradient, x = outputs[0], node.inputs[0]
    ones = [1] * len(x.type.shape)
    for bound, above in ((node.attrs.min, True), (node.attrs.max, False)):
        if math.isinf(bound):
            continue
        limit = real(graph, np.full(ones, bound))
        inside = binary(graph, "Sub", x, limit) if above else binary(graph, "Sub", limit, x)
        gradient = binary(graph, "Mul", gradient, unary(graph, "Sign", unary(graph, "Relu", inside)))
    return [gradient]


def transpose(graph: Graph, node: Node, outputs: Sequence[Value]) -> Gradients:
    """The gradient under the inverse permutation."""
    from edgec.ops.movement import TransposeAttrs

    inverse = tuple(int(axis) for axis in np.argsort(node.attrs.perm))
    return [emit(graph, "Transpose", [outputs[0]], TransposeAttrs(inverse))]


def same_shape(graph: Graph, node: Node, outputs: Sequence[Value]) -> Gradients:
    """Of Reshape."""
    return [reshape(graph, outputs[0], node.inputs[0].type.shape)]


def concat(graph: Graph, node: Node, outputs: Sequence[Value]) -> Gradients:
    """Each input's slice of the gradient."""
    from edgec.ops.movement import SliceAttrs

    gradients: Gradients = []
    start, axis, rank = 0, node.attrs.axis, len(outputs[0].type.shape)
    for value in node.inputs:
        starts = tuple(start if a == axis else 0 for a in range(rank))
        attrs = SliceAttrs(starts, (1,) * rank, value.type.shape)
        gradients.append(None if value.is_constant else emit(graph, "Slice", [outputs[0]], attrs))
        start += value.type.shape[axis]
    return gradients


def reduce_mean(graph: Graph, node: Node, outputs: Sequence[Value]) -> Gradients:
    """The gradient divided by the number of elements, to each of them."""
    shape = node.inputs[0].type.shape
    kept = [1 if axis in node.attrs.axes else size for axis, size in enumerate(shape)]
    count = math.prod(shape[axis] for axis in node.attrs.axes)
    return [binary(graph, "Mul", reshape(graph, outputs[0], kept), real(graph, np.full(shape, 1 / count)))]


def gemm(graph: Graph, node: Node, outputs: Sequence[Value]) -> Gradients:
    """y = x W^T, so dx = dy W."""
    weights = real(graph, node.inputs[1].array.T)
    bias = real(graph, np.zeros(weights.type.shape[0]))
    return [emit(graph, "Gemm", [outputs[0], weights, bias], type(node.attrs)()), *[None] * (len(node.inputs) - 1)]


def conv(graph: Graph, node: Node, outputs: Sequence[Value]) -> Gradients:
    """A convolution of the gradient, spread by the strides, with the kernel turned by half a turn."""
    from edgec.ops.conv import ConvAttrs

    attrs: ConvAttrs = node.attrs
    w, x, group = node.inputs[1].array, node.inputs[0].type, attrs.group
    out_c, kh, kw, group_in = w.shape
    turned = w[:, ::-1, ::-1].reshape(group, out_c // group, kh, kw, group_in).transpose(0, 4, 2, 3, 1)
    weights = real(graph, turned.reshape(x.shape[3], kh, kw, out_c // group))
    spread_out = spread(graph, outputs[0], attrs.strides)
    pads = [0, 0, 0, 0]
    for axis, (kernel, dilation) in enumerate(zip(attrs.kernel_shape, attrs.dilations, strict=True)):
        reach = (kernel - 1) * dilation
        pads[axis] = reach - attrs.pads[axis]
        pads[axis + 2] = x.shape[axis + 1] - spread_out.type.shape[axis + 1] + attrs.pads[axis]
    cropped = crop(graph, spread_out, pads)
    inner = tuple(max(0, pad) for pad in pads)
    back = ConvAttrs(attrs.kernel_shape, (1, 1), (inner[0], inner[1], inner[2], inner[3]), attrs.dilations, group)
    gradient = emit(graph, "Conv", [cropped, weights, real(graph, np.zeros(x.shape[3]))], back)
    return [gradient, *[None] * (len(node.inputs) - 1)]


def spread(graph: Graph, y: Value, strides: tuple[int, int]) -> Value:
    """(N, H, W, C) -> (N, H * sh, W * sw, C) with zeros between."""
    from edgec.ops.movement import PadAttrs

    if strides == (1, 1):
        return y
    n, h, w, c = y.type.shape
    apart = reshape(graph, y, (n, h, 1, w, 1, c))
    after = (0, 0, strides[0] - 1, 0, strides[1] - 1, 0)
    padded = emit(graph, "Pad", [apart], PadAttrs((0,) * 6, after))
    return reshape(graph, padded, (n, h * strides[0], w * strides[1], c))


def crop(graph: Graph, y: Value, pads: Sequence[int]) -> Value:
    """Cut off the rows and columns that negative (top, left, bottom, right) pads stand for."""
    from edgec.ops.movement import SliceAttrs

    top, left, bottom, right = (max(0, -pad) for pad in pads)
    if not (top or left or bottom or right):
        return y
    n, h, w, c = y.type.shape
    return emit(
        graph, "Slice", [y], SliceAttrs((0, top, left, 0), (1,) * 4, (n, h - top - bottom, w - left - right, c))
    )
