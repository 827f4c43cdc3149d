"""The kernel of Transpose for AArch64: a view of x whose last axis goes in steps is many transposed matrices."""

from __future__ import annotations

import math
from dataclasses import dataclass

from edgec.errors import InternalError
from edgec.ir import Node
from edgec.ops.base import Kernel, NoData, s8_only
from edgec.ops.movement.attrs import TransposeAttrs
from edgec.ops.movement.views import merged_view, transposed
from edgec.target import Core

AXES = 4  # EC_TRANSPOSE_AXES
TILE, VECTOR = 8, 16
TURNS = (2, 3, 4)  # vectors that one instruction interleaves


@dataclass(frozen=True)
class TransposeNeonGeometry:
    """Mirrors ec_transpose_s8_neon_geometry."""

    size: tuple[int, ...]
    x_stride: tuple[int, ...]
    y_stride: tuple[int, ...]
    rows: int
    columns: int
    x_step: int
    y_step: int


def matrices(node: Node) -> TransposeNeonGeometry | None:
    """The matrices: their rows lie in x, their columns in y. None: the elements along the last axis stay together."""
    sizes, strides = merged_view(*transposed(node))
    along = strides.index(1) if 1 in strides else -1
    last = len(sizes) - 1
    if along in (-1, last):
        return None
    steps = [math.prod(sizes[axis + 1 :]) for axis in range(len(sizes))]
    others = [axis for axis in range(last) if axis != along]
    missing = AXES - len(others)
    return TransposeNeonGeometry(
        size=(*[1] * missing, *(sizes[axis] for axis in others)),
        x_stride=(*[0] * missing, *(strides[axis] for axis in others)),
        y_stride=(*[0] * missing, *(steps[axis] for axis in others)),
        rows=sizes[last],
        columns=sizes[along],
        x_step=strides[last],
        y_step=steps[along],
    )


def geometry(node: Node, rows: int) -> TransposeNeonGeometry:
    """Mirrors the geometry of ec_transpose_s8_neon."""
    found = matrices(node)
    if found is None:
        raise InternalError(f"{node}: no matrices")
    return found


def transpose_neon(node: Node, core: Core) -> str | None:
    """why_not: NEON, matrices of a tile and more, or of few vectors that take turns."""
    if not core.neon:
        return f"needs NEON, {core.name} has none"
    reason = s8_only(node, core)
    if reason is not None:
        return reason
    g = matrices(node)
    if g is None or len(g.size) > AXES:
        return f"takes up to {AXES} axes of matrices, and elements that do not stay together"
    tiles = g.rows >= TILE and g.columns >= TILE
    interleaved = g.rows in TURNS and g.y_step == g.rows and g.columns >= VECTOR
    apart = g.columns in TURNS and g.x_step == g.columns and g.rows >= VECTOR
    if not (tiles or interleaved or apart):
        return f"takes matrices of {TILE}x{TILE} and more or 2 to 4 vectors, this one is {g.rows}x{g.columns}"
    return None


TRANSPOSE: Kernel[TransposeAttrs] = Kernel(
    name="ec_transpose_s8_neon",
    family="movement",
    why_not=transpose_neon,
    geometry=geometry,
    data=lambda node: NoData(),
    cost=lambda node, core: 0.8 * node.output.type.elements,
)
