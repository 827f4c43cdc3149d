"""dead-channels: what nobody needs is not computed, and every output keeps its bits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgec.ir import Array, Graph, QuantParams, Value
from edgec.ops.conv import ConvAttrs
from edgec.ops.elementwise import BinaryAttrs
from edgec.ops.gemm import GemmAttrs
from edgec.ops.movement import ConcatAttrs, PadAttrs, ReshapeAttrs, SliceAttrs, TransposeAttrs
from edgec.ops.pool import PoolAttrs, ReduceAttrs
from edgec.ops.softmax import SoftmaxAttrs
from edgec.passes.constant_channels import ConstantChannels
from edgec.passes.dead_channels import DeadChannels
from edgec.passes.simplify_movement import SimplifyMovement
from edgec.simulator import Simulator
from tests.ops.runner import SAMPLES, Built, run_host_c
from tests.passes.builders import Builder, Q, find, run_pass
from tests.passes.int8_networks import random_int8_network, samples

pytest.importorskip("torch")


def run(graph: Graph, seed: int = 0) -> list[Array]:
    return Simulator(graph, device="cpu").run(samples(graph, SAMPLES, seed))


def clean(graph: Graph) -> None:
    """As the pipeline does. What is left after the pass is all needed: a second time it does nothing."""
    run_pass(ConstantChannels(), graph)
    run_pass(DeadChannels(), graph)
    assert not run_pass(DeadChannels(), graph)
    run_pass(SimplifyMovement(), graph)


def macs(graph: Graph) -> int:
    return sum(node.op.macs(node) for node in graph.nodes)


@given(st.data(), st.integers(0, 99))
def test_random_networks_keep_their_bits(draw: st.DataObject, seed: int) -> None:
    graph = random_int8_network(draw)
    text, before, given_macs = graph.to_text(), run(graph, seed), macs(graph)
    shapes = [value.type for value in (*graph.inputs, *graph.outputs)]
    clean(graph)
    for y, reference in zip(run(graph, seed), before, strict=True):
        assert np.array_equal(y, reference), text
    assert [value.type for value in (*graph.inputs, *graph.outputs)] == shapes
    assert macs(graph) + sum(layer.macs for layer in graph.removed) == given_macs


@settings(max_examples=6)
@given(st.data())
def test_c_of_random_networks_keeps_the_bits(draw: st.DataObject) -> None:
    graph = random_int8_network(draw)
    before = run(graph)
    clean(graph)
    after = run_host_c(Built(b"", graph, samples(graph, SAMPLES, 0)))
    for y, reference in zip(after, before, strict=True):
        assert np.array_equal(y.reshape(reference.shape), reference)


class Layers(Builder):
    """Layers whose dead, constant and unread channels are named."""

    def conv(
        self,
        x: Value,
        out: int,
        *,
        kernel: int = 1,
        pad: int = 0,
        group: int = 1,
        constant: dict[int, int] | None = None,
        unread: tuple[int, ...] = (),
        zero_point: int = -128,
    ) -> Value:
        """constant: output channel -> the value that it holds for every input; unread: input channels."""
        rng = np.random.default_rng(len(self.nodes))
        w = rng.integers(20, 127, (out, kernel, kernel, x.type.shape[3] // group)).astype(np.int8)
        bias = np.zeros(out, np.int32)
        w[..., list(unread)] = 0
        for channel, value in (constant or {}).items():
            w[channel], bias[channel] = 0, (value - zero_point) * 100
        weights = self.constant(f"w{len(self.nodes)}", w, QuantParams((0.01,) * out, (0,) * out, 0))
        attrs = ConvAttrs((kernel, kernel), pads=(pad,) * 4, group=group)
        b = self.constant(f"b{len(self.nodes)}", bias)
        # Scales such that a sum of 100 is one step.
        return self.node("Conv", x, weights, b, attrs=attrs, quant=Q(0.1, zero_point))

    def start(self, channels: int = 4, *, constant: dict[int, int] | None = None) -> Value:
        """A 1x1 Conv of an input of 2 channels."""
        x = self.inputs[0] if self.inputs else self.input("x", 1, 5, 5, 2, quant=Q(0.1, -128))
        return self.conv(x, channels, constant=constant)


def channels(graph: Graph) -> list[int]:
    """Of every node's output."""
    return [node.output.type.shape[-1] for node in graph.nodes]


def check(graph: Graph, left: list[int]) -> None:
    """The pass leaves so many channels in each node's output and keeps the bits."""
    before = run(graph)
    assert run_pass(DeadChannels(), graph) == (channels(graph) != left or bool(graph.removed))
    assert channels(graph) == left
    for y, reference in zip(run(graph), before, strict=True):
        assert np.array_equal(y, reference)


def test_constant_goes_into_the_next_bias() -> None:
    b = Layers()
    graph = b.graph(b.conv(b.start(constant={1: 7, 3: -128}), 3))
    given_macs = macs(graph)
    check(graph, [2, 3])
    first, second = graph.removed
    assert (first.name, first.channels_before, first.channels_after) == ("Conv_0", 4, 2)
    assert (second.channels_before, second.channels_after, second.macs) == (3, 3, 25 * 2 * 3)
    assert (first.weights, second.weights) == (2 * 2 + 2 * 4, 2 * 3)
    assert macs(graph) == given_macs - first.macs - second.macs


def test_unread_channel_goes() -> None:
    b = Layers()
    check(b.graph(b.conv(b.start(), 3, unread=(0, 2))), [2, 3])


def test_channels_go_through_a_depthwise_convolution() -> None:
    """One constant in front of it, one behind, one that nobody reads."""
    b = Layers()
    y = b.conv(b.start(5, constant={1: -128}), 5, kernel=3, pad=1, group=5, constant={2: 9})
    check(b.graph(b.conv(y, 3, unread=(4,))), [2, 2, 3])


def test_depthwise_multiplier_goes_by_groups() -> None:
    b = Layers()
    y = b.conv(b.start(2), 4, group=2, constant={2: 5, 3: 6})
    graph = b.graph(b.conv(y, 3))
    check(graph, [1, 2, 3])
    assert graph.nodes[1].attrs.group == 1


def test_channels_go_through_pools_table_and_dense() -> None:
    b = Layers()
    y = b.node("MaxPool", b.start(constant={0: 3}), attrs=PoolAttrs((2, 2), (2, 2)))
    y = b.node("AveragePool", y, attrs=PoolAttrs((2, 2)), quant=Q(0.2, 4))
    flat = b.node("Reshape", y, attrs=ReshapeAttrs((1, 4)))
    w = b.constant("fc", np.full((2, 4), 3, np.int8), Q(0.1, 0))
    bias = b.constant("fb", np.zeros(2, np.int32))
    graph = b.graph(b.node("Gemm", flat, w, bias, attrs=GemmAttrs(), quant=Q(0.5, 0)))
    check(graph, [3, 3, 3, 3, 2])


def test_flattened_pixels_go_with_their_channel() -> None:
    b = Layers()
    flat = b.node("Reshape", b.start(constant={2: 3}), attrs=ReshapeAttrs((1, 100)))
    w = b.constant("fc", np.full((2, 100), 3, np.int8), Q(0.1, 0))
    bias = b.constant("fb", np.zeros(2, np.int32))
    graph = b.graph(b.node("Gemm", flat, w, bias, attrs=GemmAttrs(), quant=Q(9.0, 0)))
    check(graph, [3, 75, 2])
    assert find(graph, "Reshape").attrs.shape == (1, 75)


def test_concat_slice_and_pad_follow() -> None:
    b = Layers()
    both = b.node("Concat", b.start(constant={0: 3}), b.start(), attrs=ConcatAttrs(3))
    part = b.node("Slice", both, attrs=SliceAttrs((0, 0, 0, 5), (1, 1, 1, -1), (1, 5, 5, 5)))
    wide = b.node("Pad", part, attrs=PadAttrs((0, 0, 0, 2), (0, 0, 0, 1)))
    graph = b.graph(b.conv(wide, 2, unread=(0, 3)))
    # Concat has (3, a, b, c, d, e, -, -), Slice (e, d, c, b, a), Pad (0, 0, e, -, c, b, a, 0).
    check(graph, [3, 1, 4, 4, 4, 2])
    assert find(graph, "Slice").attrs.starts[-1] == 3
    assert find(graph, "Pad").attrs.before[-1] == 0


def test_both_operands_of_an_add_lose_constants() -> None:
    b = Layers()
    y = b.node("Add", b.start(constant={0: 3, 1: 4}), b.start(constant={1: 9, 2: 3}), attrs=BinaryAttrs())
    check(b.graph(b.conv(y, 2)), [3, 3, 3, 2])


def test_constant_operand_is_cut() -> None:
    b = Layers()
    other = b.constant("c", np.arange(1, 5, dtype=np.int8).reshape(1, 1, 1, 4), Q(0.1, 0))
    graph = b.graph(b.conv(b.node("Mul", b.start(constant={2: -60}), other, attrs=BinaryAttrs()), 2))
    check(graph, [3, 3, 2])
    assert find(graph, "Mul").inputs[1].array.reshape(-1).tolist() == [1, 2, 4]


def test_a_mixed_chain_of_dead_layers_keeps_one_channel() -> None:
    b = Layers()
    graph = b.graph(b.conv(b.conv(b.start(), 3, constant={0: 1, 1: 2, 2: 3}), 2))
    run_pass(ConstantChannels(), graph)
    check(graph, [1, 1, 2])


def test_not_done_to_graph_inputs_and_outputs() -> None:
    b = Layers()
    graph = b.graph(b.start(constant={1: 7}))
    assert not run_pass(DeadChannels(), graph)
    b = Layers()
    b.input("x", 1, 5, 5, 2, quant=Q(0.1, -128))
    graph = b.graph(b.conv(b.inputs[0], 3, unread=(1,)))
    assert not run_pass(DeadChannels(), graph)


def test_not_done_to_the_last_channel() -> None:
    b = Layers()
    check(b.graph(b.conv(b.start(2, constant={0: 3, 1: 4}), 2)), [1, 2])


def test_not_done_when_another_reader_needs_the_channel() -> None:
    b = Layers()
    x = b.start()
    y = b.node("Add", b.conv(x, 2, unread=(1,)), b.conv(x, 2, unread=(2,)), attrs=BinaryAttrs())
    assert not run_pass(DeadChannels(), b.graph(y))


def test_not_done_when_one_operand_of_an_add_differs() -> None:
    b = Layers()
    y = b.node("Add", b.start(constant={0: 3, 1: 4}), b.start(), attrs=BinaryAttrs())
    assert not run_pass(DeadChannels(), b.graph(b.conv(y, 2)))


@pytest.mark.parametrize(
    ("kernel", "pad", "value", "left"), [(3, 1, 7, 4), (3, 1, -128, 3), (3, 0, 7, 3), (1, 1, 7, 4)]
)
def test_not_done_when_the_border_differs(kernel: int, pad: int, value: int, left: int) -> None:
    b = Layers()
    check(b.graph(b.conv(b.start(constant={1: value}), 2, kernel=kernel, pad=pad)), [left, 2])


def test_not_done_when_the_border_of_a_depthwise_convolution_differs() -> None:
    b = Layers()
    y = b.conv(b.start(constant={1: -126, 2: -128}), 4, kernel=3, pad=1, group=4, zero_point=0)
    check(b.graph(b.conv(y, 2)), [3, 3, 2])


@pytest.mark.parametrize(("constant", "left"), [({0: 1}, 4), ({0: 1, 1: 1}, 2), ({1: 1, 2: 1}, 4)])
def test_not_done_to_a_part_of_a_group(constant: dict[int, int], left: int) -> None:
    b = Layers()
    y = b.conv(b.start(), 4, group=2, constant=constant)
    graph = b.graph(b.conv(y, 2))
    check(graph, [left, left, 2])
    assert graph.nodes[1].attrs.group == left // 2


MIXED = (
    ("Softmax", SoftmaxAttrs(3)),
    ("ReduceMean", ReduceAttrs((2, 3))),
    ("Transpose", TransposeAttrs((0, 1, 3, 2))),
    ("Slice", SliceAttrs((0, 0, 0, 0), (1, 1, 1, 2), (1, 5, 5, 2))),
    ("Reshape", ReshapeAttrs((1, 2, 5, 10))),
)


@pytest.mark.parametrize(("op", "attrs"), MIXED, ids=[op for op, _ in MIXED])
def test_not_done_when_channels_are_mixed_or_moved(op: str, attrs: object) -> None:
    b = Layers()
    y = b.node(op, b.start(constant={1: 3}), attrs=attrs, quant=Q(1 / 256, -128) if op == "Softmax" else None)
    assert not run_pass(DeadChannels(), b.graph(b.conv(y, 2, unread=(1,) if y.type.shape[3] == 4 else ())))


def test_softmax_along_another_axis_loses_channels() -> None:
    b = Layers()
    y = b.node("Softmax", b.start(4, constant={1: 3}), attrs=SoftmaxAttrs(1), quant=Q(1 / 256, -128))
    check(b.graph(b.conv(y, 2, unread=(1,))), [3, 3, 2])


def test_not_done_when_sums_can_leave_int32() -> None:
    b = Layers()
    y = b.conv(b.start(constant={1: 7}), 2)
    bias = b.nodes[-1].inputs[2]
    bias.data = np.array([0, np.iinfo(np.int32).max], np.int32)
    assert not run_pass(DeadChannels(), b.graph(y))
