"""What an importer of one ONNX node works with: the values so far, the constants, and ways to add Graph nodes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
import onnx.numpy_helper

from edgec.errors import InternalError, ModelError, UnsupportedError
from edgec.frontend.load import Model
from edgec.frontend.node import OnnxNode
from edgec.frontend.shapes import value_types
from edgec.ir import Array, DType, Graph, Node, QuantParams, TensorType, Value
from edgec.ops import get_op
from edgec.ops.base import NoAttrs, QuantRule
from edgec.ops.movement import ReshapeAttrs, TransposeAttrs
from edgec.ops.numbers import dequantize

UINT8_SHIFT = 128  # the Graph knows int8 only: values and zero points of uint8 are shifted by this
TENSOR = onnx.TensorProto
DTYPES: Mapping[int, DType] = {
    TENSOR.FLOAT: DType.F32,
    TENSOR.INT8: DType.S8,
    TENSOR.UINT8: DType.S8,
    TENSOR.INT32: DType.S32,
    TENSOR.INT64: DType.S32,
}


class Context:
    """The Graph that is being built. ONNX names are bound to Graph values with `bind`."""

    def __init__(self, model: Model, name: str) -> None:
        self.model = model
        self.graph = Graph(name, opset=model.opset, node_count=model.node_count)
        self.types = value_types(model.proto.graph)
        self.tensors = {tensor.name: tensor for tensor in model.proto.graph.initializer}
        self.values: dict[str, Value] = {}
        self.fixed: set[str] = set()  # values that depend on constants only
        self.producers: dict[Value, Node] = {}
        self.names: set[str] = set()

    # Reading.

    def shape(self, name: str) -> tuple[int, ...]:
        """Static shape of an ONNX value; an UnsupportedError where it is known at run time only."""
        if name in self.values:
            return self.values[name].type.shape
        return self.onnx_shape(name)

    def onnx_shape(self, name: str) -> tuple[int, ...]:
        """The shape that ONNX infers, e.g. of an output that is not built yet."""
        _, shape = self.types.get(name, (0, None))
        if shape is None:
            raise UnsupportedError(f"the shape of {name!r} is known at run time only")
        return shape

    def is_uint8(self, name: str) -> bool:
        return self.types.get(name, (0, None))[0] == TENSOR.UINT8

    def array(self, node: OnnxNode, index: int) -> Array | None:
        """A constant input as numpy, dequantised where the file stores integers with a scale; None: not constant."""
        name = node.input(index)
        if name in self.tensors:
            return onnx.numpy_helper.to_array(self.tensors[name])
        if name in self.fixed and name in self.values:
            return self._computed(self.values[name])
        return None

    def _computed(self, value: Value) -> Array | None:
        node = self.producers.get(value)
        if value.data is None and node is not None and node.op.name == "DequantizeLinear":
            x = node.inputs[0]
            return dequantize(x.array, quant_of(x)) if x.is_constant else None
        return value.data

    def constant_input(self, node: OnnxNode, index: int, what: str) -> Array:
        """A constant input; an UnsupportedError that names `what` where it is computed at run time."""
        array = self.array(node, index)
        if array is None:
            raise UnsupportedError(f"{what} computed at run time")
        return array

    def value(self, node: OnnxNode, index: int) -> Value:
        """The Graph value of an input, int8 or float32 as the file has it."""
        name = node.input(index)
        if name not in self.values and name in self.tensors:
            self.values[name] = self.constant(name, onnx.numpy_helper.to_array(self.tensors[name]))
        return self.values[name]

    def real(self, node: OnnxNode, index: int) -> Value:
        """The float32 value of an input; integers without a scale are refused."""
        value = self.value(node, index)
        if value.type.dtype is not DType.F32:
            raise UnsupportedError(f"input {node.input(index)!r} is {value.type.dtype.value}, not float32")
        return value

    def weights(self, node: OnnxNode, index: int) -> Value:
        """A float32 input that is constant, or DequantizeLinear of a constant."""
        if node.input(index) not in self.fixed and node.input(index) not in self.tensors:
            raise UnsupportedError(f"input {node.input(index)!r} has to be constant")
        return self.real(node, index)

    # Writing.

    def unique(self, name: str) -> str:
        """`name`, or `name_1`, `name_2` ... where it is taken."""
        found, count = name, 0
        while found in self.names:
            count += 1
            found = f"{name}_{count}"
        self.names.add(found)
        return found

    def bind(self, name: str, value: Value) -> None:
        self.values[name] = value

    def constant(self, name: str, array: Array, quant: QuantParams | None = None) -> Value:
        """A constant value; uint8 is shifted to int8, float16 and float64 become float32, int64 int32."""
        kinds = {"f": np.float32, "i": np.int32, "b": np.int32}
        if array.dtype == np.uint8:
            array = (array.astype(np.int16) - UINT8_SHIFT).astype(np.int8)
        elif array.dtype != np.int8:
            if array.dtype.kind not in kinds:
                raise UnsupportedError(f"constant {name!r} is {array.dtype}")
            array = array.astype(kinds[array.dtype.kind])
        dtype = {"int8": DType.S8, "int32": DType.S32, "float32": DType.F32}[array.dtype.name]
        return Value(self.unique(name), TensorType(dtype, tuple(array.shape), quant), array)

    def emit(
        self,
        node: OnnxNode,
        op: str,
        inputs: Sequence[Value],
        attrs: Any = None,
        *,
        output: str = "",
        hint: str = "",
        quant: QuantParams | None = None,
        type: TensorType | None = None,
    ) -> Value:
        """Add a Graph node with one result.

        `output` is the ONNX value that the result is; without, the result is a step on the way and gets `hint` in its
        name. `quant` is the quantisation of an int8 result (movement keeps its input's).
        """
        definition = get_op(op)
        attrs = NoAttrs() if attrs is None else attrs
        inferred = type or definition.infer(attrs, [value.type for value in inputs])[0]
        if definition.quant is QuantRule.SAME:
            quant = inputs[0].type.quant
        if inferred.dtype is DType.S8 and quant is None and type is None:
            raise UnsupportedError("computes with int8 values that have no scale")
        inferred = inferred if quant is None else inferred.with_quant(quant)
        base = node.source.name or node.output
        value = Value(self.unique(output or f"{node.output}/{hint}"), inferred)
        name = self.unique(f"{base}/{hint}" if hint else base)
        self.producers[value] = Node(definition, name, list(inputs), [value], attrs, node.source)
        self.graph.nodes.append(self.producers[value])
        if output:
            self.bind(output, value)
        return value

    def transpose(self, node: OnnxNode, x: Value, perm: Sequence[int], *, output: str = "", hint: str = "") -> Value:
        """Transpose; a float constant is transposed at once, nothing happens where `perm` is the identity."""
        perm = tuple(perm)
        if perm == tuple(range(len(perm))) and not output:
            return x
        if x.data is not None and x.type.quant is None:
            return self._constant_result(x.data.transpose(perm), x, output, hint)
        return self.emit(node, "Transpose", [x], TransposeAttrs(perm), output=output, hint=hint)

    def reshape(self, node: OnnxNode, x: Value, shape: Sequence[int], *, output: str = "", hint: str = "") -> Value:
        """Reshape; a float constant is reshaped at once, nothing happens where the shape is the same."""
        shape = tuple(int(size) for size in shape)
        if shape == x.type.shape and not output:
            return x
        if x.data is not None and x.type.quant is None:
            return self._constant_result(x.data.reshape(shape), x, output, hint)
        if int(np.prod(shape)) != x.type.elements:
            raise ModelError(
                f"{node.source} reshapes {list(x.type.shape)} to {list(shape)}", where=self.model.place(node.source)
            )
        return self.emit(node, "Reshape", [x], ReshapeAttrs(shape), output=output, hint=hint)

    def _constant_result(self, array: Array, x: Value, output: str, hint: str) -> Value:
        value = self.constant(output or f"{x.name}/{hint}", np.ascontiguousarray(array) if array.ndim else array)
        if output:
            self.bind(output, value)
        return value

    def to_nhwc(self, node: OnnxNode, x: Value) -> Value:
        """(N, C, H, W) or (N, C, W) -> (N, H, W, C), H = 1 where there was none."""
        rank = len(x.type.shape)
        if rank == 3:
            n, c, w = x.type.shape
            x = self.reshape(node, x, (n, c, 1, w), hint="2d")
        elif rank != 4:
            raise UnsupportedError(f"takes 1-D and 2-D feature maps, input is {list(x.type.shape)}")
        return self.transpose(node, x, (0, 2, 3, 1), hint="nhwc")

    def from_nhwc(self, node: OnnxNode, y: Value, rank: int, *, output: str) -> Value:
        """(N, H, W, C) -> the model's own layout of that rank, as ONNX value `output`."""
        if rank == 4:
            return self.transpose(node, y, (0, 3, 1, 2), output=output, hint="nchw")
        y = self.transpose(node, y, (0, 3, 1, 2), hint="nchw")
        n, c, _, w = y.type.shape
        return self.reshape(node, y, (n, c, w), output=output, hint="1d")


def quant_of(value: Value) -> QuantParams:
    """The quantisation of a value of integers; an InternalError where it has none."""
    if value.type.quant is None:
        raise InternalError(f"value {value.name!r} has no quantisation")
    return value.type.quant
