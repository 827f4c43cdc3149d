"""onnxruntime on the model as it is: the results that all others are compared with."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping, Sequence

import numpy as np
import onnx
import onnxruntime

from edgec.errors import ModelError
from edgec.frontend.load import Model, Path, first_line, load_model
from edgec.frontend.shapes import fix_shapes, graph_inputs, value_types
from edgec.ir import Array, Port


class Oracle:
    """An onnxruntime session with default optimisations, one sample a call.

    `taps` are further values of the file, by name, that `run` gives after the outputs. `integer` lets onnxruntime use
    its integer kernels for every QDQ group of int8, also where its x86 default is float32.
    """

    def __init__(
        self,
        model: Path | bytes,
        *,
        shapes: Mapping[str, int] | None = None,
        taps: Sequence[str] = (),
        integer: bool = False,
        threads: int = 0,
    ) -> None:
        described = _read(model)
        proto, name = described.proto, described.file
        source: str | bytes = str(model) if isinstance(model, str | pathlib.Path) else model
        if taps:
            source = bytes(_tapped(proto, taps, name).SerializeToString())
        self.taps = tuple(taps)
        self.session = _session(source, name, integer, threads)
        fix_shapes(described, shapes or {})
        self.inputs = input_ports(described)
        self.outputs = [output.name for output in self.session.get_outputs()][: len(described.proto.graph.output)]

    def run(self, inputs: Sequence[Array]) -> list[Array]:
        """Outputs, then taps, as (samples, ...) without the batch axis; inputs as `Samples.inputs` gives them."""
        names = [*self.outputs, *self.taps]
        results: list[list[Array]] = [[] for _ in names]
        for sample in zip(*inputs, strict=True):
            feed = {p.name: np.asarray(x).reshape(p.shape) for p, x in zip(self.inputs, sample, strict=True)}
            for kept, result in zip(results, self.session.run(names, feed), strict=True):
                y = np.asarray(result)
                kept.append(y[0] if y.ndim and y.shape[0] == 1 else y)
        return [np.stack(kept) for kept in results]


def input_ports(model: Model) -> list[Port]:
    """Inputs of a model with fixed shapes, as its file declares them."""
    types = value_types(model.proto.graph)
    ports = []
    for value in graph_inputs(model.proto.graph):
        element, shape = types[value.name]
        if shape is None:
            raise ModelError(f"the shape of {value.name!r} of {model.file} is known at run time only")
        ports.append(Port(value.name, np.dtype(onnx.helper.tensor_dtype_to_np_dtype(element)).name, shape))
    return ports


def _read(model: Path | bytes) -> Model:
    """The model of a file, or of the bytes of one."""
    if not isinstance(model, bytes):
        return load_model(model)
    proto = onnx.ModelProto.FromString(model)
    return Model(proto, "model.onnx", len(proto.graph.node), 0)


def _session(source: str | bytes, name: str, integer: bool, threads: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = threads
    if integer:
        options.add_session_config_entry("session.qdqisint8allowed", "1")
    try:
        return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime raises many kinds, all of its own making
        raise ModelError(f"onnxruntime can't run {name}: {first_line(error)}") from None


def _tapped(proto: onnx.ModelProto, taps: Sequence[str], name: str) -> onnx.ModelProto:
    """A copy of the model with more outputs; their types are inferred by onnxruntime."""
    proto = onnx.ModelProto.FromString(proto.SerializeToString())
    known = {output for node in proto.graph.node for output in node.output}
    present = {value.name for value in proto.graph.output}
    for tap in taps:
        if tap not in known:
            raise ModelError(f"{name} has no value {tap!r}")
        if tap not in present:
            proto.graph.output.append(onnx.ValueInfoProto(name=tap))
    return proto
