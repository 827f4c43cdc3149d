"""Add and Sub where scales are powers of two times each other: sums of int16 that are rounded half to even.

    v = a * a_first + b * b_first + offset
    y = clamp(v + 2^(shift - 1) - 1 + (bit `shift` of v) >> shift), then the zero point if it is odd

No line gives these: halves are common, and half of them are rounded up. Bit `shift` of v is what they would be odd by.
"""

from __future__ import annotations

import functools

import numpy as np

from edgec.ir import Array
from edgec.ops.elementwise.dsp import Q
from edgec.ops.elementwise.portable import BinaryData
from edgec.ops.elementwise.small_products import MOST, MOST_SMALL, SmallProducts, clamped

SHIFTS = range(1, 8)
LARGEST = 128


@functools.lru_cache(maxsize=64)
def fit_even(name: str, data: BinaryData) -> SmallProducts | None:
    """The integers of an Add or Sub, with `offset` less the rounding; None where there are none."""
    if name not in ("Add", "Sub"):
        return None
    quotients = data.a_scale / data.y_scale, (-1 if name == "Sub" else 1) * data.b_scale / data.y_scale
    for shift in SHIFTS:
        a, b = (round(quotient * 2**shift) for quotient in quotients)
        even = data.y_zero_point - data.y_zero_point % 2
        offset = (even << shift) - data.a_zero_point * a - data.b_zero_point * b + (1 << shift - 1) - 1
        # The bit and an odd zero point are added, too.
        largest = LARGEST * (abs(a) + abs(b)) + abs(offset) + 1 + (1 << shift)
        found = SmallProducts(a, b, 0, 0, 0, 0, offset, shift)
        fits = max(abs(a), abs(b)) <= MOST_SMALL and largest <= MOST
        if fits and np.array_equal(even_sums(found, data), clamped(name, data)):
            return found
    return None


def even_sums(integers: SmallProducts, data: BinaryData) -> Array:
    """(256, 256) what the kernels give, step by step. The offset with the rounding in it changes no bit of a half."""
    v = Q[:, None] * integers.a_first + Q[None, :] * integers.b_first + integers.offset
    v = v + ((v >> integers.shift) & 1) + (data.y_zero_point % 2 << integers.shift)
    return np.asarray(np.clip(v >> integers.shift, data.clamp_min, data.clamp_max))
