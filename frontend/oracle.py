"""onnxruntime on the model as it is: the results that all others are compared with."""

from __future__ import annotations

import contextlib
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
    """An onnxruntime session whose quantised operators are all exact integer kernels, one sample a call.

    `taps` are further values of the file, by name, that `run` gives after the outputs. docs/numerics.md tells how the
    session differs from a default one, whose results depend on the computer.
    """

    def __init__(
        self,
        model: Path | bytes,
        *,
        shapes: Mapping[str, int] | None = None,
        taps: Sequence[str] = (),
        threads: int = 0,
    ) -> None:
        described = _read(model)
        proto, name = described.proto, described.file
        source: str | bytes = str(model) if isinstance(model, str | pathlib.Path) else model
        if taps:
            source = bytes(_tapped(proto, taps, name).SerializeToString())
        self.taps = tuple(taps)
        self.session = _exact_session(source, name, _holds_uint8(proto), threads)
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


def _holds_uint8(proto: onnx.ModelProto) -> bool:
    """Whether a zero point, or anything else that is constant, is uint8."""
    uint8 = onnx.TensorProto.UINT8
    values = [a.t for node in proto.graph.node if node.op_type == "Constant" for a in node.attribute if a.HasField("t")]
    return any(tensor.data_type == uint8 for tensor in (*proto.graph.initializer, *values))


def _exact_session(source: str | bytes, name: str, uint8: bool, threads: int) -> onnxruntime.InferenceSession:
    """A session on the CPU; ModelError where onnxruntime does not take the model.

    x86 processors without VNNI multiply uint8 by int8 in pairs whose 16-bit sums saturate. Models of uint8 are kept
    from those kernels by an option that some of them can't be loaded with; models of int8 by taking int8 as it is.
    """
    entries = {"session.qdqisint8allowed": "1"}
    if uint8:
        with contextlib.suppress(ModelError):
            return _session(source, name, {**entries, "session.x64quantprecision": "1"}, threads)
    return _session(source, name, entries, threads)


def _session(source: str | bytes, name: str, entries: Mapping[str, str], threads: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # errors are raised, too
    options.intra_op_num_threads = threads
    for key, value in entries.items():
        options.add_session_config_entry(key, value)
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
