"""Small ONNX models for the tests of the frontend: written as text, saved to a file, run by onnxruntime."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
import onnx.parser
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from edgec.frontend import export_model, import_model
from edgec.ir import Array, Graph

Constants = Mapping[str, Any]
TYPES = {"float32": TensorProto.FLOAT, "int8": TensorProto.INT8, "uint8": TensorProto.UINT8, "int64": TensorProto.INT64}


def text_model(
    text: str, constants: Constants | None = None, *, opset: int = 17, ir_version: int = 8
) -> onnx.ModelProto:
    """A model from the body of an ONNX text graph, with numpy arrays as its constants."""
    header = f'<ir_version: 8, opset_import: ["" : {opset}, "com.microsoft" : 1]>\n'
    proto = onnx.parser.parse_model(header + text)
    for name, array in (constants or {}).items():
        proto.graph.initializer.append(numpy_helper.from_array(np.asarray(array), name))
    return proto


def one_node(
    op: str,
    inputs: Mapping[str, tuple[int, ...]],
    constants: Constants | None = None,
    *,
    opset: int = 17,
    order: Sequence[str] | None = None,
    outputs: Sequence[str] = ("y",),
    domain: str = "",
    dtype: str = "float32",
    result: str = "",
    **attributes: Any,
) -> onnx.ModelProto:
    """A model of one node: `inputs` are its activations, `constants` the rest, `order` the order if it is another."""
    names = list(order) if order is not None else [*inputs, *(constants or {})]
    node = helper.make_node(op, names, list(outputs), name=f"the_{op.lower()}", domain=domain, **attributes)
    infos = [helper.make_tensor_value_info(name, TYPES[dtype], list(shape)) for name, shape in inputs.items()]
    results = [onnx.ValueInfoProto(name=name) for name in outputs]
    tensors = [numpy_helper.from_array(np.asarray(array), name) for name, array in (constants or {}).items()]
    graph = helper.make_graph([node], "one", infos, results, tensors)
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid("com.microsoft", 1)]
    proto = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    # The checker wants types of outputs; onnxruntime knows those of its own operators too.
    for info in proto.graph.output:
        info.type.tensor_type.elem_type = TYPES[result or dtype]
    return onnx.shape_inference.infer_shapes(proto)


def save(proto: onnx.ModelProto, folder: pathlib.Path, name: str = "model.onnx") -> pathlib.Path:
    path = folder / name
    onnx.save_model(proto, str(path))
    return path


def run(model: onnx.ModelProto | bytes, feed: Mapping[str, Array]) -> list[Array]:
    """onnxruntime without its optimisations: each node as it stands."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    content = model if isinstance(model, bytes) else model.SerializeToString()
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    return [np.asarray(result) for result in session.run(None, dict(feed))]


def random_feed(graph: Graph, seed: int = 0) -> dict[str, Array]:
    """Inputs as the model takes them: normal reals, integers over the whole range."""
    rng = np.random.default_rng(seed)
    feed: dict[str, Array] = {}
    for port in graph.input_ports:
        if port.dtype == "float32":
            feed[port.name] = rng.standard_normal(port.shape).astype(np.float32)
        else:
            low = 0 if port.dtype == "uint8" else -128
            feed[port.name] = rng.integers(low, low + 256, port.shape).astype(port.dtype)
    return feed


def assert_imported(proto: onnx.ModelProto, folder: pathlib.Path, *, exact: bool = False) -> Graph:
    """Import the model, export the Graph, and compare both in onnxruntime; gives the Graph."""
    graph = import_model(save(proto, folder))
    exported = export_model(graph)
    for seed in range(3):
        feed = random_feed(graph, seed)
        for wanted, found in zip(run(proto, feed), run(exported, feed), strict=True):
            assert (wanted.shape, wanted.dtype) == (found.shape, found.dtype)
            if exact:
                np.testing.assert_array_equal(found, wanted)
            else:
                np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5)
    return graph


def ops(graph: Graph) -> list[str]:
    """Operators in order, layout changes left out."""
    return [node.op.name for node in graph.nodes if node.op.name not in ("Transpose", "Reshape")]
