"""The .tflite file of a Graph: its tensors, constants and operators.

Takes a Graph as scheduled (docs/architecture.md), whose form is near TensorFlow Lite's: NHWC, weights (O, KH, KW, I),
int32 biases. The schema is the one that LiteRT's own package brings, which is only needed here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from edgec.frontend.tflite.operators import WRITERS
from edgec.frontend.tflite.rules import refuse
from edgec.ir import Array, DType, Graph, Node, QuantParams, Value

FILE_IDENTIFIER, SCHEMA_VERSION = b"TFL3", 3
UINT8_SHIFT = 128
# Of operators that take int8 from a later version of theirs on.
VERSIONS = {"CONV_2D": 3, "DEPTHWISE_CONV_2D": 3, "FULLY_CONNECTED": 5, "LOG_SOFTMAX": 2}
VERSIONS |= dict.fromkeys(("ADD", "SUB", "MUL", "MAX_POOL_2D", "AVERAGE_POOL_2D", "MEAN", "SOFTMAX"), 2)
VERSIONS |= dict.fromkeys(("CONCATENATION", "PAD", "PADV2", "STRIDED_SLICE", "TRANSPOSE", "DEQUANTIZE", "QUANTIZE"), 2)


@dataclass(frozen=True)
class TfliteModel:
    """The bytes of a .tflite file; where `unsigned`, its 8-bit values are uint8, 128 above the Graph's."""

    data: bytes
    unsigned: bool


def export_tflite(graph: Graph) -> TfliteModel:
    """A .tflite file of a Graph as scheduled.

    Weights with a zero point of their own make it a file of uint8 values: int8 weights have none there. Raises
    UnsupportedError that names the operator for what TensorFlow Lite has not, or not so.
    """
    unsigned = any(has_zero_point(node) for node in graph.nodes)
    writer = Writer(unsigned)
    inputs = [writer.tensor(value) for value in graph.inputs]
    for node in graph.nodes:
        if node.op.name not in WRITERS:
            raise refuse(node, "it is not among those that edgec writes")
        if unsigned and any(per_channel(value) for value in node.inputs):
            raise refuse(node, "uint8 weights have one scale, and these have one a channel")
        WRITERS[node.op.name](writer, node)
    outputs = [writer.tensor(value) for value in graph.outputs]
    return TfliteModel(writer.pack(graph.name, inputs, outputs), unsigned)


def has_zero_point(node: Node) -> bool:
    """A layer whose weights are not symmetric."""
    weights = node.inputs[1] if node.op.name in ("Conv", "Gemm") else None
    return weights is not None and weights.type.quant is not None and any(weights.type.quant.zero_point)


def per_channel(value: Value) -> bool:
    return value.type.quant is not None and value.type.quant.axis is not None


@cache
def schema() -> Any:
    """The module with TensorFlow Lite's types; they are not known to type checkers."""
    from ai_edge_litert import schema_py_generated

    return schema_py_generated


class Writer:
    """Tensors, operators and constants so far."""

    def __init__(self, unsigned: bool) -> None:
        self.shift = UINT8_SHIFT if unsigned else 0
        self.tensors: list[Any] = []
        self.operators: list[Any] = []
        self.codes: list[str] = []
        self.buffers: list[Any] = [schema().BufferT()]  # the first is empty, for what is computed
        self.known: dict[Value, int] = {}

    def tensor(self, value: Value) -> int:
        """Index of a value of the Graph."""
        if value not in self.known:
            data = None if value.data is None else self.stored(value.data)
            self.known[value] = self.new(value.name, value.type.shape, value.type.dtype, value.type.quant, data)
        return self.known[value]

    def stored(self, data: Array) -> Array:
        """A constant as the file holds it."""
        if data.dtype != np.int8 or not self.shift:
            return data
        return (data.astype(np.int16) + self.shift).astype(np.uint8)

    def new(
        self, name: str, shape: Sequence[int], dtype: DType, quant: QuantParams | None = None, data: Array | None = None
    ) -> int:
        """A tensor that the Graph does not have in this form; `data` as stored, of constants."""
        types, buffer = schema().TensorType, 0
        kinds = {DType.S8: types.UINT8 if self.shift else types.INT8, DType.S32: types.INT32, DType.F32: types.FLOAT32}
        if data is not None:
            buffer = len(self.buffers)
            self.buffers.append(schema().BufferT(data=np.ascontiguousarray(data).reshape(-1).view(np.uint8)))
        parameters = None
        if quant is not None:
            shift = self.shift if dtype is DType.S8 else 0
            points = [point + shift for point in quant.zero_point]
            parameters = schema().QuantizationParametersT(
                scale=list(quant.scale), zeroPoint=points, quantizedDimension=quant.axis or 0
            )
        self.tensors.append(
            schema().TensorT(shape=list(shape), type=kinds[dtype], buffer=buffer, name=name, quantization=parameters)
        )
        return len(self.tensors) - 1

    def between(self, node: Node, what: str, shape: Sequence[int], quant: QuantParams) -> int:
        """An int8 value on the way to the node's own."""
        return self.new(f"{node.name}/{what}", shape, DType.S8, quant)

    def integers(self, node: Node, what: str, values: Sequence[int] | Array) -> int:
        """A constant list or matrix of int32: shapes, axes, paddings."""
        data = np.asarray(values, np.int32)
        return self.new(f"{node.name}/{what}", data.shape, DType.S32, None, data)

    def add(self, name: str, inputs: Sequence[int], output: int, kind: str = "", **options: Any) -> None:
        """An operator by the schema's name; `kind`: what its options are called there, and the options."""
        if name not in self.codes:
            self.codes.append(name)
        made = getattr(schema(), f"{kind}T")(**options) if kind else None
        self.operators.append(
            schema().OperatorT(
                opcodeIndex=self.codes.index(name),
                inputs=list(inputs),
                outputs=[output],
                builtinOptionsType=getattr(schema().BuiltinOptions, kind) if kind else 0,
                builtinOptions=made,
            )
        )

    def pack(self, name: str, inputs: Sequence[int], outputs: Sequence[int]) -> bytes:
        """The file."""
        import flatbuffers

        codes = [self.code(operator) for operator in self.codes]
        subgraph = schema().SubGraphT(
            name=name, tensors=self.tensors, operators=self.operators, inputs=list(inputs), outputs=list(outputs)
        )
        model = schema().ModelT(
            version=SCHEMA_VERSION, operatorCodes=codes, subgraphs=[subgraph], buffers=self.buffers, description="edgec"
        )
        builder = flatbuffers.Builder(sum(len(buffer.data) for buffer in self.buffers[1:]) + 1024)
        builder.Finish(model.Pack(builder), FILE_IDENTIFIER)
        return bytes(builder.Output())

    def code(self, name: str) -> Any:
        """What operators of a kind refer to. Old readers take the number from a field of one byte."""
        number = getattr(schema().BuiltinOperator, name)
        version = VERSIONS.get(name, 1)
        return schema().OperatorCodeT(builtinCode=number, deprecatedBuiltinCode=min(number, 127), version=version)
