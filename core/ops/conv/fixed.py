"""Requantising in two integer instructions, where these provably give the bits of the float32 definition.

    q = clamp((((SUM_SCALE * acc + offset) * multiplier) >> 32) >> shift)

Both this and `numbers.requantize` are steps that go up with acc, so they are equal for all sums when the first sum that
gives at least k is the same for each of the 255 values k. That leaves an interval of offsets for a multiplier; a few
multipliers around the real one are tried. One channel in about fifty has none, where ties go to even numbers, now up,
now down.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np

from edgec.ir import Array
from edgec.ops.fixed_point import thresholds
from edgec.ops.numbers import Clamp

SUM_SCALE = 256  # of the widened activations: a byte in the upper half of 16 bits
SHIFTS = (12, 8, 4, 1)
NEARBY = 64  # multipliers tried on each side of the real one
NEARBY_STEP = 2.0**-28
INT32_MAX = 2**31 - 1


@dataclass(frozen=True)
class FixedPoint:
    """Of each channel: int64 multiplier and offset, and whether they are exact; one shift for all."""

    shift: int
    multiplier: Array
    offset: Array
    exact: Array


def fixed_point(scale: Array, zero_point: int, clamp: Clamp, lower: Array, upper: Array) -> FixedPoint:
    """For channels with float32 `scale`, whose sums lie in lower..upper: the shift that suits most of them."""
    return solved(scale.tobytes(), zero_point, clamp, lower.tobytes(), upper.tobytes())


@functools.lru_cache(maxsize=64)
def solved(scale: bytes, zero_point: int, clamp: Clamp, lower: bytes, upper: bytes) -> FixedPoint:
    """The same, of arrays as bytes: a node is asked several times while it is compiled."""
    scales, low, high = (np.frombuffer(scale, np.float32), *(np.frombuffer(b, np.int64) for b in (lower, upper)))
    firsts = thresholds(scales, zero_point, clamp, low, high)
    best: FixedPoint | None = None
    for shift in SHIFTS:
        found = with_shift(scales, clamp, low, high, firsts, shift)
        if best is None or found.exact.sum() > best.exact.sum():
            best = found
        if best.exact.all():
            break
    assert best is not None
    return best


def with_shift(scale: Array, clamp: Clamp, lower: Array, upper: Array, firsts: Array, shift: int) -> FixedPoint:
    """The multipliers for one shift."""
    one = 1 << (32 + shift)
    real = scale.astype(np.float64) * (one / SUM_SCALE)
    multiplier, offset = np.zeros(len(scale), np.int64), np.zeros(len(scale), np.int64)
    exact = np.zeros(len(scale), bool)
    reach = np.maximum(np.abs(lower), np.abs(upper)) * scale.astype(np.float64) * (1 << shift)
    open_ = (real < INT32_MAX - NEARBY * (1 + INT32_MAX * NEARBY_STEP)) & (real > 2 * NEARBY) & (reach < 2.0**30)
    for step in sorted(range(-NEARBY, NEARBY + 1), key=abs):
        rows = np.flatnonzero(open_ & ~exact)
        if not rows.size:
            break
        tried = np.rint(real[rows]).astype(np.int64) + step * np.maximum(1, real[rows] * NEARBY_STEP).astype(np.int64)
        low, high = offset_bounds(tried, clamp, lower[rows], upper[rows], firsts[rows], one)
        good = low <= high
        multiplier[rows[good]], offset[rows[good]] = tried[good], (low[good] + high[good]) >> 1
        exact[rows[good]] = True
    return FixedPoint(shift, multiplier, offset, exact)


def offset_bounds(
    multiplier: Array, clamp: Clamp, lower: Array, upper: Array, firsts: Array, one: int
) -> tuple[Array, Array]:
    """(least, largest) offset with which each value is reached by its first sum and by none below it."""
    values = np.arange(clamp[0] + 1, clamp[1] + 1, dtype=np.int64)[None, :]
    least = -(-values * one // multiplier[:, None])  # of SUM_SCALE * acc + offset: reaches the value
    reached, missed = firsts <= upper[:, None], firsts > lower[:, None]
    low = np.where(reached, least - SUM_SCALE * firsts, -INT32_MAX)
    high = np.where(missed, least - 1 - SUM_SCALE * (firsts - 1), INT32_MAX)
    return low.max(axis=1, initial=-INT32_MAX), high.min(axis=1, initial=INT32_MAX)
