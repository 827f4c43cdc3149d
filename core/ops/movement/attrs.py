"""Shapes of the operators that move integers: attributes, output shape, row windows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgec.errors import InternalError
from edgec.ir import Node, TensorType
from edgec.ops.base import RowWindow, each_row


@dataclass(frozen=True)
class ConcatAttrs:
    axis: int


@dataclass(frozen=True)
class SliceAttrs:
    """For every axis: first index, step (may be negative) and number of elements taken."""

    starts: tuple[int, ...]
    steps: tuple[int, ...]
    sizes: tuple[int, ...]


@dataclass(frozen=True)
class PadAttrs:
    """For every axis the elements added before and after; `value` is real, used by mode "constant"."""

    before: tuple[int, ...]
    after: tuple[int, ...]
    mode: str = "constant"  # constant, reflect, edge
    value: float = 0.0


@dataclass(frozen=True)
class TransposeAttrs:
    perm: tuple[int, ...]


@dataclass(frozen=True)
class ReshapeAttrs:
    shape: tuple[int, ...]


@dataclass(frozen=True)
class DepthToSpaceAttrs:
    """On NHWC; mode is "DCR" or "CRD"."""

    blocksize: int
    mode: str = "DCR"


def infer_concat(attrs: ConcatAttrs, types: Sequence[TensorType]) -> tuple[TensorType, ...]:
    shape = list(types[0].shape)
    shape[attrs.axis] = sum(t.shape[attrs.axis] for t in types)
    return (TensorType(types[0].dtype, tuple(shape)),)


def concat_rows(node: Node) -> tuple[RowWindow, ...] | None:
    # A call on one row does not know which row of a constant belongs to it.
    if any(value.is_constant for value in node.inputs):
        return None
    return None if node.attrs.axis <= 1 and len(node.output.type.shape) > 2 else each_row(node)


def infer_slice(attrs: SliceAttrs, types: Sequence[TensorType]) -> tuple[TensorType, ...]:
    return (TensorType(types[0].dtype, attrs.sizes),)


def slice_rows(node: Node) -> tuple[RowWindow, ...] | None:
    attrs: SliceAttrs = node.attrs
    if len(attrs.sizes) <= 2:
        return (RowWindow(),)
    if attrs.steps[1] < 0 or node.inputs[0].type.shape[0] != 1:
        return None
    return (RowWindow(1, attrs.steps[1], -attrs.starts[1]),)


def infer_pad(attrs: PadAttrs, types: Sequence[TensorType]) -> tuple[TensorType, ...]:
    shape = [b + d + a for b, d, a in zip(attrs.before, types[0].shape, attrs.after, strict=True)]
    return (TensorType(types[0].dtype, tuple(shape)),)


def pad_rows(node: Node) -> tuple[RowWindow, ...] | None:
    attrs: PadAttrs = node.attrs
    if len(attrs.before) <= 2:
        return (RowWindow(),)
    if node.inputs[0].type.shape[0] != 1 or attrs.before[0] or attrs.after[0]:
        return None
    if attrs.mode != "constant" and (attrs.before[1] or attrs.after[1]):
        return None
    return (RowWindow(1, 1, attrs.before[1]),)


def infer_transpose(attrs: TransposeAttrs, types: Sequence[TensorType]) -> tuple[TensorType, ...]:
    return (TensorType(types[0].dtype, tuple(types[0].shape[axis] for axis in attrs.perm)),)


def infer_reshape(attrs: ReshapeAttrs, types: Sequence[TensorType]) -> tuple[TensorType, ...]:
    result = TensorType(types[0].dtype, attrs.shape)
    if result.elements != types[0].elements:
        raise InternalError(f"Reshape of {types[0]} to {attrs.shape}")
    return (result,)


def infer_depth_to_space(attrs: DepthToSpaceAttrs, types: Sequence[TensorType]) -> tuple[TensorType, ...]:
    # x: (N, H, W, C * b * b) -> (N, H * b, W * b, C)
    n, h, w, c = types[0].shape
    b = attrs.blocksize
    return (TensorType(types[0].dtype, (n, h * b, w * b, c // (b * b))),)
