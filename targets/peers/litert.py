"""LiteRT with its XNNPACK kernels: the network as a .tflite file, which edgec writes from its own Graph."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from edgec.errors import UnsupportedError
from edgec.ir import Array
from edgec.targets.peers.base import Job, Peer, PeerError, PeerRun, Wanted
from edgec.targets.peers.packages import Package
from edgec.targets.peers.processor import Processor
from edgec.targets.peers.runner import Runner

PACKAGE, LIBRARY = "ai-edge-litert", "ai_edge_litert/libLiteRt.so"


@dataclass(frozen=True)
class Converted:
    """A job in LiteRT's form; `restore` takes the outputs of `file` to the form that the job wants."""

    file: bytes
    inputs: dict[str, Array]
    outputs: tuple[Wanted, ...]
    restore: Callable[[Sequence[Array]], tuple[Array, ...]]


class LiteRt(Peer):
    """For 64-bit Arm, in the release that is installed on this computer."""

    name = "litert"

    def __init__(self, convert: Callable[[Job], Converted], package: Package | None = None) -> None:
        """convert: UnsupportedError where the network can't be a .tflite file. package: another release."""
        self.convert = convert
        self.given = package

    def package(self) -> Package:
        """PeerError where the package is not installed: it describes the files to edgec, and says which release."""
        if self.given is not None:
            return self.given
        try:
            return Package(PACKAGE, version(PACKAGE), LIBRARY)
        except PackageNotFoundError:
            raise PeerError(
                f"LiteRT is not installed ({PACKAGE}): edgec writes its files by its description of them",
                help="pip install 'edgec[litert]'",
            ) from None

    def fetch(self) -> None:
        self.package().fetch()

    def measure(self, job: Job, processor: Processor, timeout: float) -> PeerRun:
        package = self.package()
        runner = Runner("litert_runner.c", (package.library(LIBRARY),))
        try:
            converted = self.convert(job)
        except UnsupportedError as error:
            raise PeerError(
                f"LiteRT does not take the model: {error.message}",
                where=error.where,
                help="the other engines take the ONNX file as it is",
            ) from None
        with tempfile.TemporaryDirectory(prefix="edgec-litert-") as name:
            file = Path(name) / "model.tflite"
            file.write_bytes(converted.file)
            theirs = replace(job, model=file, inputs=converted.inputs, outputs=converted.outputs)
            instructions, outputs = runner.run(theirs, processor, timeout)
        return PeerRun(package.version, instructions, converted.restore(outputs))
