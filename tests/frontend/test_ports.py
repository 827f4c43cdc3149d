"""Between the model's form and the Graph's: quantising, shifting, layouts, and back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgec.errors import InternalError
from edgec.ir import DType, Port, QuantParams, TensorType, Value
from edgec.ports import from_graph_output, sample_shape, to_graph_input

QUANT = QuantParams.per_tensor(0.5, -3)
NHWC = (0, 2, 3, 1)


def value(shape: tuple[int, ...], dtype: DType = DType.S8) -> Value:
    return Value("v", TensorType(dtype, shape, QUANT if dtype is DType.S8 else None))


def test_reals_are_quantised_half_to_even() -> None:
    port = Port("x", "float32", (1, 6))
    x = np.array([[0.0, 0.25, 0.75, -0.25, 1000.0, -1000.0]], np.float32)
    assert to_graph_input(port, value((1, 6)), x).tolist() == [[-3, -3, -1, -3, 127, -128]]


def test_uint8_is_shifted() -> None:
    port = Port("x", "uint8", (1, 3), offset=-128)
    x = np.array([[0, 128, 255]], np.uint8)
    q = to_graph_input(port, value((1, 3)), x)
    assert (q.dtype, q.tolist()) == (np.int8, [[-128, 0, 127]])
    back = from_graph_output(port, value((1, 3)), q)
    assert (back.dtype, back.tolist()) == (np.uint8, x.tolist())


def test_outputs_are_dequantised() -> None:
    port = Port("y", "float32", (1, 2))
    y = from_graph_output(port, value((1, 2)), np.array([[-3, 5]], np.int8))
    assert (y.dtype, y.tolist()) == (np.float32, [[0.0, 4.0]])


def test_class_numbers_are_int64() -> None:
    port = Port("y", "int64", (1, 1))
    y = from_graph_output(port, value((1, 1), DType.S32), np.array([[7], [8]], np.int32))
    assert (y.dtype, y.tolist()) == (np.int64, [[7], [8]])


def test_layout_of_a_batch() -> None:
    port = Port("x", "int8", (1, 3, 2, 4), NHWC)
    x = np.arange(5 * 24).astype(np.int8).reshape(5, 3, 2, 4)
    q = to_graph_input(port, value((1, 2, 4, 3)), x)
    np.testing.assert_array_equal(q, x.transpose(0, 2, 3, 1))
    assert q.flags.c_contiguous
    np.testing.assert_array_equal(from_graph_output(port, value((1, 2, 4, 3)), q), x)


def test_reshaped_port() -> None:
    """The Graph may hold the same numbers in another shape."""
    port = Port("x", "int8", (1, 12))
    x = np.arange(24).astype(np.int8).reshape(2, 12)
    q = to_graph_input(port, value((1, 3, 4, 1)), x)
    assert q.shape == (2, 3, 4, 1)
    np.testing.assert_array_equal(from_graph_output(port, value((1, 3, 4, 1)), q), x)


def test_only_a_first_axis_of_one_is_the_batch() -> None:
    assert sample_shape(Port("x", "int8", (1, 3))) == (3,)
    assert sample_shape(Port("x", "int8", (2, 3))) == (2, 3)
    assert sample_shape(Port("x", "int8", ())) == ()


def test_first_axis_beyond_one() -> None:
    port = Port("x", "int8", (2, 3))
    x = np.arange(24).astype(np.int8).reshape(4, 2, 3)
    q = to_graph_input(port, value((2, 3)), x)
    assert q.shape == (8, 3)
    np.testing.assert_array_equal(from_graph_output(port, value((2, 3)), q), x)


def test_wrong_shape_is_our_own_fault() -> None:
    with pytest.raises(InternalError, match="samples of shape"):
        to_graph_input(Port("x", "int8", (1, 3)), value((1, 3)), np.zeros((2, 4), np.int8))


@given(
    st.lists(st.integers(1, 4), min_size=1, max_size=4),
    st.integers(1, 5),
    st.sampled_from(["int8", "uint8", "float32"]),
    st.integers(0, 1 << 30),
)
def test_there_and_back(shape: list[int], count: int, dtype: str, seed: int) -> None:
    """from_graph_output undoes to_graph_input for every layout; float32 by half a step."""
    rng = np.random.default_rng(seed)
    perm = tuple(int(axis) for axis in (0, *(rng.permutation(len(shape)) + 1)))
    port = Port("x", dtype, (1, *shape), perm, -128 if dtype == "uint8" else 0)
    inner = value(tuple(port.shape[axis] for axis in perm))
    low = 0 if dtype == "uint8" else -128
    x = rng.integers(low, low + 256, (count, *shape)).astype(dtype)
    x = x / 4 if dtype == "float32" else x
    back = from_graph_output(port, inner, to_graph_input(port, inner, x))
    assert back.dtype == np.dtype(dtype)
    np.testing.assert_allclose(back, x, atol=0.25 if dtype == "float32" else 0)
