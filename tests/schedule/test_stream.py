"""An endless input: each new output is the one of a run on the window that it belongs to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgec.errors import UnsupportedError
from edgec.ir import Array, Graph, Node, Port, QuantParams, Source, TensorType, Value
from edgec.ops import get_op
from edgec.ops.conv import ConvAttrs
from edgec.ops.elementwise import BinaryAttrs
from edgec.ops.pool import PoolAttrs, ReduceAttrs
from edgec.ops.softmax import SoftmaxAttrs
from edgec.passes.schedule import Scheduler, schedule
from edgec.program import Program
from edgec.targets.host import HostModel
from tests.graphs import HOST, conv, s8
from tests.schedule.test_groups import CHECKS, built

Y = QuantParams.per_tensor(0.05, 5)


def unary(op: str, name: str, x: Value, attrs: Any) -> Node:
    node = Node(get_op(op), name, [x], [], attrs, Source(op, name, 0))
    (inferred,) = node.op.infer(attrs, [x.type])
    node.outputs = [Value(f"{name}_y", inferred.with_quant(x.type.quant if op == "MaxPool" else Y))]
    return node


def audio_graph(draw: st.DataObject, padded: bool = False) -> Graph:
    """Layers over time, without padding at the ends of the window unless asked for; then a mean, or what is left."""
    rng = np.random.default_rng(draw.draw(st.integers(0, 99)))
    x = s8("x", (1, draw.draw(st.integers(20, 36)), draw.draw(st.integers(1, 4)), draw.draw(st.integers(1, 3))))
    value, nodes = x, []
    for index in range(draw.draw(st.integers(1, 4))):
        size, stride = draw.draw(st.integers(1, 4)), draw.draw(st.integers(1, 2))
        width = draw.draw(st.integers(1, min(3, value.type.shape[2])))
        top = draw.draw(st.integers(0, size - 1)) if padded else 0
        if value.type.rows + 2 * top < size:
            break
        kind = draw.draw(st.sampled_from(["conv", "conv", "skip", "pool"]))
        if kind == "pool":
            nodes.append(unary("MaxPool", f"pool{index}", value, PoolAttrs((size, width), (stride, 1))))
        elif kind == "skip" and not top:
            # A branch beside it that lags behind: both end at the same row.
            left = conv(f"left{index}", value, ConvAttrs((size, 1)), 4, Y, rng)
            right = conv(f"right{index}", value, ConvAttrs((size, 1)), 4, Y, rng)
            add = Node(get_op("Add"), f"add{index}", [left.output, right.output], [], BinaryAttrs(), Source("Add"))
            add.outputs = [Value(f"add{index}_y", left.output.type)]
            nodes += [left, right, add]
        else:
            attrs = ConvAttrs((size, width), (stride, 1), (top, 0, top, 0))
            nodes.append(conv(f"conv{index}", value, attrs, draw.draw(st.integers(2, 6)), Y, rng))
        value = nodes[-1].output
    end = draw.draw(st.sampled_from(["mean", "average", "rows", "whole"]))
    if end == "mean":
        nodes.append(unary("ReduceMean", "mean", value, ReduceAttrs((1, 2))))
    elif end == "average":
        nodes.append(unary("AveragePool", "mean", value, PoolAttrs(value.type.shape[1:3])))
    elif end == "whole":
        # Every frame of the map has weights of its own: it is kept, the oldest frame first.
        shape = value.type.shape
        nodes.append(conv("whole", value, ConvAttrs((shape[1], shape[2])), 3, Y, rng))
    value = nodes[-1].output
    return Graph("audio", [x], [value], nodes, [Port("x", "int8", x.type.shape)], [Port("y", "int8", value.type.shape)])


def outputs_of(program: Program, model: HostModel, frames: Array) -> list[Array]:
    """The outputs that an endless input gives, in turn."""
    assert program.push is not None
    stream = program.push.stream
    assert stream is not None
    assert model.info.rows == stream.first
    model.push(frames[: stream.first])
    found = [model.read()[0]]
    for count, frame in enumerate(frames[stream.first :], 1):
        model.push_row(frame)
        if count % stream.every == 0:
            found.append(model.read()[0])
    return found


@pytest.mark.parametrize("seed", [pytest.param(0, id="few"), pytest.param(1, marks=pytest.mark.exhaustive, id="many")])
def test_each_output_is_that_of_its_window(seed: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    @settings(CHECKS, max_examples=200 if seed else 6)
    @given(st.data())
    def check(data: st.DataObject) -> None:
        graph = audio_graph(data)
        folder = tmp_path_factory.mktemp("stream")
        program = Scheduler(graph, HOST, endless=True).within(0)
        assert program.push is not None
        stream = program.push.stream
        assert stream is not None
        assert stream.padded == ()
        assert stream.first <= graph.inputs[0].type.rows
        window, more = graph.inputs[0].type.rows, 23
        frames = np.random.default_rng(1).integers(-128, 128, (window + more, *graph.inputs[0].type.shape[2:]))
        frames = frames.astype(np.int8)
        found = outputs_of(program, built(program, folder / "stream"), frames)
        starts = range(0, more + 1, stream.every)
        windows = np.stack([frames[start : start + window] for start in starts])
        (wanted,) = built(schedule(graph, HOST), folder / "whole").run([windows])
        for output, want in zip(found, wanted, strict=False):
            np.testing.assert_array_equal(output[0], want)
        assert len(found) >= len(wanted)

    check()


def test_padding_is_named(tmp_path: Path) -> None:
    """At the beginning of a stream it is there, so an input that ends with it gives what the window gives."""
    rng = np.random.default_rng(0)
    x = s8("x", (1, 12, 3, 2))
    first = conv("first", x, ConvAttrs((3, 3), pads=(2, 1, 0, 1)), 4, Y, rng)
    graph = Graph("causal", [x], [first.output], [first], [Port("x", "int8", x.type.shape)])
    graph.output_ports = [Port("y", "int8", first.output.type.shape)]
    program = Scheduler(graph, HOST, endless=True).within(0)
    assert program.push is not None
    stream = program.push.stream
    assert stream is not None
    assert (stream.first, stream.every, stream.padded) == (12, 1, ("first",))
    frames = rng.integers(-128, 128, (12, 3, 2)).astype(np.int8)
    found = outputs_of(program, built(program, tmp_path / "stream"), frames)
    (wanted,) = built(schedule(graph, HOST), tmp_path / "whole").run([frames[None]])
    np.testing.assert_array_equal(found[0], wanted)


def test_counts_go_back_before_they_overflow(tmp_path: Path) -> None:
    """The same outputs with counts that are set back every few hundred rows."""
    rng = np.random.default_rng(0)
    x = s8("x", (1, 16, 3, 2))
    first = conv("first", x, ConvAttrs((3, 3), (2, 1)), 4, Y, rng)
    second = conv("second", first.output, ConvAttrs((3, 1)), 4, Y, rng)
    graph = Graph("audio", [x], [second.output], [first, second], [Port("x", "int8", x.type.shape)])
    graph.output_ports = [Port("y", "int8", second.output.type.shape)]
    program = Scheduler(graph, HOST, endless=True).within(0)
    frames = rng.integers(-128, 128, (2000, 3, 2)).astype(np.int8)
    often = outputs_of(program, built(program, tmp_path / "seldom"), frames)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("edgec.codegen.layers.MOST_ROWS", 300)
        seldom = outputs_of(program, built(program, tmp_path / "often"), frames)
    for one, other in zip(often, seldom, strict=True):
        np.testing.assert_array_equal(one, other)


def test_what_needs_all_of_its_input_has_no_stream() -> None:
    x = Value("x", TensorType(s8("x", (1, 8)).type.dtype, (1, 8), Y))
    softmax = unary("Softmax", "softmax", x, SoftmaxAttrs(-1))
    graph = Graph("flat", [x], [softmax.output], [softmax], [Port("x", "int8", (1, 8))], [Port("y", "int8", (1, 8))])
    with pytest.raises(UnsupportedError, match="can't take an endless input"):
        Scheduler(graph, HOST, endless=True)
