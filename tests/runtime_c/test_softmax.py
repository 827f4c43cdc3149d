"""Softmax, LogSoftmax and ArgMax as C against core/ops/softmax.py, and that against float64 and onnxruntime."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgec.ir import Array, DType, Graph, QuantParams, TensorType
from edgec.ops.exponentials import exp_bits, exp_table, log_f32, log_softmax, softmax
from edgec.ops.numbers import quantize
from edgec.ops.softmax import ArgMaxAttrs, SoftmaxAttrs, softmax_data
from edgec.passes.schedule import schedule
from tests.graphs import HOST
from tests.runtime_c.harness import activation, check, compile_c, execute, one_node, random_inputs

LEAN, LONG = 5, 200
seeds = st.integers(0, 2**31)
# Wide, usual and so narrow that every exp is 1.
scales = st.sampled_from([1e-6, 0.003, 0.0371, 0.1, 0.7, 3.0])
shapes = st.lists(st.integers(1, 5), min_size=1, max_size=4).map(tuple)
FUNCTIONS = {"Softmax": softmax, "LogSoftmax": log_softmax}


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """Softmax or LogSoftmax along any axis, int8 or float32 out."""
    shape = draw(shapes)
    op = draw(st.sampled_from(sorted(FUNCTIONS)))
    x = activation("x", shape, draw(scales), draw(st.sampled_from([-128, 0, 127])))
    y_scale = 1 / 256 if op == "Softmax" else draw(scales)
    graph = one_node(op, SoftmaxAttrs(draw(st.integers(0, len(shape) - 1))), [x], QuantParams.per_tensor(y_scale, -128))
    return with_float_output(graph) if draw(st.booleans()) else graph


def with_float_output(graph: Graph) -> Graph:
    (y,) = graph.outputs
    y.type = TensorType(DType.F32, y.type.shape)
    return graph


def expected(graph: Graph, q: Array) -> Array:
    """(samples, *shape) int8 -> the output of the definition."""
    (node,), y = graph.nodes, graph.outputs[0].type
    x_quant = graph.inputs[0].type.quant
    assert x_quant is not None
    real = FUNCTIONS[node.op.name](q, node.attrs.axis + 1, float(x_quant.scalar[0]))
    assert real.dtype == np.float32
    return real if y.quant is None else quantize(real, y.quant)


def check_softmax(graph: Graph, seed: int) -> None:
    inputs = random_inputs(graph, np.random.default_rng(seed))
    check(graph, inputs, expected(graph, inputs[0]))


@settings(max_examples=LEAN)
@given(graphs(), seeds)
def test_softmax(graph: Graph, seed: int) -> None:
    check_softmax(graph, seed)


@pytest.mark.exhaustive
@settings(max_examples=LONG)
@given(graphs(), seeds)
def test_softmax_long(graph: Graph, seed: int) -> None:
    check_softmax(graph, seed)


@pytest.mark.parametrize("op", sorted(FUNCTIONS))
@pytest.mark.parametrize("dtype", ["s8", "f32"])
def test_many_classes(op: str, dtype: str) -> None:
    """1001 classes: the sum stays within 32 bits although every element may be the largest."""
    graph = one_node(op, SoftmaxAttrs(1), [activation("x", (1, 1001), 0.05)], QuantParams.per_tensor(0.004, -128))
    check_softmax(with_float_output(graph) if dtype == "f32" else graph, 5)


def test_rows_where_the_axis_is_inside() -> None:
    windows = []
    for axis in (1, 2, 3):
        graph = one_node("Softmax", SoftmaxAttrs(axis), [activation("x", (1, 3, 4, 5))], QuantParams.per_tensor(0.1, 0))
        (step,) = schedule(graph, HOST).steps
        windows.append(step.windows is not None)
        check_softmax(graph, axis)
    assert windows == [False, True, True]


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize(("shape", "axis"), [((1, 10), 1), ((1, 4, 3, 5), 3), ((1, 4, 3, 5), 1), ((1, 4, 5), 2)])
def test_argmax(shape: tuple[int, ...], axis: int, keepdims: bool, last: bool) -> None:
    """Few different values, so that there are ties."""
    graph = one_node("ArgMax", ArgMaxAttrs(axis, keepdims, last), [activation("x", shape)], None)
    q = np.random.default_rng(axis).integers(-2, 2, (6, *shape)).astype(np.int8)
    q[0], q[1] = -128, 127
    first = q.argmax(axis + 1) if not last else shape[axis] - 1 - np.flip(q, axis + 1).argmax(axis + 1)
    check(graph, [q], (np.expand_dims(first, axis + 1) if keepdims else first).astype(np.int32))


@given(st.integers(1, 100_000))
def test_sum_of_the_largest_fits_32_bits(n: int) -> None:
    assert n * 2 ** exp_bits(n) < 2**32
    assert exp_bits(n) == 23 or n * 2 ** (exp_bits(n) + 2) > 2**32


@given(scales, st.integers(1, 5000))
def test_exp_table_is_exp(scale: float, n: int) -> None:
    table = exp_table(scale, n)
    assert table[0] == 2 ** exp_bits(n)
    exact = np.exp(-np.arange(256) * np.float64(np.float32(scale))) * 2.0 ** exp_bits(n)
    assert np.abs(table - exact).max() <= 0.5 + 1e-6


def test_table_ends_where_it_is_zero() -> None:
    graph = one_node("Softmax", SoftmaxAttrs(1), [activation("x", (1, 4), 1.0)], QuantParams.per_tensor(1 / 256, -128))
    data = softmax_data(graph.nodes[0])
    # exp(-16) * 2^23 = 0.94, exp(-17) * 2^23 = 0.35
    assert data.entries == len(data.exp_table) == 17
    check_softmax(graph, 1)


def log_samples() -> Array:
    """Every exponent that a sum can have, both ends of each, and numbers near 1."""
    rng = np.random.default_rng(0)
    powers = np.float32(2.0) ** np.arange(0, 32, dtype=np.float32)
    near = np.concatenate([powers, np.nextafter(powers, np.float32(np.inf)), powers * np.float32(1.41421354)])
    ones = np.float32(1) + np.arange(5000, dtype=np.float32) * np.float32(2**-23)
    return np.concatenate([near, ones, rng.uniform(1, 4, 20000), np.exp(rng.uniform(0, 21, 20000))]).astype(np.float32)


def test_log_is_within_three_ulp() -> None:
    x = log_samples()
    exact = np.log(x.astype(np.float64))
    ulp = np.spacing(np.maximum(exact, np.finfo(np.float32).tiny).astype(np.float32))
    assert (np.abs(log_f32(x) - exact) / ulp).max() < 3
    assert log_f32(np.float32([1.0])) == 0


def test_log_in_c_gives_the_same_bits(tmp_path: Path) -> None:
    x = log_samples()
    source = tmp_path / "log.c"
    source.write_text(
        "#include <stdio.h>\n"
        '#include "edgec/ec_softmax.h"\n'
        "int main(void) {\n"
        "    float x;\n"
        "    while (fread(&x, sizeof x, 1, stdin) == 1) {\n"
        "        const float y = ec_log(x);\n"
        "        if (fwrite(&y, sizeof y, 1, stdout) != 1) return 1;\n"
        "    }\n"
        "    return 0;\n"
        "}\n"
    )
    include = Path(__file__).resolve().parents[2] / "runtime_c" / "include"
    compile_c([source], tmp_path / "log.exe", [f"-I{include}"])
    y = np.frombuffer(execute(tmp_path / "log.exe", x.tobytes()), np.float32)
    np.testing.assert_array_equal(y.view(np.uint32), log_f32(x).view(np.uint32))


@pytest.mark.parametrize("op", sorted(FUNCTIONS))
@pytest.mark.parametrize(("shape", "axis"), [((1, 10), 1), ((1, 1001), 1), ((1, 3, 4, 5), 1)])
def test_definition_is_near_onnxruntime(op: str, shape: tuple[int, ...], axis: int) -> None:
    """onnxruntime's exp and sum are float32: the difference is a few units of 2^-24, relative to 1."""
    q = np.random.default_rng(3).integers(-128, 128, shape).astype(np.int8)
    scale = np.float32(0.05)
    node = onnx.helper.make_node(op, ["x"], ["y"], axis=axis)
    ends = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape) for name in "xy"]
    model = onnx.helper.make_model(
        onnx.helper.make_graph([node], "softmax", ends[:1], ends[1:]),
        opset_imports=[onnx.helper.make_opsetid("", 13)],
        ir_version=9,
    )
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (y,) = session.run(None, {"x": (q.astype(np.float32) * scale).astype(np.float32)})
    np.testing.assert_allclose(FUNCTIONS[op](q, axis, float(scale)), np.asarray(y), rtol=5e-7, atol=5e-7)
