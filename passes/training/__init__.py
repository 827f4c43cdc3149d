"""Backward graphs, built at compile time."""

from __future__ import annotations

from edgec.passes.training.differentiate import differentiate

__all__ = ["differentiate"]
