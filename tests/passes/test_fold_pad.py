"""fold-pad: Pad goes into Conv and pools where the padding means the same."""

from __future__ import annotations

import numpy as np
import pytest

from edgec.ir import Graph
from edgec.ops.conv import ConvAttrs
from edgec.ops.movement import PadAttrs
from edgec.ops.pool import PoolAttrs
from edgec.ops.table import TableAttrs
from edgec.passes.fold_pad import FoldPad
from tests.passes.builders import Builder, Q, find, floats, ops, run_pass
from tests.passes.interpret import interpret

AROUND = PadAttrs((0, 1, 2, 0), (0, 0, 1, 0))


def padded(op: str, attrs: object, pad: PadAttrs = AROUND, *, least: int = -128, twice: bool = False) -> Graph:
    """int8 x -> Table with entries >= least -> Pad -> op, with weights for a Conv."""
    b = Builder()
    x = b.input("x", 1, 6, 6, 3, quant=Q(0.1, -20))
    entries = np.maximum(np.arange(-128, 128), least).astype(np.int8)
    x = b.node("Table", x, b.constant("t", entries, Q(0.1, -20)), attrs=TableAttrs("Clip"))
    x = b.node("Pad", x, attrs=pad)
    inputs = [x]
    if op == "Conv":
        rng = np.random.default_rng(0)
        shape = (2, 3, 3, x.type.shape[3])
        inputs.append(b.constant("w", rng.integers(-127, 128, shape).astype(np.int8), Q(0.01, 0)))
        inputs.append(b.constant("b", np.zeros(2, np.int32)))
    y = b.node(op, *inputs, attrs=attrs, quant=Q(0.1, -20))
    return b.graph(y, x) if twice else b.graph(y)


def check_same(graph: Graph) -> None:
    x = np.random.default_rng(1).integers(-128, 128, (1, 6, 6, 3)).astype(np.int8)
    before = interpret(graph, [x])
    assert run_pass(FoldPad(), graph)
    assert "Pad" not in ops(graph)
    np.testing.assert_array_equal(interpret(graph, [x])[0], before[0])


def test_into_conv() -> None:
    graph = padded("Conv", ConvAttrs((3, 3), pads=(1, 0, 0, 1)))
    check_same(graph)
    assert find(graph, "Conv").attrs.pads == (2, 2, 0, 2)


@pytest.mark.parametrize(
    "attrs", [PoolAttrs((3, 3)), PoolAttrs((3, 3), pads=(1, 1, 1, 1), count_include_pad=True)], ids=["none", "counted"]
)
def test_into_average_pool(attrs: PoolAttrs) -> None:
    graph = padded("AveragePool", attrs)
    check_same(graph)
    assert find(graph, "AveragePool").attrs.count_include_pad


def test_into_max_pool_where_nothing_is_less_than_the_padding() -> None:
    check_same(padded("MaxPool", PoolAttrs((3, 3), pads=(1, 0, 1, 0)), least=-20))


def test_of_real_zeros_in_a_float_graph() -> None:
    b = Builder()
    x = b.node("Pad", b.input("x", 1, 4, 4, 2), attrs=AROUND)
    graph = b.graph(b.node("Conv", x, b.constant("w", floats(3, 3, 3, 2)), attrs=ConvAttrs((3, 3))))
    assert run_pass(FoldPad(), graph)


CONV = ConvAttrs((3, 3))
NOT_DONE = {
    "second reader": padded("Conv", CONV, twice=True),
    "other value": padded("Conv", CONV, PadAttrs(AROUND.before, AROUND.after, value=0.5)),
    "other value, average": padded("AveragePool", PoolAttrs((3, 3)), PadAttrs(AROUND.before, AROUND.after, value=0.5)),
    "reflect": padded("Conv", CONV, PadAttrs(AROUND.before, AROUND.after, mode="reflect")),
    "channels": padded("Conv", CONV, PadAttrs((0, 1, 1, 1), (0, 1, 1, 0))),
    "cut off": padded("Conv", CONV, PadAttrs((0, -1, 1, 0), (0, 1, 1, 0))),
    "average with own uncounted pads": padded("AveragePool", PoolAttrs((3, 3), pads=(1, 1, 1, 1))),
    "max, an element may be less": padded("MaxPool", PoolAttrs((3, 3)), least=-21),
    "max, dilated": padded("MaxPool", PoolAttrs((2, 2), dilations=(2, 2)), least=-20),
    "max, window outside": padded("MaxPool", PoolAttrs((2, 2)), least=-20),
}


@pytest.mark.parametrize("graph", NOT_DONE.values(), ids=NOT_DONE.keys())
def test_not_done(graph: Graph) -> None:
    assert not run_pass(FoldPad(), graph)
