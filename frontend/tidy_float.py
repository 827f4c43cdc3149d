"""Brings a float model into the forms that onnxruntime's quantiser and edgec's integer operators take."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import onnx
import onnx.helper
import onnx.numpy_helper

from edgec.frontend.shapes import value_types
from edgec.ir import Array

Shape = tuple[int, ...]
MOVES = ("Reshape", "Squeeze", "Unsqueeze", "Flatten", "Transpose")
FUNCTIONS = ("Relu", "Clip")


def hoist_over_moves(proto: onnx.ModelProto) -> None:
    """f(Reshape(x)) => Reshape(f(x)) for Relu, Clip and BatchNormalization, so that a convolution can take f up.

    Not done when the Reshape has a second reader or, for BatchNormalization, changes batch or channels.
    """
    while _hoist_one(proto.graph):
        pass


def _hoist_one(graph: onnx.GraphProto) -> bool:
    """Move the first function that can move; True when there was one."""
    types = value_types(graph)
    makers = {output: node for node in graph.node for output in node.output}
    readers = [name for node in graph.node for name in node.input] + [value.name for value in graph.output]
    for node in graph.node:
        move = makers.get(node.input[0]) if node.input else None
        if move is None or move.op_type not in MOVES or readers.count(move.output[0]) > 1:
            continue
        before, after = (types.get(name, (0, None)) for name in (move.input[0], move.output[0]))
        if before[1] is None or not _commutes(node, move, before[1], after[1]):
            continue
        x, between, result = move.input[0], move.output[0], node.output[0]
        node.input[0], node.output[0] = x, between
        move.input[0], move.output[0] = between, result
        _swap(graph, move, node)
        # The value between has the shape of before now.
        kept = [value for value in graph.value_info if value.name != between]
        del graph.value_info[:]
        graph.value_info.extend(kept)
        graph.value_info.append(onnx.helper.make_tensor_value_info(between, before[0], before[1]))
        return True
    return False


def _commutes(node: onnx.NodeProto, move: onnx.NodeProto, before: Shape, after: Shape | None) -> bool:
    if node.op_type in FUNCTIONS:
        return True
    if node.op_type != "BatchNormalization" or len(node.output) > 1 or move.op_type == "Transpose":
        return False
    return after is not None and len(before) >= 2 and before[:2] == after[:2]


def _swap(graph: onnx.GraphProto, first: onnx.NodeProto, second: onnx.NodeProto) -> None:
    """Exchange the places of two nodes in the order of execution."""
    at, to = (next(i for i, node in enumerate(graph.node) if node.output == n.output) for n in (first, second))
    kept = onnx.NodeProto.FromString(graph.node[at].SerializeToString())
    graph.node[at].CopyFrom(graph.node[to])
    graph.node[to].CopyFrom(kept)


def replace_batch_norms(proto: onnx.ModelProto) -> None:
    """A BatchNormalization that no convolution took up => a depthwise 1x1 Conv: exact with int8 weights per channel.

    y = x * a + b with a = scale / sqrt(variance + epsilon), b = bias - mean * a
    """
    types = value_types(proto.graph)
    constants = {tensor.name: tensor for tensor in proto.graph.initializer}
    for node in proto.graph.node:
        if node.op_type != "BatchNormalization" or any(name not in constants for name in node.input[1:]):
            continue
        _, shape = types.get(node.input[0], (0, None))
        if shape is None or len(shape) not in (3, 4):
            continue
        scale, bias, mean, variance = (
            onnx.numpy_helper.to_array(constants[name]).astype(np.float64) for name in node.input[1:]
        )
        epsilon = next((a.f for a in node.attribute if a.name == "epsilon"), 1e-5)
        factor = scale / np.sqrt(variance + epsilon)
        ones = (1,) * (len(shape) - 2)
        weights = factor.astype(np.float32).reshape(-1, 1, *ones)
        names = [f"{node.output[0]}_weights", f"{node.output[0]}_bias"]
        offset = (bias - mean * factor).astype(np.float32)
        proto.graph.initializer.extend(map(onnx.numpy_helper.from_array, (weights, offset), names))
        node.CopyFrom(
            onnx.helper.make_node(
                "Conv", [node.input[0], *names], [node.output[0]], name=node.name, group=shape[1], kernel_shape=ones
            )
        )
    _drop_unread(proto.graph)


def flatten_gemm_biases(proto: onnx.ModelProto) -> None:
    """The bias of a Gemm as one number an output, as the quantiser expects it: (1, N) => (N)."""
    constants = {tensor.name: tensor for tensor in proto.graph.initializer}
    for node in proto.graph.node:
        if node.op_type != "Gemm" or len(node.input) < 3 or node.input[1] not in constants:
            continue
        bias = constants.get(node.input[2])
        transposed = any(a.name == "transB" and a.i for a in node.attribute)
        outputs = constants[node.input[1]].dims[0 if transposed else 1]
        if bias is None or list(bias.dims) == [outputs] or (len(bias.dims) == 2 and bias.dims[0] != 1):
            continue
        array: Array = onnx.numpy_helper.to_array(bias).reshape(-1)
        name = f"{node.output[0]}_bias"
        flat = np.broadcast_to(array, (outputs,)).copy()
        proto.graph.initializer.append(onnx.numpy_helper.from_array(flat, name))
        node.input[2] = name
    _drop_unread(proto.graph)


def _drop_unread(graph: onnx.GraphProto) -> None:
    """Drop constants that no node reads any more."""
    read = {name for node in graph.node for name in node.input}
    kept = [tensor for tensor in graph.initializer if tensor.name in read]
    del graph.initializer[:]
    graph.initializer.extend(kept)


def name_nodes(proto: onnx.ModelProto) -> None:
    """Give every node a name of its own: the quantiser chooses by name."""
    seen: set[str] = set()
    for node in proto.graph.node:
        if not node.name or node.name in seen:
            node.name = next(name for name in _names(node) if name not in seen)
        seen.add(node.name)


def _names(node: onnx.NodeProto) -> Iterator[str]:
    yield f"{node.op_type}_{node.output[0]}"
    count = 0
    while True:
        count += 1
        yield f"{node.op_type}_{node.output[0]}_{count}"
