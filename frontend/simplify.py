"""Compute at import what depends on constants and static shapes only, so that just the network is left.

Exporters write Shape -> Slice -> Concat -> Reshape chains, Constant nodes, If nodes on shapes, weights cast or
transposed at run time. After `simplify` they are initializers or gone. DequantizeLinear of weights stays: the
integers and their scale are what edgec computes with.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import onnx
import onnx.helper
import onnx.numpy_helper
import onnx.reference

from edgec.frontend.load import Model, refuse_nan
from edgec.frontend.shapes import infer_shapes, value_types
from edgec.ir import Array, Source

# Not a function of their inputs, or better kept: integers with their scale.
NEVER_FOLDED = {"DequantizeLinear", "RandomNormal", "RandomUniform", "RandomNormalLike", "RandomUniformLike"}
NEVER_FOLDED |= {"Bernoulli", "Multinomial", "Loop", "Scan", "If"}
MOST_ELEMENTS = 1 << 24  # a constant beyond this is no exporter's litter
MOST_ROUNDS = 20


def simplify(model: Model) -> None:
    """Fold constants and inline decided If nodes until nothing changes; then drop what no output needs."""
    _constants_are_no_inputs(model.proto)
    for _ in range(MOST_ROUNDS):
        folder = _Folder(model)
        folder.run()
        if not folder.changed:
            break
        infer_shapes(model, strict=False)
    _drop_dead(model.proto.graph)
    # What is still undecided here (If, Loop, Scan) onnx can't always infer; the importer refuses it by name.
    infer_shapes(model, strict=not any(a.HasField("g") for node in model.proto.graph.node for a in node.attribute))
    refuse_nan(model)


class _Folder:
    """One walk over the nodes in order."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.graph = model.proto.graph
        self.types = value_types(self.graph)
        self.tensors = {tensor.name: tensor for tensor in self.graph.initializer}
        self.arrays: dict[str, Array] = {}
        self.changed = False

    def run(self) -> None:
        outputs = {value.name for value in self.graph.output}
        kept: list[onnx.NodeProto] = []
        for node in self.graph.node:
            if node.op_type == "If" and self._known(node.input[0]) is not None:
                kept += self._inline(node)
                self.changed = True
                continue
            results = self._fold(node) if not outputs.intersection(node.output) else None
            if results is None:
                kept.append(node)
                continue
            self.changed = True
            for name, array in zip(node.output, results, strict=False):
                if name:
                    self._define(name, array)
        del self.graph.node[:]
        self.graph.node.extend(kept)

    def _define(self, name: str, array: Array) -> None:
        self.arrays[name] = array
        tensor = onnx.numpy_helper.from_array(array.copy(order="C"), name)
        self.tensors[name] = tensor
        self.graph.initializer.append(tensor)

    def _known(self, name: str) -> Array | None:
        if name not in self.arrays and name in self.tensors:
            self.arrays[name] = onnx.numpy_helper.to_array(self.tensors[name])
        return self.arrays.get(name)

    def _fold(self, node: onnx.NodeProto) -> list[Array] | None:
        """The results of a node as constants; None where they are known at run time only."""
        if node.op_type in ("Shape", "Size") and not node.domain:
            return self._fold_shape(node)
        if node.domain not in ("", "ai.onnx") or node.op_type in NEVER_FOLDED:
            return None
        inputs = {name: self._known(name) for name in node.input if name}
        if any(array is None for array in inputs.values()) or self._is_large(node):
            return None
        return _evaluate(node, {n: a for n, a in inputs.items() if a is not None}, self.model.proto.opset_import)

    def _fold_shape(self, node: onnx.NodeProto) -> list[Array] | None:
        _, shape = self.types.get(node.input[0], (0, None))
        if shape is None:
            return None
        if node.op_type == "Size":
            return [np.array(int(np.prod(shape)), np.int64)]
        first, last = (_attribute(node, name) for name in ("start", "end"))
        return [np.array(shape[first:last], np.int64)]

    def _is_large(self, node: onnx.NodeProto) -> bool:
        shapes = [self.types.get(name, (0, None))[1] for name in node.output]
        return any(shape is not None and int(np.prod(shape)) > MOST_ELEMENTS for shape in shapes)

    def _inline(self, node: onnx.NodeProto) -> Iterable[onnx.NodeProto]:
        """The nodes of the branch that the constant condition takes."""
        condition = self._known(node.input[0])
        wanted = "then_branch" if condition is not None and bool(condition.reshape(-1)[0]) else "else_branch"
        branch = next(attribute.g for attribute in node.attribute if attribute.name == wanted)
        source = self.model.sources.get(node.output[0], Source())
        for tensor in branch.initializer:
            self.tensors[tensor.name] = tensor
            self.graph.initializer.append(tensor)
        for inner in branch.node:
            for output in inner.output:
                name = inner.name or inner.output[0]
                self.model.sources.setdefault(output, Source(inner.op_type, name, source.index))
            yield inner
        for outer, result in zip(node.output, branch.output, strict=True):
            yield onnx.helper.make_node("Identity", [result.name], [outer])


def _evaluate(
    node: onnx.NodeProto, inputs: dict[str, Array], opsets: Iterable[onnx.OperatorSetIdProto]
) -> list[Array] | None:
    """The node's results by onnx's reference implementation; None where that can't."""
    wanted = [name for name in node.output if name]
    graph = onnx.helper.make_graph(
        [node],
        "fold",
        [
            onnx.helper.make_tensor_value_info(n, onnx.helper.np_dtype_to_tensor_dtype(a.dtype), a.shape)
            for n, a in inputs.items()
        ],
        [onnx.ValueInfoProto(name=name) for name in wanted],
    )
    proto = onnx.helper.make_model(graph, opset_imports=list(opsets))
    try:
        results = onnx.reference.ReferenceEvaluator(proto).run(None, inputs)
    except Exception:  # whatever the reference trips over: the node stays, and the importer says what is wrong
        return None
    if not all(isinstance(result, np.ndarray | np.generic) for result in results):
        return None
    by_name = dict(zip(wanted, results, strict=True))
    return [np.asarray(by_name[name]) if name else np.zeros(0) for name in node.output]


def _attribute(node: onnx.NodeProto, name: str) -> int | None:
    return next((attribute.i for attribute in node.attribute if attribute.name == name), None)


def _constants_are_no_inputs(proto: onnx.ModelProto) -> None:
    """Files of IR version 3 list their weights as inputs; nobody overrides them at run time."""
    graph = proto.graph
    proto.ir_version = max(proto.ir_version, 4)
    constants = {tensor.name for tensor in graph.initializer}
    inputs = [value for value in graph.input if value.name not in constants]
    del graph.input[:]
    graph.input.extend(inputs)


def _drop_dead(graph: onnx.GraphProto) -> None:
    """Drop nodes and initializers that no output depends on."""
    needed = {value.name for value in graph.output}
    kept = []
    for node in reversed(graph.node):
        if needed.intersection(node.output):
            kept.append(node)
            needed.update(node.input)
            needed.update(_outer_names(node))
    del graph.node[:]
    graph.node.extend(reversed(kept))
    constants = [tensor for tensor in graph.initializer if tensor.name in needed]
    del graph.initializer[:]
    graph.initializer.extend(constants)


def _outer_names(node: onnx.NodeProto) -> set[str]:
    """Every name that the subgraphs of a node read: some are values of the graph around it."""
    names: set[str] = set()
    for attribute in node.attribute:
        for subgraph in (attribute.g, *attribute.graphs):
            for inner in subgraph.node:
                names.update(inner.input)
                names |= _outer_names(inner)
            names.update(value.name for value in subgraph.output)
    return names
