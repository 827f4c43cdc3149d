"""Pools as C against numpy: windows, strides, paddings, dilations, zero points and clamps at random."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from edgec.ir import Array, QuantParams
from edgec.ops.numbers import requantize, saturate
from edgec.ops.pool import PoolAttrs, ReduceAttrs
from tests.graphs import HOST
from tests.runtime_c.harness import activation, check, one_node, random_inputs

LEAN, LONG = 6, 300
zero_points = st.sampled_from([-128, -3, 0, 5, 127])
scales = st.sampled_from([0.003, 0.02, 0.0371, 1.0])
clamps = st.sampled_from([(-128, 127), (0, 127), (-100, 20), (-128, -128)])


@st.composite
def pools(draw: st.DrawFn) -> tuple[PoolAttrs, tuple[int, ...]]:
    """Attributes with a shape that every window fits; each window has an element inside, as ONNX asks."""
    kernel = draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    dilations = draw(st.tuples(st.integers(1, 2), st.integers(1, 2)))
    strides = draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    # A padding as large as the window would make windows of padding alone.
    top, bottom = (draw(st.integers(0, kernel[0] - 1)) for _ in range(2))
    left, right = (draw(st.integers(0, kernel[1] - 1)) for _ in range(2))
    reach = [(k - 1) * d + 1 for k, d in zip(kernel, dilations, strict=True)]
    height, width = (draw(st.integers(r, r + 6)) for r in reach)
    attrs = PoolAttrs(kernel, strides, (top, left, bottom, right), dilations, draw(st.booleans()), clamp=draw(clamps))
    return attrs, (1, height, width, draw(st.sampled_from([1, 2, 3, 4, 5, 8, 9])))


def windows(x: Array, attrs: PoolAttrs, fill: float) -> Array:
    """(N, H, W, C) -> (N, H', W', C, KH, KW) of float64, `fill` in the padding."""
    top, left, bottom, right = attrs.pads
    padded = np.pad(x.astype(np.float64), ((0, 0), (top, bottom), (left, right), (0, 0)), constant_values=fill)
    (kh, kw), (dh, dw), (sh, sw) = attrs.kernel_shape, attrs.dilations, attrs.strides
    view = np.lib.stride_tricks.sliding_window_view(padded, ((kh - 1) * dh + 1, (kw - 1) * dw + 1), axis=(1, 2))
    return view[:, ::sh, ::sw, :, ::dh, ::dw]


def max_pool(x: Array, attrs: PoolAttrs) -> Array:
    return saturate(windows(x, attrs, -np.inf).max(axis=(4, 5)), attrs.clamp)


def average_pool(x: Array, attrs: PoolAttrs, x_quant: QuantParams, y_quant: QuantParams) -> Array:
    (s_x, z_x), (s_y, z_y) = x_quant.scalar, y_quant.scalar
    acc = windows(x.astype(np.int32) - z_x, attrs, 0).sum(axis=(4, 5)).astype(np.int32)
    inside = windows(np.ones_like(x), attrs, 0).sum(axis=(4, 5))
    count = np.full_like(inside, np.prod(attrs.kernel_shape)) if attrs.count_include_pad else inside
    scale = s_x / (s_y * count.astype(np.float32))
    assert scale.dtype == np.float32
    return requantize(acc, scale, z_y, attrs.clamp)


def check_max_pool(case: tuple[PoolAttrs, tuple[int, ...]], zero_point: int, seed: int) -> None:
    attrs, shape = case
    x = activation("x", shape, 0.02, zero_point)
    graph = one_node("MaxPool", attrs, [x], x.type.quant)
    inputs = random_inputs(graph, np.random.default_rng(seed))
    check(graph, inputs, np.stack([max_pool(sample, attrs) for sample in inputs[0]]))


def check_average_pool(
    case: tuple[PoolAttrs, tuple[int, ...]], x_quant: QuantParams, y_quant: QuantParams, seed: int
) -> None:
    attrs, shape = case
    x = activation("x", shape, x_quant.scale[0], x_quant.zero_point[0])
    graph = one_node("AveragePool", attrs, [x], y_quant)
    inputs = random_inputs(graph, np.random.default_rng(seed))
    check(graph, inputs, np.stack([average_pool(sample, attrs, x_quant, y_quant) for sample in inputs[0]]))


quants = st.builds(QuantParams.per_tensor, scales, zero_points)
seeds = st.integers(0, 2**31)


@settings(max_examples=LEAN)
@given(pools(), zero_points, seeds)
def test_max_pool(case: tuple[PoolAttrs, tuple[int, ...]], zero_point: int, seed: int) -> None:
    check_max_pool(case, zero_point, seed)


@settings(max_examples=LEAN)
@given(pools(), quants, quants, seeds)
def test_average_pool(case: tuple[PoolAttrs, tuple[int, ...]], x: QuantParams, y: QuantParams, seed: int) -> None:
    check_average_pool(case, x, y, seed)


@pytest.mark.exhaustive
@settings(max_examples=LONG)
@given(pools(), quants, quants, seeds)
def test_pools_long(case: tuple[PoolAttrs, tuple[int, ...]], x: QuantParams, y: QuantParams, seed: int) -> None:
    check_max_pool(case, x.zero_point[0], seed)
    check_average_pool(case, x, y, seed)


@pytest.mark.parametrize("include", [False, True])
def test_counts_at_the_border(include: bool) -> None:
    """Corner, edge and inside have 4, 6 and 9 elements, or 9 all of them."""
    attrs = PoolAttrs((3, 3), (2, 2), (1, 1, 1, 1), count_include_pad=include)
    quant = QuantParams.per_tensor(0.02, -128)
    check_average_pool((attrs, (1, 5, 7, 3)), quant, QuantParams.per_tensor(0.004, 3), 1)


@pytest.mark.parametrize("kernel", [(5, 60), (17, 16), (3, 256), (2, 257)], ids=str)
def test_windows_of_more_values_than_16_bits_can_sum(kernel: tuple[int, int]) -> None:
    quant = QuantParams.per_tensor(0.02, -128)
    attrs = PoolAttrs(kernel, (1, 1))
    check_average_pool((attrs, (1, kernel[0], kernel[1] + 1, 5)), quant, QuantParams.per_tensor(0.02, 3), 1)


@pytest.mark.parametrize(
    ("shape", "axes", "keepdims"),
    [
        ((1, 7, 5, 3), (1, 2), True),
        ((1, 7, 5, 3), (3,), False),
        ((1, 12), (1,), True),
        ((2, 3, 4), (0, 1, 2), False),
        ((2, 7, 5, 6), (1, 2), True),
        ((1, 20, 26, 5), (1, 2), True),  # more values than 16 bits can sum
    ],
    ids=str,
)
def test_mean(shape: tuple[int, ...], axes: tuple[int, ...], keepdims: bool) -> None:
    rng = np.random.default_rng(2)
    y_quant = QuantParams.per_tensor(0.013, 7)
    x = activation("x", shape, 0.02, -128)
    graph = one_node("ReduceMean", ReduceAttrs(axes, keepdims, clamp=(-90, 127)), [x], y_quant)
    inputs = random_inputs(graph, rng, 8)
    acc = (inputs[0].astype(np.int32) + 128).sum(axis=tuple(a + 1 for a in axes), keepdims=keepdims, dtype=np.int32)
    count = np.float32(np.prod([shape[axis] for axis in axes]))
    scale = np.float32(0.02) / (np.float32(0.013) * count)
    check(graph, inputs, requantize(acc, np.float32(scale), 7, (-90, 127)))


def test_mean_of_axes_apart_is_refused() -> None:
    graph = one_node("ReduceMean", ReduceAttrs((1, 3)), [activation("x", (1, 4, 4, 4))], QuantParams.per_tensor(0.1, 0))
    (node,) = graph.nodes
    assert node.op.kernels[-1].why_not(node, HOST.core) == "takes neighbouring axes only, these are [1, 3]"


@settings(max_examples=10)
@given(pools(), seeds)
def test_max_pool_reference_is_onnxruntime(case: tuple[PoolAttrs, tuple[int, ...]], seed: int) -> None:
    attrs, shape = case
    q = np.random.default_rng(seed).integers(-128, 128, shape).astype(np.int8)
    y = run_onnx("MaxPool", q, attrs, {})
    np.testing.assert_array_equal(saturate(y, attrs.clamp), max_pool(q, attrs))


@settings(max_examples=10)
@example((PoolAttrs((2, 4), dilations=(2, 2)), (1, 3, 8, 1)), 3)  # two means, one at half a step
@given(pools(), seeds)
def test_average_pool_reference_is_near_onnxruntime(case: tuple[PoolAttrs, tuple[int, ...]], seed: int) -> None:
    """Which elements count is the same; onnxruntime's float kernel sums real values in its own order."""
    attrs, shape = case
    x_quant, y_quant = QuantParams.per_tensor(0.02, -3), QuantParams.per_tensor(0.001, 3)
    q = np.random.default_rng(seed).integers(-128, 128, shape).astype(np.int8)
    real = ((q.astype(np.int32) + 3) * np.float32(0.02)).astype(np.float32)
    mean = run_onnx("AveragePool", real, attrs, {"count_include_pad": int(attrs.count_include_pad)})
    expected = saturate(np.rint(mean / np.float32(0.001)) + 3, attrs.clamp)
    differing = np.abs(average_pool(q, attrs, x_quant, y_quant).astype(int) - expected)
    assert differing.max() <= 1
    # Only where the mean is half a step, but for the rounding of float32 sums.
    steps = mean.astype(np.float64) / np.float32(0.001)
    assert (np.abs(steps - np.floor(steps) - 0.5)[differing > 0] < 0.01).all()


def run_onnx(op: str, x: Array, attrs: PoolAttrs, more: dict[str, int]) -> Array:
    """The pool in onnxruntime, NHWC in and out."""
    kind = onnx.helper.np_dtype_to_tensor_dtype(x.dtype)
    node = onnx.helper.make_node(
        op,
        ["x"],
        ["y"],
        kernel_shape=attrs.kernel_shape,
        strides=attrs.strides,
        pads=attrs.pads,
        dilations=attrs.dilations,
        **more,
    )
    n, h, w, c = x.shape
    ends = [onnx.helper.make_tensor_value_info(name, kind, shape) for name, shape in [("x", (n, c, h, w)), ("y", None)]]
    model = onnx.helper.make_model(
        onnx.helper.make_graph([node], "pool", ends[:1], ends[1:]),
        opset_imports=[onnx.helper.make_opsetid("", 19)],
        ir_version=9,
    )
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (y,) = session.run(None, {"x": np.ascontiguousarray(x.transpose(0, 3, 1, 2))})
    return np.asarray(y).transpose(0, 2, 3, 1)
