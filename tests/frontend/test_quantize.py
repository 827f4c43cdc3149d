"""Float model + samples -> int8 model: what is quantised, how well, and how weights get their scales."""

from __future__ import annotations

import pathlib
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import numpy_helper

from edgec.errors import ModelError
from edgec.frontend import Oracle, Samples, import_model, is_quantized, quantize_model
from edgec.frontend.choose_nodes import nodes_to_quantize
from edgec.frontend.quantize import activation_elements, spread
from edgec.frontend.refine_weights import best_scales
from edgec.frontend.tidy_float import flatten_gemm_biases, hoist_over_moves, name_nodes, replace_batch_norms
from tests.frontend.models import Constants, ops, run, save, text_model

RNG = np.random.default_rng(11)
TEXT = """
small (float[N,3,8,8] x) => (float[N,5] y) {
    c = Conv<pads = [1, 1, 1, 1]>(x, w)
    n = BatchNormalization(c, scale, bias, mean, variance)
    r = Relu(n)
    d = Conv<group = 6, pads = [1, 1, 1, 1]>(r, v)
    h = HardSwish(d)
    p = GlobalAveragePool(h)
    f = Flatten(p)
    g = Gemm(f, u, z)
    y = Softmax(g)
}"""


def real(*shape: int) -> Any:
    return RNG.standard_normal(shape).astype(np.float32)


def small_constants() -> Constants:
    return {
        "w": real(6, 3, 3, 3) / 3,
        "scale": np.abs(real(6)) + 0.5,
        "bias": real(6),
        "mean": real(6),
        "variance": np.abs(real(6)) + 0.5,
        "v": real(6, 1, 3, 3),
        "u": real(6, 5),
        "z": real(1, 5),
    }


SMALL = text_model(TEXT, small_constants())
SAMPLES = Samples({"x": real(60, 3, 8, 8)}, None, "samples.npz")


def test_a_small_network(tmp_path: pathlib.Path) -> None:
    path = save(SMALL, tmp_path)
    assert not is_quantized(path)
    quantized = quantize_model(path, SAMPLES)
    (file := tmp_path / "int8.onnx").write_bytes(quantized)
    assert is_quantized(file)
    graph = import_model(file)
    inner = [name for name in ops(graph) if name not in ("QuantizeLinear", "DequantizeLinear")]
    # onnxruntime writes hard-swish as x * hard-sigmoid(x); both stay real, so one table remains.
    assert inner == ["Conv", "Conv", "HardSigmoid", "Mul", "ReduceMean", "Gemm", "Softmax"]
    wanted, found = (Oracle(model).run([SAMPLES.x])[0] for model in (path, quantized))
    assert np.abs(wanted - found).max() < 0.03
    assert (graph.input_ports[0].dtype, graph.output_ports[0].dtype) == ("float32", "float32")


def test_quantising_prints_nothing(tmp_path: pathlib.Path, capfd: pytest.CaptureFixture[str]) -> None:
    """stdout belongs to --json, and onnxruntime's advice is for its programmers."""
    quantize_model(save(SMALL, tmp_path), SAMPLES)
    output = capfd.readouterr()
    assert (output.out, output.err) == ("", "")


def test_the_same_twice(tmp_path: pathlib.Path) -> None:
    path = save(SMALL, tmp_path)
    assert quantize_model(path, SAMPLES) == quantize_model(path, SAMPLES)


def test_labels_decide_between_calibrations(tmp_path: pathlib.Path) -> None:
    """A single far outlier spoils the largest value; the labels tell, and another calibration is taken."""
    path = save(SMALL, tmp_path)
    x = SAMPLES.x.copy()
    x[7, 0, 0, 0] = 400.0
    labels = Oracle(path).run([x])[0].argmax(1)
    with_labels = quantize_model(path, Samples({"x": x}, labels, "s.npz"))
    right = (Oracle(with_labels).run([x])[0].argmax(1) == labels).mean()
    assert right > 0.85


def test_samples_of_another_shape_are_refused(tmp_path: pathlib.Path) -> None:
    with pytest.raises(ModelError, match=r"float32 \[3, 8, 9\]; input 'x' takes float32 \[3, 8, 8\]"):
        quantize_model(save(SMALL, tmp_path), Samples({"x": real(4, 3, 8, 9)}, None, "s.npz"))


CHAIN = """
chain (float[1,3,4,4] x) => (float[1,3,4,4] y) {
    c = Conv(x, w)
    a = Add(c, three)
    b = Clip(a, zero, six)
    m = Mul(c, b)
    e = Div(m, six)
    f = Conv(e, w)
    y = Sigmoid(f)
}"""


def test_functions_of_one_value_stay_real() -> None:
    """The parts of a hard-swish between two convolutions make one table; the last function is an output, so int8."""
    constants = {"w": real(3, 3, 1, 1), "three": np.float32(3), "zero": np.float32(0), "six": np.float32(6)}
    proto = text_model(CHAIN, constants)
    name_nodes(proto)
    assert nodes_to_quantize(proto) == ["Conv_c", "Conv_f", "Sigmoid_y"]


def test_functions_of_the_input_are_quantised() -> None:
    """Nothing before them would say how to quantise it."""
    proto = text_model(
        "scaled (float[1,3,4,4] x) => (float[1,3,4,4] y) { a = Mul(x, c)  b = Sub(a, c)  y = Conv(b, w) }",
        {"c": np.float32(0.5), "w": real(3, 3, 1, 1)},
    )
    name_nodes(proto)
    assert nodes_to_quantize(proto) == ["Mul_a", "Conv_y"]


def test_batch_norm_behind_a_reshape_reaches_its_convolution() -> None:
    text = """
    behind (float[1,3,1,8] x) => (float[1,6,8] y) {
        c = Conv(x, w)
        r = Reshape(c, shape)
        y = BatchNormalization(r, scale, bias, mean, variance)
    }"""
    constants = {"w": real(6, 3, 1, 1), "shape": np.array([1, 6, 8], np.int64), **norm(6)}
    proto = onnx.shape_inference.infer_shapes(text_model(text, constants))
    feed = {"x": real(1, 3, 1, 8)}
    wanted = run(proto, feed)[0]
    hoist_over_moves(proto)
    assert [node.op_type for node in proto.graph.node] == ["Conv", "BatchNormalization", "Reshape"]
    onnx.checker.check_model(proto)
    np.testing.assert_array_equal(run(proto, feed)[0], wanted)


def test_relu_passes_every_move() -> None:
    text = """
    moves (float[1,3,1,8] x) => (float[8,3] y) {
        s = Squeeze(x, axes)
        t = Transpose<perm = [2, 1, 0]>(s)
        f = Reshape(t, shape)
        y = Relu(f)
    }"""
    constants = {"axes": np.array([0], np.int64), "shape": np.array([8, 3], np.int64)}
    proto = onnx.shape_inference.infer_shapes(text_model(text, constants))
    feed = {"x": real(1, 3, 1, 8)}
    wanted = run(proto, feed)[0]
    hoist_over_moves(proto)
    assert [node.op_type for node in proto.graph.node] == ["Relu", "Squeeze", "Transpose", "Reshape"]
    onnx.checker.check_model(proto, full_check=True)
    np.testing.assert_array_equal(run(proto, feed)[0], wanted)


@pytest.mark.parametrize("reader", ["z = Sigmoid(r)", "z = Identity(r)"], ids=["second-reader", "output"])
def test_batch_norm_stays_behind_a_reshape_that_others_read(reader: str) -> None:
    text = f"""
    shared (float[1,3,1,8] x) => (float[1,3,8] y, float[1,3,8] z) {{
        r = Reshape(x, shape)
        y = BatchNormalization(r, scale, bias, mean, variance)
        {reader}
    }}"""
    proto = text_model(text, {"shape": np.array([1, 3, 8], np.int64), **norm(3)})
    proto = onnx.shape_inference.infer_shapes(proto)
    hoist_over_moves(proto)
    assert [node.op_type for node in proto.graph.node][:2] == ["Reshape", "BatchNormalization"]


def test_batch_norm_stays_behind_a_reshape_that_changes_channels() -> None:
    text = """
    changed (float[1,6,1,4] x) => (float[1,3,8] y) {
        r = Reshape(x, shape)
        y = BatchNormalization(r, scale, bias, mean, variance)
    }"""
    proto = text_model(text, {"shape": np.array([1, 3, 8], np.int64), **norm(3)})
    proto = onnx.shape_inference.infer_shapes(proto)
    hoist_over_moves(proto)
    assert [node.op_type for node in proto.graph.node] == ["Reshape", "BatchNormalization"]


def norm(channels: int) -> dict[str, Any]:
    variance = np.abs(real(channels)) + 0.5
    return {"scale": real(channels), "bias": real(channels), "mean": real(channels), "variance": variance}


@pytest.mark.parametrize("shape", [(1, 4, 5, 6), (1, 4, 7)])
def test_batch_norm_without_a_convolution_becomes_one(shape: tuple[int, ...]) -> None:
    dims = ",".join(map(str, shape))
    text = f"alone (float[{dims}] x) => (float[{dims}] y) {{ y = BatchNormalization(x, scale, bias, mean, variance) }}"
    proto = text_model(text, norm(4))
    feed = {"x": real(*shape)}
    wanted = run(proto, feed)[0]
    replace_batch_norms(proto)
    assert [node.op_type for node in proto.graph.node] == ["Conv"]
    np.testing.assert_allclose(run(proto, feed)[0], wanted, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("shape", [(1, 5), (5,), (1,), (1, 1)])
def test_gemm_biases_are_flat(shape: tuple[int, ...]) -> None:
    constants = {"w": real(4, 5), "b": real(*shape)}
    proto = text_model("gemm (float[1,4] x) => (float[1,5] y) { y = Gemm(x, w, b) }", constants)
    feed = {"x": real(1, 4)}
    wanted = run(proto, feed)[0]
    flatten_gemm_biases(proto)
    biases = [t for t in proto.graph.initializer if t.name == proto.graph.node[0].input[2]]
    assert [list(t.dims) for t in biases] == [[5]]
    np.testing.assert_array_equal(run(proto, feed)[0], wanted)


def test_weights_on_a_coarser_grid_are_met_exactly() -> None:
    """Float copies of int8-trained networks: multiples of one step, the largest not at 127."""
    integers = RNG.integers(-40, 41, (3, 50)).astype(np.float64)
    integers[:, 0] = 40
    step = np.array([0.1, 0.02, 3.0])[:, np.newaxis]
    w = (integers * step).astype(np.float32).astype(np.float64)
    scale = best_scales(w).astype(np.float64)[:, np.newaxis]
    assert np.abs(np.rint(w / scale) * scale - w).max() < 1e-5 * np.abs(w).max()


@given(st.integers(1, 4), st.integers(1, 40), st.integers(0, 1 << 30))
def test_chosen_scales_are_never_worse(channels: int, count: int, seed: int) -> None:
    w = np.random.default_rng(seed).standard_normal((channels, count))
    plain = np.abs(w).max(axis=1).astype(np.float64) / 127
    error = [((np.rint(w / s[:, None]) * s[:, None] - w) ** 2).sum(axis=1) for s in (plain, best_scales(w))]
    assert (error[1] <= error[0] * 1.001 + 1e-12).all()
    assert (np.abs(w) <= best_scales(w)[:, None] * 127.001).all()


def test_silent_channels_have_a_scale() -> None:
    assert (best_scales(np.zeros((2, 3))) > 0).all()


def test_spread() -> None:
    assert spread(10, 4).tolist() == [0, 3, 6, 9]
    assert spread(3, 8).tolist() == [0, 1, 2]


def test_activation_elements() -> None:
    proto = text_model("sum (float[1,3,4] x) => (float[1,3,4] y) { a = Relu(x)  y = Sigmoid(a) }")
    assert activation_elements(proto) == 24


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("y = MatMul(x, w)", False),
        ("q = QuantizeLinear(x, s, z)  r = DequantizeLinear(q, s, z)  y = MatMul(r, w)", False),
        ("v = DequantizeLinear(i, s, z)  y = MatMul(x, v)", True),
        ("i8 = QuantizeLinear(w, s, z)  v = DequantizeLinear(i8, s, z)  y = MatMul(x, v)", True),
        ("q = QuantizeLinear(x, s, z)  y = DequantizeLinear(q, s, z)", True),
    ],
    ids=["float", "activations-only", "weights", "weights-in-the-file", "no-weights"],
)
def test_is_quantized(body: str, expected: bool, tmp_path: pathlib.Path) -> None:
    constants = {"w": real(4, 4), "i": np.ones((4, 4), np.int8), "s": np.float32(0.1), "z": np.int8(0)}
    proto = text_model(f"kind (float[1,4] x) => (float[1,4] y) {{ {body} }}", constants)
    assert is_quantized(save(proto, tmp_path)) is expected


def test_float_ends_in_quantize_linear_and_begins_with_cast(tmp_path: pathlib.Path) -> None:
    """Float copies of integer networks keep their uint8 ends."""
    text = """
    ends (uint8[1,3,6,6] x) => (uint8[1,4] y) {
        r = Cast<to = 1>(x)
        a = Sub(r, half)
        b = Mul(a, step)
        c = Conv(b, w)
        p = GlobalAveragePool(c)
        f = Flatten(p)
        s = Softmax(f)
        y = QuantizeLinear(s, scale, zero)
    }"""
    constants = {
        "half": np.float32(127.5),
        "step": np.float32(1 / 127.5),
        "w": real(4, 3, 3, 3),
        "scale": np.float32(1 / 256),
        "zero": np.uint8(0),
    }
    path = save(text_model(text, constants), tmp_path)
    assert not is_quantized(path)
    x = RNG.integers(0, 256, (40, 3, 6, 6)).astype(np.uint8)
    quantized = quantize_model(path, Samples({"x": x}, None, "s.npz"))
    wanted, found = (Oracle(model).run([x])[0].astype(int) for model in (path, quantized))
    assert np.abs(wanted - found).max() <= 4
    (tmp_path / "q.onnx").write_bytes(quantized)
    graph = import_model(tmp_path / "q.onnx")
    assert (graph.input_ports[0].dtype, graph.output_ports[0].dtype) == ("uint8", "uint8")


def test_weights_are_stored_per_channel(tmp_path: pathlib.Path) -> None:
    proto = onnx.load_from_string(quantize_model(save(SMALL, tmp_path), SAMPLES))
    tensors = {tensor.name: numpy_helper.to_array(tensor) for tensor in proto.graph.initializer}
    sizes = [
        tensors[node.input[1]].size
        for node in proto.graph.node
        if node.op_type == "DequantizeLinear" and node.input[0] in tensors and tensors[node.input[0]].dtype == np.int8
    ]
    assert sorted(sizes) == [5, 6, 6]
