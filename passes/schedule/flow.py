"""Steps that run together, row by row: in which order, how many rows of each value are held, what may overlap.

The latest step that can compute a row and whose row is wanted goes next. A row is wanted by a reader's next row, and
always where a value leaves the group. So no row is computed twice, and few are held: a chain of convolutions holds
`kernel_h` rows of each value; a skip connection as many as the branch beside it lags behind.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, field

from edgec.ir import Node, Value
from edgec.ops.base import RowWindow
from edgec.passes.schedule.tasks import Reader, Tasks, reach
from edgec.step import Step


@dataclass
class Flow:
    """What running `steps` as one group means.

    rings: rows of each value computed in the group that are held at once, all readers in the group; of a pushed input
    too. Not of brief ones.
    brief: values of which one row at a time is there, read by one step, with the other brief values that are there at
    some time when they are.
    during: brief values that are there while a node is computed.
    fresh: brief values that have a ring, too, and the node that waits for some rows: those go into the ring when it has
    read them.
    gaps: (input from outside, computed value) -> bytes by which the latter must start below the former, were it written
    over the rows that nobody reads any more; where all readers of the input are in the group.
    limited: of each step whether its rows have to wait until they are wanted: where nothing else holds it back.
    """

    steps: Sequence[Step]
    rings: dict[Value, int] = field(default_factory=dict)
    brief: dict[Value, set[Value]] = field(default_factory=dict)
    during: dict[Node, set[Value]] = field(default_factory=dict)
    fresh: dict[Value, Node] = field(default_factory=dict)
    gaps: dict[tuple[Value, Value], int] = field(default_factory=dict)
    limited: tuple[bool, ...] = ()


def flow(
    steps: Sequence[Step],
    leaving: frozenset[Value] = frozenset(),
    source: Value | None = None,
    endless: bool = False,
    fresh: bool = False,
) -> Flow:
    """Run the group in thought. steps: one row a call; leaving: values that are read outside the group, too.

    source: the input that is pushed: a row of it comes whenever nothing can be computed. endless: it never ends, and
    neither does anything that is computed from it. fresh: rings are to be a row shorter where they can.
    """
    late: set[Value] | None = set() if fresh else None
    while True:
        run = _Run(steps, leaving, source, endless, late)
        if not run.late:
            return run.flow
        late = {*(late or ()), *run.late}


def wakes(window: RowWindow, row: int) -> bool:
    """Whether a row is the last that some row of its reader needs."""
    behind = row - window.last(0)
    return behind >= 0 and behind % window.stride == 0


class _Run(Tasks):
    """Computes rows as long as there are any that can be."""

    def __init__(
        self,
        steps: Sequence[Step],
        leaving: frozenset[Value],
        source: Value | None,
        endless: bool,
        late: set[Value] | None,
    ) -> None:
        """late: values that must not be fresh; None: none may."""
        super().__init__(steps, leaving, source, endless)
        self.flow = Flow(steps)
        self.alive: set[Value] = set()  # of the values that may be brief
        self.flow.brief = {
            v: set() for v, s in zip(self.values, self.tasks, strict=True) if s and self._may_be_brief(v)
        }
        # A step that nobody wants a row of never runs.
        self.flow.during = {step.node: set() for step in steps}
        self.flow.rings = {v: 1 for v, whole in zip(self.values, self.whole, strict=True) if not whole}
        self.done = [0] * len(self.tasks)
        self.waiting: dict[Value, Reader] = {}  # of fresh values
        if late is not None:
            for value, step in zip(self.values, self.tasks, strict=True):
                reader = self._waiting(value) if step and value not in late else None
                if reader is not None:
                    self.waiting[value] = reader
            self.flow.fresh = {v: self.steps[reader.task].node for v, reader in self.waiting.items()}
            self.flow.brief |= {value: set() for value in self.flow.fresh}
        self.late: set[Value] = set()
        self.next: int | None = None  # the task that a fresh row waits for
        self._run()
        once = [value for value in self.flow.brief if value not in self.flow.fresh]
        for value in [value for value in once if self.flow.rings[value] > 1]:
            self._hold(value)
        for value in [value for value in once if value in self.flow.brief]:
            del self.flow.rings[value]
        self.flow.limited = tuple(
            not self.free[task] and not self._paced(task) for task, step in enumerate(self.tasks) if step
        )

    def _may_be_brief(self, value: Value) -> bool:
        readers = self.readers.get(value, [])
        return not self.whole[self.maker[value]] and len(readers) == 1 and readers[0].window == RowWindow()

    def _waiting(self, value: Value) -> Reader | None:
        """The reader that may wait for rows of a value: it reads all of them, several at a time, some by itself."""
        task = self.maker[value]
        if self.whole[task]:
            return None
        for reader in sorted(self.readers.get(value, []), key=lambda reader: -reader.window.last(0)):
            rows, step = self.turns[task], self.steps[reader.task]
            every = reach(reader.window, self.turns[reader.task] - 1, rows) == rows
            once = sum(1 for other in self.readers[value] if other.task == reader.task) == 1
            several = reader.window.last(0) > max(reader.window.first(0), -1)
            if every and once and several and not step.chain:
                return reader
        return None

    def _hold(self, value: Value) -> None:
        """More than one row of a value is there at once: it is not brief."""
        del self.flow.brief[value]
        for others in (*self.flow.brief.values(), *self.flow.during.values()):
            others.discard(value)

    def _paced(self, task: int) -> bool:
        """Whether the order alone holds a step back: in a chain, the reader goes first wherever it can.

        Not where no reader wants some of the rows: those must not be computed.
        """
        readers = self.readers.get(self.values[task], [])
        if self.free[task] or len(readers) != 1 or len(self.inputs[readers[0].task]) != 1:
            return self.free[task]
        reader, rows = readers[0], self.turns[task]
        return reach(reader.window, self.turns[reader.task] - 1, rows) == rows and self._paced(reader.task)

    def _run(self) -> None:
        near: list[set[int]] = [set() for _ in self.done]
        for task, inputs in enumerate(self.inputs):
            near[task].add(task)
            for maker, _, _ in inputs:
                near[task].add(maker)
                near[maker].add(task)
        heap = [-task for task in range(len(self.done))]
        heapq.heapify(heap)
        while heap:
            task = -heapq.heappop(heap)
            if self._ready(task):
                self._compute(task)
                for other in near[task]:
                    heapq.heappush(heap, -other)

    def _ready(self, task: int) -> bool:
        # Of all that is done here most often: loops, with what windows ask for worked out before (reach()).
        done, row = self.done, self.done[task]
        if row >= self.turns[task]:
            return False
        for maker, stride, ahead, last_row in self.asked[task]:
            if done[maker] <= min(row * stride + ahead, last_row):
                return False
        if self.free[task]:
            return True
        for reader, stride, ahead, turns in self.wanted[task]:
            if done[reader] < turns and row <= done[reader] * stride + ahead:
                return True
        return False

    def _compute(self, task: int) -> None:
        y, row, step = self.values[task], self.done[task], self.tasks[task]
        if self.next not in (None, task):
            self.late |= self.alive & self.waiting.keys()
        waits = y in self.waiting and wakes(self.waiting[y].window, row)
        self.next = self.waiting[y].task if waits else None
        if not self.whole[task]:
            self.flow.rings[y] = max(self.flow.rings[y], row + 1 - waits - self._needed(y, row))
        if step is not None:
            self._note(step, waits)
            # The row is written before its reader moves on: its own inputs are still read.
            rows, size = self.sizes[y]
            written = min(row + 1, rows) * size
            for value in self.outside:
                rows, size = self.sizes[value]
                gap = written - self._needed(value, rows) * size
                self.flow.gaps[value, y] = max(self.flow.gaps.get((value, y), 0), gap)
        self.done[task] = row + 1
        for maker, _, _ in self.inputs[task]:
            value = self.values[maker]
            if value in self.waiting and self.waiting[value].task == task:
                # The row that was waited for goes into the ring.
                there = self.done[maker] - self._needed(value, self.done[maker])
                self.flow.rings[value] = max(self.flow.rings[value], there)
                self.alive.discard(value)
            elif value not in self.waiting and self.done[maker] == row + 1:
                self.alive.discard(value)

    def _note(self, step: Step, waits: bool) -> None:
        """Which brief values are there together, and with the step."""
        y, brief = step.node.output, self.flow.brief
        if y in brief and (waits or y not in self.waiting):
            for other in self.alive - {y}:
                brief[y].add(other)
                brief[other].add(y)
            self.alive.add(y)
        self.flow.during[step.node].update(self.alive)

    def _needed(self, value: Value, otherwise: int) -> int:
        """The first row of a value that a reader's next row reads; `otherwise` where none does."""
        least = -1
        for reader, stride, pad, turns in self.starts.get(value, ()):
            if self.done[reader] < turns:
                first = max(0, self.done[reader] * stride - pad)
                if least < 0 or first < least:
                    least = first
        return least if least >= 0 else otherwise
