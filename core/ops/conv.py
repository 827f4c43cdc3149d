"""Conv: any kernel, stride, dilation and group; depthwise is group == channels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edgec.errors import InternalError
from edgec.ir import Array, DType, Node, QuantParams, TensorType
from edgec.ops import backward
from edgec.ops.base import Kernel, OpDef, RowWindow, s8_only
from edgec.ops.numbers import FULL_RANGE, QMAX, QMIN, Clamp, requantize_scale
from edgec.target import Core


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


def conv_macs(node: Node) -> int:
    w = node.inputs[1].type
    return node.output.type.elements * int(np.prod(w.shape[1:]))


def is_depthwise(node: Node) -> bool:
    """One filter (or several) for each single input channel."""
    return bool(node.attrs.group > 1 and node.inputs[1].type.shape[3] == 1)


@dataclass(frozen=True)
class ConvGeometry:
    """Mirrors ec_conv_s8_geometry: one output row of `out_w` pixels."""

    in_w: int
    in_c: int
    out_w: int
    out_c: int
    kernel_h: int
    kernel_w: int
    stride_w: int
    pad_w: int
    dilation_w: int
    group: int


@dataclass(frozen=True)
class DepthwiseGeometry:
    """Mirrors ec_depthwise_conv_s8_geometry; out_c is a multiple of in_c."""

    in_w: int
    in_c: int
    out_w: int
    out_c: int
    kernel_h: int
    kernel_w: int
    stride_w: int
    pad_w: int
    dilation_w: int


@dataclass(frozen=True)
class ConvData:
    """Mirrors the data of ec_conv_s8, ec_depthwise_conv_s8 and ec_gemm_s8.

    weights: (O, KH, KW, C / group) s8, for Gemm (N, K); bias: (O) s32, scale: (O) f32.
    """

    weights: Array
    bias: Array
    scale: Array
    weight_zero_point: Array | None
    input_zero_point: int
    output_zero_point: int
    clamp_min: int
    clamp_max: int


def per_channel(values: Sequence[float] | Array, channels: int) -> Array:
    """One entry a channel from one a channel or a single one."""
    return np.broadcast_to(np.asarray(values), (channels,)).copy()


def conv_geometry(node: Node, rows: int) -> ConvGeometry:
    attrs: ConvAttrs = node.attrs
    x, y = node.inputs[0].type, node.output.type
    return ConvGeometry(
        in_w=x.shape[2] * rows,
        in_c=x.shape[3],
        out_w=y.shape[2] * rows,
        out_c=y.shape[3],
        kernel_h=attrs.kernel_shape[0],
        kernel_w=attrs.kernel_shape[1],
        stride_w=attrs.strides[1],
        pad_w=attrs.pads[1],
        dilation_w=attrs.dilations[1],
        group=attrs.group,
    )


def depthwise_geometry(node: Node, rows: int) -> DepthwiseGeometry:
    g = conv_geometry(node, rows)
    return DepthwiseGeometry(
        g.in_w, g.in_c, g.out_w, g.out_c, g.kernel_h, g.kernel_w, g.stride_w, g.pad_w, g.dilation_w
    )


def quant_of(node: Node) -> tuple[QuantParams, QuantParams, QuantParams]:
    """Quantisations of input, weights and output of a Conv or Gemm."""
    x, w, y = node.inputs[0].type.quant, node.inputs[1].type.quant, node.output.type.quant
    if x is None or w is None or y is None:
        raise InternalError(f"{node} is not quantised")
    return x, w, y


def weight_zero_points(w: QuantParams, channels: int) -> Array | None:
    """int32 zero point of each output channel, or None when all are 0 (the usual, faster case)."""
    if not any(w.zero_point):
        return None
    return per_channel(w.zero_point, channels).astype(np.int32)


def conv_data(node: Node) -> ConvData:
    """Of a Conv or Gemm, without packing."""
    clamp: Clamp = node.attrs.clamp
    x, w, y = quant_of(node)
    channels = node.output.type.shape[-1]
    return ConvData(
        weights=node.inputs[1].array,
        bias=node.inputs[2].array,
        scale=per_channel(requantize_scale(x, w, y), channels).astype(np.float32),
        weight_zero_point=weight_zero_points(w, channels),
        input_zero_point=x.scalar[1],
        output_zero_point=y.scalar[1],
        clamp_min=clamp[0],
        clamp_max=clamp[1],
    )


def input_zero_point(node: Node) -> int:
    """A row of padding holds the input's zero point: it stands for real zeros."""
    quant = node.inputs[0].type.quant
    if quant is None:
        raise InternalError(f"{node} is not quantised")
    return quant.scalar[1]


def pointwise(node: Node) -> bool:
    """1x1, stride 1, no padding: rows may be joined into one longer row."""
    attrs: ConvAttrs = node.attrs
    return attrs.kernel_shape == (1, 1) and attrs.strides == (1, 1) and not any(attrs.pads)


def sum_bounds(node: Node) -> tuple[Array, Array]:
    """(least, largest) int64 sum of each output channel of a Conv or Gemm, or of a part of it, over all inputs."""
    data = conv_data(node)
    channels = len(data.bias)
    w = data.weights.reshape(channels, -1).astype(np.int64)
    if data.weight_zero_point is not None:
        w -= data.weight_zero_point[:, None]
    positive, negative = np.maximum(w, 0).sum(axis=1), np.minimum(w, 0).sum(axis=1)
    # x - zero_point lies between these two; 0 is among them, so that parts of a sum stay within its bounds.
    low, high = QMIN - data.input_zero_point, QMAX - data.input_zero_point
    return data.bias + positive * low + negative * high, data.bias + positive * high + negative * low


def largest_sum(node: Node) -> int:
    """The largest magnitude that a sum of a Conv or Gemm can reach for any int8 input."""
    lower, upper = sum_bounds(node)
    return int(max(upper.max(initial=0), -lower.min(initial=0)))


def weighted_s8(node: Node, core: Core) -> str | None:
    """why_not of the int8 kernels with weights: constant weights and bias, sums that fit int32."""
    reason = s8_only(node, core)
    if reason is not None:
        return reason
    for value, dtype in zip(node.inputs[1:], (DType.S8, DType.S32), strict=False):
        if not value.is_constant or value.type.dtype is not dtype:
            return f"takes constant {dtype.value} values only, {value.name!r} is not"
    if len(node.inputs) != 3:
        return f"takes input, weights and bias, not {len(node.inputs)} inputs"
    if largest_sum(node) > np.iinfo(np.int32).max:
        return f"sums in int32, sums of {largest_sum(node)} are possible"
    return None


def depthwise_only(node: Node, core: Core) -> str | None:
    if not is_depthwise(node):
        return f"takes depthwise convolutions only, group is {node.attrs.group}"
    return weighted_s8(node, core)


CONV = OpDef(
    name="Conv",
    attrs=ConvAttrs,
    infer=infer_conv,
    rows=conv_rows,
    macs=conv_macs,
    grad=backward.conv,
    summary="any kernel, stride, dilation and group, 1-D and 2-D; weights constant",
    extra=("QLinearConv",),
    kernels=(
        Kernel(
            name="ec_depthwise_conv_s8",
            family="conv",
            why_not=depthwise_only,
            geometry=depthwise_geometry,
            data=conv_data,
            flat=pointwise,
            pad_value=input_zero_point,
            cost=lambda node, core: 14.0 * conv_macs(node),
            code=500,
        ),
        Kernel(
            name="ec_conv_s8",
            family="conv",
            why_not=weighted_s8,
            geometry=conv_geometry,
            data=conv_data,
            flat=pointwise,
            pad_value=input_zero_point,
            cost=lambda node, core: 15.0 * conv_macs(node),
            code=500,
        ),
    ),
)

OPS = (CONV,)
