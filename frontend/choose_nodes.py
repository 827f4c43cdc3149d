"""Which nodes of a float model are quantised."""

from __future__ import annotations

import numpy as np
import onnx

from edgec.frontend.ops import activation

# onnxruntime takes these into the range of the convolution before them.
FUSED = ("Relu", "Clip")
FUNCTIONS = {*activation.IMPORTERS, "Pow"}
BINARY = ("Add", "Sub", "Mul", "Div")
ENDS = ("Softmax", "LogSoftmax")
NEVER = ("QuantizeLinear", "DequantizeLinear", "Cast", "ArgMax", "Identity")


def nodes_to_quantize(proto: onnx.ModelProto) -> list[str]:
    """Names of the nodes whose inputs and results become int8.

    Left real: a function of one value (or of several that are functions of the same value) whose result another node
    reads; a Softmax that is an output. Their int8 ends are those of the nodes around them.
    """
    roots = _roots(proto)
    outputs = {value.name for value in proto.graph.output}
    inputs = {value.name for value in proto.graph.input}
    producers = {output: node for node in proto.graph.node for output in node.output}
    chosen = []
    for node in proto.graph.node:
        result = node.output[0]
        if node.op_type in NEVER or (node.op_type in ENDS and result in outputs):
            continue
        inner = result in roots and result not in outputs and not inputs.intersection(node.input)
        upstream = producers.get(node.input[0])
        fused = node.op_type in FUSED and upstream is not None and upstream.output[0] not in roots
        if not inner or fused:
            chosen.append(node.name)
    return chosen


def _roots(proto: onnx.ModelProto) -> dict[str, str]:
    """Value -> the value that it is a function of, element by element, for results of such functions."""
    single = {tensor.name for tensor in proto.graph.initializer if int(np.prod(tensor.dims)) == 1}
    constants = {tensor.name for tensor in proto.graph.initializer}
    roots: dict[str, str] = {}
    for node in proto.graph.node:
        if node.op_type not in FUNCTIONS and node.op_type not in BINARY:
            continue
        names = [name for name in node.input if name and name not in single]
        if any(name in constants for name in names) or not names:
            continue
        sources = {roots.get(name, name) for name in names}
        if len(sources) == 1:
            roots[node.output[0]] = sources.pop()
    return roots
