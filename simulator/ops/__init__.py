"""What each operator computes, in torch: one family a file, the same names as in core/ops.

A family file ends with two tables from operator name to builder: `INT8` and `FLOAT`.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from edgec.simulator.ops.base import Builder


@cache
def builders(real: bool) -> Mapping[str, Builder]:
    """Operator name -> builder of its function on real values, else on integers."""
    table: dict[str, Builder] = {}
    for module in sorted(pkgutil.iter_modules(__path__), key=lambda info: info.name):
        family = importlib.import_module(f"{__name__}.{module.name}")
        table.update(getattr(family, "FLOAT" if real else "INT8", {}))
    return MappingProxyType(table)
