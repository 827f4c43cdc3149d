"""An endless input: which layers go on row by row for ever, and which are computed again for each output."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from edgec.errors import UnsupportedError
from edgec.ir import Graph, Value
from edgec.ops.base import RowWindow
from edgec.program import Stream
from edgec.step import Step


def endless_step(step: Step) -> Step | None:
    """A step as it goes on for ever, a row a call; None: it needs its input whole."""
    if len(step.node.outputs) > 1:
        return None
    gathering = step.kernel.by_rows(step.node)
    if gathering is not None:
        sliding = gathering.sliding(step.node)
        if sliding is not None:
            return Step(step.node, sliding, (RowWindow(),), 1, step.node.inputs[0].type.rows)
    if step.windows is None or any(window.stride < 1 for window in step.windows):
        return None
    # Tensors of rank 1 and 2 have no rows.
    ranks = [len(value.type.shape) for value in (*step.node.outputs, *(value for value, _ in step.activations))]
    return replace(step, rows_per_call=1, calls=step.node.output.type.rows) if min(ranks) > 2 else None


def endless_steps(graph: Graph, steps: Sequence[Step], source: Value) -> list[Step]:
    """The first steps that can go on for ever, as many as leave a single value to the rest.

    Raises UnsupportedError where there are none.
    """
    found: list[Step] = []
    for step in steps:
        endless, there = endless_step(step), {source, *(one.node.output for one in found)}
        if endless is None or not all(value in there for value, _ in endless.activations):
            break
        found.append(endless)
    while found and not (len(left := leaving(graph, found, source)) == 1 and left[0] is found[-1].node.output):
        found.pop()
    if not found:
        first = steps[0].node if steps else "the graph"
        raise UnsupportedError(
            f"{graph.name} can't take an endless input: {first} needs all of it, or several of its values are needed",
            help="--push takes the rows of one input after the other",
        )
    return found


def leaving(graph: Graph, steps: Sequence[Step], source: Value) -> list[Value]:
    """Values of the source and the steps that are outputs or that others read."""
    nodes = {id(step.node) for step in steps}
    outside = [value for node in graph.nodes if id(node) not in nodes for value in node.inputs] + graph.outputs
    return [value for value in (source, *(step.node.output for step in steps)) if any(value is v for v in outside)]


def stream_of(steps: Sequence[Step], source: Value) -> Stream:
    """What an endless input means for the steps that go on with it."""
    last = steps[-1]
    sliding = last.windows == (RowWindow(),) and last.calls != last.node.output.type.rows
    rows = last.calls if sliding else last.node.output.type.rows
    needed, stride = {last.node.output: rows}, {source: 1}
    for step in reversed(steps):
        for value, window in step.activations:
            reach = window.last(needed[step.node.output] - 1) + 1
            needed[value] = max(needed.get(value, 0), reach)
    for step in steps:
        stride[step.node.output] = max(stride[value] * window.stride for value, window in step.activations)
    padded = tuple(step.node.source.name or step.node.name for step in steps if is_padded(step))
    return Stream(last, rows, needed[source], stride[last.node.output], padded)


def is_padded(step: Step) -> bool:
    """Whether a row of it reads beyond the ends of its input."""
    return any(w.first(0) < 0 or w.last(step.calls - 1) >= value.type.rows for value, w in step.activations)
