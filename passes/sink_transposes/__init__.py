"""Transposes are moved together until they cancel; what remains really moves data."""

from __future__ import annotations

from edgec.passes.sink_transposes.absorb import AbsorbTransposes
from edgec.passes.sink_transposes.sink import SinkTransposes

__all__ = ["AbsorbTransposes", "SinkTransposes"]
