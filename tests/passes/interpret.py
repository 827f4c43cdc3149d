"""A slow, plain numpy interpreter of graphs before and after the passes: what a pass may not change.

It shares core/ops/numbers.py with the product and nothing else: every operator is written out here.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from edgec.ir import Array, DType, Graph, Node, QuantParams
from edgec.ops.movement import PadAttrs
from edgec.ops.numbers import dequantize, quantize, requantize, requantize_scale, saturate
from edgec.ops.resize import nearest_indices


def interpret(graph: Graph, inputs: list[Array]) -> list[Array]:
    """The outputs of the graph, in the layout and type of its values."""
    values = trace(graph, inputs)
    return [value.data if value.data is not None else values[value.name] for value in graph.outputs]


def trace(graph: Graph, inputs: list[Array], seen: Callable[[str, Array], Array] | None = None) -> dict[str, Array]:
    """Every value by name. `seen` is told of each and gives what the nodes behind read in its place."""
    known = {value.name: x for value, x in zip(graph.inputs, inputs, strict=True)}
    for node in graph.nodes:
        arrays = [value.data if value.data is not None else known[value.name] for value in node.inputs]
        result = run_node(node, arrays)
        assert result.shape == node.output.type.shape, node
        result = result.astype(node.output.type.dtype.numpy)
        known[node.output.name] = seen(node.output.name, result) if seen else result
    return known


def as_model(graph: Graph, inputs: list[Array]) -> list[Array]:
    """Outputs as the model's file sees them from inputs as its file sees them: through the ports."""
    given = []
    for value, port, array in zip(graph.inputs, graph.input_ports, inputs, strict=True):
        real = value.type.dtype is DType.S8 and array.dtype == np.float32
        x = quantize(array, quant(value.type.quant)) if real else array
        given.append(np.ascontiguousarray(x.transpose(port.perm) if port.perm else x).reshape(value.type.shape))
    results = []
    for value, port, array in zip(graph.outputs, graph.output_ports, interpret(graph, given), strict=True):
        real = value.type.dtype is DType.S8 and port.dtype == "float32"
        y = dequantize(array, quant(value.type.quant)) if real else array
        if port.perm:
            y = y.reshape([port.shape[axis] for axis in port.perm])
            y = y.transpose(np.argsort(port.perm))
        results.append(np.ascontiguousarray(y).reshape(port.shape))
    return results


def quant(given: QuantParams | None) -> QuantParams:
    assert given is not None
    return given


def run_node(node: Node, x: list[Array]) -> Array:
    name = node.op.name
    if name == "QuantizeLinear":
        return quantize(x[0], quant(node.output.type.quant))
    if name == "DequantizeLinear":
        return dequantize(x[0], quant(node.inputs[0].type.quant))
    if name == "Table":
        return x[1][x[0].astype(np.int64) + 128]
    if name in MOVE:
        return MOVE[name](node, x)
    if node.inputs[0].type.quant is None:
        return run_real(node, x)
    if name in ("Conv", "Gemm"):
        return weighted_integer(node, x)
    # Elementwise, pools and the like on int8: by definition the real function between dequantise and quantise.
    real = run_real(node, [dequantize(a, quant(v.type.quant)) for a, v in zip(x, node.inputs, strict=True)])
    if node.output.type.dtype is not DType.S8:
        return real
    return saturate(quantize(real, quant(node.output.type.quant)), getattr(node.attrs, "clamp", (-128, 127)))


def run_real(node: Node, x: list[Array]) -> Array:
    if node.op.evaluate is not None:
        return np.asarray(node.op.evaluate(node.attrs, *(a.astype(np.float64) for a in x)))
    return REAL[node.op.name](node, x)


def weighted_integer(node: Node, x: list[Array]) -> Array:
    x_quant, w_quant, y_quant = (quant(v.type.quant) for v in (node.inputs[0], node.inputs[1], node.output))
    centred = x[0].astype(np.float64) - x_quant.zero_point[0]
    w_zero = np.asarray(w_quant.zero_point).reshape(-1, *[1] * (x[1].ndim - 1))
    acc = REAL[node.op.name](node, [centred, x[1] - w_zero, x[2]])
    scale = requantize_scale(x_quant, w_quant, y_quant)
    return requantize(acc.astype(np.int64).astype(np.int32), scale, y_quant.zero_point[0], node.attrs.clamp)


def windows(node: Node, x: Array, fill: float) -> Array:
    """(N, H', W', KH, KW, C) windows of the padded (N, H, W, C) map."""
    a = node.attrs
    top, left, bottom, right = a.pads
    padded = np.pad(x.astype(np.float64), ((0, 0), (top, bottom), (left, right), (0, 0)), constant_values=fill)
    _, height, width, _ = node.output.type.shape
    rows = np.arange(height)[:, None] * a.strides[0] + np.arange(a.kernel_shape[0]) * a.dilations[0]
    columns = np.arange(width)[:, None] * a.strides[1] + np.arange(a.kernel_shape[1]) * a.dilations[1]
    return padded[:, rows[:, None, :, None], columns[None, :, None, :], :]


def conv(node: Node, x: list[Array]) -> Array:
    w, group = x[1].astype(np.float64), node.attrs.group
    parts = np.split(windows(node, x[0], 0.0), group, axis=-1)
    y = [np.einsum("nhwklc,oklc->nhwo", p, f) for p, f in zip(parts, np.split(w, group), strict=True)]
    return np.concatenate(y, axis=-1) + (x[2] if len(x) > 2 else 0)


def gemm(node: Node, x: list[Array]) -> Array:
    return x[0].astype(np.float64) @ x[1].astype(np.float64).T + (x[2] if len(x) > 2 else 0)


def average_pool(node: Node, x: list[Array]) -> Array:
    total = windows(node, x[0], 0.0).sum(axis=(3, 4))
    ones = windows(node, np.ones_like(x[0]), float(node.attrs.count_include_pad)).sum(axis=(3, 4))
    return np.asarray(total / ones)


def max_pool(node: Node, x: list[Array]) -> Array:
    return np.asarray(windows(node, x[0], -np.inf).max(axis=(3, 4)))


def softmax(node: Node, x: list[Array]) -> Array:
    e = np.exp(x[0].astype(np.float64) - x[0].max(axis=node.attrs.axis, keepdims=True))
    return np.asarray(e / e.sum(axis=node.attrs.axis, keepdims=True))


def argmax(node: Node, x: list[Array]) -> Array:
    return np.argmax(x[0], axis=node.attrs.axis, keepdims=node.attrs.keepdims)


def slice_(node: Node, x: list[Array]) -> Array:
    a = node.attrs
    spans = [s + t * np.arange(n) for s, t, n in zip(a.starts, a.steps, a.sizes, strict=True)]
    return x[0][np.ix_(*spans)]


def pad(node: Node, x: list[Array]) -> Array:
    a: PadAttrs = node.attrs
    widths = list(zip(a.before, a.after, strict=True))
    if a.mode != "constant":
        return np.pad(x[0], widths, mode=a.mode)  # type: ignore[call-overload, no-any-return]
    value = np.asarray(a.value, np.float32)
    given = node.inputs[0].type.quant
    return np.pad(x[0], widths, constant_values=quantize(value, given) if given else value)


def depth_to_space(node: Node, x: list[Array]) -> Array:
    (n, h, w, c), b = x[0].shape, node.attrs.blocksize
    if node.attrs.mode == "DCR":
        return x[0].reshape(n, h, w, b, b, -1).transpose(0, 1, 3, 2, 4, 5).reshape(n, h * b, w * b, -1)
    return x[0].reshape(n, h, w, c // (b * b), b, b).transpose(0, 1, 4, 2, 5, 3).reshape(n, h * b, w * b, -1)


def resize(node: Node, x: list[Array]) -> Array:
    rows, columns = (nearest_indices(node.attrs, axis, x[0].shape[axis + 1]) for axis in (0, 1))
    return x[0][:, rows][:, :, columns]


REAL: dict[str, Callable[[Node, list[Array]], Array]] = {
    "Conv": conv,
    "Gemm": gemm,
    "AveragePool": average_pool,
    "ReduceMean": lambda node, x: np.mean(x[0].astype(np.float64), axis=node.attrs.axes, keepdims=node.attrs.keepdims),
    "Softmax": softmax,
    "LogSoftmax": lambda node, x: np.log(softmax(node, x)),
}
MOVE: dict[str, Callable[[Node, list[Array]], Array]] = {
    "Transpose": lambda node, x: x[0].transpose(node.attrs.perm),
    "Reshape": lambda node, x: x[0].reshape(node.attrs.shape),
    "Concat": lambda node, x: np.concatenate(x, axis=node.attrs.axis),
    "Slice": slice_,
    "Pad": pad,
    "MaxPool": max_pool,
    "DepthToSpace": depth_to_space,
    "Resize": resize,
    "ArgMax": argmax,
}
