"""A node of the ONNX file with typed access to its attributes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import onnx

from edgec.ir import Source


@dataclass(frozen=True)
class OnnxNode:
    """`opset` is that of the node as it stands now (after conversion), `source` where it came from."""

    proto: onnx.NodeProto
    source: Source
    opset: int

    @property
    def op_type(self) -> str:
        return str(self.proto.op_type)

    @property
    def output(self) -> str:
        """Name of the first output."""
        return str(self.proto.output[0])

    def input(self, index: int) -> str:
        """Name of an input; empty where an optional one is left out."""
        return str(self.proto.input[index]) if index < len(self.proto.input) else ""

    def has_input(self, index: int) -> bool:
        return bool(self.input(index))

    def has(self, name: str) -> bool:
        return self._attribute(name) is not None

    def integer(self, name: str, default: int) -> int:
        attribute = self._attribute(name)
        return default if attribute is None else attribute.i

    def number(self, name: str, default: float) -> float:
        attribute = self._attribute(name)
        return default if attribute is None else attribute.f

    def text(self, name: str, default: str) -> str:
        attribute = self._attribute(name)
        return default if attribute is None else attribute.s.decode()

    def ints(self, name: str, default: Sequence[int]) -> tuple[int, ...]:
        attribute = self._attribute(name)
        return tuple(default) if attribute is None else tuple(attribute.ints)

    def floats(self, name: str, default: Sequence[float]) -> tuple[float, ...]:
        attribute = self._attribute(name)
        return tuple(default) if attribute is None else tuple(attribute.floats)

    def _attribute(self, name: str) -> onnx.AttributeProto | None:
        return next((attribute for attribute in self.proto.attribute if attribute.name == name), None)
