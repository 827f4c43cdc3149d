"""Conv and Gemm kernels against numpy, over random geometries, under sanitizers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgec.ir import Array, Graph, QuantParams, Value
from edgec.ops.base import select_kernel
from edgec.ops.conv import ConvAttrs, largest_sum
from edgec.ops.gemm import GemmAttrs
from edgec.ops.numbers import requantize
from tests.graphs import HOST
from tests.runtime_c.harness import LAYOUTS, activation, check, constant, one_node, random_inputs, taking

ZERO_POINTS = st.sampled_from([-128, -127, -3, 0, 5, 127])
CLAMPS = st.sampled_from([(-128, 127), (-3, 127), (0, 6), (-128, -128), (127, 127)])


def convolve(x: Array, w: Array, bias: Array, attrs: ConvAttrs) -> Array:
    """Sums of a convolution, from the definition: x (N, H, W, C), w (O, KH, KW, C / group), without zero points."""
    (top, left, bottom, right), (dy, dx), (sy, sx) = attrs.pads, attrs.dilations, attrs.strides
    x = np.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)))
    (kh, kw), out_c = attrs.kernel_shape, len(w)
    rows, columns = (x.shape[1] - (kh - 1) * dy - 1) // sy + 1, (x.shape[2] - (kw - 1) * dx - 1) // sx + 1
    acc = np.zeros((len(x), rows, columns, out_c), np.int64) + bias
    in_group, out_group = x.shape[3] // attrs.group, out_c // attrs.group
    for group in range(attrs.group):
        channels, filters = (
            slice(group * in_group, (group + 1) * in_group),
            slice(group * out_group, (group + 1) * out_group),
        )
        for ky in range(kh):
            for kx in range(kw):
                part = x[:, ky * dy :, kx * dx :, channels][:, : rows * sy : sy, : columns * sx : sx]
                acc[..., filters] += part @ w[filters, ky, kx].T
    return acc


def centred(q: Array, value: Value) -> Array:
    """int64 integers with the zero points taken off; those of weights are per output channel or single."""
    assert value.type.quant is not None
    zero_point = np.asarray(value.type.quant.zero_point, np.int64)
    if value.type.quant.axis is None:
        return np.asarray(q.astype(np.int64) - zero_point[0])
    zero_point = zero_point.reshape(-1, *[1] * (q.ndim - 1))
    return np.asarray(q.astype(np.int64) - zero_point)


def expected_sums_requantized(acc: Array, graph: Graph, clamp: tuple[int, int]) -> Array:
    """acc: (..., O) int64, in the range of int32."""
    (node,) = graph.nodes
    x, w, y = (value.type.quant for value in (node.inputs[0], node.inputs[1], node.output))
    assert x is not None
    assert w is not None
    assert y is not None
    scale = np.float32(x.scale[0]) * np.asarray(w.scale, np.float32) / np.float32(y.scale[0])
    return requantize(acc.astype(np.int32), scale.astype(np.float32), y.zero_point[0], clamp)


def draw_weights(draw: st.DrawFn, shape: tuple[int, ...]) -> tuple[Value, Value]:
    """Random weights, per channel or per tensor, with or without zero points, and a bias."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    channels = shape[0] if draw(st.booleans()) else 1
    scales = tuple(float(s) for s in rng.uniform(0.001, 0.02, channels).astype(np.float32))
    zeros = rng.integers(-128, 128, channels) if draw(st.booleans()) else np.zeros(channels, np.int64)
    quant = QuantParams(scales, tuple(int(z) for z in zeros), 0 if channels > 1 else None)
    w = constant("w", rng.integers(-128, 128, shape).astype(np.int8), quant)
    return w, constant("b", rng.integers(-(2**14), 2**14, shape[0]).astype(np.int32))


@st.composite
def convolutions(draw: st.DrawFn) -> Graph:
    kernel = (draw(st.integers(1, 4)), draw(st.integers(1, 4)))
    dilations = (draw(st.integers(1, 3)), draw(st.integers(1, 3)))
    reach = [(k - 1) * d + 1 for k, d in zip(kernel, dilations, strict=True)]
    # Padding may be larger than the kernel: whole windows then lie outside.
    pads = tuple(draw(st.integers(0, reach[axis % 2] + 1)) for axis in range(4))
    low = [max(1, reach[axis] - pads[axis] - pads[axis + 2]) for axis in range(2)]
    height, width = (draw(st.integers(at, at + 6)) for at in low)
    group = draw(st.integers(1, 5))
    in_c, out_c = group * draw(st.sampled_from([1, 1, 2, 3])), group * draw(st.integers(1, 3))
    attrs = ConvAttrs(
        kernel_shape=kernel,
        strides=(draw(st.integers(1, 3)), draw(st.integers(1, 3))),
        pads=(pads[0], pads[1], pads[2], pads[3]),
        dilations=dilations,
        group=group,
        clamp=draw(CLAMPS),
    )
    x = activation("x", (1, height, width, in_c), 0.02, draw(ZERO_POINTS))
    w, b = draw_weights(draw, (out_c, *kernel, in_c // group))
    return one_node(
        "Conv", attrs, [x, w, b], QuantParams.per_tensor(draw(st.sampled_from([0.01, 0.3])), draw(ZERO_POINTS))
    )


@st.composite
def depthwise_convolutions(draw: st.DrawFn) -> Graph:
    """One filter a channel, no weight zero points: sizes around what the kernels take at once, all paddings."""
    kernel = (draw(st.sampled_from([1, 2, 3, 3, 3, 4, 5, 7])), draw(st.sampled_from([1, 2, 3, 3, 3, 4, 5, 7])))
    strides = (draw(st.integers(1, 2)), draw(st.sampled_from([1, 1, 2, 2, 3])))
    pads = tuple(draw(st.integers(0, kernel[axis % 2] + 1)) for axis in range(4))
    height = draw(st.integers(max(1, kernel[0] - pads[0] - pads[2]), kernel[0] + 3))
    # Output rows of 1, 2, ... 14 pixels: whole tiles, one less, one more; the last column may be unread.
    width = (draw(st.integers(1, 14)) - 1) * strides[1] + kernel[1] - pads[1] - pads[3] + draw(st.integers(0, 1))
    channels = draw(st.sampled_from([2, 3, 4, 5, 6, 7, 8, 9, 13, 300]))
    attrs = ConvAttrs(kernel, strides, (pads[0], pads[1], pads[2], pads[3]), (1, 1), channels, draw(CLAMPS))
    x = activation("x", (1, height, max(1, width), channels), 0.02, draw(ZERO_POINTS))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    # A scale that is a power of two brings ties, half of which no fixed-point multiplier rounds right.
    w_scales = rng.uniform(0.001, 0.02, channels) if draw(st.booleans()) else np.full(channels, 2.0**-7)
    scales = tuple(float(scale) for scale in w_scales.astype(np.float32))
    w = constant(
        "w", rng.integers(-128, 128, (channels, *kernel, 1)).astype(np.int8), QuantParams(scales, (0,) * channels, 0)
    )
    b = constant("b", rng.integers(-(2**14), 2**14, channels).astype(np.int32))
    y_scale = draw(st.sampled_from([0.02, 0.1, 0.3]))
    return one_node("Conv", attrs, [x, w, b], QuantParams.per_tensor(y_scale, draw(ZERO_POINTS)))


def conv_expected(graph: Graph, batch: Array) -> Array:
    (node,) = graph.nodes
    x, w, b = node.inputs
    # (samples, 1, H, W, C) s8 -> (samples, H, W, C)
    acc = convolve(centred(batch[:, 0], x), centred(w.array, w), b.array, node.attrs)
    return expected_sums_requantized(acc, graph, node.attrs.clamp)


@given(graph=convolutions(), layout=st.sampled_from(LAYOUTS))
def test_conv(graph: Graph, layout: str) -> None:
    inputs = random_inputs(graph, np.random.default_rng(0))
    check(graph, inputs, conv_expected(graph, inputs[0]), layout)


def test_a_row_of_padding_behind_a_single_row() -> None:
    """The window is one row, yet not every output row reads the one that is there."""
    w = constant("w", np.full((2, 1, 1, 2), 50, np.int8), QuantParams.per_tensor(0.01, 0))
    x, b = activation("x", (1, 1, 5, 2), 0.02, -3), constant("b", np.array([3000, -3000], np.int32))
    graph = one_node("Conv", ConvAttrs((1, 1), pads=(0, 0, 1, 0)), [x, w, b], QuantParams.per_tensor(0.02, 5))
    inputs = random_inputs(graph, np.random.default_rng(0))
    check(graph, inputs, conv_expected(graph, inputs[0]), "packed")


@given(graph=depthwise_convolutions(), layout=st.sampled_from(LAYOUTS))
def test_depthwise(graph: Graph, layout: str) -> None:
    inputs = random_inputs(graph, np.random.default_rng(0))
    check(graph, inputs, conv_expected(graph, inputs[0]), layout)


@pytest.mark.parametrize(
    ("group", "names"),
    [
        (1, ["ec_conv_s8_dsp", "ec_conv_s8_nodsp", "ec_conv_s8"]),
        (
            6,
            [
                "ec_depthwise_conv_3x3_s8_dsp",
                "ec_depthwise_conv_s8_dsp",
                "ec_depthwise_conv_s8_nodsp",
                "ec_depthwise_conv_s8",
                "ec_conv_s8",
            ],
        ),
    ],
)
def test_kernels_that_take_a_node(group: int, names: list[str]) -> None:
    """So that test_conv compares all of them."""
    w = constant("w", np.ones((6, 3, 3, 6 // group), np.int8), QuantParams.per_tensor(0.01, 0))
    x, b = activation("x", (1, 4, 4, 6)), constant("b", np.zeros(6, np.int32))
    graph = one_node("Conv", ConvAttrs((3, 3), group=group), [x, w, b], QuantParams.per_tensor(0.1, 0))
    assert taking(graph) == names


@st.composite
def dense_layers(draw: st.DrawFn) -> Graph:
    in_c, out_c = draw(st.integers(1, 40)), draw(st.integers(1, 9))
    front = draw(st.sampled_from([(1,), (3,), (1, 5), (2, 3), (1, 2, 3), ()]))
    x = activation("x", (*front, in_c), 0.02, draw(ZERO_POINTS))
    w, b = draw_weights(draw, (out_c, in_c))
    quant = QuantParams.per_tensor(draw(st.sampled_from([0.01, 0.3])), draw(ZERO_POINTS))
    return one_node("Gemm", GemmAttrs(draw(CLAMPS)), [x, w, b], quant)


@given(graph=dense_layers(), layout=st.sampled_from(LAYOUTS))
def test_gemm(graph: Graph, layout: str) -> None:
    (node,) = graph.nodes
    x, w, b = node.inputs
    inputs = random_inputs(graph, np.random.default_rng(0))
    acc = centred(inputs[0], x) @ centred(w.array, w).T + b.array
    check(graph, inputs, expected_sums_requantized(acc, graph, node.attrs.clamp), layout)


@pytest.mark.parametrize(("bias", "fits"), [(2**31 - 1 - 255 * 127 * 40, True), (2**31 - 255 * 127 * 40, False)])
def test_sums_that_leave_int32_are_refused(bias: int, fits: bool) -> None:
    """40 weights of 127, inputs of up to 255: the largest sum is exactly known."""
    w = constant("w", np.full((1, 40), 127, np.int8), QuantParams.per_tensor(0.01, 0))
    b = constant("b", np.array([bias], np.int32))
    graph = one_node("Gemm", GemmAttrs(), [activation("x", (1, 40), 0.02, -128), w, b], QuantParams.per_tensor(1e4, 0))
    kernel, reasons = select_kernel(graph.nodes[0], HOST.core)
    assert (kernel is not None) == fits
    if fits:
        inputs = [np.full((1, 1, 40), 127, np.int8)]
        acc = np.array([[[bias + 255 * 127 * 40]]])
        check(graph, inputs, expected_sums_requantized(acc, graph, (-128, 127)))
    else:
        assert reasons == [f"ec_gemm_s8: sums in int32, sums of {largest_sum(graph.nodes[0])} are possible"]
