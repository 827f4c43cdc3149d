"""CheckInt8: what is still float32 after all passes is reported, all at once."""

from __future__ import annotations

from dataclasses import dataclass

from edgec.errors import UnsupportedError
from edgec.ir import DType, Graph, Node, Value
from edgec.passes.base import Pass
from edgec.passes.integer_inputs import BINARY, UNARY, WEIGHTED, end_of_chain, integer_inputs
from edgec.passes.wiring import Wiring, is_op
from edgec.target import Target


@dataclass(frozen=True)
class CheckInt8(Pass):
    """Raise UnsupportedError that lists every node and input that is not int8.

    Allowed besides int8 are the s32 of ArgMax and a float32 Softmax or LogSoftmax that is a graph output.
    """

    def run(self, graph: Graph, target: Target) -> bool:
        wiring = Wiring(graph)
        lines = [
            f"input {value.name!r} is read as float32: no QuantizeLinear, or several with different parameters"
            for value in graph.inputs
            if value.type.dtype is DType.F32 and not is_behind_real(wiring, value)
        ]
        left = [node for node in graph.nodes if not is_integer(wiring, node)]
        blamed = [node for node in left if not is_op(node, "QuantizeLinear", "DequantizeLinear")] or left
        lines += [
            f"{node.source} (node {node.source.index + 1} of {graph.node_count}) {reason(wiring, node)}"
            for node in blamed
        ]
        if lines:
            raise UnsupportedError(
                f"{graph.name} is not int8 throughout: {len(lines)} place{'s' * (len(lines) > 1)}",
                where="\n".join(lines),
                help="quantise the whole network: give the float model with --data, "
                "or QuantizeLinear and DequantizeLinear around each of these",
            )
        return False


def is_integer(wiring: Wiring, node: Node) -> bool:
    """Whether a node computes on integers, or is an output's float32 Softmax."""
    types = [value.type.dtype for value in node.outputs]
    if is_op(node, "QuantizeLinear", "DequantizeLinear") or any(v.type.dtype is DType.F32 for v in node.inputs):
        return False
    if DType.F32 not in types:
        return True
    return is_op(node, "Softmax", "LogSoftmax") and wiring.is_output(node.output)


def is_behind_real(wiring: Wiring, value: Value) -> bool:
    """The readers of this input are reported themselves."""
    return any(not is_op(user, "QuantizeLinear") for user in wiring.users(value)) or not wiring.is_read(value)


def reason(wiring: Wiring, node: Node) -> str:
    """Why `node` is not an integer operator, as the end of a sentence."""
    if is_op(node, "QuantizeLinear"):
        return f"quantises {node.inputs[0].name!r} once more, with other parameters"
    if is_op(node, "DequantizeLinear"):
        readers = ", ".join(str(user.source) for user in wiring.users(node.output)) or "nobody"
        return f"gives the float32 {node.output.name!r}, read by {readers}"
    if node.op.name in (*UNARY, *BINARY, *WEIGHTED):
        inputs = integer_inputs(wiring, node)
        if isinstance(inputs, str):
            return inputs
    chain, end = end_of_chain(wiring, node)
    if end is None:
        value = (chain[-1] if chain else node).output
        after = [str(user.source) for user in wiring.users(value)] + ["the model's output"] * wiring.is_output(value)
        return f"-> {', '.join(after)}: {value.name!r} is not quantised"
    return f"computes {node.output.name!r} in float32 from {', '.join(repr(v.name) for v in node.inputs)}"
