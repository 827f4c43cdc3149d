"""Shapes of the pools and of ReduceMean: attributes, output shapes, row windows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgec.ir import Node, TensorType
from edgec.ops.base import RowWindow
from edgec.ops.conv import window_output
from edgec.ops.numbers import FULL_RANGE, Clamp


@dataclass(frozen=True)
class PoolAttrs:
    """ONNX names; pads are (top, left, bottom, right); ceil_mode is resolved into pads at import."""

    kernel_shape: tuple[int, int]
    strides: tuple[int, int] = (1, 1)
    pads: tuple[int, int, int, int] = (0, 0, 0, 0)
    dilations: tuple[int, int] = (1, 1)
    count_include_pad: bool = False
    clamp: Clamp = FULL_RANGE


def infer_pool(attrs: PoolAttrs, types: Sequence[TensorType]) -> tuple[TensorType, ...]:
    # x: (N, H, W, C)
    n, h, w, c = types[0].shape
    (top, left, bottom, right), (kh, kw) = attrs.pads, attrs.kernel_shape
    height = window_output(h, kh, attrs.strides[0], top + bottom, attrs.dilations[0])
    width = window_output(w, kw, attrs.strides[1], left + right, attrs.dilations[1])
    return (TensorType(types[0].dtype, (n, height, width, c)),)


def pool_rows(node: Node) -> tuple[RowWindow, ...]:
    attrs: PoolAttrs = node.attrs
    return (RowWindow(attrs.kernel_shape[0], attrs.strides[0], attrs.pads[0], attrs.dilations[0]),)


@dataclass(frozen=True)
class ReduceAttrs:
    """`axes` are neighbouring, ascending and not negative."""

    axes: tuple[int, ...]
    keepdims: bool = True
    clamp: Clamp = FULL_RANGE


def infer_reduce(attrs: ReduceAttrs, types: Sequence[TensorType]) -> tuple[TensorType, ...]:
    shape = [1 if axis in attrs.axes else size for axis, size in enumerate(types[0].shape)]
    if not attrs.keepdims:
        shape = [size for axis, size in enumerate(shape) if axis not in attrs.axes]
    return (TensorType(types[0].dtype, tuple(shape)),)
