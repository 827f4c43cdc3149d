"""Shapes of a convolution: attributes, output size, row windows, multiply-accumulates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from edgec.errors import InternalError
from edgec.ir import Node, TensorType
from edgec.ops.base import Cut, RowWindow
from edgec.ops.numbers import FULL_RANGE, Clamp


@dataclass(frozen=True)
class ConvAttrs:
    """ONNX names; pads are (top, left, bottom, right). `clamp` bounds the int8 output (fused Relu, Clip)."""

    kernel_shape: tuple[int, int]
    strides: tuple[int, int] = (1, 1)
    pads: tuple[int, int, int, int] = (0, 0, 0, 0)
    dilations: tuple[int, int] = (1, 1)
    group: int = 1
    clamp: Clamp = FULL_RANGE


def window_output(size: int, kernel: int, stride: int, pads: int, dilation: int) -> int:
    """Output length of a sliding window along one axis; `pads` is the sum of both ends."""
    return (size + pads - (kernel - 1) * dilation - 1) // stride + 1


def infer_conv(attrs: ConvAttrs, types: Sequence[TensorType]) -> tuple[TensorType, ...]:
    # x: (N, H, W, C), w: (O, KH, KW, C / group), bias: (O)
    x, w = types[0], types[1]
    (top, left, bottom, right), (kh, kw) = attrs.pads, attrs.kernel_shape
    if len(x.shape) != 4 or w.shape[1:] != (kh, kw, x.shape[3] // attrs.group):
        raise InternalError(f"Conv of {x} with weights {w}, {attrs}")
    height = window_output(x.shape[1], kh, attrs.strides[0], top + bottom, attrs.dilations[0])
    width = window_output(x.shape[2], kw, attrs.strides[1], left + right, attrs.dilations[1])
    return (TensorType(x.dtype, (x.shape[0], height, width, w.shape[0])),)


def conv_rows(node: Node) -> tuple[RowWindow, ...]:
    attrs: ConvAttrs = node.attrs
    return (RowWindow(attrs.kernel_shape[0], attrs.strides[0], attrs.pads[0], attrs.dilations[0]),)


def cut_window(node: Node, first: int, end: int) -> Cut | None:
    """The rule of `cut` of all operators with kernel_shape, strides, pads and dilations."""
    attrs, width = node.attrs, node.inputs[0].type.shape[2]
    top, _, bottom, _ = attrs.pads
    window = RowWindow(attrs.kernel_shape[1], attrs.strides[1], attrs.pads[1], attrs.dilations[1])
    low, high = window.first(first), window.last(end - 1) + 1
    pads = (top, max(0, -low), bottom, max(0, high - width))
    low, high = max(0, low), min(width, high)
    return Cut(replace(attrs, pads=pads), low, high) if low < high else None


def conv_macs(node: Node) -> int:
    w = node.inputs[1].type
    return node.output.type.elements * int(np.prod(w.shape[1:]))


def is_depthwise(node: Node) -> bool:
    """One filter (or several) for each single input channel."""
    return bool(node.attrs.group > 1 and node.inputs[1].type.shape[3] == 1)


def pointwise(node: Node) -> bool:
    """1x1, stride 1, no padding: rows may be joined into one longer row."""
    attrs: ConvAttrs = node.attrs
    return attrs.kernel_shape == (1, 1) and attrs.strides == (1, 1) and not any(attrs.pads)


@dataclass(frozen=True)
class RowGeometry:
    """What the kernels of windows know of an output row of `out_w` pixels; some know more."""

    in_w: int
    in_c: int
    out_w: int
    out_c: int
    kernel_h: int
    kernel_w: int
    stride_w: int
    pad_w: int
    dilation_w: int


def row_geometry(node: Node, rows: int) -> RowGeometry:
    """Of so many adjacent rows that are joined to one."""
    attrs: ConvAttrs = node.attrs
    x, y = node.inputs[0].type, node.output.type
    return RowGeometry(
        in_w=x.shape[2] * rows,
        in_c=x.shape[3],
        out_w=y.shape[2] * rows,
        out_c=y.shape[3],
        kernel_h=attrs.kernel_shape[0],
        kernel_w=attrs.kernel_shape[1],
        stride_w=attrs.strides[1],
        pad_w=attrs.pads[1],
        dilation_w=attrs.dilations[1],
    )
