"""intervals: no value ever leaves its bounds, and single values are found where there are any."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgec.ir import DType, QuantParams, Value
from edgec.ops.conv import ConvAttrs
from edgec.ops.elementwise import BinaryAttrs
from edgec.ops.pool import PoolAttrs
from edgec.ops.table import TableAttrs
from edgec.passes.intervals import Interval, intervals
from edgec.simulator import Simulator
from tests.passes.builders import Builder, Q
from tests.passes.int8_networks import Int8Network, random_int8_network, samples

pytest.importorskip("torch")


@given(st.data(), st.integers(0, 99))
def test_every_value_of_a_random_network_stays_in_its_bounds(draw: st.DataObject, seed: int) -> None:
    graph = random_int8_network(draw)
    bounds = intervals(graph)
    values = [node.output for node in graph.nodes if node.output.type.dtype is DType.S8]
    assert all(value in bounds for value in values)
    results = Simulator(graph, device="cpu").run(samples(graph, 8, seed), [value.name for value in values])
    for value, y in zip(values, results[len(graph.outputs) :], strict=True):
        flat = y.reshape(-1, value.type.shape[-1])
        assert np.all(flat.min(axis=0) >= bounds[value].low), (value.name, graph.to_text())
        assert np.all(flat.max(axis=0) <= bounds[value].high), (value.name, graph.to_text())


@given(st.data(), st.sampled_from(["conv", "depthwise", "pool", "resize", "pad"]))
def test_bounds_behind_constants_are_reached(draw: st.DataObject, layer: str) -> None:
    """Where every input channel is constant there is one value for each border case: no bound is further off."""
    b = Int8Network(draw)
    x = b.input("x", 1, b.number(3, 6), b.number(3, 6), 2, quant=Q(0.05, -3))
    channels = b.number(1, 4)
    w = b.constant("w", np.zeros((channels, 1, 1, 2), np.int8), QuantParams((0.05,) * channels, (0,) * channels, 0))
    bias = b.constant("b", b.rng.integers(-2000, 2000, channels).astype(np.int32))
    constant = b.node("Conv", x, w, bias, attrs=ConvAttrs((1, 1)), quant=b.quant())
    graph = b.graph(getattr(b, layer)(constant))
    found = intervals(graph)[graph.outputs[0]]
    (y,) = Simulator(graph, device="cpu").run(samples(graph, 2, 0))
    flat = y.reshape(-1, y.shape[-1])
    assert np.array_equal(found.low, flat.min(axis=0)), graph.to_text()
    assert np.array_equal(found.high, flat.max(axis=0)), graph.to_text()


def bounds_of(b: Builder, value: Value) -> Interval:
    return intervals(b.graph(value))[value]


def depthwise(weights: list[int], scale: float, pads: int, constant: int) -> Interval:
    """Bounds of a 3x1 depthwise Conv of one channel that holds `constant` everywhere (zero point 0)."""
    b = Builder()
    table = b.constant("t", np.full(256, constant, np.int8), Q(0.1, 0))
    x = b.node("Table", b.input("x", 1, 6, 1, 2, quant=Q(0.1, 0)), table, attrs=TableAttrs("one"), quant=Q(0.1, 0))
    w = np.repeat(np.array(weights, np.int8).reshape(1, 3, 1, 1), 2, axis=0)
    weight = b.constant("w", w, QuantParams((scale,) * 2, (0,) * 2, 0))
    bias = b.constant("b", np.array([0, 100000], np.int32))
    attrs = ConvAttrs((3, 1), pads=(pads, 0, pads, 0), group=2)
    return bounds_of(b, b.node("Conv", x, weight, bias, attrs=attrs, quant=Q(0.1, 0)))


def test_a_constant_without_padding_gives_a_constant() -> None:
    y = depthwise([1, 2, 3], 1.0, 0, 2)
    assert (y.low.tolist(), y.high.tolist()) == ([12, 127], [12, 127])


def test_each_border_case_counts() -> None:
    """Above, inside, below: 2 + 3, 1 + 2 + 3 and 1 + 2 taps of 2."""
    y = depthwise([1, 2, 3], 1.0, 1, 2)
    assert (y.low[0], y.high[0]) == (6, 12)


def test_borders_that_round_to_the_same_value_give_a_constant() -> None:
    y = depthwise([1, 2, 3], 0.03, 1, 2)  # 0.18, 0.36, 0.30
    assert y.constant.all()
    assert y.low[0] == 0


def test_the_zero_point_is_the_same_at_the_border() -> None:
    assert depthwise([1, 2, 3], 1.0, 2, 0).constant.all()


def test_a_max_pool_window_in_the_padding_alone_gives_the_least_value() -> None:
    b = Builder()
    x = b.input("x", 1, 4, 4, 1, quant=Q(0.1, 0))
    relu = b.node("Add", x, x, attrs=BinaryAttrs((0, 127)))
    inside = b.node("MaxPool", relu, attrs=PoolAttrs((2, 2), (2, 2)))
    outside = b.node("MaxPool", inside, attrs=PoolAttrs((1, 1), pads=(1, 0, 0, 0), clamp=(-100, 127)))
    bounds = intervals(b.graph(outside))
    assert (bounds[inside].low[0], bounds[outside].low[0]) == (0, -100)


def test_division_by_an_interval_around_zero_is_unbounded() -> None:
    b = Builder()
    x = b.input("x", 1, 4, quant=Q(0.1, 0))
    near, far = (b.constant(name, np.array([[v] * 4], np.int8), Q(0.1, 0)) for name, v in (("n", 0), ("f", 10)))
    assert bounds_of(b, b.node("Div", x, near, attrs=BinaryAttrs((-9, 9)))).high[0] == 9
    b.nodes.clear()
    y = bounds_of(b, b.node("Div", x, far, attrs=BinaryAttrs(), quant=Q(0.1, 0)))
    assert (y.low[0], y.high[0]) == (-128, 127)
    b.nodes.clear()
    y = bounds_of(b, b.node("Div", x, far, attrs=BinaryAttrs(), quant=Q(1.0, 0)))
    assert (y.low[0], y.high[0]) == (-13, 13)


def test_a_table_reaches_the_entries_between_the_bounds() -> None:
    b = Builder()
    x = b.input("x", 1, 3, quant=Q(0.1, 0))
    entries = np.arange(-128, 128)
    entries[128:140] = [3, 9, 4, 9, 3, 3, 3, 3, 3, 3, 3, 3]
    t = b.constant("t", entries.astype(np.int8), Q(0.1, 0))
    bounded = b.node("Add", x, x, attrs=BinaryAttrs((0, 3)))
    y = bounds_of(b, b.node("Table", bounded, t, attrs=TableAttrs("test"), quant=Q(0.1, 0)))
    assert (y.low.tolist(), y.high.tolist()) == ([3] * 3, [9] * 3)
