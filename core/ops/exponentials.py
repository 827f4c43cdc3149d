"""What Softmax and LogSoftmax compute, bit for bit.

exp is a table of integers, so that the sum is exact and the same in any order and on any machine:
t[d] = round(2^k * exp(-d * s_x)) for d = max - q = 0..255.
"""

from __future__ import annotations

import math
from decimal import ROUND_HALF_EVEN, Context, Decimal
from functools import cache

import numpy as np

from edgec.ir import Array

# ln(2) in two parts: the first has 16 bits, so that its product with an exponent is exact.
LN2_HIGH = np.float32(45426 / 65536)
LN2_LOW = np.float32(math.log(2) - 45426 / 65536)
SQRT_2 = np.float32(math.sqrt(2))


def exp_bits(n: int) -> int:
    """k of the table: the sum of n entries of at most 2^k fits uint32, and float32 holds each entry exactly."""
    return min(23, 31 - (n - 1).bit_length())


@cache
def exp_entries(scale: float, n: int) -> tuple[int, ...]:
    """The entries of `exp_table`; in decimal arithmetic, since exp of floats differs between machines."""
    context = Context(prec=40, rounding=ROUND_HALF_EVEN)
    unit = Decimal(2 ** exp_bits(n))
    step = -Decimal(scale)
    return tuple(
        int(context.multiply(unit, context.exp(context.multiply(step, Decimal(d)))).to_integral_value(ROUND_HALF_EVEN))
        for d in range(256)
    )


def exp_table(scale: float, n: int) -> Array:
    """(256) uint32: round_half_even(2^k * exp(-d * scale)) for d = 0..255, k = exp_bits(n).

    scale: float32 scale of the input; n: elements that are summed.
    """
    return np.array(exp_entries(float(np.float32(scale)), n), np.uint32)


def exp_and_sum(q: Array, axis: int, scale: float) -> tuple[Array, Array]:
    """int8 -> (uint32 table entries of every element, float32 of their exact sum along `axis`, kept as 1)."""
    high = q.max(axis=axis, keepdims=True).astype(np.int64)
    t = exp_table(scale, q.shape[axis])[high - q]
    return t, t.sum(axis=axis, keepdims=True, dtype=np.uint64).astype(np.float32)


def softmax(q: Array, axis: int, scale: float) -> Array:
    """int8 -> float32: float32(t) / float32(sum of t). Int8 outputs are this, quantised (numbers.quantize)."""
    t, total = exp_and_sum(q, axis, scale)
    return np.asarray(t.astype(np.float32) / total, np.float32)


def log_softmax(q: Array, axis: int, scale: float) -> Array:
    """int8 -> float32: -(float32(d) * scale) - log_f32(float32(sum of t) * 2^-k), d = max - q."""
    _, total = exp_and_sum(q, axis, scale)
    d = q.max(axis=axis, keepdims=True).astype(np.int32) - q
    unit = np.float32(2.0 ** -exp_bits(q.shape[axis]))
    return np.asarray(-(d.astype(np.float32) * np.float32(scale)) - log_f32(total * unit), np.float32)


def log_f32(x: Array) -> Array:
    """Natural logarithm of normal positive float32, the same bits wherever each step is rounded once; error < 3 ulp.

    x = m * 2^e with m in (sqrt(1/2), sqrt(2)]; log(m) = 2 * artanh(s) = 2s * (1 + s^2/3 + s^4/5 + ...) with
    s = (m - 1) / (m + 1), |s| < 0.172: the series (Gregory, 1668) up to s^9 leaves less than 2^-28.
    """
    one, half, two = np.float32(1), np.float32(0.5), np.float32(2)
    bits = np.asarray(x, np.float32).view(np.int32)
    m = ((bits & 0x7FFFFF) | 0x3F800000).view(np.float32)
    large = m > SQRT_2
    e = ((bits >> 23) - 127 + large).astype(np.float32)
    f = np.where(large, m * half, m) - one
    s = f / (f + two)
    z = s * s
    series = z * (np.float32(1 / 7) + z * np.float32(1 / 9))
    series = z * (np.float32(1 / 3) + z * (np.float32(1 / 5) + series))
    twice = s + s
    return np.asarray(e * LN2_HIGH + ((twice + twice * series) + e * LN2_LOW), np.float32)
