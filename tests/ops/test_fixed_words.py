"""Fixed-point requantising equals the float32 definition on every sum that a channel can have."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgec.ir import Array
from edgec.ops.fixed_point import (
    DOUBTFUL_WORDS,
    WORDS,
    FixedFormat,
    FixedPoint,
    apply,
    fit,
    fixed_words,
    line_words,
    thresholds,
)
from edgec.ops.numbers import Clamp, requantize

LONG = FixedFormat(multiplier_bits=31, product_bits=62)
CLAMPS: list[Clamp] = [(-128, 127), (-128, 127), (-3, 127), (0, 6), (-128, -128), (-5, -4)]
# The thresholds of this channel lie on no line: float32 rounds a sum or two to a half, and then to even.
BROKEN = np.float32(0.002074889140203595)


def constants(scales: Array, lower: int, upper: int) -> tuple[Array, Array, Array]:
    """(scale, lower, upper) of channels with equal bounds."""
    scale = np.asarray(scales, np.float32)
    return scale, np.full(len(scale), lower, np.int64), np.full(len(scale), upper, np.int64)


def check_exact(fixed: FixedPoint, acc: Array, scale: Array, zero_point: int, clamp: Clamp) -> None:
    """acc: (channels, n) or (n) sums."""
    acc = np.broadcast_to(acc, (len(scale), acc.shape[-1]))
    wanted = requantize(acc, scale[:, None], zero_point, clamp)
    proved = fixed.proved
    np.testing.assert_array_equal(apply(fixed.of(proved), acc[proved], clamp), wanted[proved])


def near_thresholds(found: Array, lower: Array, upper: Array) -> Array:
    """Sums at each threshold and beside it, and the ends: (channels, n) within the bounds."""
    points = np.concatenate([found - 1, found, found + 1, lower[:, None], upper[:, None]], axis=1)
    return np.clip(points, lower[:, None], upper[:, None])


@given(
    seed=st.integers(0, 2**32 - 1),
    zero_point=st.integers(-128, 127),
    clamp=st.sampled_from(CLAMPS),
    lower=st.integers(-6000, 3000),
    size=st.integers(0, 9000),
    form=st.sampled_from([WORDS, LONG]),
)
def test_every_reachable_sum(
    seed: int, zero_point: int, clamp: Clamp, lower: int, size: int, form: FixedFormat
) -> None:
    scales = np.exp2(np.random.default_rng(seed).uniform(-13, 3, 12)).astype(np.float32)
    scale, low, high = constants(scales, lower, lower + size)
    fixed = fit(scale, zero_point, clamp, low, high, form)
    check_exact(fixed, np.arange(lower, lower + size + 1), scale, zero_point, clamp)


def test_most_channels_are_proved() -> None:
    """Of scales as networks have them; the longer format proves as many and more."""
    scale, lower, upper = constants(np.exp2(np.random.default_rng(0).uniform(-11, -6, 500)), -(2**18), 2**18)
    parts = [fit(scale, -128, (-128, 127), lower, upper, form).proved for form in (WORDS, LONG, DOUBTFUL_WORDS)]
    assert [part.mean() for part in parts] >= [0.8, 0.9, 1.0]
    assert (parts[1] | ~parts[0]).all()


@settings(max_examples=20)
@given(seed=st.integers(0, 2**32 - 1), zero_point=st.integers(-128, 127), clamp=st.sampled_from(CLAMPS))
def test_thresholds_of_large_sums(seed: int, zero_point: int, clamp: Clamp) -> None:
    """Beyond 2^24, where float32 rounds the sums themselves."""
    rng = np.random.default_rng(seed)
    scale = np.exp2(rng.uniform(-24, -6, 40)).astype(np.float32)
    lower, upper = -rng.integers(0, 2**27, 40), rng.integers(0, 2**27, 40)
    found = thresholds(scale, zero_point, clamp, lower, upper)
    acc = near_thresholds(found, lower, upper)
    steps = np.arange(clamp[0] + 1, clamp[1] + 1)
    if len(steps):
        inside = (found > lower[:, None]) & (found <= upper[:, None])
        for offset, reached in ((0, True), (-1, False)):
            value = requantize(found + offset, scale[:, None], zero_point, clamp)
            assert ((value >= steps) == reached)[inside].all()
    for form in (WORDS, LONG):
        check_exact(fit(scale, zero_point, clamp, lower, upper, form), acc, scale, zero_point, clamp)


def test_a_threshold_that_float32_moves_is_not_proved() -> None:
    """And is one of the sums whose bits behind the point say so, where a kernel looks at them."""
    scale, lower, upper = constants(np.array([BROKEN]), -(2**17), 2**17)
    assert not fit(scale, 3, (-128, 127), lower, upper, LONG).proved.any()
    fixed = fit(scale, 3, (-128, 127), lower, upper, DOUBTFUL_WORDS)
    assert fixed.proved.all()
    acc = np.arange(-(2**17), 2**17 + 1)[None]
    wrong = apply(fixed, acc, (-128, 127)) != requantize(acc, scale[:, None], 3)
    line = (acc - fixed.origin) * fixed.multiplier + fixed.addend
    behind_point = line % (1 << fixed.shift[0])
    assert wrong.any()
    assert (behind_point[wrong] < DOUBTFUL_WORDS.doubt * 2.0 ** fixed.shift[0]).all()


@pytest.mark.parametrize("scale", [0.01, 2.0**-6])
def test_scales_with_many_ties_are_left_to_the_other_way(scale: float) -> None:
    """Every threshold is a half, which goes to the even side: up and down in turn, as no line does."""
    channel, lower, upper = constants(np.array([scale]), -9000, 9000)
    assert not fit(channel, 0, (-128, 127), lower, upper, LONG).proved.any()
    assert fit(channel, 0, (-128, 127), lower, upper, DOUBTFUL_WORDS).proved.all()


@pytest.mark.parametrize("scale", [1e-45, 1e-38, 1e-12, 1.0, 1.5, 3e4, 3e38])
@pytest.mark.parametrize("bounds", [(-5, 9), (0, 0), (7, 300), (-300, -2)], ids=str)
def test_extreme_scales_and_bounds(scale: float, bounds: tuple[int, int]) -> None:
    channel, lower, upper = constants(np.array([scale]), *bounds)
    with np.errstate(over="ignore"):
        fixed = fit(channel, -7, (-128, 127), lower, upper, WORDS)
        check_exact(fixed, np.arange(bounds[0], bounds[1] + 1), channel, -7, (-128, 127))


def test_words_hold_what_was_found() -> None:
    """Window and shift share a word; the addend has the lower end of the clamp in it, modulo 2^32."""
    scale, lower, upper = constants(np.array([0.0113, float(BROKEN), 0.0234]), -(2**17), 2**17)
    words = fixed_words(scale, 3, (-128, 127), lower, upper)
    fixed = fit(scale, 3, (-128, 127), lower, upper, WORDS)
    assert fixed.proved.tolist() == [True, False, True]
    table = words.fixed.reshape(-1, 3)
    assert table[1].tolist() == [0, 0, 0]  # number 0 of the doubtful ones
    np.testing.assert_array_equal(table[[0, 2]], line_words(fixed.of(np.array([0, 2])), (-128, 127)))
    assert words.doubtful is not None
    assert words.doubtful[3] == BROKEN.view(np.uint32)
    assert (table[0, 0] >> 8, table[0, 0] & 0xFF) == (fixed.window[0], fixed.shift[0] - 8)


def test_without_doubtful_channels_there_is_no_array_of_them() -> None:
    scale, lower, upper = constants(np.array([0.0113]), -1000, 1000)
    assert fixed_words(scale, 0, (-128, 127), lower, upper).doubtful is None
