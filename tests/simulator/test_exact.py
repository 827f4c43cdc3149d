"""Integers are exact: the worst sums that int8 allows, sums beyond 2^24, halves that round to even."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgec.ir import Array, DType, Graph, Node, QuantParams, Source, TensorType, Value
from edgec.ops import get_op
from edgec.ops.conv import ConvAttrs
from edgec.ops.gemm import GemmAttrs
from edgec.ops.numbers import requantize, requantize_scale
from tests.graphs import s8

torch = pytest.importorskip("torch")

from edgec.simulator import Simulator  # noqa: E402

SAMPLES = 3


def layer(op: str, attrs: object, x: Value, w: Array, bias: Array, w_quant: QuantParams, y: QuantParams) -> Graph:
    """A Graph of one Conv or Gemm."""
    weights = Value("w", TensorType(DType.S8, w.shape, w_quant), w.astype(np.int8))
    offset = Value("b", TensorType(DType.S32, bias.shape), bias.astype(np.int32))
    node = Node(get_op(op), "node", [x, weights, offset], [], attrs, Source(op, "node", 0))
    (inferred,) = node.op.infer(attrs, [x.type, weights.type, offset.type])
    node.outputs = [Value("y", inferred.with_quant(y))]
    graph = Graph("layer", [x], node.outputs, [node])
    graph.verify()
    return graph


def conv_reference(x: Array, graph: Graph) -> Array:
    """Direct convolution in int64, then numbers.requantize."""
    (node,) = graph.nodes
    attrs: ConvAttrs = node.attrs
    w_value = node.inputs[1]
    x_quant, w_quant, y_quant = node.inputs[0].type.quant, w_value.type.quant, node.output.type.quant
    assert x_quant is not None
    assert w_quant is not None
    assert y_quant is not None
    (top, left, bottom, right), (kh, kw) = attrs.pads, attrs.kernel_shape
    wz = np.broadcast_to(np.asarray(w_quant.zero_point), w_value.type.shape[:1]).reshape(-1, 1, 1, 1)
    w = w_value.array.astype(np.int64) - wz
    padded = np.pad(x.astype(np.int64) - x_quant.scalar[1], ((0, 0), (top, bottom), (left, right), (0, 0)))
    _, height, width, out_c = node.output.type.shape
    acc = np.zeros((len(x), height, width, out_c), np.int64) + node.inputs[2].array
    per_group, filters = w.shape[3], out_c // attrs.group
    for o in range(out_c):
        channels = slice(o // filters * per_group, (o // filters + 1) * per_group)
        for ky in range(kh):
            for kx in range(kw):
                first_y, first_x = ky * attrs.dilations[0], kx * attrs.dilations[1]
                rows = slice(first_y, first_y + (height - 1) * attrs.strides[0] + 1, attrs.strides[0])
                columns = slice(first_x, first_x + (width - 1) * attrs.strides[1] + 1, attrs.strides[1])
                acc[..., o] += padded[:, rows, columns, channels] @ w[o, ky, kx]
    scale = requantize_scale(x_quant, w_quant, y_quant)
    return requantize(acc.astype(np.int32), scale, y_quant.scalar[1], attrs.clamp)


@st.composite
def conv_graphs(draw: st.DrawFn) -> tuple[Graph, int]:
    """A Conv of any geometry, and a seed for its samples."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    group = draw(st.sampled_from([1, 1, 2, 4]))
    in_c, out_c = group * draw(st.integers(1, 9)), group * draw(st.integers(1, 3))
    kernel = (draw(st.integers(1, 5)), draw(st.integers(1, 5)))
    dilations = (draw(st.integers(1, 2)), draw(st.integers(1, 2)))
    attrs = ConvAttrs(
        kernel,
        (draw(st.integers(1, 3)), draw(st.integers(1, 3))),
        (draw(st.integers(0, 2)), draw(st.integers(0, 2)), draw(st.integers(0, 2)), draw(st.integers(0, 2))),
        dilations,
        group,
    )
    reach = [(size - 1) * dilation + 1 for size, dilation in zip(kernel, dilations, strict=True)]
    x = s8("x", (1, reach[0] + draw(st.integers(0, 8)), reach[1] + draw(st.integers(0, 8)), in_c), 0.02, -3)
    x.type = x.type.with_quant(QuantParams.per_tensor(0.02, draw(st.sampled_from([-128, -3, 0, 127]))))
    shape = (out_c, *kernel, in_c // group)
    extreme = draw(st.booleans())
    w = rng.choice([-128, 127], shape) if extreme else rng.integers(-128, 128, shape)
    scales = tuple(float(s) for s in rng.uniform(1e-3, 2e-2, out_c).astype(np.float32))
    zero_points = tuple(int(z) for z in rng.integers(-128, 128, out_c)) if draw(st.booleans()) else (0,) * out_c
    bias = rng.integers(-5000, 5000, out_c)
    y = QuantParams.per_tensor(float(rng.uniform(0.05, 2)), int(rng.integers(-128, 128)))
    return layer("Conv", attrs, x, w, bias, QuantParams(scales, zero_points, 0), y), int(rng.integers(2**31))


@given(conv_graphs())
def test_conv_of_any_geometry(drawn: tuple[Graph, int]) -> None:
    graph, seed = drawn
    rng = np.random.default_rng(seed)
    x = rng.integers(-128, 128, (SAMPLES, *graph.inputs[0].type.shape[1:])).astype(np.int8)
    x[0] = rng.choice(np.asarray([-128, 127], np.int8), x[0].shape)
    (y,) = Simulator(graph, device="cpu").run([x])
    np.testing.assert_array_equal(y, conv_reference(x, graph))


@pytest.mark.parametrize(("size", "channels"), [(8, 64), (33, 16), (64, 8)])
@pytest.mark.parametrize("threads", [1, 2])
def test_no_winograd(size: int, channels: int, threads: int) -> None:
    """3x3, stride 1, batched: what libraries like to transform. Largest factors, signs that cancel to odd sums."""
    rng = np.random.default_rng(size)
    x_value = s8("x", (1, size, size, channels), 0.02, 127)
    w = rng.choice([-128, 127], (8, 3, 3, channels))
    # Scale 1 shows the low bits of the sum, the wrap to int8 is by saturation: keep sums near zero with a bias.
    x = rng.choice(np.asarray([-128, 127], np.int8), (16, size, size, channels))
    graph = layer(
        "Conv",
        ConvAttrs((3, 3), pads=(1, 1, 1, 1)),
        x_value,
        w,
        np.zeros(8, int),
        QuantParams.per_tensor(0.02, 0),
        QuantParams.per_tensor(0.02 * 0.02 * 255 * 40, 0),
    )
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        (y,) = Simulator(graph, device="cpu").run([x])
    finally:
        torch.set_num_threads(before)
    np.testing.assert_array_equal(y, conv_reference(x, graph))


@pytest.mark.parametrize("k", [500, 511, 515, 4000, 60000])
def test_sums_around_and_beyond_24_bits(k: int) -> None:
    """255 * 128 * k passes 2^24 at k = 514: from there float32 alone would lose bits."""
    rng = np.random.default_rng(k)
    x_value = s8("x", (1, k), 0.02, 127)
    w = np.full((3, k), -128)
    w[1] = rng.integers(-128, 128, k)
    w[2, ::2] = 127
    x = rng.integers(-128, 128, (4, k)).astype(np.int8)
    x[0] = -128
    acc = (x.astype(np.int64) - 127) @ w.T
    bias = np.asarray([1, -1, 12345])
    # One scale an output brings each one's largest sum to 120.
    scales = tuple(float(s) for s in (120 * 0.05 / 0.02 / np.abs(acc + bias).max(axis=0)).astype(np.float32))
    w_quant, y = QuantParams(scales, (0, 0, 0), 0), QuantParams.per_tensor(0.05, 0)
    graph = layer("Gemm", GemmAttrs(), x_value, w, bias, w_quant, y)
    (got,) = Simulator(graph, device="cpu").run([x])
    scale = requantize_scale(QuantParams.per_tensor(0.02, 127), w_quant, y)
    np.testing.assert_array_equal(got, requantize((acc + bias).astype(np.int32), scale, 0))


def test_sums_beyond_24_bits_round_half_to_even_once() -> None:
    """2^24 + 1 and its neighbours, at a scale where the last bit of float32(acc) decides the result."""
    x_value = s8("x", (1, 1), 1.0, 0)
    # 2^17 brings them to a half: float32 rounds the first down to it (then to 64), the second up beyond it (65).
    sums = 2**24 + 2**17 + np.asarray([1, 3, -1])
    y = QuantParams.per_tensor(float(2**18), 0)
    graph = layer("Gemm", GemmAttrs(), x_value, np.ones((len(sums), 1)), sums, QuantParams.per_tensor(1.0, 0), y)
    (got,) = Simulator(graph, device="cpu").run([np.zeros((1, 1), np.int8)])
    np.testing.assert_array_equal(got[0], [64, 65, 64])


def test_biases_at_the_ends_of_int32() -> None:
    """Channels that have one output for all inputs, saturated or not, beside one that has many."""
    x_value = s8("x", (1, 4, 4, 2), 0.02, -128)
    w = np.random.default_rng(3).integers(-127, 128, (4, 3, 3, 2))
    bias = np.asarray([2**31 - 2**20, -(2**31) + 2**20, 2**30, 100])
    w_quant = QuantParams((0.02, 0.02, 1e-9, 0.02), (0, 0, 0, 0), 0)
    graph = layer("Conv", ConvAttrs((3, 3)), x_value, w, bias, w_quant, QuantParams.per_tensor(0.5, 7))
    x = np.random.default_rng(4).integers(-128, 128, (5, 4, 4, 2)).astype(np.int8)
    (got,) = Simulator(graph, device="cpu").run([x])
    np.testing.assert_array_equal(got, conv_reference(x, graph))
    assert (got[..., 0] == 127).all()
    assert (got[..., 1] == -128).all()
    assert len(np.unique(got[..., 2])) == 1
    assert len(np.unique(got[..., 3])) > 3


def test_halves_round_to_even() -> None:
    x_value = s8("x", (1, 1), 0.5, 0)
    bias = np.arange(-9, 10)
    quant = QuantParams.per_tensor(1.0, 0)
    graph = layer("Gemm", GemmAttrs(), x_value, np.ones((len(bias), 1)), bias, quant, QuantParams.per_tensor(1.0, 3))
    (got,) = Simulator(graph, device="cpu").run([np.zeros((1, 1), np.int8)])
    np.testing.assert_array_equal(got[0], np.rint(bias / 2) + 3)


def test_callers_precision_settings_change_nothing() -> None:
    """autocast and reduced matrix precision of the caller stay outside, and are as before afterwards."""
    rng = np.random.default_rng(5)
    x_value = s8("x", (1, 16, 16, 32), 0.02, 127)
    w = rng.choice([-128, 127], (16, 3, 3, 32))
    bias = rng.integers(-(2**22), 2**22, 16)
    y = QuantParams.per_tensor(0.02 * 0.02 * 30000, 0)
    quant = QuantParams.per_tensor(0.02, 0)
    graph = layer("Conv", ConvAttrs((3, 3)), x_value, w, bias, quant, y)
    x = rng.choice(np.asarray([-128, 127], np.int8), (8, 16, 16, 32))
    want = conv_reference(x, graph)
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    try:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            (got,) = Simulator(graph, device="cpu").run([x])
            assert torch.is_autocast_enabled("cpu")
    finally:
        torch.set_float32_matmul_precision(before)
    np.testing.assert_array_equal(got, want)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@given(conv_graphs())
def test_cuda_equals_cpu(drawn: tuple[Graph, int]) -> None:
    graph, seed = drawn
    rng = np.random.default_rng(seed)
    x = rng.integers(-128, 128, (SAMPLES, *graph.inputs[0].type.shape[1:])).astype(np.int8)
    (cpu,), (cuda,) = (Simulator(graph, device=name).run([x]) for name in ("cpu", "cuda"))
    np.testing.assert_array_equal(cpu, cuda)
