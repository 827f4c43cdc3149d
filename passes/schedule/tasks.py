"""Steps that run together as tasks: who reads whose rows, and how many there are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgec.ir import Value
from edgec.ops.base import RowWindow
from edgec.step import Step

MORE_ROWS, MORE_PERIODS = 64, 16  # of an endless source, beyond its window


@dataclass(frozen=True)
class Reader:
    """A task that reads a value through a window."""

    task: int
    window: RowWindow


def row_bytes(value: Value) -> int:
    return value.type.row_elements * value.type.dtype.bytes


def reach(window: RowWindow, row: int, rows: int) -> int:
    """How many rows of an input of `rows` rows have to be there for output row `row`."""
    return max(0, min(window.last(row), rows - 1) + 1)


def endless_rows(steps: Sequence[Step], source: Value) -> dict[Value, int]:
    """How many rows each value has by the time when an endless source has shown all that it ever will."""
    stride = {source: 1}
    for step in steps:
        stride[step.node.output] = max(stride[value] * window.stride for value, window in step.activations)
    rows = {source: source.type.rows + MORE_ROWS + MORE_PERIODS * max(stride.values())}
    for step in steps:
        rows[step.node.output] = min(
            max(0, rows[value] - 1 - window.last(0)) // window.stride + (rows[value] > window.last(0))
            for value, window in step.activations
        )
    return rows


class Tasks:
    """Tasks are the source, if there is one, and the steps; each has a value and gives a row of it each turn."""

    def __init__(self, steps: Sequence[Step], leaving: frozenset[Value], source: Value | None, endless: bool) -> None:
        self.tasks: list[Step | None] = [*([None] if source else []), *steps]
        self.steps = {task: step for task, step in enumerate(self.tasks) if step}
        self.values = [*([source] if source else []), *(step.node.output for step in steps)]
        turns = [step.calls if step else value.type.rows for step, value in zip(self.tasks, self.values, strict=True)]
        there = endless_rows(steps, source) if endless and source else dict(zip(self.values, turns, strict=True))
        self.turns = [there[value] for value in self.values]
        self.maker = {value: task for task, value in enumerate(self.values)}
        self.readers: dict[Value, list[Reader]] = {}
        for task, step in enumerate(self.tasks):
            for value, window in step.activations if step else []:
                self.readers.setdefault(value, []).append(Reader(task, window))
        self.inputs = [
            [(self.maker[v], window, there[v]) for v, window in (step.activations if step else []) if v in self.maker]
            for step in self.tasks
        ]
        # Of windows what is asked for most often, worked out before: see reach().
        self.asked = [[(m, w.stride, w.last(0), rows - 1) for m, w, rows in inputs] for inputs in self.inputs]
        self.starts = {
            value: [(r.task, r.window.stride, r.window.pad, self.turns[r.task]) for r in readers]
            for value, readers in self.readers.items()
        }
        self.wanted = [
            [(r.task, r.window.stride, r.window.last(0), self.turns[r.task]) for r in self.readers.get(value, [])]
            for value in self.values
        ]
        self.whole = [value in leaving or value not in self.readers for value in self.values]
        # A row of the source comes whether it is wanted or not.
        self.free = [whole or step is None for whole, step in zip(self.whole, self.tasks, strict=True)]
        self.outside = [value for value in self.readers if value not in self.maker]
        self.sizes = {value: (value.type.rows, row_bytes(value)) for value in (*self.values, *self.outside)}
