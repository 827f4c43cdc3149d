"""`edgec bench`: edgec's counts, engines that are there and engines that are not."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from edgec.targets.emulator.qemu_user import QEMU_USER
from edgec.targets.peers.onnxruntime import OnnxRuntime
from edgec.targets.peers.packages import Package
from edgec.targets.toolchain import GCC_LINUX, zig_command
from tests.tools.cli import edgec
from tests.zoo.networks import NETWORKS

needs_qemu = pytest.mark.skipif(
    not (shutil.which(QEMU_USER) and (shutil.which(GCC_LINUX) or zig_command())),
    reason=f"{QEMU_USER} and a compiler are not installed",
)


def test_unknown_names_are_refused(model: Path) -> None:
    result = edgec("bench", model, "--against", "onnxruntime,onnxruntim")
    assert result.exit_code == 2
    assert result.stderr == (
        "error: edgec bench knows no engine 'onnxruntim'; did you mean 'onnxruntime'?\n"
        "  help: --against takes onnxruntime, tvm, litert, with commas between them\n"
    )
    result = edgec("bench", model, "--cpu", "cortex-a5")
    assert result.exit_code == 2
    assert "edgec bench does not know the processor 'cortex-a5'; did you mean 'cortex-a53'?" in result.stderr
    assert "--cpu takes cortex-a53, cortex-a76, max" in result.stderr


@needs_qemu
def test_an_absent_engine_is_a_line_that_says_what_to_do(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    release = Package("onnxruntime", "0.0.1")
    monkeypatch.setattr("edgec.tools.bench.PEERS", (OnnxRuntime(release),))
    values = edgec("bench", model, "--json").json
    assert values["edgec"]["instructions"] > 1000
    assert values["edgec"]["per_mac"] == values["edgec"]["instructions"] / values["macs"]["model"]
    assert (values["cpu"], values["edgec"]["kernels"]) == ("cortex-a76", "dotprod")
    (peer,) = values["peers"]
    assert peer["instructions"] is None
    assert "0.0.1 for aarch64 is not in edgec's cache" in peer["absent"]["message"]
    result = edgec("bench", model, "--cpu", "cortex-a53")
    assert result.exit_code == 0
    assert "absent" in result.stdout
    assert "--fetch" in result.stdout


@needs_qemu
def test_tvm_itself(model: Path) -> None:
    values = edgec("bench", model, "--against", "tvm", "--json").json
    (peer,) = values["peers"]
    if peer["absent"]:
        assert re.search("TVM is not installed|is not in edgec's cache", peer["absent"]["message"])
        pytest.skip(f"{peer['absent']['message']}: {peer['absent']['help']}")
    assert peer["times"] > 1
    assert peer["differences"]["max"] <= 1


@needs_qemu
def test_onnxruntime_itself() -> None:
    """The figures of docs/peers.md: its counts vary by some hundred instructions with what lies where in memory."""
    network = next(network for network in NETWORKS if network.name == "ic_resnet8")
    if not network.int8.exists():
        pytest.skip("the networks beside this project are not there")
    if not OnnxRuntime().package.folder.is_dir() or not shutil.which(GCC_LINUX):
        pytest.skip("onnxruntime for aarch64 is not in edgec's cache: edgec bench MODEL.onnx --fetch")
    values = edgec("bench", network.int8, "--against", "onnxruntime", "--cpu", "cortex-a53", "--json").json
    (peer,) = values["peers"]
    assert peer["absent"] is None
    assert peer["per_mac"] == pytest.approx(0.442, abs=0.02)
    assert peer["times"] > 1
    assert peer["differences"]["differing"] == 0
