"""`edgec targets`, `edgec ops`, and what all commands share."""

from __future__ import annotations

import subprocess
import sys

import pytest

from edgec.ops import all_ops
from edgec.targets import list_targets
from edgec.tools import targets
from tests.tools.cli import edgec


def test_targets() -> None:
    listed = edgec("targets", "--json").json["targets"]
    assert [board["name"] for board in listed] == list_targets()
    board = next(board for board in listed if board["name"] == "nucleo-f446re")
    assert (board["flash"], board["ram"], board["emulated"]) == (512 << 10, 128 << 10, False)
    assert "nucleo-f446re" in edgec("targets").stdout


def test_ops_lists_every_operator_with_a_kernel() -> None:
    rows = edgec("ops", "--json").json["ops"]
    assert {row["operator"] for row in rows} == set(all_ops())
    conv = next(row for row in rows if row["operator"] == "Conv")
    assert "ec_conv_s8" in conv["kernels"]


@pytest.mark.parametrize("command", ["compile", "run", "profile", "report", "check", "flash", "targets", "ops"])
def test_help_says_json(command: str) -> None:
    result = edgec(command, "--help")
    assert result.exit_code == 0
    assert "--json" in result.stdout


@pytest.mark.parametrize("arguments", [("compile",), ("compile", "x.onnx"), ("fly",), ("run", "x", "--samples", "0")])
def test_wrong_usage_is_2(arguments: tuple[str, ...]) -> None:
    assert edgec(*arguments).exit_code == 2


def test_a_bug_asks_for_a_report(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(targets, "list_targets", lambda: 1 // 0)
    result = edgec("targets", "--json")
    assert result.exit_code == 3
    assert "please report it" in result.stderr
    assert "Traceback" not in result.stderr
    assert result.json["error"]["kind"] == "InternalError"
    assert "Traceback" in edgec("targets", "--verbose").stderr


def test_command_is_installed() -> None:
    line = [sys.executable, "-c", "from edgec.tools.main import main; main()", "--version"]
    assert subprocess.run(line, capture_output=True, text=True, check=True).stdout.startswith("edgec ")
