"""Which steps run together, row by row: the cut of the order into groups that needs the least RAM, or fits a budget.

Between two groups whole tensors stand in memory, inside a group only the rows that are still read. What a group needs
does not depend on how the steps before and behind it are cut, so dynamic programming over the cuts is exact:
    least(j) = min over i < j of max(least(i), peak(i, j))
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgec.ir import Graph, Value
from edgec.ops.base import RowWindow
from edgec.passes.schedule.area import make_area
from edgec.passes.schedule.flow import Flow, flow, row_bytes
from edgec.passes.schedule.memory import Buffer, plan_buffers
from edgec.program import Group, Step, count_bytes, kept_bytes, padding_rows, round_up, scratch_bytes

MOST_STEPS = 48  # of a group
FEW_STEPS = 16  # of a graph whose groups are all run by themselves
NEVER = 1 << 62


@dataclass(frozen=True)
class Cut:
    """Steps first..last-1 as one group: bytes of RAM while it runs."""

    first: int
    last: int
    peak: int
    calls: int  # calls more than layer by layer


class Cuts:
    """All groups of neighbouring steps that can be formed, with what they cost.

    pushed: the input of which a row comes at a time, to the first group.
    """

    def __init__(self, graph: Graph, steps: Sequence[Step], pushed: Value | None = None) -> None:
        self.steps, self.pushed = steps, pushed
        self.rows = [row_by_row(step) for step in steps]
        # Layer by layer: which values share memory (Reshape), how long each lives, what may lie over what.
        buffers = plan_buffers(graph, [Group((step,)) for step in steps], {})
        self.lives = {value: buffer for buffer in buffers for value in buffer.values}
        self.buffers = {id(buffer): buffer for buffer in buffers}
        self.made = {step.node.output: index for index, step in enumerate(steps)}
        self.table: dict[tuple[int, int], Cut] = {}
        self.flows: dict[tuple[int, int], Flow] = {}  # of the groups whose cut is exact
        for first in range(len(steps)):
            self._fill(first)

    def _fill(self, first: int) -> None:
        """The groups that begin with step `first`."""
        self.table[first, first + 1] = self._single(first)
        ends = range(first + self._fewest(first), self._end(first) + 1)
        if len(self.steps) <= FEW_STEPS:
            for last in ends:
                self.flow(first, last)
        elif ends:
            # How far steps are ahead of each other depends little on where the group ends: one run serves for all ends.
            run = self._run(first, ends[-1])
            for last in ends:
                self.table[first, last] = self._cut(first, last, run)

    def flow(self, first: int, last: int) -> Flow | None:
        """What running steps first..last-1 together means, None for a single one; their cut is exact from then on."""
        if last - first < self._fewest(first) or last > self._end(first):
            return None
        if (first, last) not in self.flows:
            self.flows[first, last] = self._run(first, last)
            self.table[first, last] = self._cut(first, last, self.flows[first, last])
        return self.flows[first, last]

    def _fewest(self, first: int) -> int:
        """Steps of a group: those that take pushed rows run by rows also alone."""
        return 1 if self.pushed and first == 0 else 2

    def _run(self, first: int, last: int) -> Flow:
        group, source = self.rows[first:last], self.pushed if first == 0 else None
        values = [*([source] if source else []), *(step.node.output for step in group)]
        return flow(group, frozenset(value for value in values if not self._within(value, last)), source)

    def _within(self, value: Value, last: int) -> bool:
        """Whether nobody but the steps before `last` reads a value, in its own shape."""
        return self.lives[value].last < last and (value is not self.pushed or self.lives[value].values == [value])

    @property
    def least(self) -> int:
        """Bytes that are enough, but for gaps between buffers."""
        least = [0] + [NEVER] * len(self.steps)
        for cut in self.table.values():
            least[cut.last] = min(least[cut.last], max(least[cut.first], cut.peak))
        return least[-1]

    def choose(self, limit: int = 0) -> list[Cut]:
        """The fewest calls within `limit` bytes; where nothing fits, within the least that is possible."""
        while True:
            chosen = self._fewest_calls(max(limit, self.least))
            for cut in chosen:
                self.flow(cut.first, cut.last)
            if all(self.table[cut.first, cut.last] == cut for cut in chosen):
                return chosen

    def _fewest_calls(self, limit: int) -> list[Cut]:
        calls = [0] + [NEVER] * len(self.steps)
        before: dict[int, Cut] = {}
        for cut in self.table.values():
            if cut.peak <= limit and calls[cut.first] + cut.calls < calls[cut.last]:
                calls[cut.last], before[cut.last] = calls[cut.first] + cut.calls, cut
        chosen: list[Cut] = []
        while (end := chosen[-1].first if chosen else len(self.steps)) > 0:
            chosen.append(before[end])
        return chosen[::-1]

    def _end(self, first: int) -> int:
        """Where groups that begin with step `first` end at the latest."""
        for index in range(first, min(first + MOST_STEPS, len(self.steps))):
            step = self.steps[index]
            if self.rows[index].windows is None or len(step.node.outputs) > 1:
                return index
            for value in step.node.inputs:
                # A reshaped value has other rows than the one that was computed.
                if not value.is_constant and value not in self.made and self.lives[value].first >= first:
                    return index
            if self.rows[index].kernel is not step.kernel:
                return index + 1  # its output is there when all of its input has been
        return min(first + MOST_STEPS, len(self.steps))

    def _alive(self, first: int) -> int:
        """Bytes of what was computed before step `first` and is read by it or later."""
        return sum(buffer.size for buffer in self.buffers.values() if buffer.first < first <= buffer.last)

    def _single(self, index: int) -> Cut:
        step = self.steps[index]
        peak = self._alive(index) + sum(self.lives[v].size for v in step.node.outputs) + scratch_bytes(step)
        output = self.lives[step.node.output]
        saved = [overlap(self.buffers[source], output, gap) for source, gap in output.gaps.items()]
        if self.pushed and index == 0:
            peak += count_bytes(0)
        return Cut(index, index + 1, peak - max(saved, default=0), 0)

    def _cut(self, first: int, last: int, run: Flow) -> Cut:
        """Steps first..last-1 as one group that runs as `run` has it."""
        steps = self.rows[first:last]
        values = [step.node.output for step in steps]
        whole = [value for value in values if not self._within(value, last)]
        area = make_area(steps, run, whole)
        peak = self._alive(first) + sum(padding_rows(steps).values()) + sum(map(kept_bytes, steps)) + area.bytes
        peak += sum(self.lives[y].size for y in whole)
        peak += sum(ring_bytes(y, run.rings.get(y, 1)) for y in values if y not in whole and y not in area.values)
        if self.pushed and first == 0:
            peak += count_bytes(len(steps))
            if self._within(self.pushed, last):
                peak += ring_bytes(self.pushed, run.rings[self.pushed]) - self.lives[self.pushed].size
        saved = [
            overlap(self.lives[value], self.lives[y], gap)
            for (value, y), gap in run.gaps.items()
            if y in whole and self.lives[value].values == [value] and self.lives[value].last < last
        ]
        calls = sum(row.calls - step.calls for row, step in zip(steps, self.steps[first:last], strict=True)) + len(
            steps
        )
        return Cut(first, last, peak - max(saved, default=0), calls)


def row_by_row(step: Step) -> Step:
    """The same step, one row a call: of the output, or of the input where the output needs all of it."""
    gathering = step.kernel.by_rows(step.node)
    if gathering is not None:
        return Step(step.node, gathering, (RowWindow(),), 1, step.node.inputs[0].type.rows)
    return Step(step.node, step.kernel, step.windows, 1, step.node.output.type.rows)


def overlap(source: Buffer, output: Buffer, gap: int) -> int:
    """Bytes saved by an output that starts `gap` bytes below its dying input."""
    return source.size + output.size - max(output.size, min(round_up(gap), output.size) + source.size)


def ring_bytes(value: Value, rows: int) -> int:
    return round_up(rows * row_bytes(value))
