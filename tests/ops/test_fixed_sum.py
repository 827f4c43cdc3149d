"""Integers for Add and Sub give the float32 definition's value on all pairs, or say which pairs they leave out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgec.ir import Array
from edgec.ops.elementwise.fixed_sum import MOST_DOUBT, FixedSum, Quant, fit_sum, table_of_sums
from edgec.ops.numbers import FULL_RANGE, Clamp, saturate

SCALES = st.floats(0.003, 0.3).map(np.float32)
ZERO_POINTS = st.integers(-128, 127)


def sums(found: FixedSum) -> Array:
    """(256, 256) int64: the line of every pair, before the shift."""
    q = np.arange(-128, 128, dtype=np.int64)
    return (q * found.multiplier_a)[:, None] + (q * found.multiplier_b)[None] + found.addend


def check(found: FixedSum, a: Quant, b: Quant, y: Quant, sign: int, clamp: Clamp) -> None:
    line = sums(found)
    assert np.abs(line).max() < 2**31
    wrong = saturate(line >> found.shift, clamp) != saturate(table_of_sums(a, b, y, sign), clamp)
    assert (line[wrong] % (1 << found.shift) < found.doubt).all()


@settings(max_examples=15)
@given(SCALES, SCALES, SCALES, ZERO_POINTS, ZERO_POINTS, ZERO_POINTS, st.sampled_from([1, -1]), st.booleans())
def test_all_pairs(
    s_a: np.float32, s_b: np.float32, s_y: np.float32, z_a: int, z_b: int, z_y: int, sign: int, relu: bool
) -> None:
    a, b, y, clamp = (s_a, z_a), (s_b, z_b), (s_y, z_y), (z_y, 127) if relu else FULL_RANGE
    found = fit_sum(a, b, y, sign, clamp)
    if found is not None:
        check(found, a, b, y, sign, clamp)


def test_usual_scales_leave_no_doubt() -> None:
    a, b, y = (np.float32(0.0371), -128), (np.float32(0.0622), 4), (np.float32(0.0519), -128)
    found = fit_sum(a, b, y, 1, FULL_RANGE)
    assert found is not None
    assert found.doubt == 0
    check(found, a, b, y, 1, FULL_RANGE)


def test_ties_are_doubtful() -> None:
    """(a + b) / 2 lies at a half for every second pair: half to even is no line."""
    one, two = (np.float32(0.5), 0), (np.float32(1.0), 0)
    found = fit_sum(one, one, two, 1, FULL_RANGE)
    assert found is not None
    assert 0 < found.doubt < 1 << found.shift - MOST_DOUBT
    check(found, one, one, two, 1, FULL_RANGE)


@pytest.mark.parametrize("scale", [1e-9, 1e-38], ids=str)
def test_outputs_of_too_many_steps_are_refused(scale: float) -> None:
    assert fit_sum((np.float32(1), 0), (np.float32(1), 0), (np.float32(scale), 0), 1, FULL_RANGE) is None


@pytest.mark.parametrize("clamp", [(5, 5), (127, 127), (-128, -128)], ids=str)
def test_clamps_of_one_value(clamp: Clamp) -> None:
    a, y = (np.float32(0.1), 3), (np.float32(0.15), -7)
    found = fit_sum(a, a, y, 1, clamp)
    assert found is not None
    assert found.doubt == 0
    check(found, a, a, y, 1, clamp)
