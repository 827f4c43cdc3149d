"""Random single-node graphs with inputs and the outputs that numpy gives: what kernels for a core must equal.

Sizes lie around the tiles of the kernels: 1, a tile less one, a tile, a tile and one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from edgec.ir import Array, Graph, QuantParams, Value
from edgec.ops.conv import ConvAttrs, largest_sum
from edgec.ops.elementwise import BinaryAttrs, binary_s8
from edgec.ops.gemm import GemmAttrs
from edgec.ops.movement import TransposeAttrs
from edgec.ops.numbers import dequantize, quantize, requantize
from edgec.ops.pool import PoolAttrs, ReduceAttrs, mean_scale
from edgec.ops.resize import ResizeAttrs, interpolate, linear_taps, nearest_indices
from edgec.ops.table import TableAttrs
from tests.graphs import HOST
from tests.runtime_c.harness import activation, constant, one_node
from tests.runtime_c.test_conv import centred, conv_expected, expected_sums_requantized
from tests.runtime_c.test_elementwise import expected as binary_expected
from tests.runtime_c.test_pool import average_pool, max_pool

CHANNELS = (1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 15, 16, 17, 20, 23, 24, 25, 31, 32, 33, 40, 47, 48, 49, 64, 65)
LONG = (96, 100, 127, 128, 129, 160, 200, 256, 257, 300)
ZERO_POINTS = (-128, -128, -127, -3, 0, 5, 127)
CLAMPS = (*((-128, 127),) * 10, (-3, 127), (-100, 90), (0, 6), (-128, 13), (127, 127))
SAMPLES = 3
LARGEST = 2**31 - 1
MOST_MOVED = 8000  # elements of a tensor whose axes change places
Rng = np.random.Generator


@dataclass(frozen=True)
class Case:
    """A Graph of one node; `inputs` and `expected` are batches, first axis = sample."""

    graph: Graph
    inputs: list[Array]
    expected: Array


def pick(rng: Rng, choices: Any) -> Any:
    """One of the choices, as Python has it."""
    return choices[int(rng.integers(len(choices)))]


def chance(rng: Rng, of: float) -> bool:
    return bool(rng.random() < of)


def between(rng: Rng, low: int, high: int) -> int:
    """low <= result <= high."""
    return int(rng.integers(low, high + 1))


def batches(rng: Rng, graph: Graph) -> list[Array]:
    """Inputs: anything, the lowest and highest values alone, and values near each other."""
    result = []
    for value in graph.inputs:
        shape = value.type.shape
        extremes = rng.choice(np.array([-128, 127], np.int8), shape)
        near = rng.integers(-9, 10, shape) + int(rng.integers(-110, 110))
        result.append(np.stack([rng.integers(-128, 128, shape), extremes, near]).astype(np.int8))
    return result


def quantised(rng: Rng, channels: int) -> tuple[QuantParams, QuantParams]:
    """Of input and weights. Powers of two make sums that lie exactly at a half after scaling."""
    halves = chance(rng, 0.3)
    count = channels if chance(rng, 0.7) else 1
    scales = 2.0 ** rng.integers(-8, -4, count) if halves else rng.uniform(0.001, 0.02, count)
    zeros = rng.integers(-128, 128, count) if chance(rng, 0.25) else np.zeros(count, np.int64)
    w = QuantParams(
        tuple(float(s) for s in scales.astype(np.float32)), tuple(int(z) for z in zeros), 0 if count > 1 else None
    )
    return QuantParams.per_tensor(2.0**-5 if halves else 0.02, pick(rng, ZERO_POINTS)), w


def weighted(rng: Rng, op: str, attrs: Any, shape: tuple[int, ...], weights: tuple[int, ...]) -> Graph:
    """A Conv or Gemm whose outputs are spread over int8, or mostly saturated, or have sums beyond float32's 24 bits."""
    x_quant, w_quant = quantised(rng, weights[0])
    data = rng.integers(-128, 128, weights).astype(np.int8)
    if chance(rng, 0.2):
        data = (data >> 4).astype(np.int8)
    depth = int(np.prod(weights[1:]))
    spread = float(np.std(data)) * 74.0 * np.sqrt(depth)
    bias = rng.integers(-(2**13), 2**13, weights[0])
    if chance(rng, 0.1):
        bias, spread = rng.integers(-(2**30), 2**30, weights[0]), 2.0**28
    step = spread * x_quant.scale[0] * max(w_quant.scale) / pick(rng, (3.0, 40.0, 60.0, 300.0))
    if chance(rng, 0.3):
        step = 2.0 ** round(float(np.log2(step + 1e-9)))
    x = Value("x", activation("x", shape).type.with_quant(x_quant))
    inputs = [x, constant("w", data, w_quant), constant("b", bias.astype(np.int32))]
    zero_point = pick(rng, ZERO_POINTS)
    if chance(rng, 0.2):
        attrs = replace(attrs, clamp=(zero_point, 127))  # a Relu
    graph = one_node(op, attrs, inputs, QuantParams.per_tensor(step, zero_point))
    return graph if largest_sum(graph.nodes[0]) <= LARGEST else weighted(rng, op, attrs, shape, weights)


def convolution_case(rng: Rng, graph: Graph) -> Case:
    inputs = batches(rng, graph)
    return Case(graph, inputs, conv_expected(graph, inputs[0]))


def pointwise(rng: Rng) -> Case:
    """1x1 convolution, sometimes strided or padded."""
    plain = chance(rng, 0.8)
    strides = (1, 1) if plain else (between(rng, 1, 2), between(rng, 1, 3))
    pads = (0, 0, 0, 0) if plain else tuple(between(rng, 0, 1) for _ in range(4))
    in_c, out_c = pick(rng, CHANNELS + LONG[:4]), pick(rng, CHANNELS)
    # Some kernels take layers of many pixels only.
    size = (between(rng, 1, 3), between(rng, 1, 9)) if chance(rng, 0.9) else (5, between(rng, 20, 22))
    shape = (1, *size, in_c)
    attrs = ConvAttrs((1, 1), strides, pads, clamp=pick(rng, CLAMPS))  # type: ignore[arg-type]
    return convolution_case(rng, weighted(rng, "Conv", attrs, shape, (out_c, 1, 1, in_c)))


def window(rng: Rng, kernels: tuple[tuple[int, int], ...]) -> tuple[ConvAttrs, tuple[int, int]]:
    """A window with strides, pads and dilations, and a size that it fits; the usual ones most often."""
    kernel = pick(rng, kernels)
    dilations = (between(rng, 1, 3), between(rng, 1, 3)) if chance(rng, 0.15) else (1, 1)
    strides = pick(rng, ((1, 1), (1, 1), (2, 2), (1, 2), (3, 3), (2, 1)))
    reach = [(k - 1) * d + 1 for k, d in zip(kernel, dilations, strict=True)]
    same = tuple((reach[axis % 2] - 1) // 2 for axis in range(4))
    # Padding may be larger than the kernel: whole windows then lie outside.
    pads = pick(rng, (same, same, (0, 0, 0, 0), tuple(between(rng, 0, reach[axis % 2] + 1) for axis in range(4))))
    height, width = (max(1, reach[axis] - pads[axis] - pads[axis + 2]) + between(rng, 0, 5) for axis in range(2))
    if chance(rng, 0.3):
        width += 8
    return ConvAttrs(kernel, strides, pads, dilations, clamp=pick(rng, CLAMPS)), (height, width)


def dense_convolution(rng: Rng) -> Case:
    """k x k over all input channels, sometimes in groups."""
    kernels = ((3, 3), (3, 3), (2, 2), (5, 5), (1, 3), (3, 1), (10, 4), (4, 2), (7, 7), (1, 1))
    attrs, (height, width) = window(rng, kernels)
    group = pick(rng, (1, 1, 1, 1, 1, 1, 2, 3))
    area = attrs.kernel_shape[0] * attrs.kernel_shape[1]
    in_c = pick(rng, [c for c in CHANNELS if c * area < 700])
    out_c = pick(rng, [c for c in CHANNELS if c * in_c * area < 20000])
    attrs = ConvAttrs(attrs.kernel_shape, attrs.strides, attrs.pads, attrs.dilations, group, attrs.clamp)
    weights = (out_c * group, *attrs.kernel_shape, in_c)
    return convolution_case(rng, weighted(rng, "Conv", attrs, (1, height, width, in_c * group), weights))


def depthwise(rng: Rng) -> Case:
    """One filter a channel; sometimes several."""
    usual = ((3, 3),) * 6 + ((5, 5),) * 2
    rare = (
        (7, 7),
        (1, 3),
        (3, 1),
        (2, 2),
        (4, 3),
        (1, 1),
        (2, 3),
        (3, 5),
        (5, 3),
        (4, 4),
        (1, 5),
        (5, 1),
        (6, 3),
        (9, 2),
    )
    attrs, (height, width) = window(rng, usual + rare)
    channels = pick(rng, CHANNELS[1:])
    multiplier = pick(rng, (1, 1, 1, 1, 1, 2, 3))
    attrs = ConvAttrs(attrs.kernel_shape, attrs.strides, attrs.pads, attrs.dilations, channels, attrs.clamp)
    weights = (channels * multiplier, *attrs.kernel_shape, 1)
    return convolution_case(rng, weighted(rng, "Conv", attrs, (1, height, width, channels), weights))


def dense(rng: Rng) -> Case:
    front = pick(rng, ((1,), (1,), (3,), (1, 5), (2, 3), (1, 2, 3)))
    in_c, out_c = pick(rng, CHANNELS + LONG), pick(rng, CHANNELS)
    graph = weighted(rng, "Gemm", GemmAttrs(pick(rng, CLAMPS)), (*front, in_c), (out_c, in_c))
    (node,) = graph.nodes
    x, w, b = node.inputs
    inputs = batches(rng, graph)
    acc = centred(inputs[0], x) @ centred(w.array, w).T + b.array
    return Case(graph, inputs, expected_sums_requantized(acc, graph, node.attrs.clamp))


def pool(rng: Rng) -> Case:
    """Average or largest of windows; each window has an element inside, as ONNX asks."""
    attrs, (height, width) = window(rng, ((2, 2), (3, 3), (1, 4), (5, 5), (3, 1), (4, 4)))
    pads = tuple(min(pad, attrs.kernel_shape[axis % 2] - 1) for axis, pad in enumerate(attrs.pads))
    reach = [(k - 1) * d + 1 for k, d in zip(attrs.kernel_shape, attrs.dilations, strict=True)]
    shape = (1, max(height, reach[0]), max(width, reach[1]), pick(rng, CHANNELS))
    include = chance(rng, 0.3)
    pooled = PoolAttrs(attrs.kernel_shape, attrs.strides, pads, attrs.dilations, include, attrs.clamp)  # type: ignore[arg-type]
    x = activation("x", shape, pick(rng, (0.0625, 0.0371)), pick(rng, ZERO_POINTS))
    quant = x.type.quant
    assert quant is not None
    if chance(rng, 0.5):
        graph = one_node("MaxPool", pooled, [x], quant)
        inputs = batches(rng, graph)
        return Case(graph, inputs, np.stack([max_pool(sample, pooled) for sample in inputs[0]]))
    y = pick(rng, (quant, QuantParams.per_tensor(0.0213, pick(rng, ZERO_POINTS))))
    graph = one_node("AveragePool", pooled, [x], y)
    inputs = batches(rng, graph)
    return Case(graph, inputs, np.stack([average_pool(sample, pooled, quant, y) for sample in inputs[0]]))


def mean(rng: Rng) -> Case:
    shape = (1, between(rng, 1, 9), between(rng, 1, 9), pick(rng, CHANNELS))
    axes = pick(rng, ((1, 2), (1, 2), (1, 2), (2,), (3,)))
    x = activation("x", shape, pick(rng, (0.0625, 0.0371)), pick(rng, ZERO_POINTS))
    quant = x.type.quant
    assert quant is not None
    y = pick(rng, (quant, QuantParams.per_tensor(0.0213, pick(rng, ZERO_POINTS))))
    clamp = pick(rng, CLAMPS)
    graph = one_node("ReduceMean", ReduceAttrs(axes, chance(rng, 0.5), clamp), [x], y)
    inputs = batches(rng, graph)
    moved = tuple(axis + 1 for axis in axes)
    acc = (inputs[0].astype(np.int32) - quant.zero_point[0]).sum(axis=moved, dtype=np.int32)
    scale = mean_scale(quant, y, int(np.prod([shape[axis] for axis in axes])))
    expected = requantize(acc, scale, y.zero_point[0], clamp)
    return Case(graph, inputs, expected.reshape(len(expected), *graph.outputs[0].type.shape))


def binary(rng: Rng) -> Case:
    """Two tensors, most often of one shape; else broadcast, or one of them constant."""
    shape = (1, between(rng, 1, 3), between(rng, 1, 7), pick(rng, CHANNELS))
    shapes: list[tuple[int, ...]] = [shape, shape]
    if chance(rng, 0.4):
        shapes[between(rng, 0, 1)] = tuple(1 if chance(rng, 0.5) else size for size in shape)
    scales = (0.0625, 0.125, 0.25) if chance(rng, 0.3) else (0.02, 0.043137256, 0.0301)
    inputs = [
        activation(name, each, pick(rng, scales), pick(rng, ZERO_POINTS))
        for name, each in zip("ab", shapes, strict=True)
    ]
    if chance(rng, 0.3):
        which = between(rng, 0, 1)
        data = rng.integers(-128, 128, shapes[which]).astype(np.int8)
        inputs[which] = constant("ab"[which], data, inputs[which].type.quant)
    op = pick(rng, ("Add", "Add", "Add", "Sub", "Mul", "Mul", "Div"))
    quant = QuantParams.per_tensor(pick(rng, scales), pick(rng, ZERO_POINTS))
    graph = one_node(op, BinaryAttrs(pick(rng, CLAMPS)), inputs, quant)
    if binary_s8(graph.nodes[0], HOST.core) is not None:
        return binary(rng)
    inputs_of = batches(rng, graph)
    return Case(graph, inputs_of, binary_expected(graph, inputs_of))


def table(rng: Rng) -> Case:
    shape = (1, between(rng, 1, 3), between(rng, 1, 7), pick(rng, CHANNELS))
    quant = QuantParams.per_tensor(0.05, 5)
    entries = constant("table", rng.integers(-128, 128, 256).astype(np.int8), quant)
    graph = one_node("Table", TableAttrs("Tanh"), [activation("x", shape), entries], quant)
    inputs = batches(rng, graph)
    return Case(graph, inputs, entries.array[inputs[0].astype(np.int32) + 128])


def transpose(rng: Rng) -> Case:
    """Any order of two to five axes, some of them one vector or tile and one element long."""
    sizes = (1, 2, 3, 4, 5, 8, 9, 15, 16, 17, 24, 33)
    shape = tuple(int(pick(rng, sizes)) for _ in range(between(rng, 2, 5)))
    if np.prod(shape) > MOST_MOVED:
        return transpose(rng)
    perm = tuple(int(axis) for axis in rng.permutation(len(shape)))
    x = activation("x", shape)
    graph = one_node("Transpose", TransposeAttrs(perm), [x], x.type.quant)
    inputs = batches(rng, graph)
    return Case(graph, inputs, inputs[0].transpose(0, *(axis + 1 for axis in perm)))


def resize(rng: Rng) -> Case:
    """Up and down, to the nearest element and linear."""
    height, width, *sizes = (between(rng, 1, most) for most in (6, 6, 11, 11))
    if chance(rng, 0.4):
        sizes = [2 * height, 2 * width]
    mode = pick(rng, ("nearest", "linear", "linear", "linear"))
    coordinates = pick(rng, ("half_pixel", "align_corners", "asymmetric"))
    attrs = ResizeAttrs((sizes[0], sizes[1]), (sizes[0] / height, sizes[1] / width), mode, coordinates)
    x = activation("x", (1, height, width, pick(rng, CHANNELS)), pick(rng, (0.02, 0.0625)), pick(rng, ZERO_POINTS))
    quant = x.type.quant
    assert quant is not None
    y = pick(rng, (quant, QuantParams.per_tensor(pick(rng, (0.0213, 0.003)), pick(rng, ZERO_POINTS))))
    graph = one_node("Resize", attrs, [x], y)
    inputs = batches(rng, graph)
    real = dequantize(inputs[0], quant)
    if mode == "linear":
        taps = linear_taps(attrs, 0, height), linear_taps(attrs, 1, width)
        return Case(graph, inputs, np.stack([quantize(interpolate(sample, *taps), y) for sample in real]))
    rows, columns = nearest_indices(attrs, 0, height), nearest_indices(attrs, 1, width)
    same = inputs[0] if y == quant else quantize(real, y)
    return Case(graph, inputs, same[:, :, rows][:, :, :, columns])


MAKERS: dict[str, Callable[[Rng], Case]] = {
    "pointwise": pointwise,
    "dense_convolution": dense_convolution,
    "depthwise": depthwise,
    "dense": dense,
    "pool": pool,
    "mean": mean,
    "binary": binary,
    "table": table,
    "transpose": transpose,
    "resize": resize,
}


def cases_of(family: str, seed: int, count: int) -> list[Case]:
    """`count` random cases of one of MAKERS, the same ones for the same seed."""
    rng = np.random.default_rng([seed, *family.encode()])
    return [MAKERS[family](rng) for _ in range(count)]
