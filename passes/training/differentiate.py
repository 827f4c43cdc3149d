"""Reverse-mode differentiation of a float Graph: each operator's `grad`, last node first, summed at fan-out."""

from __future__ import annotations

from collections.abc import Sequence

from edgec.errors import UnsupportedError
from edgec.ir import Graph, Port, Value
from edgec.ops.backward import binary


def differentiate(graph: Graph, output: Value, wanted: Sequence[Value]) -> list[Value]:
    """Append the backward nodes; the gradients of `wanted`, which become outputs of the graph.

    The gradient of `output` becomes a new input of the graph, named `gradient_<output>`. Raises UnsupportedError that
    lists every operator on the way that has no gradient.
    """
    seed = Value(graph.unique_name(f"gradient_{output.name}"), output.type)
    graph.inputs.append(seed)
    graph.input_ports.append(Port(seed.name, "float32", seed.type.shape))
    gradients: dict[int, Value] = {id(output): seed}
    forward = list(graph.nodes)
    needed = depends_on(graph, wanted)
    reached = [node for node in forward if any(id(value) in needed for value in node.inputs)]
    missing = [str(node.source) for node in reached if node.op.grad is None]
    if missing:
        raise UnsupportedError(f"{len(missing)} nodes have no gradient", where="\n".join(missing))
    for node in reversed(reached):
        if id(node.output) not in gradients or node.op.grad is None:
            continue
        for value, gradient in zip(node.inputs, node.op.grad(graph, node, [gradients[id(node.output)]]), strict=True):
            if gradient is None or value.is_constant:
                continue
            known = gradients.get(id(value))
            gradients[id(value)] = gradient if known is None else binary(graph, "Add", known, gradient)
    results = [gradients[id(value)] for value in wanted]
    graph.outputs.extend(results)
    graph.output_ports.extend(Port(value.name, "float32", value.type.shape) for value in results)
    return results


def depends_on(graph: Graph, roots: Sequence[Value]) -> set[int]:
    """ids of the values that are computed from `roots`, these included."""
    reached = {id(value) for value in roots}
    for node in graph.nodes:
        if any(id(value) in reached for value in node.inputs):
            reached |= {id(value) for value in node.outputs}
    return reached
