"""TVM with its defaults, untuned: compiled by the TVM of some Python here, run by its runtime for 64-bit Arm."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from edgec.targets.peers.base import Job, Peer, PeerError, PeerRun
from edgec.targets.peers.packages import Package
from edgec.targets.peers.processor import Processor
from edgec.targets.peers.runner import Runner, linux_compiler
from edgec.targets.toolchain import GCC_LINUX

PYTHON = "EDGEC_TVM_PYTHON"  # names the Python that has TVM, where that is not edgec's own
MISSING = "No module named", "PackageNotFoundError"
MOST_LINES = 4  # of TVM's words in an error


class Tvm(Peer):
    """The release that this Python has, or the one that $EDGEC_TVM_PYTHON names."""

    name = "tvm"

    def __init__(self, program: Path) -> None:
        """program: frontend/tvm_library.py."""
        self.program = program

    def fetch(self) -> None:
        for package in packages(run_tvm(self.program)):
            package.fetch()

    def measure(self, job: Job, processor: Processor, timeout: float) -> PeerRun:
        linux_compiler()  # TVM links with it
        runtime, interface = packages(run_tvm(self.program))
        libraries = (interface.library("tvm_ffi/lib/libtvm_ffi.so"), runtime.library("tvm/lib/libtvm_runtime.so"))
        with tempfile.TemporaryDirectory(prefix="edgec-tvm-") as name:
            library = Path(name) / "model.so"
            options = [f"--mcpu={processor.llvm}", *(f"--mattr={feature}" for feature in processor.llvm_features)]
            run_tvm(self.program, [str(job.model), str(library), *options, f"--linker={GCC_LINUX}"])
            runner = Runner("tvm_runner.c", libraries, {"TVM_NUM_THREADS": "1"})
            instructions, outputs = runner.run(replace(job, model=library), processor, timeout)
        return PeerRun(runtime.version, instructions, outputs)


def packages(versions: str) -> tuple[Package, Package]:
    """TVM's runtime and the library that holds its C interface."""
    runtime, interface = versions.split()[-2:]
    return Package("apache-tvm", runtime, "tvm/lib/libtvm_runtime.so"), Package("apache-tvm-ffi", interface)


def run_tvm(program: Path, arguments: Sequence[str] = ()) -> str:
    """What frontend/tvm_library.py prints; PeerError where there is no TVM, or it does not take the model."""
    command = [os.environ.get(PYTHON, sys.executable), str(program), *arguments]
    try:
        result = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    except OSError as error:
        raise PeerError(f"${PYTHON} cannot be run: {error.strerror}", where=command[0]) from None
    if result.returncode == 0:
        return result.stdout
    lines = [line for line in result.stderr.splitlines() if line.strip()] or ["it said nothing"]
    if any(word in lines[-1] for word in MISSING):
        raise PeerError(
            f"TVM is not installed ({lines[-1].strip()})",
            help=f"pip install 'edgec[tvm]', or name a Python that has TVM and onnx in ${PYTHON}",
        )
    raise PeerError(f"TVM does not take the model: {lines[-1].strip()}", where="\n".join(lines[-MOST_LINES:-1]))
