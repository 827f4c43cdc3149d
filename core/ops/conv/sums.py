"""What every kernel with weights needs to know of a Conv or Gemm: constants, bounds of its sums."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edgec.errors import InternalError
from edgec.ir import Array, DType, Node, QuantParams
from edgec.ops.base import s8_only
from edgec.ops.numbers import QMAX, QMIN, Clamp, requantize_scale
from edgec.target import Core


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
