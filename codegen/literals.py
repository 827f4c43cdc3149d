"""Python values as C text: designated initialisers, arrays, identifiers."""

from __future__ import annotations

import re
from dataclasses import fields
from typing import Any

import numpy as np

from edgec.errors import InternalError
from edgec.ir import Array, DType

C_TYPES = {"int8": "int8_t", "uint8": "uint8_t", "int16": "int16_t", "uint16": "uint16_t"} | {
    "int32": "int32_t",
    "uint32": "uint32_t",
    "float32": "float",
}
DTYPE_C = {DType.S8: "int8_t", DType.S32: "int32_t", DType.F32: "float"}
LINE = 110

# Words that a C or C++ compiler keeps for itself; a model may well be called "main" or "new".
RESERVED = frozenset(
    keyword
    for line in (
        "auto break case char class const continue default delete do double else enum extern float for goto if inline",
        "int long main namespace new operator private public register return short signed sizeof static struct switch",
        "template this typedef union unsigned void volatile while",
    )
    for keyword in line.split(" ")
)


def identifier(name: str) -> str:
    """`name` as a lower-case C identifier that is no keyword and does not start with a digit."""
    text = re.sub(r"[^0-9a-z]+", "_", name.lower()).strip("_") or "model"
    return f"model_{text}" if text[0].isdigit() or text in RESERVED else text


def scalar(value: Any) -> str:
    """A number as C text; floats with the digits that give back the same float32."""
    if value is None:
        return "NULL"
    if isinstance(value, (bool, np.bool_)):
        return "1" if value else "0"
    if isinstance(value, (int, np.integer)):
        # INT32_MIN has no literal of its own type in C.
        return str(value) if value != -(2**31) else "(-2147483647 - 1)"
    if isinstance(value, (float, np.floating)):
        number = np.float32(value)
        if not np.isfinite(number):
            raise InternalError(f"{value} in generated code")
        if number == 0 or 1e-4 <= abs(number) < 1e6:
            return f"{np.format_float_positional(number, trim='0')}f"
        return f"{np.format_float_scientific(number, trim='0', exp_digits=1)}f"
    raise InternalError(f"no C literal for {type(value).__name__}")


def wrapped(items: list[str], indent: str) -> str:
    """Items joined by commas, in lines of at most LINE characters."""
    lines: list[str] = []
    line = indent
    for item in items:
        if len(line) + len(item) + 2 > LINE:
            lines.append(line.rstrip())
            line = indent
        line += f"{item}, "
    lines.append(line.rstrip().rstrip(","))
    return "\n".join(lines)


def array_items(array: Array) -> list[str]:
    """The elements of an array as C text, in memory order."""
    flat = array.reshape(-1)
    if flat.dtype == np.float32 or (flat.dtype == np.int32 and flat.size and flat.min() == -(2**31)):
        return [scalar(value) for value in flat]
    if flat.dtype == np.uint32:
        return [f"{value}u" for value in flat.tolist()]
    return [str(value) for value in flat.tolist()]


def array_text(array: Array) -> str:
    """The elements of a constant array, as lines between braces."""
    return wrapped(array_items(array), "    ")


def designated(instance: Any, pointers: dict[str, str] | None = None) -> str:
    """`.name = value, ...` of a frozen dataclass; `pointers` gives the C text of its array fields."""
    parts = []
    for item in fields(instance):
        value = getattr(instance, item.name)
        if pointers and item.name in pointers:
            text = pointers[item.name]
        elif isinstance(value, tuple):
            text = "{" + ", ".join(scalar(entry) for entry in value) + "}"
        else:
            text = scalar(value)
        parts.append(f".{item.name} = {text}")
    return wrapped(parts, "    ").replace(", ,", ",")
