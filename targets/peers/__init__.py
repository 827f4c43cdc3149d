"""Other engines for the same networks, on the same emulated processors: what `edgec bench` sets edgec beside."""

from edgec.targets.peers.base import Job, Peer, PeerError, PeerRun, Wanted
from edgec.targets.peers.litert import Converted, LiteRt
from edgec.targets.peers.onnxruntime import OnnxRuntime
from edgec.targets.peers.processor import PROCESSORS, Processor, find_processor
from edgec.targets.peers.tvm import Tvm

__all__ = [
    "PROCESSORS",
    "Converted",
    "Job",
    "LiteRt",
    "OnnxRuntime",
    "Peer",
    "PeerError",
    "PeerRun",
    "Processor",
    "Tvm",
    "Wanted",
    "find_processor",
]
