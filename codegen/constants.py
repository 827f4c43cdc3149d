"""The constant arrays of a project: each distinct content stands once in <model>_weights.c."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from edgec.codegen.literals import C_TYPES, array_text
from edgec.errors import InternalError
from edgec.ir import Array


@dataclass(frozen=True)
class Constant:
    """One array in flash."""

    name: str
    c_type: str
    array: Array
    comment: str

    @property
    def size(self) -> int:
        return int(self.array.size)

    @property
    def text(self) -> str:
        return array_text(self.array)


@dataclass
class ConstantPool:
    """Gives each array a name; an array met before gets the name it had then."""

    prefix: str
    constants: list[Constant] = field(default_factory=list)
    known: dict[tuple[str, str], str] = field(default_factory=dict)

    def pointers(self, layer: str, data: Any, comment: str) -> dict[str, str]:
        """Field name -> array name for every array field of a kernel's data; new arrays are added."""
        return {
            item.name: self.add(f"{self.prefix}_{layer}_{item.name}", value, comment)
            for item in fields(data)
            if isinstance(value := getattr(data, item.name), np.ndarray)
        }

    def add(self, name: str, array: Array, comment: str) -> str:
        c_type = C_TYPES.get(array.dtype.name)
        if c_type is None or not array.size:
            raise InternalError(f"constant {name!r} is {array.dtype.name} of {array.size} elements")
        digest = hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()
        if (c_type, digest) not in self.known:
            self.known[c_type, digest] = name
            self.constants.append(Constant(name, c_type, array, comment))
        return self.known[c_type, digest]

    @property
    def bytes(self) -> int:
        return sum(constant.array.nbytes for constant in self.constants)
