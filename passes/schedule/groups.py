"""Which steps can run together, row by row, and what each such group needs.

Between two groups whole tensors stand in memory, inside a group only the rows that are still read. What a group needs
does not depend on how the steps before and behind it are cut (passes/schedule/choice.py chooses).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from edgec.ir import Graph, Node, Value
from edgec.ops.base import RowWindow
from edgec.passes.schedule.area import make_area
from edgec.passes.schedule.flow import Flow, flow
from edgec.passes.schedule.memory import Buffer, plan_buffers
from edgec.passes.schedule.tasks import row_bytes
from edgec.program import Group, count_bytes
from edgec.step import Chain, Step, kept_bytes, padding_rows, round_up, scratch_bytes

LENGTHS = (0, 8, 16, 32, 48)  # of groups, in steps: longer ones are looked at where the shorter ones are promising
MOST_STEPS = LENGTHS[-1]
FEW_STEPS = 16  # of a graph whose groups are all run by themselves
NEVER = 1 << 62


@dataclass(frozen=True)
class Cut:
    """Steps first..last-1 as one group.

    peak: bytes of RAM while it runs. calls, macs: of kernels, and multiply-accumulates, more than layer by layer.
    """

    first: int
    last: int
    peak: int
    calls: int
    macs: int = 0


Key = tuple[tuple[Node, Chain | None], ...]


@dataclass
class Known:
    """What was worked out for one table of groups and serves another of the same graph."""

    runs: dict[tuple[Key, frozenset[Value], bool], Flow] = field(default_factory=dict)
    cuts: dict[tuple[int, Key], tuple[Cut, int]] = field(default_factory=dict)


def least_of(cuts: Iterable[Cut], steps: int) -> int:
    """Bytes that are enough, but for gaps between buffers: least(j) = min over i < j of max(least(i), peak(i, j))."""
    least = [0] + [NEVER] * steps
    for cut in sorted(cuts, key=lambda cut: cut.first):
        least[cut.last] = min(least[cut.last], max(least[cut.first], cut.peak))
    return least[-1]


class Cuts:
    """All groups of neighbouring steps that can be formed, with what they cost.

    pushed: the input of which a row comes at a time, to the first group. endless: the steps of that group, where the
    input never ends. fresh: rings are a row shorter where they can be, for a copy of each row.
    """

    def __init__(
        self,
        graph: Graph,
        steps: Sequence[Step],
        pushed: Value | None = None,
        endless: Sequence[Step] = (),
        fresh: bool = False,
        known: Known | None = None,
    ) -> None:
        self.known = known or Known()
        self.steps, self.pushed, self.endless, self.fresh = steps, pushed, len(endless), fresh
        self.rows = [*endless, *(row_by_row(step) for step in steps[len(endless) :])]
        # Layer by layer: which values share memory (Reshape), how long each lives, what may lie over what.
        buffers = plan_buffers(graph, [Group((step,)) for step in steps], {})
        self.lives = {value: buffer for buffer in buffers for value in buffer.values}
        self.buffers = {id(buffer): buffer for buffer in buffers}
        self.made = {step.node.output: index for index, step in enumerate(steps)}
        self.layers = [0, *itertools.accumulate(len(step.parts) for step in steps)]  # before each step
        self.table: dict[tuple[int, int], Cut] = {}
        self.inside: dict[tuple[int, int], int] = {}  # of groups: bytes but for their results
        self.flows: dict[tuple[int, int], Flow] = {}  # of the groups whose cut is exact
        bound = NEVER
        for shortest, longest in itertools.pairwise(LENGTHS):
            for first in range(len(steps)):
                self._fill(first, shortest, longest, bound)
            bound = least_of(self.table.values(), len(steps))

    def _fill(self, first: int, shortest: int, longest: int, bound: int) -> None:
        """The groups of more than `shortest` and up to `longest` steps that begin with step `first`.

        None where a group of `shortest` steps takes `bound` bytes even without its results: longer ones take more.
        """
        if self.endless and first == 0:
            self.flow(first, self.endless)
            return
        if shortest == 0 and self.steps[first].chain is None:
            self.table[first, first + 1] = self._single(first)
        begin, end = first + max(self._fewest(first), shortest + 1), min(first + longest, self._end(first))
        if begin > end:
            return
        if len(self.steps) <= FEW_STEPS:
            for last in range(begin, end + 1):
                self.flow(first, last)
        elif self.inside.get((first, begin - 1), 0) < bound:
            # How far steps are ahead of each other depends little on where the group ends: one run serves for all ends.
            run = self._run(first, end)
            for last in range(begin, end + 1):
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
        """Steps of a group: a chain, and what takes pushed rows, run by rows also alone."""
        return 1 if self.steps[first].chain or (self.pushed and first == 0) else 2

    def _run(self, first: int, last: int) -> Flow:
        group, source = self.rows[first:last], self.pushed if first == 0 else None
        values = [*([source] if source else []), *(step.node.output for step in group)]
        leaving = frozenset(value for value in values if not self._within(value, last))
        key = (self._key(first, last), leaving, self.fresh)
        if key not in self.known.runs:
            self.known.runs[key] = flow(
                group, leaving, source, endless=self.endless > 0 and first == 0, fresh=self.fresh
            )
        return self.known.runs[key]

    def _key(self, first: int, last: int) -> Key:
        """What a group is, in all tables of the same graph."""
        return tuple((step.node, step.chain) for step in self.rows[first:last])

    def _within(self, value: Value, last: int) -> bool:
        """Whether nobody but the steps before `last` reads a value, in its own shape."""
        return self.lives[value].last < last and (value is not self.pushed or self.lives[value].values == [value])

    def _end(self, first: int) -> int:
        """Where groups that begin with step `first` end at the latest."""
        if self.endless and first == 0:
            return self.endless
        for index in range(first, min(first + MOST_STEPS, len(self.steps))):
            step = self.steps[index]
            if self.rows[index].windows is None or len(step.node.outputs) > 1:
                return index
            for value, _ in self.rows[index].activations:
                # A reshaped value has other rows than the one that was computed, or comes row by row.
                comes = first == 0 and self.pushed in self.lives[value].values and value is not self.pushed
                if comes or (value not in self.made and self.lives[value].first >= first):
                    return index
            if self.rows[index].kernel is not step.kernel:
                return index + 1  # its output is there when all of its input has been
        return min(first + MOST_STEPS, len(self.steps))

    def _alive(self, first: int) -> int:
        """Bytes of what was computed before step `first` and is read by it or later."""
        # What goes on for ever stays there; its results are counted twice.
        always = self.table[0, self.endless].peak if self.endless and first >= self.endless else 0
        return always + sum(buffer.size for buffer in self.buffers.values() if buffer.first < first <= buffer.last)

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
        key = (id(run), self._key(first, last))
        if key not in self.known.cuts:
            self.known.cuts[key] = self._worked_out(first, last, run)
        cut, self.inside[first, last] = self.known.cuts[key]
        return replace(cut, first=first, last=last)

    def _worked_out(self, first: int, last: int, run: Flow) -> tuple[Cut, int]:
        """The group, and what it takes but for its results."""
        steps = self.rows[first:last]
        values = [step.node.output for step in steps]
        whole = [value for value in values if not self._within(value, last)]
        area = make_area(steps, run, whole)
        peak = self._alive(first) + sum(padding_rows(steps).values()) + sum(map(kept_bytes, steps)) + area.bytes
        peak += sum(ring_bytes(y, run.rings.get(y, 1)) for y in values if y not in whole and y not in area.values)
        if self.pushed and first == 0:
            peak += count_bytes(len(steps))
            if self._within(self.pushed, last):
                peak += ring_bytes(self.pushed, run.rings[self.pushed]) - self.lives[self.pushed].size
        inside = peak
        peak += sum(self.lives[y].size for y in whole)
        saved = [
            overlap(self.lives[value], self.lives[y], gap)
            for (value, y), gap in run.gaps.items()
            if y in whole and self.lives[value].values == [value] and self.lives[value].last < last
        ]
        calls = sum(row.calls - step.calls for row, step in zip(steps, self.steps[first:last], strict=True)) + len(
            steps
        )
        calls += sum(value.type.rows for value in area.fresh)
        macs = sum(step.macs - sum(part.macs for part in step.parts) for step in steps if step.chain)
        return Cut(first, last, peak - max(saved, default=0), calls, macs), inside


def row_by_row(step: Step) -> Step:
    """The same step, one row a call: of the output, or of the input where the output needs all of it."""
    if step.chain:
        return step
    gathering = step.kernel.by_rows(step.node)
    if gathering is not None:
        return Step(step.node, gathering, (RowWindow(),), 1, step.node.inputs[0].type.rows)
    return Step(step.node, step.kernel, step.windows, 1, step.node.output.type.rows)


def overlap(source: Buffer, output: Buffer, gap: int) -> int:
    """Bytes saved by an output that starts `gap` bytes below its dying input."""
    return source.size + output.size - max(output.size, min(round_up(gap), output.size) + source.size)


def ring_bytes(value: Value, rows: int) -> int:
    return round_up(rows * row_bytes(value))
