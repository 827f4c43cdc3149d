"""Transpose, DepthToSpace and Slice: y is a view of x, so many elements from one to the next along each axis."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from edgec.ir import Node
from edgec.ops.movement.attrs import DepthToSpaceAttrs, SliceAttrs, slice_rows

AXES = 6  # EC_AXES


@dataclass(frozen=True)
class StridedGeometry:
    """Mirrors ec_transpose_s8_geometry and ec_depth_to_space_s8_geometry: a view of x, axis by axis."""

    size: tuple[int, ...]
    stride: tuple[int, ...]


@dataclass(frozen=True)
class SliceGeometry:
    """Mirrors ec_slice_s8_geometry: a view of x that begins at element `start`."""

    start: int
    size: tuple[int, ...]
    stride: tuple[int, ...]


def strides_of(shape: Sequence[int]) -> list[int]:
    """Elements between neighbours along each axis of a contiguous tensor."""
    return [math.prod(shape[axis + 1 :]) for axis in range(len(shape))]


def merged_view(sizes: Sequence[int], strides: Sequence[int]) -> tuple[list[int], list[int]]:
    """The same view with the fewest axes: axes of one element go, neighbours that lie one after the other join."""
    merged: list[tuple[int, int]] = []
    for size, stride in zip(sizes, strides, strict=True):
        if size == 1:
            continue
        if merged and merged[-1][1] == stride * size:
            merged[-1] = (merged[-1][0] * size, stride)
        else:
            merged.append((size, stride))
    merged = merged or [(1, 1)]
    return [size for size, _ in merged], [stride for _, stride in merged]


def strided(sizes: Sequence[int], strides: Sequence[int]) -> StridedGeometry:
    """The geometry of a view; axes of one element stand in front until there are AXES."""
    size, stride = merged_view(sizes, strides)
    missing = AXES - len(size)
    return StridedGeometry((*[1] * missing, *size), (*[0] * missing, *stride))


def transposed(node: Node) -> tuple[list[int], list[int]]:
    """Sizes and strides of x in the order of y's axes."""
    shape, perm = node.inputs[0].type.shape, node.attrs.perm
    strides = strides_of(shape)
    return [shape[axis] for axis in perm], [strides[axis] for axis in perm]


def transpose_geometry(node: Node, rows: int) -> StridedGeometry:
    return strided(*transposed(node))


def depth_to_space_geometry(node: Node, rows: int) -> StridedGeometry:
    attrs: DepthToSpaceAttrs = node.attrs
    n, h, w, depth = node.inputs[0].type.shape
    b = attrs.blocksize
    c = depth // (b * b)
    # Channels of x are (b, b, c) with DCR, (c, b, b) with CRD; y: (n, h, b, w, b, c).
    block_y, block_x, channel = (b * c, c, 1) if attrs.mode == "DCR" else (b, 1, b * b)
    return strided((n, h, b, w, b, c), (h * w * depth, w * depth, block_y, depth, block_x, channel))


def sliced(node: Node, rows: int) -> tuple[int, list[int], list[int]]:
    """(first element, sizes, strides) of the slice within the whole input or within `rows` joined rows."""
    attrs: SliceAttrs = node.attrs
    shape = node.inputs[0].type.shape
    strides = strides_of(shape)
    parts = list(zip(attrs.starts, attrs.steps, attrs.sizes, strides, strict=True))
    sizes, steps = [], []
    if slice_rows(node) is not None and len(shape) > 2:
        # Axes 0 and 1 are the caller's: it passes the row. Rows that are joined are all of them, one after the other.
        parts, sizes, steps = parts[2:], [rows], [strides[1]]
    start = sum(start * stride for start, _, _, stride in parts)
    return start, sizes + [size for _, _, size, _ in parts], steps + [step * stride for _, step, _, stride in parts]


def slice_geometry(node: Node, rows: int) -> SliceGeometry:
    start, sizes, strides = sliced(node, rows)
    view = strided(sizes, strides)
    return SliceGeometry(start, view.size, view.stride)


def too_many_axes(sizes: Sequence[int], strides: Sequence[int]) -> str | None:
    axes = len(merged_view(sizes, strides)[0])
    return None if axes <= AXES else f"takes {AXES} axes that can't be merged, these are {axes}"
