"""Pad: what its kernel knows of a node."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgec.errors import InternalError
from edgec.ir import Node
from edgec.ops.base import s8_only
from edgec.ops.movement.attrs import PadAttrs, pad_rows
from edgec.ops.numbers import quantize
from edgec.target import Core

PAD_AXES = 4  # EC_PAD_AXES
PAD_MODES = ("constant", "edge", "reflect")  # EC_PAD_CONSTANT, EC_PAD_EDGE, EC_PAD_REFLECT


@dataclass(frozen=True)
class PadGeometry:
    """Mirrors ec_pad_s8_geometry."""

    size: tuple[int, ...]
    in_size: tuple[int, ...]
    before: tuple[int, ...]
    mode: int


@dataclass(frozen=True)
class PadData:
    """Mirrors ec_pad_s8_data."""

    value: int


def padded_axes(node: Node, rows: int) -> list[tuple[int, int, int]]:
    """(size, size of x, elements before) of every axis, neighbours joined where only the first is padded."""
    attrs: PadAttrs = node.attrs
    x, y = node.inputs[0].type.shape, node.output.type.shape
    axes = list(zip(y, x, attrs.before, strict=True))
    if pad_rows(node) is not None and len(x) > 2:
        axes = [(rows, rows, 0), *axes[2:]]
    merged: list[tuple[int, int, int]] = []
    for size, in_size, before in reversed(axes):
        if merged:
            inner, in_inner, inner_before = merged[-1]
            # A constant may be counted in elements of the inner axes; mirrored or repeated elements may not.
            if (inner, inner_before) == (in_inner, 0) and (attrs.mode == "constant" or (size, before) == (in_size, 0)):
                merged[-1] = (size * inner, in_size * inner, before * inner)
                continue
            if (size, in_size, before) == (1, 1, 0):
                continue
        merged.append((size, in_size, before))
    return merged[::-1]


def pad_geometry(node: Node, rows: int) -> PadGeometry:
    axes = padded_axes(node, rows)
    size, in_size, before = zip(*[(1, 1, 0)] * (PAD_AXES - len(axes)), *axes, strict=True)
    return PadGeometry(size, in_size, before, PAD_MODES.index(node.attrs.mode))


def pad_data(node: Node) -> PadData:
    quant = node.inputs[0].type.quant
    if node.attrs.mode != "constant":
        return PadData(0)
    if quant is None:
        raise InternalError(f"{node} is not quantised")
    return PadData(int(quantize(np.asarray(node.attrs.value, np.float32), quant)))


def pad_why_not(node: Node, core: Core) -> str | None:
    """why_not of ec_pad_s8."""
    axes = len(padded_axes(node, 1))
    if axes > PAD_AXES:
        return f"takes {PAD_AXES} axes that can't be merged, these are {axes}"
    if node.attrs.mode not in PAD_MODES:
        return f"takes modes {', '.join(PAD_MODES)}, this one is {node.attrs.mode!r}"
    return s8_only(node, core)
