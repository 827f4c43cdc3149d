"""The Graph: what a network computes, as typed values and nodes in execution order.

Shapes are static with batch 1. After import, feature maps are NHWC and quantised activations are int8.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from edgec.errors import InternalError

if TYPE_CHECKING:
    from edgec.ops.base import OpDef

Array = npt.NDArray[Any]


class DType(enum.Enum):
    """Element types; the value is the short name used in text and in C kernel names."""

    S8 = "s8"
    S32 = "s32"
    F32 = "f32"

    @property
    def bytes(self) -> int:
        return 1 if self is DType.S8 else 4

    @property
    def numpy(self) -> np.dtype[Any]:
        return np.dtype({"s8": np.int8, "s32": np.int32, "f32": np.float32}[self.value])


@dataclass(frozen=True, slots=True)
class QuantParams:
    """real = scale * (q - zero_point); one entry a tensor, or one a slice along `axis`.

    Scales hold float32 values exactly (ONNX stores float32), as Python floats.
    """

    scale: tuple[float, ...]
    zero_point: tuple[int, ...]
    axis: int | None = None

    @staticmethod
    def per_tensor(scale: float, zero_point: int) -> QuantParams:
        return QuantParams((float(np.float32(scale)),), (int(zero_point),))

    @property
    def scalar(self) -> tuple[np.float32, int]:
        """(scale, zero_point) of a per-tensor quantisation."""
        if self.axis is not None:
            raise InternalError("per-axis quantisation where a per-tensor one is needed")
        return np.float32(self.scale[0]), self.zero_point[0]

    def __str__(self) -> str:
        if self.axis is None:
            return f"q({self.scale[0]:.9g}, {self.zero_point[0]})"
        return f"q[{len(self.scale)}]@{self.axis}"


@dataclass(frozen=True, slots=True)
class TensorType:
    """Element type, static shape and, for integers that stand for reals, the quantisation."""

    dtype: DType
    shape: tuple[int, ...]
    quant: QuantParams | None = None

    @property
    def elements(self) -> int:
        return math.prod(self.shape)

    @property
    def bytes(self) -> int:
        return self.elements * self.dtype.bytes

    @property
    def rows(self) -> int:
        """Rows that kernels walk over: the H of NHWC; tensors of rank 1 and 2 are one row."""
        return self.shape[1] if len(self.shape) > 2 else 1

    @property
    def row_elements(self) -> int:
        return self.elements // max(1, self.rows)

    def with_quant(self, quant: QuantParams | None) -> TensorType:
        return TensorType(self.dtype, self.shape, quant)

    def with_shape(self, shape: Sequence[int]) -> TensorType:
        return TensorType(self.dtype, tuple(int(d) for d in shape), self.quant)

    def __str__(self) -> str:
        quant = f" {self.quant}" if self.quant else ""
        return f"{self.dtype.value}[{','.join(map(str, self.shape))}]{quant}"


@dataclass(eq=False, slots=True)
class Value:
    """A tensor that flows between nodes; `data` is set for constants (weights, tables)."""

    name: str
    type: TensorType
    data: Array | None = None

    @property
    def is_constant(self) -> bool:
        return self.data is not None

    @property
    def array(self) -> Array:
        """The data of a constant; an error where the value is computed at run time."""
        if self.data is None:
            raise InternalError(f"value {self.name!r} is not a constant")
        return self.data


@dataclass(frozen=True, slots=True)
class Source:
    """The ONNX node that a node came from: survives every pass, printed in errors, C and reports."""

    op: str = ""
    name: str = ""
    index: int = -1  # position in the ONNX file, from 0

    @property
    def short(self) -> str:
        """The name; of a long one (TensorFlow joins the names of all it fused) the beginning and the end."""
        return self.name if len(self.name) <= 72 else f"{self.name[:24]}...{self.name[-45:]}"

    def __str__(self) -> str:
        return f"{self.op} {self.short!r}" if self.op else repr(self.short)


@dataclass(eq=False, slots=True)
class Node:
    """One operation: `attrs` is an instance of the op's own frozen attribute class."""

    op: OpDef[Any]
    name: str
    inputs: list[Value]
    outputs: list[Value]
    attrs: Any
    source: Source = Source()

    @property
    def output(self) -> Value:
        return self.outputs[0]

    def __str__(self) -> str:
        return f"{self.op.name} {self.name!r}"


@dataclass(frozen=True, slots=True)
class Port:
    """How the model's own file sees an input or output: what samples look like and users expect.

    `perm` takes the model's own layout to the Graph's (None: the same); the Graph's value of the same
    position holds the quantised, permuted, reshaped form.
    """

    name: str
    dtype: str  # numpy name: float32, int8, uint8, int64
    shape: tuple[int, ...]
    perm: tuple[int, ...] | None = None
    offset: int = 0  # added to an integer of the model to get the Graph's (uint8 -> int8: -128)


@dataclass(frozen=True, slots=True)
class Removed:
    """What a pass took out of one layer of the model as given: output channels, MACs and bytes of weights and bias."""

    name: str
    channels_before: int
    channels_after: int
    macs: int
    weights: int


@dataclass(eq=False)
class Graph:
    """A network: inputs, outputs and nodes in execution order."""

    name: str
    inputs: list[Value] = field(default_factory=list)
    outputs: list[Value] = field(default_factory=list)
    nodes: list[Node] = field(default_factory=list)
    input_ports: list[Port] = field(default_factory=list)
    output_ports: list[Port] = field(default_factory=list)
    opset: int = 0
    node_count: int = 0  # nodes of the ONNX file, for error texts
    removed: list[Removed] = field(default_factory=list)  # work of the model that passes found unnecessary

    def producer(self, value: Value) -> Node | None:
        """The node that computes `value`, or None for inputs and constants."""
        return next((node for node in self.nodes if value in node.outputs), None)

    def users(self, value: Value) -> list[Node]:
        """The nodes that read `value`, each once."""
        return [node for node in self.nodes if value in node.inputs]

    def is_output(self, value: Value) -> bool:
        return any(value is output for output in self.outputs)

    def replace(self, old: Value, new: Value) -> None:
        """Let every reader of `old`, graph outputs included, read `new`."""
        for node in self.nodes:
            node.inputs = [new if value is old else value for value in node.inputs]
        self.outputs = [new if value is old else value for value in self.outputs]

    def insert_before(self, node: Node, *new: Node) -> None:
        at = self.nodes.index(node)
        self.nodes[at:at] = list(new)

    def insert_after(self, node: Node, *new: Node) -> None:
        at = self.nodes.index(node) + 1
        self.nodes[at:at] = list(new)

    def remove(self, node: Node) -> None:
        """Take out a node whose outputs nobody reads any more."""
        for value in node.outputs:
            if self.is_output(value) or self.users(value):
                raise InternalError(f"{node} is removed while {value.name!r} is still read")
        self.nodes.remove(node)

    def unique_name(self, base: str) -> str:
        """`base`, or `base_1`, `base_2` ... when a value or node has that name already."""
        used = {value.name for value in self.values()} | {node.name for node in self.nodes}
        name, count = base, 0
        while name in used:
            count += 1
            name = f"{base}_{count}"
        return name

    def values(self) -> Iterator[Value]:
        """Every value once: inputs, constants where first read, then what nodes compute."""
        seen: set[int] = set()
        for value in [*self.inputs, *(v for n in self.nodes for v in (*n.inputs, *n.outputs)), *self.outputs]:
            if id(value) not in seen:
                seen.add(id(value))
                yield value

    def verify(self) -> None:
        """Raise InternalError unless order, names, types and attributes are consistent."""
        known: set[int] = {id(value) for value in self.inputs}
        for node in self.nodes:
            if not isinstance(node.attrs, node.op.attrs):
                raise InternalError(f"{node} has attributes of {type(node.attrs).__name__}")
            for value in node.inputs:
                if not value.is_constant and id(value) not in known:
                    raise InternalError(f"{node} reads {value.name!r} before it is computed")
            types = node.op.infer(node.attrs, [value.type for value in node.inputs])
            if len(types) != len(node.outputs):
                raise InternalError(f"{node} has {len(node.outputs)} outputs, its rule gives {len(types)}")
            for value, inferred in zip(node.outputs, types, strict=True):
                if id(value) in known:
                    raise InternalError(f"{node} computes {value.name!r} a second time")
                if value.type.shape != inferred.shape:
                    raise InternalError(f"{node}: {value.name!r} is {value.type}, its rule gives {inferred}")
                known.add(id(value))
            node.op.check_quant(node)
        for value in self.outputs:
            if not value.is_constant and id(value) not in known:
                raise InternalError(f"output {value.name!r} is never computed")
        for value in self.values():
            if value.data is not None and tuple(value.data.shape) != value.type.shape:
                raise InternalError(f"constant {value.name!r} has data of another shape than {value.type}")

    def to_text(self) -> str:
        """The graph as text, one node a line, stable from run to run."""
        lines = [f"graph {self.name}"]
        lines += [f"  input %{value.name}: {value.type}" for value in self.inputs]
        for node in self.nodes:
            arguments = ", ".join(
                f"{'@' if value.is_constant else '%'}{value.name}: {value.type}"
                if value.is_constant
                else f"%{value.name}"
                for value in node.inputs
            )
            attributes = ", ".join(f"{f.name}={getattr(node.attrs, f.name)!r}" for f in fields(node.attrs))
            results = ", ".join(f"%{value.name}: {value.type}" for value in node.outputs)
            lines.append(f"  {results} = {node.op.name}({arguments}) {{{attributes}}}")
        lines += [f"  output %{value.name}" for value in self.outputs]
        return "\n".join(lines) + "\n"
