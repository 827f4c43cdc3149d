"""`edgec check`: accuracies and differences, and exit code 1 where what must agree does not."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from edgec.ir import Array
from edgec.targets.host import HostModel
from edgec.tools import check
from edgec.tools.agreement import Difference, compare
from tests.tools.cli import edgec, write_samples
from tests.tools.conftest import BOARD


@pytest.mark.usefixtures("emulator")
def test_all_agree(model: Path, samples: Path) -> None:
    result = edgec("check", model, "--target", BOARD, "--data", samples, "--samples", 2, "--json")
    assert result.exit_code == 0, result.stderr
    values = result.json
    assert (values["samples"], values["device_samples"]) == (6, 2)
    assert set(values["accuracy"]) == {"float", "int8", "simulator", "host", "device"}
    assert values["accuracy"]["float"] is None
    assert values["accuracy"]["host"] == values["accuracy"]["int8"] == values["accuracy"]["simulator"]
    assert {"simulator_vs_int8", "host_vs_simulator", "device_vs_host"} <= set(values["differences"])
    for name, of in (("host_vs_simulator", 900), ("device_vs_host", 300)):
        assert values["differences"][name] == {"differing": 0, "of": of, "max": 0}


def test_a_wrong_value_fails(model: Path, samples: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    right = HostModel.run

    def wrong(self: HostModel, inputs: Sequence[Array]) -> list[Array]:
        outputs = right(self, inputs)
        outputs[0][1, 0, 0, 0] ^= 1
        return outputs

    monkeypatch.setattr(HostModel, "run", wrong)
    result = edgec("check", model, "--target", "host", "--data", samples)
    assert result.exit_code == 1
    assert "FAILED: host vs simulator: 1 of 900 values differ" in result.stdout


def test_without_torch_the_simulator_is_left_out(model: Path, samples: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "has_torch", lambda: False)
    result = edgec("check", model, "--target", "host", "--data", samples, "--json")
    assert result.exit_code == 0
    assert result.json["accuracy"]["simulator"] is None
    assert result.json["differences"]["host_vs_simulator"] is None
    assert any("torch is not installed" in note for note in result.json["notes"])


def test_host_needs_no_instructions_of_the_core(model: Path, samples: Path) -> None:
    """The board's C has Helium in it, which this computer can't run."""
    result = edgec("check", model, "--target", "mps3-an547", "--data", samples, "--samples", "0", "--json")
    assert result.exit_code == 0, result.stderr
    assert result.json["differences"]["host_vs_simulator"]["differing"] == 0


def test_lost_accuracy_fails(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A simulator that is wrong where the C is as wrong: only the accuracy tells."""
    monkeypatch.setattr(check, "has_torch", lambda: False)
    right = HostModel.run
    monkeypatch.setattr(HostModel, "run", lambda self, inputs: [np.roll(y, 1, 3) for y in right(self, inputs)])
    samples = write_samples(tmp_path / "many.npz", 12, labels=False)
    with np.load(samples) as stored:
        x = stored["x"]
    plain = edgec("compile", model, "--target", "host", "-o", tmp_path / "out")
    assert plain.exit_code == 0
    y = right(HostModel(tmp_path / "out"), [x])[0].reshape(len(x), -1).argmax(1)
    np.savez(samples, x=x, y=y)
    result = edgec("check", model, "--target", "host", "--data", samples)
    assert result.exit_code == 1
    assert "FAILED: accuracy differs from onnxruntime int8" in result.stdout
    assert edgec("check", model, "--target", "host", "--data", samples, "--tolerance", 100).exit_code == 0


def test_label_offset(model: Path, tmp_path: Path) -> None:
    x = np.zeros((1, 9, 9, 3), np.int8)
    edgec("compile", model, "--target", "host", "-o", tmp_path / "out")
    right = HostModel(tmp_path / "out").run([x])[0].argmax()
    np.savez(tmp_path / "s.npz", x=x, y=[right - 1])
    arguments = ("check", model, "--target", "host", "--data", tmp_path / "s.npz", "--json")
    assert edgec(*arguments).json["accuracy"]["host"] == 0
    assert edgec(*arguments, "--label-offset", 1).json["accuracy"]["host"] == 1


def test_compare_counts_values_and_nan() -> None:
    a = [np.array([1, 2, 3], np.int8), np.array([0.5, np.nan], np.float32)]
    b = [np.array([1, 4, 3], np.int8), np.array([0.5, np.nan], np.float32)]
    assert compare(a[:1], b[:1]) == Difference(1, 3, 2)
    assert compare(a, b).differing == 2
