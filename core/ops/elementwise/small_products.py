"""Add, Sub and Mul of int8 values by products of 16 bits and less, proved on all 65,536 pairs: what NEON is quick at.

Add, Sub:  y = clamp((first * (a * a_first + b * b_first) + second * (a * a_second + b * b_second) + offset >> 16) >> shift)
Mul:       y = clamp((((a - z_a) * (b - z_b) * 2 * first) >> 32) + 2^(shift - 1) >> shift) + z_y)

A sum needs multipliers of about 22 bits each, (A, B): between the 65,536 values and the halves that they are rounded at
there is no more room. Any such pair is `first` times one vector of int8 and `second` times another, first and second
of int16, for many pairs of vectors: those of determinant D do where D divides (A, B) in both coordinates, one time in D.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from edgec.ir import Array
from edgec.ops.elementwise.dsp import FUNCTIONS, Q, results
from edgec.ops.elementwise.portable import BinaryData
from edgec.ops.numbers import QMAX, QMIN

NARROW = 16  # bits that are dropped from int32 to int16
MOST_SHIFT = 8  # and from there to int8
FEWER = 3  # bits that are tried less than fit
NEAR = 4  # multipliers are tried so far from the quotients of the scales
TRIED = 40  # of those that are right, the ones with most room
FAR = 1 << 50  # beyond every line
MOST, MOST_SMALL = 32767, 127
VECTORS = 1 << 15
DEEPEST = 1 << 31
MUL_SHIFTS = tuple(range(16, 0, -2))


@dataclass(frozen=True)
class SmallProducts:
    """The integers of the formulas above; Mul has first and shift only."""

    a_first: int
    b_first: int
    first: int
    a_second: int
    b_second: int
    second: int
    offset: int
    shift: int


@functools.cache
def vectors() -> Array:
    """(5, n) int64: some a_first, b_first, a_second, b_second and their determinants; the same ones always."""
    parts = np.random.default_rng(0).integers(-MOST_SMALL, MOST_SMALL + 1, (4, VECTORS))
    determinant = parts[0] * parts[3] - parts[1] * parts[2]
    return np.concatenate([parts, determinant[None]])[:, determinant != 0]


def in_small_products(a: int, b: int, offset: int, shift: int) -> SmallProducts | None:
    """The multipliers a and b of a sum in two levels; None: no vectors give them."""
    a_first, b_first, a_second, b_second, determinant = vectors()
    first, second = a * b_second - b * a_second, a_first * b - b_first * a
    fits = np.maximum(np.abs(first), np.abs(second)) <= MOST * np.abs(determinant)
    found = np.flatnonzero(fits & (first % determinant == 0) & (second % determinant == 0))
    if not found.size:
        return None
    i = found[0]
    large = int(first[i] // determinant[i]), int(second[i] // determinant[i])
    return SmallProducts(
        *(int(a_first[i]), int(b_first[i]), large[0], int(a_second[i]), int(b_second[i]), large[1], offset, shift)
    )


def lines(name: str, data: BinaryData, shift: int) -> Iterator[tuple[int, int, int]]:
    """(A, B, offset) near the quotients of the scales with a * A + b * B + offset >> shift right for all pairs.

    An offset is right that lifts each pair's sum to the lower end of its result, and none to the end above, as far as
    these lie within the clamp.
    """
    sign = -1 if name == "Sub" else 1
    quotients = data.a_scale / data.y_scale, sign * data.b_scale / data.y_scale
    a_real, b_real = (round(quotient * 2**shift) for quotient in quotients)
    a, b = np.broadcast_arrays((Q - data.a_zero_point)[:, None], (Q - data.b_zero_point)[None, :])
    wanted, line = results(name, data), a * a_real + b * b_real
    above, below = (wanted << shift) - line, (wanted + 1 << shift) - 1 - line
    steps = np.mgrid[-NEAR : NEAR + 1, -NEAR : NEAR + 1].reshape(2, -1, 1)
    # Other multipliers move a pair by no more than this, so that most pairs never matter.
    room = 2 * NEAR * int(np.abs(a).max() + np.abs(b).max())

    def moved(bound: Array, matters: Array) -> Array:
        """(steps, pairs) the bounds that matter, for each step of the multipliers."""
        return np.asarray(bound[matters] - a[matters] * steps[0] - b[matters] * steps[1])

    up, down = wanted > data.clamp_min, wanted < data.clamp_max
    least = moved(above, up & (above >= above.max(where=up, initial=-FAR) - room)).max(axis=1, initial=-FAR)
    most = moved(below, down & (below <= below.min(where=down, initial=FAR) + room)).min(axis=1, initial=FAR)
    for i in np.argsort(least - most, kind="stable")[:TRIED]:
        if least[i] <= most[i]:
            pair = a_real + int(steps[0, i, 0]), b_real + int(steps[1, i, 0])
            middle = max(-DEEPEST, min(int(least[i] + most[i]) // 2, DEEPEST))
            yield *pair, middle - data.a_zero_point * pair[0] - data.b_zero_point * pair[1]


def fits_int32(a: int, b: int, offset: int) -> bool:
    """Every pair's sum does, and the offset; sums on the way may wrap around."""
    ends = [a * x + b * y + offset for x in (QMIN, QMAX) for y in (QMIN, QMAX)]
    return max(*map(abs, ends), abs(offset)) < DEEPEST


@functools.lru_cache(maxsize=64)
def fit_sum(name: str, data: BinaryData) -> SmallProducts | None:
    """The integers of an Add or Sub with these quantisations (data.constant is not read)."""
    largest = float(np.abs(results(name, data)).max())
    most = min(NARROW + MOST_SHIFT, 31 - math.ceil(math.log2(largest + 2)))
    for shift in range(most, max(most - FEWER, NARROW + 1) - 1, -1):
        for a, b, offset in lines(name, data, shift):
            found = in_small_products(a, b, offset, shift - NARROW) if fits_int32(a, b, offset) else None
            if found is not None and np.array_equal(sums(found, data), clamped(name, data)):
                return found
    return None


@functools.lru_cache(maxsize=64)
def fit_product(name: str, data: BinaryData) -> SmallProducts | None:
    """The integers of a Mul. A product p with the result k needs p * first within (2k - 1, 2k + 1) * 2^(30 + shift)."""
    p = (Q - data.a_zero_point)[:, None] * (Q - data.b_zero_point)[None, :]
    wanted = results(name, data)
    k = np.clip(wanted, data.clamp_min, data.clamp_max) - data.y_zero_point
    up, down = wanted > data.clamp_min, wanted < data.clamp_max
    for shift in MUL_SHIFTS:
        # p * first >= low and p * first < high, where the clamp leaves these; divided by p they change sides with it.
        low, high = (2 * k - 1) << 30 + shift, (2 * k + 1) << 30 + shift
        positive, negative, size = p > 0, p < 0, np.maximum(np.abs(p), 1)
        least = max(
            int((-(-low // size)).max(where=up & positive, initial=1)),
            int((-high // size + 1).max(where=down & negative, initial=1)),
        )
        most = min(
            int(((high - 1) // size).min(where=down & positive, initial=DEEPEST - 1)),
            int((-low // size).min(where=up & negative, initial=DEEPEST - 1)),
        )
        found = SmallProducts(0, 0, (least + most) // 2, 0, 0, 0, 0, shift)
        if least <= most and np.array_equal(products(found, data), clamped(name, data)):
            return found
    return None


def clamped(name: str, data: BinaryData) -> Array:
    """(256, 256) what the definition gives."""
    return np.asarray(np.clip(results(name, data), data.clamp_min, data.clamp_max))


def sums(integers: SmallProducts, data: BinaryData) -> Array:
    """(256, 256) what the kernels of Add and Sub give, step by step."""
    a, b = Q[:, None], Q[None, :]
    first, second = a * integers.a_first + b * integers.b_first, a * integers.a_second + b * integers.b_second
    total = integers.first * first + integers.second * second + integers.offset
    return np.asarray(np.clip((total >> NARROW) >> integers.shift, data.clamp_min, data.clamp_max))


def products(integers: SmallProducts, data: BinaryData) -> Array:
    """(256, 256) what the kernel of Mul gives, step by step."""
    p = (Q - data.a_zero_point)[:, None] * (Q - data.b_zero_point)[None, :]
    rounded = ((p * 2 * integers.first) >> 32) + (1 << integers.shift - 1) >> integers.shift
    return np.asarray(np.clip(rounded + data.y_zero_point, data.clamp_min, data.clamp_max))


def fit(name: str, data: BinaryData) -> SmallProducts | None:
    """The integers of one of FUNCTIONS; None where there are none that are right for all pairs."""
    if name not in FUNCTIONS:
        return None
    return fit_product(name, data) if name == "Mul" else fit_sum(name, data)
