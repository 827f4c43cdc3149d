"""The arithmetic that every room computes with, to the bit, in numpy.

Real values are float32. Requantising follows ONNX QLinearConv: one float32 multiply, one rounding half to even.
"""

from __future__ import annotations

import numpy as np

from edgec.ir import Array, QuantParams

QMIN, QMAX = -128, 127
Clamp = tuple[int, int]
FULL_RANGE: Clamp = (QMIN, QMAX)


def quantize(x: Array, quant: QuantParams) -> Array:
    """float32 -> int8 as ONNX QuantizeLinear: saturate(round_half_even(x / scale) + zero_point)."""
    scale, zero_point = quant.scalar
    return saturate(np.rint(np.asarray(x, np.float32) / scale).astype(np.float64) + zero_point)


def dequantize(q: Array, quant: QuantParams) -> Array:
    """int8 or int32 -> float32 as ONNX DequantizeLinear: (q - zero_point) * scale."""
    scale = np.asarray(quant.scale, np.float32)
    zero_point = np.asarray(quant.zero_point, np.int64)
    if quant.axis is not None:
        shape = [1] * q.ndim
        shape[quant.axis] = -1
        scale, zero_point = scale.reshape(shape), zero_point.reshape(shape)
    else:
        scale, zero_point = scale[0], zero_point[0]
    return np.asarray((q.astype(np.int64) - zero_point).astype(np.float32) * scale, np.float32)


def saturate(q: Array, clamp: Clamp = FULL_RANGE) -> Array:
    """Real or integer values clipped to the clamp, as int8."""
    return np.clip(q, *clamp).astype(np.int8)


def requantize_scale(x: QuantParams, w: QuantParams, y: QuantParams) -> Array:
    """float32(float32(s_x * s_w) / s_y), one entry an output channel or a single one."""
    s_x, _ = x.scalar
    s_y, _ = y.scalar
    return ((s_x * np.asarray(w.scale, np.float32)).astype(np.float32) / s_y).astype(np.float32)


def requantize(acc: Array, scale: Array | np.float32, zero_point: int, clamp: Clamp = FULL_RANGE) -> Array:
    """int32 sums -> int8: clamp(round_half_even(float32(acc) * scale) + zero_point)."""
    return saturate(np.rint(acc.astype(np.float32) * scale).astype(np.float64) + zero_point, clamp)
