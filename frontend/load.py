"""Read an ONNX file and refuse early what is not one: each fault gets its own sentence."""

from __future__ import annotations

import pathlib
from dataclasses import dataclass, field

import numpy as np
import onnx
import onnx.checker
import onnx.inliner
import onnx.numpy_helper
import onnx.shape_inference
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

from edgec.errors import ModelError, UnsupportedError
from edgec.ir import Source

OLDEST_OPSET = 7
Path = str | pathlib.Path

# First bytes of files that people take for ONNX, and what they are.
OTHER_FORMATS = (
    (0, b"PK\x03\x04", "a zip file, as torch.save writes", "export the model with torch.onnx.export"),
    (4, b"TFL3", "a TensorFlow Lite file", "convert it: python -m tf2onnx.convert --tflite FILE --output MODEL.onnx"),
    (0, b"\x89HDF", "a Keras HDF5 file", "convert it: python -m tf2onnx.convert --keras FILE --output MODEL.onnx"),
    (0, b"version https://git-lfs", "a Git LFS pointer, not the file itself", "fetch it: git lfs pull"),
)


@dataclass
class Model:
    """An ONNX model on its way into a Graph; the steps of the frontend rewrite `proto` in place.

    `sources` knows, by the name of an output, which node of the file a node came from; `refused` why a node with
    that output can't be taken.
    """

    proto: onnx.ModelProto
    file: str
    node_count: int
    opset: int
    sources: dict[str, Source] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)

    def place(self, source: Source) -> str:
        """Where a node is in the file: `kws.onnx, node 3 of 41, opset 17`."""
        node = f"node {source.index + 1} of {self.node_count}, " if source.index >= 0 else ""
        return f"{self.file}, {node}opset {self.opset}"


def load_model(path: Path) -> Model:
    """The checked model of an ONNX file, its external data and local functions taken in.

    Raises ModelError for a file that is absent, not ONNX, truncated, without its external data, invalid or with NaN
    weights; UnsupportedError for opsets before 7 or newer than the installed onnx package.
    """
    path = pathlib.Path(path)
    proto = _parse(path)
    _load_external_data(proto, path)
    if any(not output.type.tensor_type.HasField("shape") for output in proto.graph.output):
        # onnxruntime does without, onnx's checker does not.
        proto = onnx.shape_inference.infer_shapes(proto)
    opset = _check(proto, path.name)
    sources = {}
    for index, node in enumerate(proto.graph.node):
        name = node.name or next((output for output in node.output if output), "")
        for output in node.output:
            sources[output] = Source(node.op_type, name, index)
    model = Model(proto, path.name, len(proto.graph.node), opset, sources)
    if proto.functions:
        model.proto = onnx.inliner.inline_local_functions(proto)
    refuse_nan(model)
    return model


def _parse(path: pathlib.Path) -> onnx.ModelProto:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise ModelError(f"no such file: {path}") from None
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}") from None
    for at, magic, what, help in OTHER_FORMATS:
        if content[at : at + len(magic)] == magic:
            raise ModelError(f"{path.name} is not an ONNX model but {what}", help=help)
    proto = onnx.ModelProto()
    try:
        proto.ParseFromString(content)
    except DecodeError:
        # An ONNX file begins with field 1, the IR version, a small number.
        if content[:1] == b"\x08" and len(content) > 1 and 1 <= content[1] <= onnx.IR_VERSION:
            raise ModelError(
                f"{path.name} is truncated or damaged: it begins as an ONNX model, but does not end as one",
                where=f"{path}, {len(content)} bytes",
                help="copy or export it again",
            ) from None
        raise ModelError(f"{path.name} is not an ONNX model", help="export the network to ONNX first") from None
    if not proto.ir_version or not proto.graph.node:
        reason = "is empty" if not content else "holds no nodes of an ONNX graph"
        raise ModelError(f"{path.name} {reason}", help="export the network to ONNX first")
    return proto


def _load_external_data(proto: onnx.ModelProto, path: pathlib.Path) -> None:
    try:
        onnx.load_external_data_for_model(proto, str(path.resolve().parent))
    except (OSError, ValueError, onnx.checker.ValidationError) as error:
        wanted = sorted(
            {
                entry.value
                for tensor in proto.graph.initializer
                for entry in tensor.external_data
                if entry.key == "location"
            }
        )
        missing = [name for name in wanted if not (path.parent / name).exists()]
        if missing:
            raise ModelError(
                f"the weights of {path.name} are in {', '.join(missing)}, which is not there",
                where=f"looked for in {path.resolve().parent}",
                help="copy it beside the model, or save the model with its weights inside (onnx.save_model)",
            ) from None
        raise ModelError(f"the external data of {path.name} cannot be read: {first_line(error)}") from None


def _check(proto: onnx.ModelProto, file: str) -> int:
    """The opset of a valid model."""
    opset = next((o.version for o in proto.opset_import if o.domain in ("", "ai.onnx")), 0)
    newest = onnx.defs.onnx_opset_version()
    if opset and opset < OLDEST_OPSET:
        raise UnsupportedError(
            f"{file} is of opset {opset}; edgec takes opset {OLDEST_OPSET} and up",
            help="export it again with a newer opset, or run it through onnx.version_converter",
        )
    if opset > newest or proto.ir_version > onnx.IR_VERSION:
        raise UnsupportedError(
            f"{file} is of opset {opset}, IR version {proto.ir_version}; onnx {onnx.__version__} on this machine "
            f"knows them up to {newest} and {onnx.IR_VERSION}",
            help="pip install --upgrade onnx, or export the model with an older opset",
        )
    try:
        onnx.checker.check_model(proto)
    except onnx.checker.ValidationError as error:
        raise ModelError(f"{file} is not a valid ONNX model: {first_line(error)}") from None
    return opset


def refuse_nan(model: Model) -> None:
    """Raise ModelError that names the weights with NaN or infinity in them.

    A single infinity is taken: Clip bounds and the padding of a maximum are often infinite.
    """
    bad = []
    for tensor in model.proto.graph.initializer:
        if tensor.data_type not in (onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16, onnx.TensorProto.DOUBLE):
            continue
        array = onnx.numpy_helper.to_array(tensor)
        nans = int(np.isnan(array).sum())
        infinities = int(np.isinf(array).sum()) if array.size > 1 else 0
        if nans or infinities:
            bad.append(f"{tensor.name!r} {list(array.shape)}: {nans} NaN, {infinities} infinite")
    if bad:
        raise ModelError(
            f"{len(bad)} weight tensors of {model.file} hold NaN or infinity",
            where="\n".join(bad),
            help="the training diverged or the export failed; take an earlier checkpoint",
        )


def first_line(error: BaseException) -> str:
    """The first line of an exception's text that says something."""
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
