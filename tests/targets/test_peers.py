"""Other engines under the emulator: the runner, what it counts and what it says, on a stand-in for onnxruntime."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from edgec.targets.emulator.qemu_user import QEMU_USER
from edgec.targets.peers import Job, PeerError, Wanted, find_processor
from edgec.targets.peers.onnxruntime import OnnxRuntime
from edgec.targets.peers.packages import Package
from edgec.targets.peers.runner import linux_compiler, make_root
from edgec.targets.toolchain import GCC_LINUX

HERE = Path(__file__).parent
ROUNDS, PER_ROUND = 100_000, 2  # of the stand-in's loop
AROUND = 2_000  # instructions that the calls may take
SECONDS = 60.0

pytestmark = pytest.mark.skipif(
    not (shutil.which(QEMU_USER) and shutil.which(GCC_LINUX)), reason=f"{QEMU_USER} or {GCC_LINUX} is not installed"
)


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Package:
    """onnxruntime's package with a stand-in for its library in it."""
    root = tmp_path_factory.mktemp("package")

    class Fake(Package):
        @property
        def folder(self) -> Path:
            return root

    library = root / "onnxruntime" / "capi" / "libonnxruntime.so.0"
    library.parent.mkdir(parents=True)
    command = [GCC_LINUX, "-O2", "-shared", "-fPIC", "-Wl,-soname,libonnxruntime.so.1"]
    subprocess.run([*command, str(HERE / "fake_onnxruntime.c"), "-o", str(library)], check=True)
    return Fake("onnxruntime", "0")


@pytest.fixture
def peer(package: Package) -> OnnxRuntime:
    return OnnxRuntime(package)


def job_of(folder: Path, text: str = "", name: str = "x") -> Job:
    """Sixteen numbers for a model file with this text."""
    (folder / "model.onnx").write_text(text)
    x = np.arange(16, dtype=np.int8).reshape(2, 8)
    return Job(folder / "model.onnx", {name: x}, (Wanted("y", "int8", (2, 8)),))


def test_the_last_inference_alone_is_counted(peer: OnnxRuntime, tmp_path: Path) -> None:
    job, processor = job_of(tmp_path), find_processor("cortex-a53")
    first, second = (peer.measure(job, processor, SECONDS) for _ in range(2))
    assert np.array_equal(first.outputs[0], job.inputs["x"] + 1)
    assert first.instructions == second.instructions
    assert 0 < first.instructions - ROUNDS * PER_ROUND < AROUND
    assert first.version == "0"


@pytest.mark.parametrize(("text", "name", "words"), [("no such operator", "x", "no such operator"), ("", "z", "names")])
def test_what_the_engine_says_is_the_error(peer: OnnxRuntime, tmp_path: Path, text: str, name: str, words: str) -> None:
    with pytest.raises(PeerError, match=words):
        peer.measure(job_of(tmp_path, text, name), find_processor("max"), SECONDS)


def test_an_engine_that_does_not_end(peer: OnnxRuntime, tmp_path: Path) -> None:
    with pytest.raises(PeerError, match="no end after") as caught:
        peer.measure(job_of(tmp_path), find_processor("max"), 0.01)
    assert "--timeout" in caught.value.help


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
