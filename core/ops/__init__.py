"""The operators: one family a file, found by listing this folder.

A family file ends with `OPS`, the tuple of its `OpDef`s.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Any

from edgec.errors import InternalError
from edgec.ops.base import OpDef


@cache
def all_ops() -> Mapping[str, OpDef[Any]]:
    """Every operator by name, in the order of family file and tuple."""
    table: dict[str, OpDef[Any]] = {}
    for module in sorted(pkgutil.iter_modules(__path__), key=lambda info: info.name):
        family = importlib.import_module(f"{__name__}.{module.name}")
        for op in getattr(family, "OPS", ()):
            if op.name in table:
                raise InternalError(f"operator {op.name} is defined twice")
            table[op.name] = op
    return MappingProxyType(table)


def get_op(name: str) -> OpDef[Any]:
    """The operator of that name; an InternalError where there is none."""
    try:
        return all_ops()[name]
    except KeyError:
        raise InternalError(f"no operator {name!r}") from None
