"""Steps that run together, row by row: in which order, how many rows of each value are held, what may overlap.

The latest step that can compute a row and whose row is wanted goes next. A row is wanted by a reader's next row, and
always where a value leaves the group. So no row is computed twice, and few are held: a chain of convolutions holds
`kernel_h` rows of each value; a skip connection as many as the branch beside it lags behind.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, field

from edgec.ir import Value
from edgec.ops.base import RowWindow
from edgec.program import Step


@dataclass(frozen=True)
class Reader:
    """A step of the group that reads a value through a window."""

    step: int
    window: RowWindow


@dataclass
class Flow:
    """What running `steps` as one group means.

    rings: rows of each value computed in the group that are held at once, all readers in the group.
    gaps: (input from outside, computed value) -> bytes by which the latter must start below the former, were it written
    over the rows that nobody reads any more; where all readers of the input are in the group.
    limited: of each step whether its rows have to wait until they are wanted: where nothing else holds it back.
    """

    steps: Sequence[Step]
    rings: dict[Value, int] = field(default_factory=dict)
    gaps: dict[tuple[Value, Value], int] = field(default_factory=dict)
    limited: tuple[bool, ...] = ()


def row_bytes(value: Value) -> int:
    return value.type.row_elements * value.type.dtype.bytes


def reach(window: RowWindow, row: int, rows: int) -> int:
    """How many rows of an input of `rows` rows have to be there for output row `row`."""
    return max(0, min(window.last(row), rows - 1) + 1)


def flow(steps: Sequence[Step], leaving: frozenset[Value] = frozenset()) -> Flow:
    """Run the group in thought. `leaving`: values of the group that are read outside, too."""
    return _Run(steps, leaving).flow


class _Run:
    def __init__(self, steps: Sequence[Step], leaving: frozenset[Value]) -> None:
        self.flow = Flow(steps)
        self.maker = {step.node.output: number for number, step in enumerate(steps)}
        self.readers: dict[Value, list[Reader]] = {}
        for number, step in enumerate(steps):
            for value, window in step.activations:
                self.readers.setdefault(value, []).append(Reader(number, window))
        self.inputs = [
            [(self.maker[v], window, v.type.rows) for v, window in step.activations if v in self.maker]
            for step in steps
        ]
        self.rows = [step.node.output.type.rows for step in steps]
        self.free = [s.node.output in leaving or s.node.output not in self.readers for s in steps]
        self.outside = [value for value in self.readers if value not in self.maker]
        self.done = [0] * len(steps)
        self._run()
        self.flow.limited = tuple(not free and not self._paced(number) for number, free in enumerate(self.free))

    def _paced(self, number: int) -> bool:
        """Whether the order alone holds a step back: in a chain, the reader goes first wherever it can."""
        readers = self.readers.get(self.flow.steps[number].node.output, [])
        if self.free[number] or len(readers) != 1 or len(self.inputs[readers[0].step]) != 1:
            return self.free[number]
        return self._paced(readers[0].step)

    def _run(self) -> None:
        near: list[set[int]] = [set() for _ in self.done]
        for number, inputs in enumerate(self.inputs):
            near[number].add(number)
            for maker, _, _ in inputs:
                near[number].add(maker)
                near[maker].add(number)
        heap = [-number for number in range(len(self.done))]
        heapq.heapify(heap)
        while heap:
            number = -heapq.heappop(heap)
            if self._ready(number):
                self._compute(number)
                for other in near[number]:
                    heapq.heappush(heap, -other)

    def _ready(self, number: int) -> bool:
        row = self.done[number]
        if row >= self.rows[number]:
            return False
        if any(self.done[maker] < reach(window, row, rows) for maker, window, rows in self.inputs[number]):
            return False
        if self.free[number]:
            return True
        return any(
            row < reach(reader.window, self.done[reader.step], self.rows[number])
            for reader in self.readers[self.flow.steps[number].node.output]
            if self.done[reader.step] < self.rows[reader.step]
        )

    def _compute(self, number: int) -> None:
        step = self.flow.steps[number]
        y, row = step.node.output, self.done[number]
        if not self.free[number]:
            self.flow.rings[y] = max(self.flow.rings.get(y, 1), row + 1 - self._needed(y, row))
        # The row is written before its reader moves on: its own inputs are still read.
        for value in self.outside:
            gap = (row + 1) * row_bytes(y) - self._needed(value, value.type.rows) * row_bytes(value)
            self.flow.gaps[value, y] = max(self.flow.gaps.get((value, y), 0), gap)
        self.done[number] = row + 1

    def _needed(self, value: Value, otherwise: int) -> int:
        """The first row of a value that a reader's next row reads; `otherwise` where none does."""
        firsts = [
            max(0, reader.window.first(self.done[reader.step]))
            for reader in self.readers.get(value, [])
            if self.done[reader.step] < self.rows[reader.step]
        ]
        return min(firsts, default=otherwise)
