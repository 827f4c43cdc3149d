"""Concat: what its kernel knows of a node."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from edgec.ir import Array, Node
from edgec.ops.base import s8_only
from edgec.target import Core


@dataclass(frozen=True)
class ConcatGeometry:
    """Mirrors ec_concat_s8_geometry."""

    inputs: int
    outer: int


@dataclass(frozen=True)
class ConcatData:
    """Mirrors ec_concat_s8_data."""

    sizes: Array
    constants: Array | None
    constant_starts: Array | None


def concat_geometry(node: Node, rows: int) -> ConcatGeometry:
    y = node.output.type
    return ConcatGeometry(len(node.inputs), math.prod(y.shape[: node.attrs.axis]) * rows // y.rows)


def concat_data(node: Node) -> ConcatData:
    sizes = [math.prod(value.type.shape[node.attrs.axis :]) for value in node.inputs]
    constants, starts, end = [], [], 0
    for value in node.inputs:
        starts.append(end if value.is_constant else -1)
        if value.is_constant:
            constants.append(value.array.reshape(-1))
            end += value.array.size
    return ConcatData(
        sizes=np.array(sizes, np.int32),
        constants=np.concatenate(constants) if constants else None,
        constant_starts=np.array(starts, np.int32) if constants else None,
    )


def same_quantisation(node: Node, core: Core) -> str | None:
    """why_not of ec_concat_s8: integers are moved, not changed."""
    for value in node.inputs:
        if value.type.quant != node.output.type.quant:
            return f"takes inputs of the output's quantisation, {value.name!r} is {value.type}"
    return s8_only(node, core)
