"""Other engines under the emulator: the runner, what it counts and what it says, on a stand-in for onnxruntime."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from edgec.frontend import tvm_library
from edgec.targets.emulator.qemu_user import QEMU_USER
from edgec.targets.peers import Job, OnnxRuntime, PeerError, Tvm, Wanted, find_processor
from edgec.targets.peers.packages import Package
from edgec.targets.peers.runner import linux_compiler, make_root
from edgec.targets.peers.tvm import run_tvm
from edgec.targets.toolchain import GCC_LINUX
from tests.targets.compilers import needs_cross
from tests.targets.fake_engine import AROUND, PER_ROUND, ROUNDS, SECONDS, fake_package


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Package:
    """onnxruntime's package with a stand-in for its library in it."""
    return fake_package(
        "onnxruntime",
        tmp_path_factory.mktemp("package"),
        "onnxruntime/capi/libonnxruntime.so.0",
        "libonnxruntime.so.1",
        "fake_onnxruntime.c",
    )


@pytest.fixture
def peer(package: Package) -> OnnxRuntime:
    return OnnxRuntime(package)


def job_of(folder: Path, text: str = "", name: str = "x") -> Job:
    """Sixteen numbers for a model file with this text."""
    (folder / "model.onnx").write_text(text)
    x = np.arange(16, dtype=np.int8).reshape(2, 8)
    return Job(folder / "model.onnx", {name: x}, (Wanted("y", "int8", (2, 8)),))


@needs_cross
def test_the_last_inference_alone_is_counted(peer: OnnxRuntime, tmp_path: Path) -> None:
    job, processor = job_of(tmp_path), find_processor("cortex-a53")
    first, second = (peer.measure(job, processor, SECONDS) for _ in range(2))
    assert np.array_equal(first.outputs[0], job.inputs["x"] + 1)
    assert first.instructions == second.instructions
    assert 0 < first.instructions - ROUNDS * PER_ROUND < AROUND
    assert first.version == "0"


@needs_cross
@pytest.mark.parametrize(("text", "name", "words"), [("no such operator", "x", "no such operator"), ("", "z", "names")])
def test_what_the_engine_says_is_the_error(peer: OnnxRuntime, tmp_path: Path, text: str, name: str, words: str) -> None:
    with pytest.raises(PeerError, match=words):
        peer.measure(job_of(tmp_path, text, name), find_processor("max"), SECONDS)


@needs_cross
def test_an_engine_that_does_not_end(peer: OnnxRuntime, tmp_path: Path) -> None:
    with pytest.raises(PeerError, match="no end after") as caught:
        peer.measure(job_of(tmp_path), find_processor("max"), 0.01)
    assert "--timeout" in caught.value.help


@needs_cross
@pytest.mark.parametrize(
    ("name", "features"), [("cortex-a53", set()), ("cortex-a76", {"asimddp"}), ("max", {"asimddp", "i8mm"})]
)
def test_the_program_sees_one_core_of_the_processor(tmp_path: Path, name: str, features: set[str]) -> None:
    """Engines choose their kernels by this file; QEMU alone would show them this computer's."""
    processor = find_processor(name)
    root = make_root(tmp_path / "root", processor, linux_compiler())
    source, program = tmp_path / "cat.c", tmp_path / "cat"
    source.write_text(
        "#include <stdio.h>\nint main(int n, char **a) { for (int i = 1; i < n; i++) {"
        ' FILE *f = fopen(a[i], "r"); int c; while ((c = fgetc(f)) != EOF) putchar(c); } return 0; }\n'
    )
    subprocess.run([GCC_LINUX, str(source), "-o", str(program)], check=True)
    command = [QEMU_USER, "-L", str(root), "-cpu", processor.machine, str(program)]
    files = ["/proc/cpuinfo", "/sys/devices/system/cpu/possible"]
    shown = subprocess.run([*command, *files], capture_output=True, text=True, check=True).stdout
    assert shown == processor.cpuinfo() + "0\n"
    line = next(line for line in shown.splitlines() if line.startswith("Features"))
    assert set(line.split()) & {"asimddp", "i8mm", "sve"} == features


def write_wheel(folder: Path) -> None:
    """A release of a package for 64-bit Arm Linux that pip takes, of two files."""
    with zipfile.ZipFile(folder / "some_engine-0.2-py3-none-manylinux2014_aarch64.whl", "w") as wheel:
        wheel.writestr("engine/lib.so", "code")
        wheel.writestr("engine/model.txt", "words")
        info = "some_engine-0.2.dist-info"
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: some-engine\nVersion: 0.2\n")
        wheel.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: py3-none-manylinux2014_aarch64\n"
        )
        wheel.writestr(f"{info}/RECORD", "")


@pytest.fixture
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that pip takes packages from, and only from there; edgec's cache is empty."""
    (tmp_path / "packages").mkdir()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "packages"))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    return tmp_path / "packages"


@pytest.mark.skipif(find_spec("pip") is None, reason="this environment has no pip")
def test_a_package_is_fetched_once(offline: Path) -> None:
    package = Package("some-engine", "0.2", "engine/*.so")
    with pytest.raises(PeerError, match=r"some-engine 0\.2 for aarch64 is not in edgec's cache") as absent:
        package.library("engine/*.so")
    assert "--fetch" in absent.value.help
    with pytest.raises(PeerError, match=r"pip could not download some-engine 0\.2") as failed:
        package.fetch()
    assert "No matching distribution" in failed.value.where
    assert "pip download" in failed.value.help
    write_wheel(offline)
    package.fetch()
    assert package.library("engine/*.so").read_text() == "code"
    assert not list(package.folder.rglob("*.txt"))
    next(offline.iterdir()).unlink()
    package.fetch()
    with pytest.raises(PeerError, match=r"has no other\.so"):
        package.library("engine/other.so")


def test_a_computer_without_tvm(monkeypatch: pytest.MonkeyPatch) -> None:
    peer = Tvm(Path(tvm_library.__file__))
    monkeypatch.setenv("EDGEC_TVM_PYTHON", "no-such-python")
    with pytest.raises(PeerError, match=r"\$EDGEC_TVM_PYTHON cannot be run"):
        peer.fetch()
    monkeypatch.setenv("EDGEC_TVM_PYTHON", sys.executable)
    if find_spec("tvm"):
        pytest.skip("TVM is installed")
    with pytest.raises(PeerError, match="TVM is not installed") as absent:
        peer.fetch()
    assert "pip install 'edgec[tvm]'" in absent.value.help


@needs_cross
def test_what_tvm_says_is_the_error(tmp_path: Path) -> None:
    """A stand-in for frontend/tvm_library.py, which takes no model."""
    program = tmp_path / "program.py"
    program.write_text("import sys\nif len(sys.argv) > 1: sys.exit('Gru is not known')\nprint('1.0', '2.0')\n")
    peer = Tvm(program)
    with pytest.raises(PeerError, match=r"apache-tvm-ffi 2\.0 for aarch64 is not in edgec's cache"):
        peer.measure(job_of(tmp_path), find_processor("max"), SECONDS)
    with pytest.raises(PeerError, match="TVM does not take the model: Gru is not known"):
        run_tvm(program, ["model.onnx"])
