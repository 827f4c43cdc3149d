"""The Simulator: a Graph prepared once, then run on batches of samples."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Literal

import numpy as np

from edgec.errors import ModelError, did_you_mean
from edgec.ir import Array, Graph, Value
from edgec.simulator.device import exact_products, pick_device, run_parts

if TYPE_CHECKING:
    from torch import Tensor

    from edgec.simulator.engine import Engine

Mode = Literal["int8", "float"]

# Bytes of the largest activation of one chunk of samples. On CPU, about what a core's caches keep until the next layer
# reads it; on GPU, a small part of its memory.
CHUNK_BYTES = {"cpu": 2 << 20, "cuda": 256 << 20}


class Simulator:
    """Runs a Graph on batches: integer-exact ("int8", on Graphs as scheduled) or in real values ("float").

    Batches follow one another along the first axis: a value of Graph shape (1, H, W, C) is passed as
    (samples, H, W, C), as `edgec.ports` gives it. `device` is "auto", "cpu", "cuda" or "cuda:N".
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
        samples = self._samples([x.shape for x in inputs])
        wanted = [*self.graph.outputs, *(self._named(name) for name in taps)]
        if not samples:  # the shapes come from a sample that is thrown away
            zeros = [np.zeros(value.type.shape) for value in self.graph.inputs]
            return [y[:0] for y in self.run(zeros, taps)]
        # x: (samples, *shape)
        batches = [x.reshape(samples, *v.type.shape) for x, v in zip(inputs, self.graph.inputs, strict=True)]

        def chunks(workers: int) -> list[list[Array]]:
            size = self._chunk(samples, workers)
            return [[x[first : first + size] for x in batches] for first in range(0, samples, size)]

        with exact_products() if self.mode == "int8" else nullcontext():
            parts = run_parts(lambda part: self._engine.infer(part, wanted), chunks, self.device)
        return [np.concatenate(pieces) for pieces in zip(*parts, strict=True)]

    def forward(self, inputs: Sequence[Tensor], taps: Sequence[str] = ()) -> list[Tensor]:
        """As `run`, on tensors and with what gradients need; mode "float" only."""
        if self.mode != "float":
            raise ModelError("gradients need mode 'float'", help="Simulator(graph, mode='float')")
        samples = self._samples([tuple(x.shape) for x in inputs])
        batches = [x.reshape(samples, *v.type.shape) for x, v in zip(inputs, self.graph.inputs, strict=True)]
        return self._engine.forward(batches, [*self.graph.outputs, *(self._named(name) for name in taps)])

    def parameters(self) -> dict[str, Tensor]:
        """The constants by name, as real values: set `requires_grad` on those to train. Empty in mode "int8"."""
        return dict(self._engine.constants.tensors) if self.mode == "float" else {}

    def _named(self, name: str) -> Value:
        if name not in self._values:
            raise ModelError(f"no value {name!r} in {self.graph.name!r}", help=did_you_mean(name, list(self._values)))
        return self._values[name]

    def _samples(self, shapes: Sequence[tuple[int, ...]]) -> int:
        """Number of samples; a ModelError where the shapes do not fit the Graph's inputs or each other."""
        if len(shapes) != len(self.graph.inputs):
            raise ModelError(f"{self.graph.name!r} has {len(self.graph.inputs)} inputs, {len(shapes)} are given")
        counts = [sample_count(shape, value) for shape, value in zip(shapes, self.graph.inputs, strict=True)]
        for shape, count, value in zip(shapes, counts, self.graph.inputs, strict=True):
            if count is None or count != counts[0]:
                wanted = ", ".join(map(str, batch_shape(1, value)[1:]))
                raise ModelError(
                    f"input {value.name!r} has shape {shape}",
                    help=f"(samples, {wanted}), as many samples for every input",
                )
        return counts[0] if counts and counts[0] is not None else 1

    def _chunk(self, samples: int, workers: int) -> int:
        """Samples that go through the network together: what keeps the largest activation in cache, work for all."""
        computed = [value.type.elements for value in self._values.values() if not value.is_constant]
        most = CHUNK_BYTES[self.device.type] // (4 * max(computed, default=1))
        return max(1, min(most, -(-samples // workers)))


def batch_shape(samples: int, value: Value) -> tuple[int, ...]:
    """Shape of a batch as users see it: the samples follow one another along the first axis."""
    shape = value.type.shape
    return (samples * shape[0], *shape[1:]) if shape else (samples,)


def sample_count(shape: tuple[int, ...], value: Value) -> int | None:
    """How many samples a batch of that shape holds; None where it is no batch of `value`."""
    if not shape:
        return None
    samples = shape[0] // (value.type.shape[0] if value.type.shape else 1)
    return samples if shape == batch_shape(samples, value) else None
