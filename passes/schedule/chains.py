"""Chains of steps that are computed strip by strip, what lies between them anew for each row: RAM for computation.

Where an inverted bottleneck widens a map before a 3x3, the ring of the wide rows is what takes most. A chain of the
layers has none: for each row of the last, and each strip of its columns, the rows that it needs of the others are
computed once more. The input of the chain then is held for as many rows as all of them together need.
"""

from __future__ import annotations

from collections.abc import Sequence

from edgec.ir import DType, Node, TensorType, Value
from edgec.ops.base import RowWindow
from edgec.step import Chain, Step, Strip, round_up
from edgec.target import Core

ONE_ROW = RowWindow()


def composed(outer: RowWindow, inner: RowWindow) -> RowWindow:
    """Rows of the input of `inner` that the rows `outer` of its output need, all from the first to the last."""
    return RowWindow(
        size=(outer.size - 1) * inner.stride + (inner.size - 1) * inner.dilation + 1,
        stride=outer.stride * inner.stride,
        pad=outer.pad * inner.stride + inner.pad,
    )


def cut_node(node: Node, first: int, end: int) -> tuple[Node, int, int] | None:
    """What computes the output columns first..end-1 by itself, and the input columns that it reads, first to end."""
    cut = node.op.cut(node, first, end)
    if cut is None:
        return None
    x, y = with_columns(node.inputs[0], cut.end - cut.first), with_columns(node.output, end - first)
    return Node(node.op, node.name, [x, *node.inputs[1:]], [y], cut.attrs, node.source), cut.first, cut.end


def with_columns(value: Value, columns: int) -> Value:
    n, h, _, c = value.type.shape
    return Value(value.name, TensorType(value.type.dtype, (n, h, columns, c), value.type.quant))


def make_chain(steps: Sequence[Step], width: int, core: Core) -> Step | None:
    """The steps, each a reader of the one before alone, as one in strips of `width` columns; None: they can't be."""
    if not all(map(can_be_cut, steps)):
        return None
    needs = [ONE_ROW]
    for step in reversed(steps[1:]):
        needs.insert(0, composed(needs[0], window_of(step)))
    strips = make_strips([step.node for step in steps], width)
    if strips is None or not all(taken(steps, strip, core) for strip in strips):
        return None
    places = [0]
    for index, need in enumerate(needs[:-1]):
        widest = max(row_of(strip.nodes[index]) for strip in strips)
        places.append(places[-1] + round_up(need.size * widest))
    last, window = steps[-1], composed(needs[0], window_of(steps[0]))
    chain = Chain(tuple(steps), tuple(needs), strips, tuple(places))
    return Step(last.node, last.kernel, (window,), 1, last.node.output.type.rows, chain)


def can_be_cut(step: Step) -> bool:
    """One sample of int8, one activation in, one out."""
    if step.windows is None or step.chain:
        return False
    types = [value.type for value in (*step.node.inputs[:1], *step.node.outputs)]
    whole = len(step.node.outputs) == 1 and len(step.activations) == 1 and not step.node.inputs[0].is_constant
    return whole and all(len(t.shape) == 4 and t.shape[0] == 1 and t.dtype is DType.S8 for t in types)


def window_of(step: Step) -> RowWindow:
    return step.activations[0][1]


def row_of(node: Node) -> int:
    """Bytes of a row of its output."""
    return node.output.type.row_elements


def taken(steps: Sequence[Step], strip: Strip, core: Core) -> bool:
    """Whether the kernels of the steps take the strip's narrower nodes."""
    return all(s.kernel.why_not(node, core) is None for s, node in zip(steps, strip.nodes, strict=True))


def make_strips(nodes: Sequence[Node], width: int) -> tuple[Strip, ...] | None:
    """The last node's columns in strips, equal neighbours as one entry."""
    columns = nodes[-1].output.type.shape[2]
    strips: list[Strip] = []
    for first in range(0, columns, width):
        strip = one_strip(nodes, first, min(first + width, columns))
        if strip is None:
            return None
        if strips and shapes(strips[-1]) == shapes(strip):
            same = strips[-1]
            step = (strip.source - same.source) // same.count
            strips[-1] = Strip(same.nodes, same.count + 1, same.source, step, same.target, width)
        else:
            strips.append(strip)
    return tuple(strips)


def one_strip(nodes: Sequence[Node], first: int, end: int) -> Strip | None:
    """Output columns first..end-1 by themselves; None where a node can't be cut to what they need."""
    cuts: list[Node] = []
    low, high = first, end
    for node in reversed(nodes):
        found = cut_node(node, low, high)
        if found is None:
            return None
        cut, low, high = found
        cuts.insert(0, cut)
    return Strip(tuple(cuts), 1, low, 0, first, 0)


def shapes(strip: Strip) -> list[object]:
    """What two strips have in common that are computed by the same code."""
    return [(node.attrs, node.inputs[0].type.shape, node.output.type.shape) for node in strip.nodes]


def widths(columns: int) -> list[int]:
    """Widths of strips worth trying, the widest first: each number of strips once."""
    return sorted({-(-columns // count) for count in range(1, columns + 1)}, reverse=True)
