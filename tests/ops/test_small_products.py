"""Integers for Add, Sub and Mul on NEON give the float32 definition on all pairs, step by step as the C does."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgec.ir import Array
from edgec.ops.elementwise.even_sum import even_sums, fit_even
from edgec.ops.elementwise.portable import BinaryData
from edgec.ops.elementwise.small_products import MOST, MOST_SMALL, SmallProducts, clamped, fit, products, sums

SCALES = st.floats(0.003, 0.3).map(lambda scale: float(np.float32(scale)))
ZERO_POINTS = st.integers(-128, 127)
Q = np.arange(-128, 128)


def data_of(scales: tuple[float, float, float], zero_points: tuple[int, int, int], low: int = -128) -> BinaryData:
    return BinaryData(None, *(float(np.float32(scale)) for scale in scales), *zero_points, low, 127)


def fits_int32(values: Array) -> bool:
    return bool(np.abs(values).max() < 2**31)


def check_sum(found: SmallProducts) -> None:
    """Nothing overflows in the C: int8 and int16 multipliers, sums of int32 (those on the way may wrap around)."""
    small = (found.a_first, found.b_first, found.a_second, found.b_second)
    assert max(map(abs, small)) <= MOST_SMALL
    assert max(abs(found.first), abs(found.second)) <= MOST
    a = found.first * found.a_first + found.second * found.a_second
    b = found.first * found.b_first + found.second * found.b_second
    assert fits_int32(Q[:, None] * a + Q[None] * b + found.offset)
    assert abs(found.offset) < 2**31
    assert 1 <= found.shift <= 8


@settings(max_examples=15)
@given(
    st.sampled_from(["Add", "Sub", "Mul"]),
    st.tuples(SCALES, SCALES, SCALES),
    st.tuples(ZERO_POINTS, ZERO_POINTS, ZERO_POINTS),
    st.booleans(),
)
def test_all_pairs(
    name: str, scales: tuple[float, float, float], zero_points: tuple[int, int, int], relu: bool
) -> None:
    data = data_of(scales, zero_points, zero_points[2] if relu else -128)
    found = fit(name, data)
    if found is None:
        return
    if name == "Mul":
        assert 0 < found.first < 2**31
        assert found.shift in range(2, 17, 2)
        np.testing.assert_array_equal(products(found, data), clamped(name, data))
    else:
        check_sum(found)
        np.testing.assert_array_equal(sums(found, data), clamped(name, data))


@pytest.mark.parametrize("name", ["Add", "Sub", "Mul"])
def test_usual_scales_have_integers(name: str) -> None:
    found = fit(name, data_of((0.0371, 0.0622, 0.0519), (-128, 4, -128)))
    assert found is not None


@pytest.mark.parametrize("zero_point", [-128, -7, 4])
@pytest.mark.parametrize("name", ["Add", "Sub"])
def test_halves_are_rounded_to_even(name: str, zero_point: int) -> None:
    """(a + b) / 2 lies at a half for every second pair: no line rounds them, int16 with the bit in question does."""
    data = data_of((0.5, 0.5, 1.0), (3, -5, zero_point))
    assert fit(name, data) is None
    found = fit_even(name, data)
    assert found is not None
    assert 128 * (abs(found.a_first) + abs(found.b_first)) + abs(found.offset) + 1 + (1 << found.shift) <= MOST
    np.testing.assert_array_equal(even_sums(found, data), clamped(name, data))
