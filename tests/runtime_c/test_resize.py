"""Resize as C against core/ops/resize.py, and that against onnxruntime, for all modes and many sizes."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from edgec.errors import InternalError
from edgec.ir import Array, Graph, QuantParams
from edgec.ops.numbers import dequantize, quantize
from edgec.ops.resize import ResizeAttrs, interpolate, linear_taps, nearest_indices
from tests.graphs import HOST
from tests.runtime_c.harness import activation, check, one_node, random_inputs

LEAN, LONG = 6, 300
COORDINATES = (
    "half_pixel",
    "half_pixel_symmetric",
    "pytorch_half_pixel",
    "align_corners",
    "asymmetric",
    "tf_half_pixel_for_nn",
)
ROUNDING = ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil")
seeds = st.integers(0, 2**31)
quants = st.builds(
    QuantParams.per_tensor, st.sampled_from([0.003, 0.02, 0.0371]), st.sampled_from([-128, -3, 0, 5, 127])
)


@st.composite
def resizes(draw: st.DrawFn, mode: str, most: int = 9) -> tuple[ResizeAttrs, tuple[int, int], bool]:
    """(attributes, (H, W), whether the model gives sizes); with scales a size is floor(scale * input)."""
    size = draw(st.tuples(st.integers(1, most), st.integers(1, most)))
    given_sizes = draw(st.booleans())
    if given_sizes:
        sizes = draw(st.tuples(st.integers(1, 2 * most), st.integers(1, 2 * most)))
        scales = tuple(float(np.float32(a) / np.float32(b)) for a, b in zip(sizes, size, strict=True))
    else:
        factors = st.sampled_from([0.1, 0.3, 0.5, 0.7, 1.0, 1.1, 1.3, 1.5, 2.0, 2.3, 3.0, 4.0])
        scales = tuple(float(np.float32(draw(factors))) for _ in size)
        sizes = tuple(int(np.floor(np.float32(s) * np.float32(n))) for s, n in zip(scales, size, strict=True))
        assume(min(sizes) > 0)
    # The same size is a copy in onnxruntime, and no Resize at all after import.
    assume(sizes != size)
    attrs = ResizeAttrs(
        (sizes[0], sizes[1]),
        (scales[0], scales[1]),
        mode,
        draw(st.sampled_from(COORDINATES)),
        draw(st.sampled_from(ROUNDING)),
    )
    return attrs, size, given_sizes


def run_onnx(x: Array, attrs: ResizeAttrs, given_sizes: bool) -> Array:
    """(H, W) through onnxruntime's Resize."""
    helper = onnx.helper
    if given_sizes:
        given = helper.make_tensor("given", onnx.TensorProto.INT64, [4], [1, 1, *attrs.sizes])
    else:
        given = helper.make_tensor("given", onnx.TensorProto.FLOAT, [4], [1, 1, *attrs.scales])
    modes = {"mode": attrs.mode, "coordinate_transformation_mode": attrs.coordinate_transformation_mode}
    if attrs.mode == "nearest":
        modes["nearest_mode"] = attrs.nearest_mode
    node = helper.make_node("Resize", ["x", "", "", "given"] if given_sizes else ["x", "", "given"], ["y"], **modes)
    ends = [helper.make_tensor_value_info("x", 1, (1, 1, *x.shape)), helper.make_tensor_value_info("y", 1, None)]
    model = helper.make_model(
        helper.make_graph([node], "resize", ends[:1], ends[1:], [given]),
        opset_imports=[helper.make_opsetid("", 19)],
        ir_version=9,
    )
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # tf_half_pixel_for_nn is deprecated, and said to be, aloud, each time
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    (y,) = session.run(None, {"x": x.astype(np.float32)[None, None]})
    return np.asarray(y)[0, 0]


def nearest(x: Array, attrs: ResizeAttrs) -> Array:
    """(..., H, W, C) -> (..., H', W', C)."""
    rows, columns = (nearest_indices(attrs, axis, x.shape[axis - 3]) for axis in range(2))
    return np.take(np.take(x, rows, -3), columns, -2)


def linear(x: Array, attrs: ResizeAttrs) -> Array:
    """float32 (N, H, W, C) -> (N, H', W', C)."""
    return interpolate(x, linear_taps(attrs, 0, x.shape[1]), linear_taps(attrs, 1, x.shape[2]))


def check_nearest_definition(case: tuple[ResizeAttrs, tuple[int, int], bool]) -> None:
    attrs, size, given_sizes = case
    x = np.arange(size[0] * size[1], dtype=np.float32).reshape(size)
    np.testing.assert_array_equal(nearest(x[..., None], attrs)[..., 0], run_onnx(x, attrs, given_sizes))


def check_linear_definition(case: tuple[ResizeAttrs, tuple[int, int], bool], seed: int) -> None:
    """Equal to the last bit: the same taps, weights and order of the sum."""
    attrs, size, given_sizes = case
    q = np.random.default_rng(seed).integers(-128, 128, size)
    x = dequantize(q, QuantParams.per_tensor(0.0371, 3))
    np.testing.assert_array_equal(linear(x[None, ..., None], attrs)[0, ..., 0], run_onnx(x, attrs, given_sizes))


@settings(max_examples=150)
@given(resizes("nearest", 40))
def test_nearest_definition_is_onnxruntimes(case: tuple[ResizeAttrs, tuple[int, int], bool]) -> None:
    check_nearest_definition(case)


@settings(max_examples=100)
@given(resizes("linear", 24), seeds)
def test_linear_definition_is_onnxruntimes(case: tuple[ResizeAttrs, tuple[int, int], bool], seed: int) -> None:
    check_linear_definition(case, seed)


@pytest.mark.exhaustive
@settings(max_examples=5000)
@given(resizes("nearest", 100), resizes("linear", 60), seeds)
def test_definitions_long(
    first: tuple[ResizeAttrs, tuple[int, int], bool], second: tuple[ResizeAttrs, tuple[int, int], bool], seed: int
) -> None:
    check_nearest_definition(first)
    check_linear_definition(second, seed)


@pytest.mark.parametrize("rounding", ["round_prefer_floor", "round_prefer_ceil"])
def test_coordinates_near_a_half(rounding: str) -> None:
    """Output 19 of 17 * 1.3 = 22 is at 14.500001, taken for 14.5. In 7 -> 8 float32 would round a sum with 0.5 up."""
    scale = float(np.float32(1.3))
    check_nearest_definition((ResizeAttrs((22, 2), (scale, 2.0), "nearest", "half_pixel", rounding), (17, 1), False))
    scale = float(np.float32(8) / np.float32(7))
    check_nearest_definition((ResizeAttrs((8, 2), (scale, 2.0), "nearest", "asymmetric", rounding), (7, 1), True))


def resize_graph(attrs: ResizeAttrs, size: tuple[int, int], channels: int, x: QuantParams, y: QuantParams) -> Graph:
    value = activation("x", (1, *size, channels), x.scale[0], x.zero_point[0])
    return one_node("Resize", attrs, [value], y)


def requantised(q: Array, graph: Graph) -> Array:
    """(samples, H, W, C) int8 -> int8, by the definition in core."""
    (node,), x, y = graph.nodes, graph.inputs[0].type.quant, graph.outputs[0].type.quant
    assert x is not None
    assert y is not None
    if node.attrs.mode == "linear":
        return quantize(linear(dequantize(q, x), node.attrs), y)
    moved = nearest(q, node.attrs)
    return moved if x == y else quantize(dequantize(moved, x), y)


def check_resize(graph: Graph, seed: int) -> None:
    inputs = random_inputs(graph, np.random.default_rng(seed))
    check(graph, inputs, requantised(inputs[0][:, 0], graph)[:, None])


@settings(max_examples=LEAN)
@given(resizes("nearest"), st.integers(1, 4), quants, st.one_of(st.none(), quants), seeds)
def test_nearest(
    case: tuple[ResizeAttrs, tuple[int, int], bool], channels: int, x: QuantParams, y: QuantParams | None, seed: int
) -> None:
    """Without a quantisation of its own the output has the input's, and the integers are moved."""
    check_resize(resize_graph(case[0], case[1], channels, x, y or x), seed)


@settings(max_examples=LEAN)
@given(resizes("linear"), st.integers(1, 4), quants, quants, seeds)
def test_linear(
    case: tuple[ResizeAttrs, tuple[int, int], bool], channels: int, x: QuantParams, y: QuantParams, seed: int
) -> None:
    check_resize(resize_graph(case[0], case[1], channels, x, y), seed)


@pytest.mark.exhaustive
@settings(max_examples=LONG)
@given(st.one_of(resizes("nearest"), resizes("linear")), st.integers(1, 4), quants, quants, seeds)
def test_resize_long(
    case: tuple[ResizeAttrs, tuple[int, int], bool], channels: int, x: QuantParams, y: QuantParams, seed: int
) -> None:
    check_resize(resize_graph(case[0], case[1], channels, x, y), seed)


def test_what_the_kernels_refuse() -> None:
    quant = QuantParams.per_tensor(0.02, 0)
    cubic = resize_graph(ResizeAttrs((4, 4), (2.0, 2.0), "cubic"), (2, 2), 1, quant, quant).nodes[0]
    assert [kernel.why_not(cubic, HOST.core) for kernel in cubic.op.kernels if not kernel.isa] == [
        "takes mode 'nearest' only, this one is 'cubic'",
        "takes mode 'linear' only, this one is 'cubic'",
    ]
    with pytest.raises(InternalError, match="coordinate_transformation_mode 'tf_crop_and_resize'"):
        nearest_indices(ResizeAttrs((4, 4), (2.0, 2.0), "nearest", "tf_crop_and_resize"), 0, 2)


@pytest.mark.parametrize("mode", ["nearest", "linear"])
def test_simulator_requantises_too(mode: str) -> None:
    """Another scale at the output is legal for both modes, here and in the C."""
    pytest.importorskip("torch", reason="the simulator needs torch")
    from edgec.simulator import Simulator

    x, y = QuantParams.per_tensor(0.02, -3), QuantParams.per_tensor(0.0371, 5)
    graph = resize_graph(ResizeAttrs((7, 4), (1.75, 2.0), mode), (4, 2), 3, x, y)
    (q,) = random_inputs(graph, np.random.default_rng(4))
    (result,) = Simulator(graph, device="cpu").run([q[:, 0]])
    expected = requantised(q[:, 0], graph)
    np.testing.assert_array_equal(result.reshape(expected.shape), expected)
