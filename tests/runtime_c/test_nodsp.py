"""Kernels for cores without DSP instructions at the sizes where their tiles end, in the C beside their assembly.

Their assembly runs on emulated boards: tests/emulator/test_kernels.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgec.goal import Goal
from edgec.ir import Graph, QuantParams
from edgec.ops.base import select_kernel
from edgec.ops.conv import ConvAttrs
from edgec.ops.conv.depthwise_nodsp import outputs_at_once
from edgec.ops.conv.nodsp import BLOCK, LEAST_USES, TILE_BYTES, pairs_s8, scratch_of_bytes, tile_of_bytes, wide_pairs_s8
from edgec.ops.conv.nodsp_sums import LONGEST_FILTER, node_words, without_dsp
from edgec.ops.gemm import GemmAttrs
from tests.graphs import HOST, host_as
from tests.runtime_c.harness import LAYOUTS, activation, check, constant, one_node, random_inputs, taking, with_kernel
from tests.runtime_c.test_conv import centred, conv_expected, expected_sums_requantized

NODSP = host_as(isa="armv6-m", fpu=False).core
CLAMPS = st.sampled_from([(-128, 127), (-128, 127), (3, 127), (-20, 31)])


def layer(op: str, attrs: Any, x: tuple[int, ...], w: tuple[int, ...], seed: int, ties: bool = False) -> Graph:
    """Random weights without zero points; outputs over all of int8. ties: scales that make all channels doubtful."""
    rng = np.random.default_rng(seed)
    scales = np.full(w[0], 2.0**-6) if ties else rng.uniform(0.005, 0.02, w[0])
    weights = constant(
        "w", rng.integers(-127, 128, w).astype(np.int8), QuantParams(tuple(map(float, scales)), (0,) * w[0], 0)
    )
    bias = constant("b", rng.integers(-(2**12), 2**12, w[0]).astype(np.int32))
    step = 2.0**-1 if ties else 0.005 * 73 * float(np.sqrt(np.prod(w[1:])))
    y = QuantParams.per_tensor(step, int(rng.integers(-128, 128)))
    return one_node(op, attrs, [activation("x", x, 0.03125, int(rng.integers(-128, 128))), weights, bias], y)


def check_conv(graph: Graph, kernel: str, layout: str | None = None) -> None:
    assert kernel in taking(graph)
    inputs = random_inputs(graph, np.random.default_rng(0))
    check(with_kernel(graph, kernel), inputs, conv_expected(graph, inputs[0]), layout)


@st.composite
def convolutions(draw: st.DrawFn) -> Graph:
    """Channels around fours, twos and blocks, windows around quads, pixels around tiles and the wide ones."""
    kernel = draw(st.sampled_from([(1, 1), (1, 1), (3, 3), (2, 3), (3, 1), (1, 4), (5, 2)]))
    strides = draw(st.sampled_from([(1, 1), (2, 2), (1, 3), (2, 1)]))
    dilations = draw(st.sampled_from([(1, 1), (1, 1), (2, 2)]))
    reach = [(k - 1) * d + 1 for k, d in zip(kernel, dilations, strict=True)]
    pads = tuple(draw(st.integers(0, reach[axis % 2])) for axis in range(4))
    least = [max(1, reach[axis] - pads[axis] - pads[axis + 2]) for axis in range(2)]
    height, width = (at + draw(st.sampled_from([0, 1, 3, 4, 12])) for at in least)
    in_c = draw(st.sampled_from([1, 2, 3, 4, 5, 8, 12, 16, 36]))
    out_c = draw(st.sampled_from([1, 2, 3, 7, BLOCK - 1, BLOCK, BLOCK + 1]))
    attrs = ConvAttrs(kernel, strides, (pads[0], pads[1], pads[2], pads[3]), dilations, clamp=draw(CLAMPS))
    return layer("Conv", attrs, (1, height, width, in_c), (out_c, *kernel, in_c), draw(st.integers(0, 999)))


@given(graph=convolutions(), layout=st.sampled_from(LAYOUTS))
def test_conv(graph: Graph, layout: str) -> None:
    check_conv(graph, "ec_conv_s8_nodsp", layout)


@pytest.mark.parametrize("in_c", [3, 32, 140])
def test_weights_as_bytes_and_wide(in_c: int) -> None:
    """140 inputs are more than are unpacked at once."""
    for pixels, names in ((LEAST_USES - 1, 1), (LEAST_USES, 2)):
        graph = layer("Conv", ConvAttrs((1, 1)), (1, 1, pixels, in_c), (5, 1, 1, in_c), 1)
        assert [name.startswith("ec_conv_wide") for name in taking(graph) if "nodsp" in name] == [True, False][-names:]
    tile = tile_of_bytes(graph.nodes[0])
    assert scratch_of_bytes(graph.nodes[0], tile) <= TILE_BYTES
    assert tile == LEAST_USES or scratch_of_bytes(graph.nodes[0], tile + 1) > TILE_BYTES
    check_conv(graph, "ec_conv_s8_nodsp", "spread")
    check_conv(graph, "ec_conv_wide_s8_nodsp", "spread")


def test_large_weights_are_not_doubled() -> None:
    for in_c, wide in ((128, True), (129, False)):
        graph = layer("Conv", ConvAttrs((1, 1)), (1, 10, 10, in_c), (128, 1, 1, in_c), 1)
        assert (wide_pairs_s8(graph.nodes[0], NODSP) is None) == wide


@pytest.mark.parametrize(("kernel", "stride", "in_c"), [(3, 1, 4), (3, 2, 8), (5, 3, 2), (2, 3, 4)])
def test_wide_windows(kernel: int, stride: int, in_c: int) -> None:
    """Of which neighbours share columns, and do not."""
    attrs = ConvAttrs((kernel, kernel), (stride, stride), (1, 1, 1, 1))
    graph = layer("Conv", attrs, (1, 10 * stride + 1, 11 * stride, in_c), (3, kernel, kernel, in_c), 3)
    check_conv(graph, "ec_conv_wide_s8_nodsp")


@pytest.mark.parametrize("kernel", ["ec_conv_s8_nodsp", "ec_conv_wide_s8_nodsp"])
@pytest.mark.parametrize("pads", [(0, 0, 0, 1), (1, 2, 1, 0)])
def test_windows_of_one_pixel_beyond_the_row(kernel: str, pads: tuple[int, int, int, int]) -> None:
    graph = layer("Conv", ConvAttrs((1, 1), pads=pads), (1, 10, 10, 4), (3, 1, 1, 4), 4)
    check_conv(graph, kernel)


@pytest.mark.parametrize("group", [1, 4])
def test_doubtful_channels(group: int) -> None:
    """Every sum at a half is rounded to even by the float32 arithmetic, none by integers."""
    graph = layer("Conv", ConvAttrs((1, 1), group=group), (1, 1, 9, 4), (36, 1, 1, 4 // group), 2, ties=True)
    words = node_words(graph.nodes[0])
    assert words.doubtful is not None
    assert (words.fixed.reshape(-1, 3)[:, 0] == 0).all()
    check_conv(graph, "ec_conv_s8_nodsp" if group == 1 else "ec_depthwise_conv_s8_nodsp")


@st.composite
def depthwise_layers(draw: st.DrawFn) -> Graph:
    kernel = draw(st.sampled_from([(3, 3), (3, 3), (5, 5), (7, 7), (1, 3), (4, 2), (1, 1)]))
    strides = draw(st.sampled_from([(1, 1), (2, 2), (1, 3)]))
    dilations = draw(st.sampled_from([(1, 1), (1, 1), (2, 3)]))
    reach = [(k - 1) * d + 1 for k, d in zip(kernel, dilations, strict=True)]
    pads = tuple(draw(st.integers(0, reach[axis % 2] + 1)) for axis in range(4))
    least = [max(1, reach[axis] - pads[axis] - pads[axis + 2]) for axis in range(2)]
    height, width = (at + draw(st.integers(0, 8)) for at in least)
    channels, multiplier = draw(st.sampled_from([2, 3, 4, 5, 8, 13])), draw(st.sampled_from([1, 1, 2, 3]))
    attrs = ConvAttrs(kernel, strides, (pads[0], pads[1], pads[2], pads[3]), dilations, channels, draw(CLAMPS))
    shape = (channels * multiplier, *kernel, 1)
    return layer("Conv", attrs, (1, height, width, channels), shape, draw(st.integers(0, 999)))


@given(graph=depthwise_layers(), layout=st.sampled_from(LAYOUTS))
def test_depthwise(graph: Graph, layout: str) -> None:
    check_conv(graph, "ec_depthwise_conv_s8_nodsp", layout)


@given(
    in_c=st.sampled_from([1, 2, 3, 4, 5, 63]), out_c=st.integers(1, 9), count=st.integers(1, 3), seed=st.integers(0, 99)
)
def test_gemm(in_c: int, out_c: int, count: int, seed: int) -> None:
    graph = layer("Gemm", GemmAttrs(), (count, in_c), (out_c, in_c), seed)
    (node,) = graph.nodes
    x, w, b = node.inputs
    inputs = random_inputs(graph, np.random.default_rng(0))
    acc = centred(inputs[0], x) @ centred(w.array, w).T + b.array
    wanted = expected_sums_requantized(acc, graph, node.attrs.clamp)
    check(with_kernel(graph, "ec_gemm_s8_nodsp"), inputs, wanted)


def test_a_row_is_split_into_tiles_of_least_work() -> None:
    assert [outputs_at_once(width, 3) for width in (1, 2, 5, 6, 7, 10, 12, 48)] == [1, 2, 5, 6, 4, 5, 6, 6]
    assert [outputs_at_once(width, 7) for width in (6, 10)] == [3, 5]


def refused(weights: np.ndarray[Any, Any], zero_point: int = 0) -> str | None:
    """Why ec_conv_s8_nodsp does not take a 1x1 layer with the weights (O, C)."""
    shape = (len(weights), 1, 1, weights.shape[1])
    w = constant("w", weights.astype(np.int8).reshape(shape), QuantParams.per_tensor(0.01, zero_point))
    b = constant("b", np.zeros(len(weights), np.int32))
    inputs = [activation("x", (1, 1, 1, weights.shape[1])), w, b]
    return pairs_s8(one_node("Conv", ConvAttrs((1, 1)), inputs, QuantParams.per_tensor(0.1, 0)).nodes[0], NODSP)


def test_what_the_kernels_leave_out() -> None:
    lowest = np.full((1, 4), -128)
    assert refused(lowest[:, :1]) is None
    # Elements 0 and 2 are one pair, 1 and 3 the other.
    assert refused(lowest * [1, 1, 0, 0]) is None
    assert refused(lowest * [1, 0, 1, 0]) == "adds two products in 16 bits, two weights of -128 are too much for it"
    assert refused(lowest[:, :1], 1) == "takes weights with zero point 0 only"
    assert refused(np.ones((1, LONGEST_FILTER))) is None
    assert refused(np.ones((1, LONGEST_FILTER + 1))) == "takes filters of up to 16384 weights, these have 16385"
    graph = layer("Gemm", GemmAttrs(), (1, 4), (2, 4), 0)
    assert without_dsp(graph.nodes[0], HOST.core) == "is for Armv6-M and Armv7-M, host is host"


@pytest.mark.parametrize("weight", [-127, 127, -128])
@pytest.mark.parametrize("value", [-128, 127])
def test_largest_pairs(weight: int, value: int) -> None:
    """Both products of a pair at their largest, of either sign; -128 beside -127."""
    w = np.full((2, 1, 1, 8), weight, np.int8)
    w[..., 2:4] = w[..., 6:8] = max(weight, -127)
    inputs = [activation("x", (1, 1, 3, 8), 0.02, 5), constant("w", w, QuantParams.per_tensor(0.01, 0))]
    inputs.append(constant("b", np.array([0, 99], np.int32)))
    graph = one_node("Conv", ConvAttrs((1, 1)), inputs, QuantParams.per_tensor(1.7, -3))
    batch = [np.full((1, 1, 1, 3, 8), value, np.int8)]
    check(with_kernel(graph, "ec_conv_s8_nodsp"), batch, conv_expected(graph, batch[0]))


@pytest.mark.parametrize(
    ("goal", "pixels", "name"),
    [
        (Goal.SPEED, 5, "ec_conv_s8_nodsp"),
        (Goal.BALANCED, 5, "ec_conv_s8_nodsp"),
        (Goal.SIZE, 5, "ec_conv_s8"),
        (Goal.BALANCED, 10, "ec_conv_wide_s8_nodsp"),
        (Goal.SIZE, 10, "ec_conv_s8"),
    ],
)
def test_fast_kernels_unless_size_is_wanted(goal: Goal, pixels: int, name: str) -> None:
    attrs = ConvAttrs((3, 3), pads=(1, 1, 1, 1))
    graph = layer("Conv", attrs, (1, pixels, pixels, 16), (16, 3, 3, 16), 0)
    kernel, _ = select_kernel(graph.nodes[0], NODSP, goal)
    assert kernel is not None
    assert kernel.name == name
