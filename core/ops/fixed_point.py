"""Requantising by one integer multiply and shift, proved equal to the float32 definition for every sum of a layer.

    y = clamp_min + ((sum - origin) * multiplier + addend >> shift)      where 0 <= sum - origin < window
    y = clamp_min below, clamp_max above

`clamp(round_half_even(float32(sum) * scale) + zero_point)` never falls when the sum grows, so it is known from its
thresholds: the least sum that gives each int8 value. `fit` looks for integers that have the same thresholds; where
there are none (float32 rounded one of them to the other side), the channel is left to another way.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, fields, replace

import numpy as np

from edgec.ir import Array
from edgec.ops.numbers import Clamp, requantize

TRIED_SHIFTS = 3
FAR = 1 << 62  # beyond every line

# What runtime_c/include/edgec/ec_fixed_point.h has room for: C names in brackets.
WORDS_SHIFT = 8  # the product's last bits, which are dropped before the addend comes
DOUBT_BITS = 6  # [EC_DOUBT_BITS]
DOUBTFUL_BYTES = 20  # [EC_DOUBTFUL_WORDS] * 4


@dataclass(frozen=True)
class FixedFormat:
    """What a kernel's arithmetic can hold.

    multiplier < 2^multiplier_bits, window < 2^window_bits, (sum - origin) * multiplier + addend < 2^product_bits, the
    addend is a multiple of addend_step, shifts[0] <= shift <= shifts[1]; multiplier_bits + window_bits <= 62.
    `doubt`: a kernel that computes y otherwise where the bits behind the point are below it may be given integers that
    are wrong there; as a fraction of 1, a power of two, or 0.
    """

    multiplier_bits: int
    product_bits: int
    window_bits: int = 31
    addend_step: int = 1
    shifts: tuple[int, int] = (0, 54)
    doubt: float = 0.0


@dataclass(frozen=True)
class FixedPoint:
    """int64 arrays, one entry a channel; where `proved` is False the other fields mean nothing."""

    origin: Array
    window: Array
    multiplier: Array
    addend: Array
    shift: Array
    proved: Array

    @property
    def arrays(self) -> tuple[Array, ...]:
        return tuple(getattr(self, item.name) for item in fields(self))

    def take(self, other: FixedPoint, where: Array) -> FixedPoint:
        """The same with the channels of `other` where the mask says so."""
        return FixedPoint(*(np.where(where, b, a) for a, b in zip(self.arrays, other.arrays, strict=True)))

    def of(self, channels: Array) -> FixedPoint:
        """Those that an index array or mask names."""
        return FixedPoint(*(array[channels] for array in self.arrays))


@dataclass(frozen=True)
class Steps:
    """The thresholds of each channel as inequalities of a line over sum - origin.

    at, below: (channels, steps), where the line must have reached step 1, 2, ... and where it must not yet; the masks
    say which of them a sum can reach.
    """

    origin: Array
    window: Array
    at: Array
    has_at: Array
    below: Array
    has_below: Array

    def of(self, channels: Array) -> Steps:
        """The rows that an index array or mask names."""
        return Steps(*(getattr(self, item.name)[channels] for item in fields(self)))

    def goals(self, shift: Array) -> Goals:
        """The inequalities for a line of so many bits behind the point; those that no sum reaches always hold."""
        value = np.arange(1, self.at.shape[1] + 1, dtype=np.int64) << shift[:, None]
        return Goals(
            np.where(self.has_at, self.at, 0),
            np.where(self.has_at, value, 0),
            np.where(self.has_below, self.below, 0),
            np.where(self.has_below, value - 1, FAR),
        )


@dataclass(frozen=True)
class Goals:
    """at * multiplier + addend >= at_value, below * multiplier + addend <= below_value; (channels, steps) each."""

    at: Array
    at_value: Array
    below: Array
    below_value: Array

    def addends(self, multiplier: Array) -> tuple[Array, Array, Array]:
        """(least, largest) addend that keeps each channel's inequalities, and where a larger multiplier widens the gap.

        The gap between the two is concave in the multiplier: each bound is a largest or least of straight lines.
        """
        rows = np.arange(len(multiplier))
        least_of = self.at_value - self.at * multiplier[:, None]
        largest_of = self.below_value - self.below * multiplier[:, None]
        i, j = least_of.argmax(axis=1), largest_of.argmin(axis=1)
        least = np.maximum(least_of[rows, i], 0)
        falls = np.where(least_of[rows, i] > 0, self.at[rows, i], 0)
        return least, largest_of[rows, j], falls > self.below[rows, j]


def thresholds(scale: Array, zero_point: int, clamp: Clamp, lower: Array, upper: Array) -> Array:
    """(channels, clamp_max - clamp_min) int64: the least sum from lower to upper that gives clamp_min + 1, + 2, ...

    upper + 1 where none does. lower, upper: (channels) int64, the bounds of the sums; scale: (channels) float32.
    """
    steps = np.arange(clamp[0] + 1, clamp[1] + 1)
    shape = (len(scale), len(steps))
    low, high = (np.broadcast_to(bound[:, None], shape).astype(np.int64) for bound in (lower, upper + 1))
    while (low < high).any():
        middle = (low + high) >> 1
        reached = requantize(middle, scale[:, None], zero_point, clamp) >= steps
        low, high = np.where(reached | (low >= high), low, middle + 1), np.where(reached, middle, high)
    return low


def find_steps(scale: Array, zero_point: int, clamp: Clamp, lower: Array, upper: Array) -> Steps:
    """The inequalities of each channel; its window begins at the last sum that gives clamp_min, where there is one, and
    ends at the first that gives clamp_max."""
    found = thresholds(scale, zero_point, clamp, lower, upper)
    if not found.shape[1]:  # the clamp leaves one value: every sum lies below the window
        empty = np.zeros((len(scale), 1), np.int64)
        return Steps(upper + 1, np.ones_like(upper), empty, empty > 0, empty, empty > 0)
    low, high, end = lower[:, None], upper[:, None], found[:, -1:]
    # Where every sum gives clamp_max, all lie above a window of one.
    origin = np.where(end <= low, low - 1, np.clip(found[:, :1] - 1, low, high))
    return Steps(
        origin[:, 0],
        np.maximum(end - origin, 1)[:, 0],
        np.maximum(found, low) - origin,
        (found <= high) & (found < end),
        found - 1 - origin,
        found > low,
    )


def widest(goals: Goals, bits: int) -> Array:
    """The multiplier below 2^bits with the widest gap between its bounds of the addend, by bisection."""
    low, high = np.zeros(len(goals.at), np.int64), np.full(len(goals.at), (1 << bits) - 1, np.int64)
    for _ in range(bits):
        middle = (low + high) >> 1
        _, _, rising = goals.addends(middle)
        low, high = np.where(rising & (low < high), middle + 1, low), np.where(rising, high, middle)
    return low


def fit_shift(steps: Steps, shift: Array, form: FixedFormat) -> FixedPoint:
    """Integers for each channel with the given shift, `proved` where they keep all inequalities."""
    goals = steps.goals(shift)
    best = widest(goals, form.multiplier_bits)
    nothing = np.zeros_like(best)
    result = FixedPoint(steps.origin, steps.window, nothing, nothing, shift, nothing > 0)
    doubt = (form.doubt * np.exp2(shift)).astype(np.int64)
    for near in (0, -1, 1, -2, 2):
        multiplier = np.clip(best + near, 0, (1 << form.multiplier_bits) - 1)
        least, largest, _ = goals.addends(multiplier)
        addend = -(-least // form.addend_step) * form.addend_step
        highest = (steps.window - 1) * multiplier + addend
        proved = (addend <= np.minimum(largest, FAR - doubt) + doubt) & (highest < 1 << form.product_bits)
        proved &= steps.window < 1 << form.window_bits
        found = FixedPoint(steps.origin, steps.window, multiplier, addend, shift, proved)
        result = result.take(found, proved & ~result.proved)
    return result


def fit(scale: Array, zero_point: int, clamp: Clamp, lower: Array, upper: Array, form: FixedFormat) -> FixedPoint:
    """Integers for each channel of a layer, proved for every sum from lower to upper (int64, in int32's range).

    The definition they are proved against is `numbers.requantize(sum, scale, zero_point, clamp)`.
    """
    steps = find_steps(scale, zero_point, clamp, lower, upper)
    # As many bits behind the point as multiplier and product have room for.
    exponents = np.floor(-np.log2(np.maximum(scale.astype(np.float64), 2.0**-60))).astype(np.int64)
    room = form.product_bits - int(clamp[1] - clamp[0]).bit_length()
    most = np.clip(np.minimum(exponents + form.multiplier_bits, room), *form.shifts)
    result: FixedPoint | None = None
    for fewer in range(TRIED_SHIFTS):
        open_ = np.arange(len(scale)) if result is None else np.flatnonzero(~result.proved)
        if not len(open_):
            break
        found = fit_shift(steps.of(open_), np.maximum(most[open_] - fewer, form.shifts[0]), form)
        result = found if result is None else scatter(result, found, open_)
    assert result is not None
    return result


def scatter(whole: FixedPoint, part: FixedPoint, index: Array) -> FixedPoint:
    """`whole` with the channels of `index` from `part`."""
    result = FixedPoint(*(array.copy() for array in whole.arrays))
    for array, values in zip(result.arrays, part.arrays, strict=True):
        array[index] = values
    return result


def apply(fixed: FixedPoint, acc: Array, clamp: Clamp) -> Array:
    """int8 values of sums (channels, n) by the proved integers: what a kernel computes."""
    value = acc.astype(np.int64) - fixed.origin[:, None]
    line = clamp[0] + ((value * fixed.multiplier[:, None] + fixed.addend[:, None]) >> fixed.shift[:, None])
    inside = np.where(value < fixed.window[:, None], line, clamp[1])
    return np.where(value < 0, clamp[0], inside).astype(np.int8)


@dataclass(frozen=True)
class FixedWords:
    """The words of ec_fixed_point.h, uint32: fixed (channels * 3), doubtful (of those channels * 5) or None.

    origin (int64, one a channel) is for the kernel's bias: its sums come without it.
    """

    fixed: Array
    doubtful: Array | None
    origin: Array


def fixed_words(scale: Array, zero_point: int, clamp: Clamp, lower: Array, upper: Array) -> FixedWords:
    """Requantising of a layer in the form of ec_fixed_point.h; arguments as `fit` takes them."""
    return searched(scale.astype(np.float32).tobytes(), zero_point, clamp, lower.tobytes(), upper.tobytes())


@functools.lru_cache(maxsize=256)
def searched(scales: bytes, zero_point: int, clamp: Clamp, lowest: bytes, highest: bytes) -> FixedWords:
    """The same, of arrays as bytes: a node is asked several times while it is compiled."""
    scale, lower, upper = (np.frombuffer(scales, np.float32), *(np.frombuffer(b, np.int64) for b in (lowest, highest)))
    proved = fit(scale, zero_point, clamp, lower, upper, WORDS)
    doubtful = np.flatnonzero(~proved.proved)
    words = line_words(proved, clamp)
    words[doubtful] = 0
    words[doubtful, 1] = DOUBTFUL_BYTES * np.arange(len(doubtful))
    if not len(doubtful):
        return FixedWords(words.reshape(-1), None, proved.origin)
    some = fit(scale[doubtful], zero_point, clamp, lower[doubtful], upper[doubtful], DOUBTFUL_WORDS)
    more = line_words(some, clamp) * some.proved[:, None].astype(np.uint32)
    last = [scale[doubtful].view(np.uint32), some.origin.astype(np.int32).view(np.uint32)]
    return FixedWords(words.reshape(-1), np.column_stack([more, *last]).reshape(-1), proved.origin)


def line_words(fixed: FixedPoint, clamp: Clamp) -> Array:
    """(channels, 3) uint32: window and shift, multiplier, addend with the lower end of the clamp in it."""
    shift = fixed.shift - WORDS_SHIFT
    addend = (fixed.addend >> WORDS_SHIFT) + (clamp[0] << shift)
    table = np.stack([fixed.window << 8 | shift, fixed.multiplier, addend], axis=1)
    return (table & 0xFFFFFFFF).astype(np.uint32)


# The shift leaves 8 bits of 32, so that the byte comes out right whatever the end of the clamp is.
WORDS = FixedFormat(24, 40, window_bits=24, addend_step=1 << WORDS_SHIFT, shifts=(WORDS_SHIFT + 1, 32))
DOUBTFUL_WORDS = replace(WORDS, doubt=2.0**-DOUBT_BITS)
