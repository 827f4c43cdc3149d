"""ONNX file -> Graph "as imported" (docs/architecture.md, Graph conventions)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import onnx

from edgec.errors import ModelError, UnsupportedError
from edgec.frontend.context import DTYPES, UINT8_SHIFT, Context
from edgec.frontend.load import Model, Path, load_model
from edgec.frontend.node import OnnxNode
from edgec.frontend.ops import activation, conv, elementwise, gemm, movement, pool, quantize, resize, softmax, table
from edgec.frontend.opset import convert_opset, opset_of
from edgec.frontend.qoperators import rewrite_qoperators
from edgec.frontend.shapes import fix_shapes, graph_inputs
from edgec.frontend.simplify import simplify
from edgec.frontend.tables import OWN_DOMAIN, rewrite_tables
from edgec.ir import DType, Graph, Port, QuantParams, Source, TensorType, Value

Importer = Callable[[Context, OnnxNode], None]
FAMILIES = (activation, conv, elementwise, gemm, movement, pool, quantize, resize, softmax, table)
IMPORTERS: Mapping[str, Importer] = {op: f for family in FAMILIES for op, f in family.IMPORTERS.items()}

DECIDES = "If"
RECURRENT = ("LSTM", "GRU", "RNN", "Scan", "Loop")
DYNAMIC = ("DynamicQuantizeLinear", "ConvInteger", "MatMulInteger")
PORT_TYPES = {DType.F32: "float32", DType.S8: "int8", DType.S32: "int64"}
OTHER_PORT_TYPES: Mapping[int, str] = {onnx.TensorProto.UINT8: "uint8", onnx.TensorProto.INT32: "int32"}
# Movement that keeps the integers: an int8 input's scale is found behind it.
KEEPS_INTEGERS = {"Identity", "Dropout", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose", "MaxPool"}
KEEPS_INTEGERS |= {
    "Slice",
    "Pad",
    "Concat",
    "Split",
    "Gather",
    "DepthToSpace",
    "SpaceToDepth",
    "Clip",
    "Relu",
    "Resize",
}


def import_model(path: Path, *, shapes: Mapping[str, int] | None = None) -> Graph:
    """The Graph of an ONNX file, float or quantised.

    `shapes` gives symbolic dimensions their size; the batch is 1. Raises ModelError for a bad file, UnsupportedError
    that lists every node that edgec can't take.
    """
    return build_graph(prepare(load_model(path), shapes or {}))


def prepare(model: Model, shapes: Mapping[str, int]) -> Model:
    """Static shapes, a recent opset, constants folded, one form of quantisation."""
    fix_shapes(model, shapes)
    convert_opset(model)
    simplify(model)
    if rewrite_qoperators(model):
        simplify(model)
    rewrite_tables(model)
    return model


def build_graph(model: Model) -> Graph:
    """The Graph of a prepared model."""
    name = re.sub(r"\.onnx$", "", model.file)
    ctx = Context(model, name)
    refused: list[str] = []
    _read_inputs(ctx, refused)
    opset = opset_of(model.proto)
    lost: set[str] = set()
    nodes = [OnnxNode(proto, _source(model, proto), opset) for proto in model.proto.graph.node]
    for node in nodes:
        reason = _import_node(ctx, node, lost)
        if reason is not None:
            refused.append(f"{node.source} (node {node.source.index + 1} of {model.node_count}) {reason}")
    if refused:
        _refuse(model, refused)
    _write_outputs(ctx)
    ctx.graph.verify()
    return ctx.graph


def _source(model: Model, proto: onnx.NodeProto) -> Source:
    """The node of the file that this one is, or came from."""
    known = next((model.sources[output] for output in proto.output if output in model.sources), None)
    return known or Source(proto.op_type, proto.name or proto.output[0])


def _import_node(ctx: Context, node: OnnxNode, lost: set[str]) -> str | None:
    """Import one node; the reason, as the end of a sentence, why it can't be. `lost` are values that were refused."""
    importer = IMPORTERS.get(node.op_type) if node.proto.domain in ("", "ai.onnx", OWN_DOMAIN) else None
    reason = ctx.model.refused.get(node.output)
    if importer is None or reason is not None:
        lost.update(node.proto.output)
        return reason or _unknown(node)
    names = [name for name in node.proto.input if name]
    if lost.intersection(names):
        lost.update(node.proto.output)
        return None
    if names and all(name in ctx.tensors or name in ctx.fixed for name in names):
        ctx.fixed.update(node.proto.output)
    try:
        importer(ctx, node)
    except UnsupportedError as error:
        lost.update(node.proto.output)
        return error.message
    return None


def _unknown(node: OnnxNode) -> str:
    if node.op_type in RECURRENT:
        return "is recurrent, which edgec does not take"
    if node.op_type == DECIDES:
        return "decides at run time which nodes run"
    if node.op_type in DYNAMIC:
        return "is quantised at run time; quantise the model statically"
    domain = f" of {node.proto.domain}" if node.proto.domain else ""
    return f"is an operator{domain} that edgec does not know"


def _refuse(model: Model, refused: list[str]) -> None:
    count = len(refused)
    what = f"{count} nodes of {model.file} are" if count > 1 else f"1 node of {model.file} is"
    raise UnsupportedError(
        f"{what} not supported",
        where="\n".join([*refused, model.place(Source())]),
        help="`edgec ops` lists the operators and what each takes",
    )


def _read_inputs(ctx: Context, refused: list[str]) -> None:
    graph = ctx.model.proto.graph
    for value in graph_inputs(graph):
        element, shape = ctx.types[value.name]
        dtype = DTYPES.get(element)
        if dtype not in (DType.F32, DType.S8) or shape is None:
            kind = onnx.TensorProto.DataType.Name(element).lower()
            refused.append(f"input {value.name!r} is {kind}; float32, int8 and uint8 are taken")
            continue
        uint8 = element == onnx.TensorProto.UINT8
        quant = None
        if dtype is DType.S8:
            quant = _input_quant(ctx, value.name) or (quantize.UNIT_UINT8 if uint8 else quantize.UNIT)
        graph_value = Value(ctx.unique(value.name), TensorType(dtype, shape, quant))
        name = "uint8" if uint8 else PORT_TYPES[dtype]
        ctx.bind(value.name, graph_value)
        ctx.graph.inputs.append(graph_value)
        ctx.graph.input_ports.append(Port(value.name, name, shape, offset=-UINT8_SHIFT if uint8 else 0))


def _input_quant(ctx: Context, name: str) -> QuantParams | None:
    """How an int8 input is to be read: the first DequantizeLinear that it, or what is moved from it, comes to."""
    names = {name}
    stored, _ = ctx.types[name]
    for proto in ctx.model.proto.graph.node:
        if not names.intersection(proto.input[:1] if proto.op_type != "Concat" else proto.input):
            continue
        if proto.op_type == "DequantizeLinear":
            node = OnnxNode(proto, _source(ctx.model, proto), 0)
            try:
                return quantize.read_quant(ctx, node, 0, stored)
            except UnsupportedError:
                return None  # said again, with its place, when the node itself is imported
        if proto.op_type in KEEPS_INTEGERS:
            names.update(proto.output)
    return None


def _write_outputs(ctx: Context) -> None:
    for value in ctx.model.proto.graph.output:
        graph_value = _output_value(ctx, value.name)
        element, _ = ctx.types[value.name]
        dtype = OTHER_PORT_TYPES.get(element, PORT_TYPES[graph_value.type.dtype])
        offset = -UINT8_SHIFT if dtype == "uint8" else 0
        ctx.graph.outputs.append(graph_value)
        ctx.graph.output_ports.append(Port(value.name, dtype, graph_value.type.shape, offset=offset))
    _drop_unread(ctx.graph)


def _output_value(ctx: Context, name: str) -> Value:
    if name not in ctx.values or (ctx.values[name].is_constant):
        raise ModelError(f"output {name!r} of {ctx.model.file} does not depend on any input")
    return ctx.values[name]


def _drop_unread(graph: Graph) -> None:
    """Drop nodes that no output depends on, such as the parts of a Split that nobody reads."""
    needed = {id(value) for value in graph.outputs}
    kept = []
    for node in reversed(graph.nodes):
        if any(id(value) in needed for value in node.outputs):
            kept.append(node)
            needed.update(id(value) for value in node.inputs)
    graph.nodes = kept[::-1]
