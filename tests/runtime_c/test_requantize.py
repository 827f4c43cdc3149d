"""Requantising by float32 and by integers gives the bits that numpy gives, on every edge of int32."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgec.ir import Array
from edgec.ops.numbers import requantize
from tests.runtime_c.harness import compile_c, execute

HERE = Path(__file__).parent
INCLUDE = f"-I{HERE.parent.parent / 'runtime_c' / 'include'}"
WAYS = {"float": (), "integer": ("-DEC_REQUANTIZE_INTEGER",)}
LIMIT = 4194303
RECORD = np.dtype([("acc", np.int32), ("scale", np.float32), ("zero_point", np.int32)])


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """requantize_main.c, once each way."""
    folder = tmp_path_factory.mktemp("requantize")
    for way, defines in WAYS.items():
        compile_c([HERE / "requantize_main.c"], folder / way, [INCLUDE, *defines])
    return {way: folder / way for way in WAYS}


def run(program: Path, acc: Array, scale: Array, zero_point: Array | int) -> tuple[Array, Array]:
    """(ec_scale_round, ec_requantize) of every element; the three arrays are broadcast."""
    acc, scale, zero_point = np.broadcast_arrays(acc, scale, zero_point)
    records = np.empty(acc.size, RECORD)
    for name, values in zip(RECORD.names or (), (acc, scale, zero_point), strict=True):
        records[name] = values.reshape(-1)
    out = np.frombuffer(execute(program, records.tobytes()), np.int32).reshape(-1, 2)
    return out[:, 0].reshape(acc.shape), out[:, 1].reshape(acc.shape)


def scale_round(acc: Array, scale: Array) -> Array:
    with np.errstate(over="ignore", under="ignore"):
        product = acc.astype(np.float32) * scale.astype(np.float32)
    return np.clip(np.rint(product.astype(np.float64)), -LIMIT, LIMIT).astype(np.int32)


def edges() -> Array:
    """int32: 0, the ends, powers of two and their neighbours, ties of the conversion to float32."""
    powers = 2 ** np.arange(31, dtype=np.int64)
    near = [powers + d for d in (-3, -2, -1, 0, 1, 2, 3)]
    # Above 2^24 float32 keeps every 2nd, 4th ... integer: halfway ones, with an even and an odd neighbour below.
    ties = [powers[k] + powers[k - 24] * j + powers[k - 24] // 2 for k in range(25, 31) for j in (0, 1, 2, 3)]
    values = np.concatenate(
        [np.concatenate(near), np.concatenate([np.atleast_1d(t + d) for t in ties for d in (-1, 0, 1)])]
    )
    values = np.concatenate([values, -values, [0, -(2**31), 2**31 - 1, 8388607, 16777215, 16777217]])
    return np.unique(values[(values >= -(2**31)) & (values < 2**31)]).astype(np.int32)


def scales(rng: np.random.Generator) -> Array:
    """float32: powers of two from subnormal to huge, their neighbours, and random ones of usual size."""
    powers = np.ldexp(np.float32(1), np.arange(-149, 128)).astype(np.float32)
    beside = [np.nextafter(powers, np.float32(side)).astype(np.float32) for side in (0, np.inf)]
    usual = np.exp2(rng.uniform(-24, 2, 400)).astype(np.float32)
    extreme = np.array([0.0, np.finfo(np.float32).tiny, np.finfo(np.float32).max], np.float32)
    return np.concatenate([powers, *beside, usual, extreme])


@pytest.mark.parametrize("way", WAYS)
def test_every_edge_times_many_scales(way: str, programs: dict[str, Path]) -> None:
    acc, scale = edges()[:, None], scales(np.random.default_rng(0))[None, :]
    rounded, _ = run(programs[way], acc, scale, 0)
    np.testing.assert_array_equal(rounded, scale_round(acc, scale))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("zero_point", [-128, -1, 0, 127])
def test_int8_results_equal_numpy(way: str, zero_point: int, programs: dict[str, Path]) -> None:
    """Products at and around every half, saturation on both sides with the zero point at its ends."""
    halves = np.arange(-600, 601, dtype=np.int32)[:, None]
    scale = np.array([0.5, 0.25, 1.0, 1.5, 0.49999997, 0.50000006, 1e3, 3e38], np.float32)[None, :]
    _, result = run(programs[way], halves, scale, zero_point)
    with np.errstate(over="ignore"):
        np.testing.assert_array_equal(result, requantize(halves, scale, zero_point))


@pytest.mark.parametrize("way", WAYS)
@given(acc=st.integers(-(2**31), 2**31 - 1), seed=st.integers(0, 2**32 - 1), zero_point=st.integers(-128, 127))
def test_ties_of_the_product(way: str, acc: int, seed: int, zero_point: int, programs: dict[str, Path]) -> None:
    """Scales that bring `acc` next to a half: k + 0.5 divided by acc, and its neighbours."""
    halves = np.random.default_rng(seed).integers(-260, 260, 40) + 0.5
    middle = np.abs(halves / (acc or 1)).astype(np.float32)
    scale = np.concatenate([middle, *(np.nextafter(middle, np.float32(side)) for side in (0, np.inf))])
    rounded, result = run(programs[way], np.array(acc, np.int32), scale, zero_point)
    accs = np.full(scale.shape, acc, np.int32)
    np.testing.assert_array_equal(rounded, scale_round(accs, scale))
    np.testing.assert_array_equal(result, requantize(accs, scale, zero_point))


def test_ten_million_random_pairs(tmp_path: Path) -> None:
    """Both ways in one program; without sanitizers, which the edges ran under."""
    compile_c([HERE / "requantize_main.c"], tmp_path / "fast", [INCLUDE, "-O2", "-fno-sanitize=all"])
    execute(tmp_path / "fast", arguments=["10000000"])


@pytest.mark.exhaustive
def test_a_billion_random_pairs(tmp_path: Path) -> None:
    compile_c([HERE / "requantize_main.c"], tmp_path / "fast", [INCLUDE, "-O2", "-fno-sanitize=all"])
    execute(tmp_path / "fast", arguments=["1000000000"])
