"""What every peer can do: get what it needs, and run a network once with everything counted."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from edgec.errors import TargetError
from edgec.ir import Array
from edgec.targets.peers.processor import Processor


class PeerError(TargetError):
    """A peer that is not there, or cannot run this network: one line of the result, not the end of the command."""


@dataclass(frozen=True)
class Wanted:
    """An output of the network; dtype and shape as the model's file declares them."""

    name: str
    dtype: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Job:
    """One inference: an ONNX file, its inputs by name in the model's own form, and the outputs that are wanted.

    shapes: sizes of the file's symbolic dimensions.
    """

    model: Path
    inputs: dict[str, Array]
    outputs: tuple[Wanted, ...]
    shapes: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class PeerRun:
    """What one inference took and gave. instructions: executed ones, set-up and the first inferences not counted."""

    version: str
    instructions: int
    outputs: tuple[Array, ...]


class Peer(ABC):
    """One engine; `name` is what --against takes."""

    name: str

    @abstractmethod
    def fetch(self) -> None:
        """Get what `measure` needs into edgec's cache, with pip; PeerError where that fails."""

    @abstractmethod
    def measure(self, job: Job, processor: Processor, timeout: float) -> PeerRun:
        """Run the job on one thread of an emulated processor, `timeout` seconds at most.

        PeerError where something is missing (its help says how to get it), or where the engine refuses the network.
        """
