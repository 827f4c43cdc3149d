"""Add and Sub of int8 values by integer multiplies and one shift, proved equal to the float32 definition on all pairs.

    y = clamp((a - z_a) * multiplier_a + (b - z_b) * multiplier_b + addend >> shift)

There are 65,536 pairs, so that the proof is to try them. Where no integers do for all pairs, `doubt` is above 0: the
pairs whose bits behind the point are below it have to be computed as the definition says.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edgec.ir import Array
from edgec.ops.numbers import QMAX, QMIN, Clamp, saturate

Quant = tuple[np.float32, int]  # scale and zero point

NEAR = 3  # multipliers are tried so far from the quotient of the scales
FAR = 1 << 40  # beyond every line
MOST_DOUBT = 4  # bits behind the point: more than one pair in 16 would be no gain


@dataclass(frozen=True)
class FixedSum:
    """The integers, for values with their zero points in the addend; doubt < 2^shift."""

    multiplier_a: int
    multiplier_b: int
    addend: int
    shift: int
    doubt: int


def table_of_sums(a: Quant, b: Quant, y: Quant, sign: int) -> Array:
    """(256, 256) float64 of a and b from -128 on: round_half_even((deq(a) + sign * deq(b)) / s_y) + z_y."""
    q = np.arange(QMIN, QMAX + 1)
    left, right = ((q - zero_point).astype(np.float32) * scale for scale, zero_point in (a, b))
    total = left[:, None] + right[None] if sign > 0 else left[:, None] - right[None]
    return np.asarray(np.rint((total / y[0]).astype(np.float64)) + y[1])


@functools.lru_cache(maxsize=64)
def fit_sum(a: Quant, b: Quant, y: Quant, sign: int, clamp: Clamp) -> FixedSum | None:
    """Integers for a + sign * b, each with (scale, zero point), that stay in 32 bits; None where there are none."""
    ratios = float(a[0]) / float(y[0]), sign * float(b[0]) / float(y[0])
    largest = 255 * (abs(ratios[0]) + abs(ratios[1])) + 512
    if largest >= 1 << 24:
        return None
    wanted = saturate(table_of_sums(a, b, y, sign), clamp).astype(np.int64)
    shift = 31 - int(np.ceil(np.log2(largest)))
    near = sorted(itertools.product(range(-NEAR, NEAR + 1), repeat=2), key=lambda pair: pair[0] ** 2 + pair[1] ** 2)
    best: FixedSum | None = None
    for pair in near:
        multipliers = [round(ratio * 2**shift) + add for ratio, add in zip(ratios, pair, strict=True)]
        found = fit_addend(wanted, multipliers, (a[1], b[1], y[1]), shift, clamp)
        if best is None or found.doubt < best.doubt:
            best = found
        if best.doubt == 0:
            break
    return best if best is not None and best.doubt < 1 << shift - MOST_DOUBT else None


def fit_addend(
    wanted: Array, multipliers: Sequence[int], zero_points: Sequence[int], shift: int, clamp: Clamp
) -> FixedSum:
    """The addend that is right for most pairs. wanted: (256, 256) values of the pairs; zero points of a, b and y."""
    q = np.arange(QMIN, QMAX + 1, dtype=np.int64)
    parts = [(q - z) * m for z, m in zip(zero_points, multipliers, strict=False)]
    line = parts[0][:, None] + parts[1][None]
    # Beyond the clamp, whatever lies on the right side of it is right.
    least = int(((wanted << shift) - line).max(initial=-FAR, where=wanted > clamp[0]))
    most = int((((wanted + 1) << shift) - 1 - line).min(initial=FAR, where=wanted < clamp[1]))
    nominal = (zero_points[2] << shift) + (1 << shift - 1)
    addend = max(least, min(nominal, most))
    at_zero = addend - sum(z * m for z, m in zip(zero_points, multipliers, strict=False))
    return FixedSum(multipliers[0], multipliers[1], at_zero, shift, max(0, least - most))
