"""Fixed-point requantising against the float32 definition, on every sum that a channel can have."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgec.ir import Array
from edgec.ops.conv.fixed import SUM_SCALE, FixedPoint, fixed_point
from edgec.ops.numbers import FULL_RANGE, Clamp, requantize

CHANNELS = 12


def differing(fixed: FixedPoint, scale: Array, zero_point: int, clamp: Clamp, lower: Array, upper: Array) -> int:
    """Sums of exact channels that the fixed-point formula rounds otherwise than the definition."""
    count = 0
    for channel in np.flatnonzero(fixed.exact):
        acc = np.arange(lower[channel], upper[channel] + 1)
        # What SMMUL and SSAT compute.
        scaled = SUM_SCALE * acc + fixed.offset[channel]
        assert np.abs(scaled).max() < 2**31
        q = np.clip(scaled * fixed.multiplier[channel] >> 32 >> fixed.shift, *clamp)
        count += int((q != requantize(acc.astype(np.int32), scale[channel], zero_point, clamp)).sum())
    return count


@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from([(1e-4, 0.003), (0.001, 0.02), (0.01, 0.3), (0.5, 3.0)]),
    st.sampled_from([-128, -3, 0, 127]),
    st.sampled_from([FULL_RANGE, (-3, 127), (0, 6), (127, 127)]),
)
def test_every_sum_of_a_channel(seed: int, scales: tuple[float, float], zero_point: int, clamp: Clamp) -> None:
    rng = np.random.default_rng(seed)
    scale = rng.uniform(*scales, CHANNELS).astype(np.float32)
    lower, upper = -rng.integers(0, 60000, CHANNELS), rng.integers(0, 60000, CHANNELS)
    fixed = fixed_point(scale, zero_point, clamp, lower, upper)
    assert fixed.exact.sum() > CHANNELS / 2
    assert differing(fixed, scale, zero_point, clamp, lower, upper) == 0


@pytest.mark.parametrize(("scale", "exact"), [(2.0**-7, False), (1 / 129, True)])
def test_ties_that_no_multiplier_rounds_to_even_are_told(scale: float, exact: bool) -> None:
    """64 / 128 and 192 / 128 are ties, one goes down and one up; 129 has none."""
    scales, (lower, upper) = np.array([scale], np.float32), (np.array([-20000]), np.array([20000]))
    fixed = fixed_point(scales, 0, FULL_RANGE, lower, upper)
    assert fixed.exact.tolist() == [exact]


def test_an_inexact_formula_would_be_seen() -> None:
    """With the offset of its neighbour a channel rounds some sum otherwise."""
    scale, (lower, upper) = np.full(1, 0.00371, np.float32), (np.array([-40000]), np.array([40000]))
    fixed = fixed_point(scale, 5, FULL_RANGE, lower, upper)
    assert fixed.exact.all()
    wrong = FixedPoint(fixed.shift, fixed.multiplier, fixed.offset + 128, fixed.exact)
    assert differing(wrong, scale, 5, FULL_RANGE, lower, upper) > 0
