"""Finds the form in which `export` writes a Table, so that an exported Graph can be imported again.

QuantizeLinear(Gather(entries, Cast(x) + 128))   =>   Table(x)
"""

from __future__ import annotations

import onnx
import onnx.helper
import onnx.numpy_helper

from edgec.frontend.load import Model
from edgec.frontend.shapes import value_types

OWN_DOMAIN = "edgec"
ENTRIES, SHIFT = 256, 128


def rewrite_tables(model: Model) -> None:
    """Replace each such chain by a node `Table` of the domain "edgec": inputs x, scale, zero point, entries.

    Not done when a value within the chain has a second reader, or x is not int8.
    """
    graph = model.proto.graph
    types = value_types(graph)
    tensors = {tensor.name: tensor for tensor in graph.initializer}
    makers = {output: node for node in graph.node for output in node.output}
    reads: dict[str, int] = {}
    for name in (*(name for node in graph.node for name in node.input), *(value.name for value in graph.output)):
        reads[name] = reads.get(name, 0) + 1
    gone: set[str] = set()
    for node in graph.node:
        chain = _chain(node, makers)
        if chain is None or any(reads[inner.output[0]] > 1 for inner in chain[:-1]):
            continue
        cast, add, gather, quantize = chain
        entries, shift = tensors.get(gather.input[0]), tensors.get(add.input[1])
        if entries is None or shift is None or list(entries.dims) != [ENTRIES]:
            continue
        x = types.get(cast.input[0], (0, None))[0]
        if x != onnx.TensorProto.INT8 or int(onnx.numpy_helper.to_array(shift).reshape(-1)[0]) != SHIFT:
            continue
        inputs = [cast.input[0], *quantize.input[1:3], gather.input[0]]
        gone.update(inner.output[0] for inner in chain[:-1])
        output, name = quantize.output[0], gather.name
        quantize.CopyFrom(onnx.helper.make_node("Table", inputs, [output], name=name, domain=OWN_DOMAIN))
        model.sources[output] = model.sources.get(gather.output[0], model.sources[output])
    kept = [node for node in graph.node if node.output[0] not in gone]
    if gone:
        copies = [onnx.NodeProto.FromString(node.SerializeToString()) for node in kept]
        del graph.node[:]
        graph.node.extend(copies)


def _chain(node: onnx.NodeProto, makers: dict[str, onnx.NodeProto]) -> list[onnx.NodeProto] | None:
    """[Cast, Add, Gather, QuantizeLinear] that ends in `node`."""
    chain = [node]
    steps = (("QuantizeLinear", 0), ("Gather", 1), ("Add", 0), ("Cast", 0))
    for op, position in steps:
        last = chain[-1]
        if last.op_type != op or len(last.input) <= position or (op == "QuantizeLinear" and len(last.input) < 3):
            return None
        if op != "Cast":
            if last.input[position] not in makers:
                return None
            chain.append(makers[last.input[position]])
    return chain[::-1]
