"""onnxruntime's CPU kernels: the same ONNX file, so that nothing is lost in a conversion."""

from __future__ import annotations

from importlib.metadata import version

from edgec.targets.peers.base import Job, Peer, PeerRun
from edgec.targets.peers.packages import Package
from edgec.targets.peers.processor import Processor
from edgec.targets.peers.runner import Runner


class OnnxRuntime(Peer):
    """For 64-bit Arm, in the release that is installed on this computer."""

    name = "onnxruntime"

    def __init__(self, package: Package | None = None) -> None:
        """package: another release than the one that is installed here."""
        self.package = package or Package("onnxruntime", version("onnxruntime"))

    def fetch(self) -> None:
        self.package.fetch()

    def measure(self, job: Job, processor: Processor, timeout: float) -> PeerRun:
        library = self.package.library("onnxruntime/capi/libonnxruntime.so.*")
        link = library.with_name("libonnxruntime.so.1")  # the name that programs look for
        if not link.exists():
            link.symlink_to(library.name)
        instructions, outputs = Runner("onnxruntime_runner.c", (link,)).run(job, processor, timeout)
        return PeerRun(self.package.version, instructions, outputs)
