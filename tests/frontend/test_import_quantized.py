"""Quantised models: QDQ and QOperator, int8 and uint8, with every kind of scale and zero point."""

from __future__ import annotations

import pathlib
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from edgec.errors import UnsupportedError
from edgec.frontend import export_model, import_model
from edgec.ir import Array, DType
from tests.frontend.models import assert_imported, one_node, ops, random_feed, run, save, text_model

RNG = np.random.default_rng(3)


X, Y = np.float32(0.02), np.float32(0.05)


def weights(dtype: type, *shape: int) -> Array:
    low = 0 if dtype is np.uint8 else -127
    return RNG.integers(low, low + 255, shape).astype(dtype)


def qdq_conv(kind: type, scale: Any, zero_point: Any, w_kind: type = np.int8) -> onnx.ModelProto:
    """uint8 or int8 all through: DequantizeLinear, Conv, QuantizeLinear."""
    name = np.dtype(kind).name
    text = f"""
    qdq ({name}[1,3,6,6] x) => ({name}[1,4,6,6] y) {{
        xr = DequantizeLinear(x, xs, xz)
        wr = DequantizeLinear<axis = 0>(w, ws, wz)
        br = DequantizeLinear<axis = 0>(b, bs)
        yr = Conv<pads = [1, 1, 1, 1]>(xr, wr, br)
        y = QuantizeLinear(yr, ys, yz)
    }}"""
    scale = np.asarray(scale, np.float32)
    constants = {
        "xs": X,
        "xz": kind(7),
        "ys": Y,
        "yz": kind(100),
        "w": weights(w_kind, 4, 3, 3, 3),
        "ws": scale,
        "wz": np.asarray(zero_point, w_kind),
        "b": RNG.integers(-500, 500, 4).astype(np.int32),
        "bs": X * scale,
    }
    return text_model(text, constants)


PER_CHANNEL = [0.01, 0.02, 0.03, 0.004]


@pytest.mark.parametrize("kind", [np.int8, np.uint8])
@pytest.mark.parametrize(
    ("scale", "zero_point", "w_kind"),
    [
        (0.01, 0, np.int8),
        (PER_CHANNEL, [0, 0, 0, 0], np.int8),
        (PER_CHANNEL, [3, -4, 0, 9], np.int8),
        ([0.01], [120], np.uint8),
        (0.01, 131, np.uint8),
    ],
    ids=["per-tensor", "per-channel", "zero-points", "uint8-one-element", "uint8"],
)
def test_qdq_conv(kind: type, scale: Any, zero_point: Any, w_kind: type, tmp_path: pathlib.Path) -> None:
    graph = assert_imported(qdq_conv(kind, scale, zero_point, w_kind), tmp_path, exact=True)
    port = graph.input_ports[0]
    assert (port.dtype, port.offset) == (np.dtype(kind).name, -128 if kind is np.uint8 else 0)
    assert all(value.type.dtype in (DType.S8, DType.F32, DType.S32) for value in graph.values())
    assert graph.inputs[0].type.quant is not None
    assert graph.inputs[0].type.quant.scalar == (X, 7 + port.offset)


@pytest.mark.parametrize("lowest", [-127, -128], ids=["negated", "complemented"])
def test_negative_and_zero_scales_of_weights(lowest: int, tmp_path: pathlib.Path) -> None:
    """Kernels need positive scales; some exporters fold the sign of a batch norm into the scale."""
    proto = qdq_conv(np.int8, [0.01, -0.02, 0.0, -0.004], [0, 0, 0, 5])
    w = next(tensor for tensor in proto.graph.initializer if tensor.name == "w")
    array = numpy_helper.to_array(w).copy()
    array[1, 0, 0, 0] = lowest
    w.CopyFrom(numpy_helper.from_array(array, "w"))
    graph = assert_imported(proto, tmp_path, exact=True)
    quants = [value.type.quant for value in graph.values() if value.is_constant and value.type.quant]
    assert all(scale > 0 for quant in quants for scale in quant.scale)


def small_weights(*shape: int) -> Array:
    """Such that uint8 * int8 is exact in onnxruntime on x86 without VNNI: pairs of products fit 16 bits."""
    return weights(np.int8, *shape) // np.int8(2)


def qlinear_conv() -> onnx.ModelProto:
    constants = {
        "xs": X,
        "xz": np.uint8(120),
        "w": small_weights(4, 3, 3, 3),
        "ws": np.array(PER_CHANNEL, np.float32),
        "wz": np.zeros(4, np.int8),
        "ys": Y,
        "yz": np.uint8(128),
        "b": RNG.integers(-500, 500, 4).astype(np.int32),
    }
    return one_node("QLinearConv", {"x": (1, 3, 6, 6)}, constants, dtype="uint8", strides=[2, 2])


def qlinear_matmul() -> onnx.ModelProto:
    constants = {
        "xs": X,
        "xz": np.int8(3),
        "w": weights(np.int8, 12, 5),
        "ws": np.float32(0.01),
        "wz": np.int8(-2),
        "ys": Y,
        "yz": np.int8(-4),
    }
    return one_node("QLinearMatMul", {"x": (1, 12)}, constants, dtype="int8")


def microsoft(
    op: str, inputs: dict[str, tuple[int, ...]], order: str, dtype: str = "uint8", **more: Any
) -> onnx.ModelProto:
    """A node of com.microsoft; `order` names its inputs: xs/zs/ys scales, xz/zz/yz zero points."""
    kind = np.dtype(dtype).type
    constants = {"xs": X, "zs": np.float32(0.03), "ys": Y, "xz": kind(100), "zz": kind(90), "yz": kind(110)}
    used = {name: constants[name] for name in order.split() if name in constants}
    proto = one_node(op, inputs, used, order=order.split(), domain="com.microsoft", dtype=dtype, **more)
    if op == "QLinearSoftmax":
        proto.graph.node[0].attribute.append(helper.make_attribute("opset", 13))
    return with_output_shape(proto)


def with_output_shape(proto: onnx.ModelProto) -> onnx.ModelProto:
    """onnx can't infer shapes of onnxruntime's operators: ask onnxruntime."""
    feed = {}
    for value in proto.graph.input:
        tensor = value.type.tensor_type
        kind = helper.tensor_dtype_to_np_dtype(tensor.elem_type)
        feed[value.name] = np.zeros([d.dim_value for d in tensor.shape.dim], kind)
    for value, result in zip(proto.graph.output, run(proto, feed), strict=True):
        kind = helper.np_dtype_to_tensor_dtype(result.dtype)
        value.CopyFrom(helper.make_tensor_value_info(value.name, kind, result.shape))
    return proto


def qgemm() -> onnx.ModelProto:
    constants = {
        "xs": X,
        "xz": np.uint8(100),
        "w": small_weights(5, 12),
        "ws": np.float32(0.01),
        "wz": np.int8(0),
        "c": RNG.integers(-500, 500, 5).astype(np.int32),
        "ys": Y,
        "yz": np.uint8(130),
    }
    proto = one_node("QGemm", {"x": (1, 12)}, constants, domain="com.microsoft", dtype="uint8", transB=1, alpha=1.0)
    return with_output_shape(proto)


MAP, TWO = {"x": (1, 4, 6, 6)}, {"x": (1, 4, 6, 6), "z": (1, 4, 6, 6)}
QOPERATORS = {
    "QLinearConv": (qlinear_conv, "Conv"),
    "QLinearMatMul": (qlinear_matmul, "Gemm"),
    "QGemm": (qgemm, "Gemm"),
    "QLinearAdd": (lambda: microsoft("QLinearAdd", TWO, "x xs xz z zs zz ys yz"), "Add"),
    "QLinearMul": (lambda: microsoft("QLinearMul", TWO, "x xs xz z zs zz ys yz", "int8"), "Mul"),
    "QLinearConcat": (lambda: microsoft("QLinearConcat", TWO, "ys yz x xs xz z zs zz", axis=1), "Concat"),
    "QLinearSigmoid": (lambda: microsoft("QLinearSigmoid", MAP, "x xs xz ys yz"), "Sigmoid"),
    "QLinearLeakyRelu": (lambda: microsoft("QLinearLeakyRelu", MAP, "x xs xz ys yz", alpha=0.1), "LeakyRelu"),
    "QLinearGlobalAveragePool": (
        lambda: microsoft("QLinearGlobalAveragePool", MAP, "x xs xz ys yz", channels_last=0),
        "ReduceMean",
    ),
    "QLinearAveragePool": (
        lambda: microsoft("QLinearAveragePool", MAP, "x xs xz ys yz", kernel_shape=[2, 2], strides=[2, 2]),
        "AveragePool",
    ),
    "QLinearSoftmax": (
        lambda: microsoft("QLinearSoftmax", {"x": (1, 12)}, "x xs xz ys yz", axis=-1, opset=13),
        "Softmax",
    ),
}


@pytest.mark.parametrize("name", QOPERATORS)
def test_qoperator(name: str, tmp_path: pathlib.Path) -> None:
    """The same as onnxruntime's own integer kernel, but for a rounding of one step in its approximate ones."""
    make, op = QOPERATORS[name]
    proto = make()
    graph = import_model(save(proto, tmp_path))
    assert [o for o in ops(graph) if "Linear" not in o] == [op]
    assert {node.source.op for node in graph.nodes} == {name}
    exported = export_model(graph)
    for seed in range(3):
        feed = random_feed(graph, seed)
        wanted, found = run(proto, feed)[0], run(exported, feed)[0]
        assert (wanted.shape, wanted.dtype) == (found.shape, found.dtype)
        step = np.abs(wanted.astype(int) - found.astype(int))
        assert step.max() <= 1
        assert np.count_nonzero(step) <= max(1, step.size // 10)


def test_channels_last_pool_is_refused(tmp_path: pathlib.Path) -> None:
    proto = microsoft("QLinearGlobalAveragePool", {"x": (1, 6, 6, 4)}, "x xs xz ys yz", channels_last=1)
    with pytest.raises(UnsupportedError, match="channels_last is not taken"):
        import_model(save(proto, tmp_path))


INTEGERS = {
    "MaxPool": "y = MaxPool<kernel_shape = [2, 2]>(q)",
    "Relu": "y = Relu(q)",
    "Clip": "y = Clip(q, low, high)",
    "Transpose": "y = Transpose<perm = [0, 2, 3, 1]>(q)",
    "Flatten": "y = Flatten(q)",
}


@pytest.mark.parametrize("op", INTEGERS)
def test_operators_on_integers(op: str, tmp_path: pathlib.Path) -> None:
    """Between QuantizeLinear and DequantizeLinear operators work on the integers: so does the Graph."""
    shape = {"MaxPool": "1,2,3,3", "Transpose": "1,4,4,2", "Flatten": "1,32"}.get(op, "1,2,4,4")
    text = f"""
    integers (float[1,2,4,4] x) => (float[{shape}] z) {{
        q = QuantizeLinear(x, s, zp)
        {INTEGERS[op]}
        z = DequantizeLinear(y, s, zp)
    }}"""
    constants = {"s": X, "zp": np.int8(9), "low": np.int8(-20), "high": np.int8(60)}
    assert_imported(text_model(text, constants), tmp_path, exact=True)


def test_uint8_clip_and_pad(tmp_path: pathlib.Path) -> None:
    """Bounds and pad values of uint8 are shifted with the values."""
    text = """
    shifted (uint8[1,2,4,4] x) => (uint8[1,2,6,6] y) {
        c = Clip(x, low, high)
        p = Pad(c, pads, value)
        r = DequantizeLinear(p, s, zp)
        y = QuantizeLinear(r, s, zp)
    }"""
    pads = np.array([0, 0, 1, 1, 0, 0, 1, 1], np.int64)
    constants = {"low": np.uint8(30), "high": np.uint8(200), "pads": pads, "value": np.uint8(77)}
    graph = assert_imported(text_model(text, {**constants, "s": X, "zp": np.uint8(9)}), tmp_path, exact=True)
    assert graph.inputs[0].type.quant is not None
    assert graph.inputs[0].type.quant.zero_point == (9 - 128,)


@pytest.mark.parametrize(("kind", "zero_point"), [("uint8", -128), ("int8", 0)])
def test_cast_to_real_is_dequantize_by_one(kind: str, zero_point: int, tmp_path: pathlib.Path) -> None:
    text = f"""
    cast ({kind}[1,4] x) => (float[1,4] y) {{
        r = Cast<to = 1>(x)
        y = Mul(r, c)
    }}"""
    graph = assert_imported(text_model(text, {"c": np.float32(0.5)}), tmp_path, exact=True)
    assert ops(graph) == ["DequantizeLinear", "Mul"]
    quant = graph.inputs[0].type.quant
    assert quant is not None
    assert (quant.scale, quant.zero_point) == ((1.0,), (zero_point,))


def test_missing_zero_point_means_uint8(tmp_path: pathlib.Path) -> None:
    text = """
    plain (float[1,4] x) => (uint8[1,4] y) { y = QuantizeLinear(x, s) }"""
    graph = assert_imported(text_model(text, {"s": X}), tmp_path, exact=True)
    assert graph.output_ports[0].dtype == "uint8"


def test_weights_quantised_in_the_file_are_folded(tmp_path: pathlib.Path) -> None:
    """Exports of quantisation-aware training: QuantizeLinear of float weights."""
    text = """
    qat (float[1,6] x) => (float[1,3] y) {
        wq = QuantizeLinear(w, s, zp)
        wr = DequantizeLinear(wq, s, zp)
        y = MatMul(x, wr)
    }"""
    w = RNG.standard_normal((6, 3)).astype(np.float32)
    graph = assert_imported(text_model(text, {"w": w, "s": X, "zp": np.int8(0)}), tmp_path)
    assert ops(graph) == ["DequantizeLinear", "Gemm"]
    assert graph.nodes[0].inputs[0].array.dtype == np.int8


def test_value_read_with_another_scale_is_refused(tmp_path: pathlib.Path) -> None:
    text = """
    other (float[1,4] x) => (float[1,4] y) {
        q = QuantizeLinear(x, s, zp)
        y = DequantizeLinear(q, t, zp)
    }"""
    proto = text_model(text, {"s": X, "t": np.float32(0.04), "zp": np.int8(0)})
    with pytest.raises(
        UnsupportedError, match=r"reads 'q' as q\(0.0399999991, 0\), it was written as q\(0.0199999996, 0\)"
    ):
        import_model(save(proto, tmp_path))


def test_bounds_of_clip_may_be_quantised(tmp_path: pathlib.Path) -> None:
    text = """
    bounds (float[1,4] x) => (float[1,4] y) {
        low = DequantizeLinear(q, s, zp)
        y = Clip(x, low, high)
    }"""
    constants = {"q": np.int8(-10), "s": X, "zp": np.int8(0), "high": np.float32(1)}
    graph = assert_imported(text_model(text, constants), tmp_path)
    (node,) = [node for node in graph.nodes if node.op.name == "Clip"]
    assert node.attrs.min == pytest.approx(-0.2)


def test_unsigned_sixteen_bits_are_refused(tmp_path: pathlib.Path) -> None:
    proto = text_model(
        "wide (float[1,4] x) => (uint16[1,4] y) { y = QuantizeLinear(x, s, zp) }",
        {"s": X, "zp": np.uint16(0)},
        opset=21,
    )
    assert proto.graph.output[0].type.tensor_type.elem_type == TensorProto.UINT16
    with pytest.raises(UnsupportedError, match="stores uint16; int8 and uint8 are taken"):
        import_model(save(proto, tmp_path))
