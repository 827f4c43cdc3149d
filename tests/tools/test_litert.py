"""What LiteRT takes and gives, between the model's form and that of the .tflite file."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from edgec.frontend.tflite import TfliteModel
from edgec.ir import DType, Graph, Port, QuantParams, TensorType, Value
from edgec.targets.peers import Job, LiteRt, Wanted
from edgec.tools.litert import Form, for_litert
from tests.frontend.models import save, text_model
from tests.targets.compilers import needs_cross
from tests.tools.cli import edgec
from tests.zoo.networks import NETWORKS


def form(unsigned: bool) -> Form:
    """NCHW uint8 in, float32 out; the graph is NHWC int8."""
    quant = QuantParams.per_tensor(0.5, 3)
    x = Value("x", TensorType(DType.S8, (1, 2, 2, 3), quant))
    y = Value("y", TensorType(DType.S8, (1, 4), quant))
    ports = [Port("in", "uint8", (1, 3, 2, 2), (0, 2, 3, 1), -128)], [Port("out", "float32", (1, 4))]
    return Form(Graph("some", [x], [y], [], *ports), unsigned)


@pytest.mark.parametrize(("unsigned", "shift"), [(False, -128), (True, 0)])
def test_inputs_come_in_the_layout_and_type_of_the_file(unsigned: bool, shift: int) -> None:
    given = np.arange(12, dtype=np.uint8).reshape(1, 3, 2, 2) * 20
    job = Job(Path("unread.onnx"), {"in": given}, ())
    found = form(unsigned).inputs(job)["in"]
    assert found.dtype == (np.uint8 if unsigned else np.int8)
    np.testing.assert_array_equal(found.astype(int), given.transpose(0, 2, 3, 1).astype(int) + shift)


@pytest.mark.parametrize(("unsigned", "shift"), [(False, 0), (True, 128)])
def test_outputs_come_back_in_the_models_form(unsigned: bool, shift: int) -> None:
    held = np.array([[-128, 3, 4, 127]])
    given = (held + shift).astype(np.uint8 if unsigned else np.int8)
    (found,) = form(unsigned).restore([given])
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, (held - 3) * 0.5)


def test_symbolic_dimensions_get_the_sizes_of_the_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (
        "some (int8[1,L] x) => (int8[1,L] y) { f = DequantizeLinear(x, s, z) g = Relu(f) y = QuantizeLinear(g, s, z) }"
    )
    file = save(text_model(text, {"s": np.float32(0.1), "z": np.int8(0)}), tmp_path)
    written: list[Graph] = []

    def export(graph: Graph) -> TfliteModel:
        written.append(graph)
        return TfliteModel(b"file", unsigned=False)

    monkeypatch.setattr("edgec.tools.litert.export_tflite", export)
    x = np.arange(5, dtype=np.int8).reshape(1, 5)
    converted = for_litert(Job(file, {"x": x}, (Wanted("y", "int8", (1, 5)),), {"L": 5}))
    assert converted.file == b"file"
    assert [value.type.shape for value in written[0].inputs] == [(1, 5)]
    assert converted.outputs == (Wanted("y", "int8", (1, 5)),)
    np.testing.assert_array_equal(converted.inputs["x"], x)


@needs_cross
def test_litert_itself() -> None:
    """The figure of docs/peers.md, and results that differ by LiteRT's own rounding alone."""
    network = next(network for network in NETWORKS if network.name == "kws_dscnn")
    if not network.int8.exists():
        pytest.skip("the networks beside this project are not there")
    if find_spec("ai_edge_litert") is None:
        pytest.skip("LiteRT is not installed: pip install 'edgec[litert]'")
    if not LiteRt(for_litert).package().folder.is_dir():
        pytest.skip("LiteRT for aarch64 is not in edgec's cache: edgec bench MODEL.onnx --fetch")
    values = edgec("bench", network.int8, "--against", "litert", "--cpu", "cortex-a53", "--json").json
    (peer,) = values["peers"]
    assert peer["absent"] is None
    assert peer["per_mac"] == pytest.approx(0.504, abs=0.02)
    assert peer["times"] > 1
    assert peer["differences"]["max"] <= 1
