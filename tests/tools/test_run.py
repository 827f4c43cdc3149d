"""`edgec run`, `flash`: on emulated boards, on this computer, and over a serial port."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from edgec.targets import HostModel, load_target, open_board
from tests.tools.cli import SHAPE, edgec
from tests.tools.conftest import BOARD


@pytest.mark.usefixtures("emulator")
def test_board_gives_what_the_host_gives(project: Path, samples: Path) -> None:
    result = edgec("run", project, "--data", samples, "--samples", 3, "--json")
    assert result.exit_code == 0, result.stderr
    values = result.json
    with np.load(samples) as stored:
        expected = HostModel(project).run([stored["x"][:3]])
    assert np.array_equal(values["outputs"][0], expected[0])
    assert (values["board"], values["samples"]) == (BOARD, 3)


@pytest.mark.usefixtures("emulator")
def test_counts_and_memory(project: Path) -> None:
    first, second = (edgec("run", project, "--json").json for _ in range(2))
    assert first == second
    assert first["instructions"] > 1000
    assert first["cycles"] is None  # emulators do not model time
    promised = json.loads((project / "report.json").read_text())["ram"]
    assert 0 < first["ram"]["stack"] <= promised["stack"]
    assert first["ram"]["high_water"] <= promised["total"]


@pytest.mark.usefixtures("emulator")
def test_other_core(project: Path) -> None:
    here, there = (edgec("run", project, "--cpu", cpu, "--json").json for cpu in ("cortex-m4", "cortex-m0plus"))
    assert here["outputs"] == there["outputs"]
    assert here["board"] != there["board"]
    assert here["instructions"] < there["instructions"]


def test_host_and_input_file(model: Path, tmp_path: Path) -> None:
    assert edgec("compile", model, "--target", "host", "-o", tmp_path / "out").exit_code == 0
    x = np.random.RandomState(1).randint(-128, 128, (2, *SHAPE)).astype(np.int8)
    np.save(tmp_path / "x.npy", x)
    values = edgec("run", tmp_path / "out", "--input", tmp_path / "x.npy", "--json").json
    assert np.array_equal(values["outputs"][0], HostModel(tmp_path / "out").run([x])[0])
    assert values["instructions"] is None
    text = edgec("run", tmp_path / "out").stdout
    assert "tiny on host, 1 sample(s)" in text
    assert edgec("run", tmp_path / "out").stdout == text


@pytest.mark.usefixtures("emulator")
def test_a_port_and_wrong_firmware(project: Path, model: Path, tmp_path: Path) -> None:
    """Two projects of one model differ by name: the board says which one it runs."""
    other = tmp_path / "other"
    assert edgec("compile", model, "--target", BOARD, "-o", other, "--name", "other").exit_code == 0
    assert edgec("run", project).exit_code == 0
    with open_board(load_target(BOARD), project / "build" / BOARD / "firmware.elf") as board:
        assert edgec("run", project, "--port", board.port, "--json").json["outputs"]
        result = edgec("run", other, "--port", board.port)
    assert result.exit_code == 2
    assert "the board runs another model: 'tiny' instead of 'other'" in result.stderr
    assert f"edgec flash {other}" in result.stderr


@pytest.mark.usefixtures("emulator")
def test_flash_asks_who_is_there(project: Path) -> None:
    values = edgec("flash", project, "--json").json
    assert values["firmware"]["model"] == "tiny"
    assert values["firmware"]["target"] == BOARD
    assert values["firmware"]["sha256"] == json.loads((project / "report.json").read_text())["model"]["sha256"]


def test_dry_run_prints_the_command(model: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert edgec("compile", model, "--target", "nucleo-f446re", "-o", out).exit_code == 0
    result = edgec("flash", out, "--dry-run", "--tool", "st-flash")
    assert result.exit_code == 0
    assert result.stdout.startswith("st-flash ")
    assert edgec("flash", out, "--dry-run", "--tool", "st-flash", "--json").json["command"][0] == "st-flash"


def test_board_that_is_not_there_needs_a_port(model: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert edgec("compile", model, "--target", "nucleo-f446re", "-o", out).exit_code == 0
    result = edgec("run", out)
    assert result.exit_code == 2
    assert "nucleo-f446re is not an emulated board" in result.stderr
    assert "--port" in result.stderr
