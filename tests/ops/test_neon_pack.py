"""Packed weights of the AArch64 kernels, read back the way a tile reads them."""

from __future__ import annotations

import numpy as np
import pytest

from edgec.ir import Array, Node, QuantParams
from edgec.ops.conv import ConvAttrs
from edgec.ops.conv.neon_pack import (
    DOTPROD,
    I8MM,
    LANES,
    NEON,
    TILES,
    Tile,
    depth_of,
    is_wide,
    neon_data,
    read_order,
    strip_of,
)
from edgec.ops.conv.sums import conv_data
from tests.runtime_c.harness import activation, constant, one_node

IN_ZERO = -3


def node_of(weights: Array, zero_points: tuple[int, ...] | None = None) -> Node:
    """A 1x1 convolution. weights: (O, K) s8."""
    out_c, in_c = weights.shape
    scales = tuple(0.001 * (channel + 1) for channel in range(out_c))
    quant = QuantParams(scales, zero_points or (0,) * out_c, 0)
    w = constant("w", weights.reshape(out_c, 1, 1, in_c).astype(np.int8), quant)
    inputs = [activation("x", (1, 1, 4, in_c), 0.02, IN_ZERO), w, constant("b", np.arange(out_c, dtype=np.int32))]
    return one_node("Conv", ConvAttrs((1, 1)), inputs, QuantParams.per_tensor(0.1, 5)).nodes[0]


def random_weights(out_c: int, in_c: int) -> Array:
    return np.random.default_rng(out_c * in_c).integers(-128, 128, (out_c, in_c)).astype(np.int8)


def sums_of(tile: Tile, node: Node, x: Array) -> Array:
    """(O) s32 sums, by the packed constants alone. x: (K) s8."""
    out_c, depth = node.output.type.shape[-1], depth_of(tile, node)
    zero_points = conv_data(node).weight_zero_point is not None
    packed, at, result = neon_data(tile, node).weights, 0, []
    padded = np.pad(x.astype(np.int64), (0, depth - len(x)), constant_values=77)  # meets weights of 0

    def take(count: int, dtype: str) -> Array:
        nonlocal at
        at += count * np.dtype(dtype).itemsize
        return packed[at - count * np.dtype(dtype).itemsize : at].view(dtype)

    for first in range(0, out_c, tile.channels):
        channels = min(tile.channels, out_c - first)
        filled = -(-channels // LANES) * LANES
        acc = take(filled, "<i4").astype(np.int64)
        scale = take(filled, "<f4")
        np.testing.assert_array_equal(scale[:channels], conv_data(node).scale[first : first + channels])
        if zero_points:
            acc += take(filled, "<i4").astype(np.int64) * int(x.astype(np.int64).sum())
        k = 0
        while k < depth:
            step = tile.step if k + tile.step <= depth else tile.unit
            acc += take(filled * step, "i1").reshape(filled, step).astype(np.int64) @ padded[k : k + step]
            k += step
        assert not acc[channels:].any()
        result.append(acc[:channels])
    assert at == len(packed)
    return np.concatenate(result)


@pytest.mark.parametrize("tile", TILES, ids=lambda tile: tile.isa)
@pytest.mark.parametrize("out_c", [1, 4, 7, 8, 15, 16, 19, 33])
@pytest.mark.parametrize("in_c", [1, 3, 4, 8, 12, 15, 16, 24, 40])
def test_sums_from_packed_weights(tile: Tile, out_c: int, in_c: int) -> None:
    weights = random_weights(out_c, in_c)
    x = np.random.default_rng(1).integers(-128, 128, in_c).astype(np.int8)
    expected = (x.astype(np.int64) - IN_ZERO) @ weights.T.astype(np.int64) + np.arange(out_c)
    np.testing.assert_array_equal(sums_of(tile, node_of(weights), x), expected)


@pytest.mark.parametrize("tile", TILES, ids=lambda tile: tile.isa)
def test_zero_points_of_weights(tile: Tile) -> None:
    weights, zero_points = random_weights(19, 21), tuple(range(-9, 10))
    x = np.random.default_rng(2).integers(-128, 128, 21).astype(np.int8)
    centred = weights.astype(np.int64) - np.array(zero_points)[:, None]
    expected = (x.astype(np.int64) - IN_ZERO) @ centred.T + np.arange(19)
    np.testing.assert_array_equal(sums_of(tile, node_of(weights, zero_points), x), expected)


def test_order_of_a_block() -> None:
    """Channel 0 has inputs 0, 1, 2 ..., channel 1 has 32, 33 ...: what stands beside what."""
    block = np.arange(64, dtype=np.int8).reshape(2, 32)
    assert read_order(DOTPROD, block)[:12].tolist() == [0, 1, 2, 3, 32, 33, 34, 35, 4, 5, 6, 7]
    assert read_order(I8MM, block)[:24].tolist() == [*range(8), *range(32, 40), *range(8, 16)]
    assert read_order(NEON, block)[:48].tolist() == [*range(16), *range(32, 48), *range(16, 32)]


def test_last_eight_of_a_block() -> None:
    """Without dot products what is left of sixteen inputs is eight of each channel."""
    block = np.arange(48, dtype=np.int8).reshape(2, 24)
    assert read_order(NEON, block).tolist() == [*range(16), *range(24, 40), *range(16, 24), *range(40, 48)]


@pytest.mark.parametrize(("k", "wide"), [((3, 11), True), ((3, 12), False), ((11, 19), False), ((16, 24), True)])
def test_pairs_that_leave_int16(k: tuple[int, int], wide: bool) -> None:
    """-128 at k and k + 8 of one step of sixteen."""
    weights = np.full((9, 28), 127, np.int8)
    weights[4, list(k)] = -128
    assert is_wide(NEON, node_of(weights)) == wide
    assert not is_wide(DOTPROD, node_of(weights))


@pytest.mark.parametrize("tile", TILES, ids=lambda tile: tile.isa)
def test_strips_are_whole_tiles_or_all(tile: Tile) -> None:
    for depth in (4, 64, 1024, 5000):
        for count in (1, 3, 49, 10000):
            strip = strip_of(tile, depth, count)
            assert strip == count or strip % tile.pixels == 0
