"""A network for LiteRT: its Graph as a .tflite file, its inputs and outputs between that form and the model's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edgec.frontend import import_model
from edgec.frontend.tflite import export_tflite
from edgec.ir import Array, Graph
from edgec.passes.manager import run_passes
from edgec.passes.pipeline import AS_MODEL
from edgec.ports import from_graph_output, sample_shape, to_graph_input
from edgec.targets import load_target
from edgec.targets.peers import Converted, Job, Wanted

TARGET = "linux-aarch64"


def for_litert(job: Job) -> Converted:
    """The job as LiteRT takes it. The passes that leave out dead channels do not run: they are edgec's own work."""
    graph = import_model(job.model, shapes=job.shapes)
    run_passes(AS_MODEL, graph, load_target(TARGET))
    model = export_tflite(graph)
    form = Form(graph, model.unsigned)
    dtypes = [
        np.dtype(np.uint8) if form.shifted(value.type.dtype.numpy) else value.type.dtype.numpy
        for value in graph.outputs
    ]
    outputs = tuple(
        Wanted(port.name, dtype.name, value.type.shape)
        for port, value, dtype in zip(graph.output_ports, graph.outputs, dtypes, strict=True)
    )
    return Converted(model.data, form.inputs(job), outputs, form.restore)


@dataclass(frozen=True)
class Form:
    """How the file holds what the Graph holds; unsigned: int8 as uint8, 128 above it."""

    graph: Graph
    unsigned: bool

    def shifted(self, dtype: np.dtype[np.generic]) -> bool:
        return self.unsigned and dtype == np.int8

    def inputs(self, job: Job) -> dict[str, Array]:
        """The job's inputs in the Graph's layout and quantisation, as the file holds them."""
        arrays = {}
        for port, value in zip(self.graph.input_ports, self.graph.inputs, strict=True):
            array = to_graph_input(port, value, job.inputs[port.name].reshape(1, *sample_shape(port)))
            arrays[port.name] = flipped(array, np.uint8) if self.shifted(array.dtype) else array
        return arrays

    def restore(self, outputs: Sequence[Array]) -> tuple[Array, ...]:
        """The file's outputs as the model gives them."""
        restored = []
        for port, value, array in zip(self.graph.output_ports, self.graph.outputs, outputs, strict=True):
            held = flipped(array, np.int8) if array.dtype == np.uint8 else array
            restored.append(from_graph_output(port, value, held).reshape(port.shape))
        return tuple(restored)


def flipped(array: Array, dtype: type[np.int8 | np.uint8]) -> Array:
    """Between int8 and uint8 that is 128 above it: the highest bit changes."""
    return np.asarray(array.view(np.uint8) ^ np.uint8(128)).view(dtype)
