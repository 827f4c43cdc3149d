"""onnxruntime on the model's file: batches, taps, bytes and paths."""

from __future__ import annotations

import pathlib

import numpy as np
import pytest

from edgec.errors import ModelError
from edgec.frontend import Oracle
from tests.frontend.models import save, text_model

PROTO = text_model("two (float[N,3] x) => (float[N,3] y) { a = Relu(x)  y = Add(a, c) }", {"c": np.float32(1)})
X = np.array([[-1, 0, 1], [2, -2, 0]], np.float32)


@pytest.mark.parametrize("as_bytes", [False, True])
def test_samples_one_by_one(as_bytes: bool, tmp_path: pathlib.Path) -> None:
    """The batch of the file is symbolic: each sample is a batch of one."""
    oracle = Oracle(PROTO.SerializeToString() if as_bytes else save(PROTO, tmp_path))
    (y,) = oracle.run([X])
    assert y.tolist() == [[1, 1, 2], [3, 1, 1]]
    assert [(port.name, port.dtype, port.shape) for port in oracle.inputs] == [("x", "float32", (1, 3))]


def test_taps_come_after_the_outputs(tmp_path: pathlib.Path) -> None:
    y, a = Oracle(save(PROTO, tmp_path), taps=["a"]).run([X])
    assert (y.shape, a.shape) == ((2, 3), (2, 3))
    assert a[0].tolist() == [0, 0, 1]


def test_unknown_tap(tmp_path: pathlib.Path) -> None:
    with pytest.raises(ModelError, match=r"model\.onnx has no value 'b'"):
        Oracle(save(PROTO, tmp_path), taps=["b"])


def test_an_operator_that_onnxruntime_does_not_know(tmp_path: pathlib.Path) -> None:
    proto = text_model("own (float[1,3] x) => (float[1,3] y) { y = com.microsoft.Nonsense(x) }")
    with pytest.raises(ModelError, match=r"onnxruntime can't run model\.onnx"):
        Oracle(save(proto, tmp_path))


@pytest.mark.parametrize("kind", ["uint8", "int8"])
@pytest.mark.parametrize("operator", ["QLinearMatMul", "MatMul"])
def test_quantised_sums_are_exact(operator: str, kind: str, tmp_path: pathlib.Path) -> None:
    """Also where two products of a byte leave 16 bits, which kernels for x86 without VNNI saturate."""
    text = {
        "QLinearMatMul": "y = QLinearMatMul(x, one, z, w, one, zero, s, z)",
        "MatMul": "a = DequantizeLinear(x, one, z)  b = DequantizeLinear(w, one, zero)  c = MatMul(a, b)"
        "  y = QuantizeLinear(c, s, z)",
    }
    constants = {
        "w": np.full((8, 4), 127, np.int8),
        "one": np.float32(1),
        "s": np.float32(2048),
        "zero": np.int8(0),
        "z": np.array(0, kind),
    }
    proto = text_model(f"q ({kind}[1,8] x) => ({kind}[1,4] y) {{ {text[operator]} }}", constants)
    top = np.iinfo(kind).max
    (y,) = Oracle(save(proto, tmp_path)).run([np.full((1, 8), top, kind)])
    assert y.tolist() == [[min(int(np.rint(8 * top * 127 / 2048)), top)] * 4]
