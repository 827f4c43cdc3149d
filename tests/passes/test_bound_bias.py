"""bound-bias: sums that could leave int32 while every input gives the same output."""

from __future__ import annotations

import numpy as np

from edgec.ir import Graph, QuantParams
from edgec.ops.conv import ConvAttrs, sum_bounds
from edgec.passes.bound_bias import BoundBias
from tests.passes.builders import Builder, Q, find, run_pass

INT32 = np.iinfo(np.int32)


def one_channel(bias: int, weight_scale: float, weight: int = 100) -> Graph:
    """A 1x1 Conv of one channel whose sums are bias +- 128 * weight."""
    b = Builder()
    x = b.input("x", 1, 2, 2, 1, quant=Q(0.1, 0))
    w = b.constant("w", np.full((1, 1, 1, 1), weight, np.int8), QuantParams((weight_scale,), (0,), 0))
    bias_value = b.constant("b", np.array([bias], np.int32))
    return b.graph(b.node("Conv", x, w, bias_value, attrs=ConvAttrs((1, 1)), quant=Q(0.1, 3)))


def test_saturated_bias_of_a_dead_channel_moves_until_no_sum_overflows() -> None:
    for bias in (INT32.min, INT32.max):
        graph = one_channel(bias, 1e-9)  # sums of 2^31 are an output of about 2
        assert run_pass(BoundBias(), graph)
        node = find(graph, "Conv")
        lower, upper = sum_bounds(node)
        assert lower[0] >= -INT32.max
        assert upper[0] <= INT32.max
        assert abs(int(node.inputs[2].array[0]) - bias) <= 128 * 100 + 1


def test_not_done_when_no_sum_leaves_int32() -> None:
    assert not run_pass(BoundBias(), one_channel(INT32.max - 128 * 100, 1e-9))


def test_not_done_when_inputs_give_different_outputs() -> None:
    # All sums are about 3.5 after scaling, some just below, some just above: they round to different integers.
    graph = one_channel(INT32.max, 3.5 / 2**31)
    assert not run_pass(BoundBias(), graph)
    assert find(graph, "Conv").inputs[2].array[0] == INT32.max
