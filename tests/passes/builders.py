"""Builds small graphs "as imported" for tests: a value a line, types inferred."""

from __future__ import annotations

import numpy as np

from edgec.ir import Array, DType, Graph, Node, Port, QuantParams, Source, TensorType, Value
from edgec.ops import get_op
from edgec.ops.base import NoAttrs
from edgec.passes.base import Pass
from edgec.target import Core, Target

HOST = Target("host", "host", Core("host", "host", True, False, False, True, (), "", "", None), (), 0, None, None)
DTYPES = {np.dtype(np.float32): DType.F32, np.dtype(np.int8): DType.S8, np.dtype(np.int32): DType.S32}
Q = QuantParams.per_tensor


class Builder:
    """Collects nodes; `graph(outputs)` gives the verified Graph."""

    def __init__(self) -> None:
        self.inputs: list[Value] = []
        self.ports: list[Port] = []
        self.nodes: list[Node] = []

    def input(self, name: str, *shape: int, quant: QuantParams | None = None) -> Value:
        """A graph input: int8 when it has a quantisation, else float32."""
        value = Value(name, TensorType(DType.S8 if quant else DType.F32, shape, quant))
        self.inputs.append(value)
        self.ports.append(Port(name, "int8" if quant else "float32", shape))
        return value

    def constant(self, name: str, data: Array, quant: QuantParams | None = None) -> Value:
        return Value(name, TensorType(DTYPES[data.dtype], data.shape, quant), data)

    def node(self, op: str, *inputs: Value, attrs: object = NoAttrs(), quant: QuantParams | None = None) -> Value:
        """A node, its name and that of its result made of operator and number; `quant` is that of an int8 result."""
        definition = get_op(op)
        (inferred,) = definition.infer(attrs, [value.type for value in inputs])
        if quant is None and inferred.dtype is DType.S8:
            quant = inputs[0].type.quant
        index = len(self.nodes)
        result = Value(f"{op.lower()}{index}_y", TensorType(inferred.dtype, inferred.shape, quant))
        node = Node(
            definition, f"{op.lower()}{index}", list(inputs), [result], attrs, Source(op, f"{op}_{index}", index)
        )
        self.nodes.append(node)
        return result

    def quantize(self, x: Value, scale: float, zero_point: int) -> Value:
        return self.node("QuantizeLinear", x, quant=Q(scale, zero_point))

    def dequantize(self, x: Value) -> Value:
        return self.node("DequantizeLinear", x)

    def qdq(self, x: Value, scale: float = 0.05, zero_point: int = 3) -> Value:
        """x through int8 and back."""
        return self.dequantize(self.quantize(x, scale, zero_point))

    def weights(self, name: str, *shape: int, seed: int = 0, axis: int | None = 0) -> Value:
        """DequantizeLinear of random int8 weights, one scale for each index of `axis`."""
        rng = np.random.default_rng(seed)
        data = rng.integers(-127, 128, shape).astype(np.int8)
        if axis is None:
            quant = Q(0.01, 0)
        else:
            scales = rng.uniform(0.005, 0.02, shape[axis]).astype(np.float32)
            quant = QuantParams(tuple(map(float, scales)), (0,) * shape[axis], axis)
        return self.dequantize(self.constant(name, data, quant))

    def graph(self, *outputs: Value) -> Graph:
        dtypes = {DType.F32: "float32", DType.S8: "int8", DType.S32: "int64"}
        ports = [Port(value.name, dtypes[value.type.dtype], value.type.shape) for value in outputs]
        result = Graph("test", self.inputs, list(outputs), self.nodes, self.ports, ports, 17, len(self.nodes))
        result.verify()
        return result


def run_pass(step: Pass, graph: Graph) -> bool:
    """Run one pass and verify what it leaves."""
    changed = step.run(graph, HOST)
    graph.verify()
    return changed


def ops(graph: Graph) -> list[str]:
    """The operators in execution order."""
    return [node.op.name for node in graph.nodes]


def find(graph: Graph, op: str) -> Node:
    """The only node of that operator."""
    (node,) = [node for node in graph.nodes if node.op.name == op]
    return node


def floats(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)
