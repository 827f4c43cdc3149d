"""The cut of the order into groups that needs the least RAM, or the least time within a budget.

What a group needs does not depend on the groups before and behind it, so dynamic programming over the cuts is exact.
There may be several tables of groups, each of the same layers with others of them joined to chains.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from edgec.passes.schedule.flow import Flow
from edgec.passes.schedule.groups import NEVER, Cut, Cuts, least_of
from edgec.step import Step


@dataclass(frozen=True)
class Chosen:
    """A group of one of the tables."""

    table: Cuts
    cut: Cut

    @property
    def begin(self) -> int:
        """The layer that it begins with."""
        return self.table.layers[self.cut.first]

    @property
    def end(self) -> int:
        return self.table.layers[self.cut.last]

    @property
    def steps(self) -> Sequence[Step]:
        return self.table.steps[self.cut.first : self.cut.last]

    def flow(self) -> Flow | None:
        """What running it means; its cut is exact from then on."""
        return self.table.flow(self.cut.first, self.cut.last)


class Choice:
    """The ways through the tables."""

    def __init__(self, tables: Sequence[Cuts]) -> None:
        self.tables, self.layers = tables, tables[0].layers[-1]

    def groups(self) -> list[Chosen]:
        """Of all tables, by where they begin."""
        found = [Chosen(table, cut) for table in self.tables for cut in table.table.values()]
        return sorted(found, key=lambda group: (group.begin, group.end))

    @property
    def least(self) -> int:
        """Bytes that are enough, but for gaps between buffers."""
        cuts = (replace(group.cut, first=group.begin, last=group.end) for group in self.groups())
        return least_of(cuts, self.layers)

    def choose(self, limit: int = 0) -> list[Chosen]:
        """The fewest MACs, then the fewest calls, within `limit` bytes, or where nothing fits within the least."""
        while True:
            chosen = self._cheapest(max(limit, self.least))
            for group in chosen:
                group.flow()
            if all(group.table.table[group.cut.first, group.cut.last] == group.cut for group in chosen):
                return chosen

    def _cheapest(self, limit: int) -> list[Chosen]:
        costs = [(0, 0)] + [(NEVER, NEVER)] * self.layers
        before: dict[int, Chosen] = {}
        for group in self.groups():
            macs, calls = costs[group.begin]
            cost = (macs + group.cut.macs, calls + group.cut.calls)
            if group.cut.peak <= limit and cost < costs[group.end]:
                costs[group.end], before[group.end] = cost, group
        chosen: list[Chosen] = []
        while (end := chosen[-1].begin if chosen else self.layers) > 0:
            chosen.append(before[end])
        return chosen[::-1]
