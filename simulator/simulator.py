"""The Simulator: a Graph prepared once, then run on batches of samples."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np

from edgec.errors import ModelError, did_you_mean
from edgec.ir import Array, Graph, Value
from edgec.simulator.device import pick_device

if TYPE_CHECKING:
    from torch import Tensor

    from edgec.simulator.engine import Engine

Mode = Literal["int8", "float"]

# Bytes of the largest activation of one chunk of samples. On CPU, what a core's level 2 cache keeps while the next
# layer reads it; on GPU, a small part of its memory.
CHUNK_BYTES = {"cpu": 2 << 20, "cuda": 256 << 20}


class Simulator:
    """Runs a Graph on batches: integer-exact ("int8", on Graphs as scheduled) or in real values ("float").

    The first axis of every input and output counts samples: a value of Graph shape (1, H, W, C) is passed as
    (samples, H, W, C), one of shape (K,) as (samples, K). `device` is "auto", "cpu", "cuda" or "cuda:N".
    Raises TargetError where torch or the device is missing, UnsupportedError for operators that the mode lacks.
    """

    def __init__(self, graph: Graph, *, device: str = "auto", mode: Mode = "int8") -> None:
        self.graph = graph
        self.mode = mode
        self.device = pick_device(device)
        self._values = {value.name: value for value in graph.values()}
        # Only now is torch sure to be there: the engine and its operators import it.
        self._engine: Engine = importlib.import_module("edgec.simulator.engine").Engine(
            graph, self.device, real=mode == "float"
        )

    def run(self, inputs: Sequence[Array], taps: Sequence[str] = ()) -> list[Array]:
        """Outputs of the Graph, then the values named in `taps`, for every sample.

        Inputs are in the Graph's form, NHWC: int8 in mode "int8", real in mode "float". Outputs have the dtype of
        their Graph type; in mode "float" all are float32. Raises ModelError for inputs of another shape.
        """
        self._check([x.shape for x in inputs])
        wanted = [*self.graph.outputs, *(self._named(name) for name in taps)]
        samples = len(inputs[0]) if inputs else 1
        chunk = self._chunk(samples)
        parts = [
            self._engine.infer([x[first : first + chunk] for x in inputs], wanted)
            for first in range(0, max(samples, 1), chunk)
        ]
        return [np.concatenate(pieces) for pieces in zip(*parts, strict=True)]

    def forward(self, inputs: Sequence[Tensor], taps: Sequence[str] = ()) -> list[Tensor]:
        """As `run`, on tensors and with what gradients need; mode "float" only."""
        if self.mode != "float":
            raise ModelError("gradients need mode 'float'", help="Simulator(graph, mode='float')")
        self._check([tuple(x.shape) for x in inputs])
        return self._engine.forward(inputs, [*self.graph.outputs, *(self._named(name) for name in taps)])

    def parameters(self) -> dict[str, Tensor]:
        """The constants by name, as real values: set `requires_grad` on those to train. Empty in mode "int8"."""
        return dict(self._engine.constants.tensors) if self.mode == "float" else {}

    def _named(self, name: str) -> Value:
        if name not in self._values:
            raise ModelError(f"no value {name!r} in {self.graph.name!r}", help=did_you_mean(name, list(self._values)))
        return self._values[name]

    def _check(self, shapes: Sequence[tuple[int, ...]]) -> None:
        if len(shapes) != len(self.graph.inputs):
            raise ModelError(f"{self.graph.name!r} has {len(self.graph.inputs)} inputs, {len(shapes)} are given")
        for shape, value in zip(shapes, self.graph.inputs, strict=True):
            sample = batch_shape(0, value)[1:]
            if len(shape) == 0 or shape[1:] != sample or shape[0] != shapes[0][0]:
                raise ModelError(
                    f"input {value.name!r} has shape {shape}",
                    help=f"(samples, {', '.join(map(str, sample))}), as many samples for every input",
                )

    def _chunk(self, samples: int) -> int:
        """Samples that go through the network together: as many as keep the largest activation in cache."""
        computed = [value.type.elements for value in self._values.values() if not value.is_constant]
        return max(1, min(samples, CHUNK_BYTES[self.device.type] // (4 * max(computed, default=1))))


def batch_shape(samples: int, value: Value) -> tuple[int, ...]:
    """Shape of a batch as users see it: an axis of size 1 in front becomes the batch, else one is added."""
    shape = value.type.shape
    return (samples, *(shape[1:] if shape[:1] == (1,) else shape))
