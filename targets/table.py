"""Reading TOML strictly: each key is taken once with its type, what is left over is an error."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from edgec.errors import TargetError, did_you_mean

T = TypeVar("T", str, int, bool)
SIZE = re.compile(r"(\d+)([KM])")
WORDS = {str: "a string", int: "a whole number", bool: "true or false", list: "a list", dict: "a table"}


class Table:
    """One table of a target file; errors name the file and the key."""

    def __init__(self, content: dict[str, Any], where: str, path: str = "") -> None:
        self.content = dict(content)
        self.where = where
        self.path = path
        self.asked: list[str] = []

    def name_of(self, key: str) -> str:
        return f"{self.path}.{key}" if self.path else key

    def error(self, key: str, reason: str, help: str = "") -> TargetError:
        return TargetError(f"key {self.name_of(key)!r} {reason}", where=self.where, help=help)

    def take(self, key: str, kind: type[T], default: T | None = None) -> T:
        """The value of a key, of exactly that type; an error where it is absent and has no default."""
        self.asked.append(key)
        if key not in self.content:
            if default is None:
                raise self.error(key, f"is missing: {WORDS[kind]}")
            return default
        value = self.content.pop(key)
        if type(value) is not kind:
            raise self.error(key, f"must be {WORDS[kind]}, not {value!r}")
        return value

    def number(self, key: str, default: float | None = None) -> float:
        """A number that is not negative, with or without a point."""
        self.asked.append(key)
        if key not in self.content and default is not None:
            return default
        value = self.content.pop(key, None)
        if type(value) not in (int, float) or not 0 <= value < math.inf:
            raise self.error(key, "is missing: a number" if value is None else f"must be a number >= 0, not {value!r}")
        return float(value)

    def maybe(self, key: str) -> str | None:
        """A string that may be absent."""
        return self.take(key, str, "") or None

    def size(self, key: str) -> int:
        """Bytes, written as a number or as "64K" or "2M"."""
        self.asked.append(key)
        value = self.content.pop(key, None)
        match = SIZE.fullmatch(value) if isinstance(value, str) else None
        bytes_ = int(match[1]) << {"K": 10, "M": 20}[match[2]] if match else value
        if type(bytes_) is not int or bytes_ <= 0:
            raise self.error(key, f'must be a size such as 4096, "64K" or "2M", not {value!r}')
        return bytes_

    def address(self, key: str, default: int | None = None) -> int:
        """A number of 32 bits."""
        value = self.take(key, int, default)
        if not 0 <= value < 1 << 32:
            raise self.error(key, f"must be between 0 and 0xFFFFFFFF, not {value:#x}")
        return value

    def choice(self, key: str, allowed: Sequence[str], default: str | None = None) -> str:
        """One of a few strings."""
        value = self.take(key, str, default)
        if value not in allowed:
            listed = ", ".join(allowed)
            raise self.error(key, f"is {value!r}; allowed: {listed}", did_you_mean(value, allowed))
        return value

    def strings(self, key: str) -> tuple[str, ...]:
        self.asked.append(key)
        value = self.content.pop(key, [])
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self.error(key, f"must be a list of strings, not {value!r}")
        return tuple(value)

    def numbers_of(self, key: str) -> tuple[float, ...]:
        """A list of numbers."""
        value = self.content.pop(key)
        if not isinstance(value, list) or not all(type(item) in (int, float) for item in value):
            raise self.error(key, f"must be a list of numbers, not {value!r}")
        return tuple(float(item) for item in value)

    def numbers(self, key: str) -> tuple[tuple[str, int], ...]:
        """A table of whole numbers, as pairs."""
        self.asked.append(key)
        value = self.content.pop(key, {})
        if not isinstance(value, dict) or not all(type(item) is int for item in value.values()):
            raise self.error(key, f"must be a table of whole numbers, not {value!r}")
        return tuple(value.items())

    def table(self, key: str) -> Table | None:
        self.asked.append(key)
        if key not in self.content:
            return None
        value = self.content.pop(key)
        if not isinstance(value, dict):
            raise self.error(key, f"must be a table, not {value!r}")
        return Table(value, self.where, self.name_of(key))

    def each(self, key: str, read: Callable[[Table], Any]) -> tuple[Any, ...]:
        """A list of tables, each read by `read`."""
        self.asked.append(key)
        value = self.content.pop(key, [])
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise self.error(key, f"must be a list of tables, not {value!r}")
        results = []
        for index, item in enumerate(value):
            table = Table(item, self.where, f"{self.name_of(key)}[{index}]")
            results.append(read(table))
            table.done()
        return tuple(results)

    def done(self) -> None:
        """An error for a key that nobody asked for."""
        for key in self.content:
            listed = ", ".join(sorted(self.asked))
            raise self.error(key, f"is unknown; allowed: {listed}", did_you_mean(key, self.asked))
