"""Which steps to join to chains, for budgets below what rows without recomputation need.

A chain saves the rings inside it and costs multiplications. Each level of SHARES and WIDTHS asks how many bytes a
multiplication must save at least, and how much memory a strip may take; the chains that are best by that price are
found by dynamic programming over the steps. Levels go from few multiplications to many.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from edgec.ir import Value
from edgec.passes.schedule.chains import can_be_cut, make_chain, widths
from edgec.passes.schedule.tasks import row_bytes
from edgec.step import Step, kept_bytes
from edgec.target import Core

LONGEST = 5  # steps of a chain
PRICES = (8.0, 1.0, 0.25)  # share of the least RAM that as many MACs as the network has must save
ROOMS = (0.3, 0.1, 0.05, 0.03)  # share of it that a strip may take


@dataclass(frozen=True)
class Candidate:
    """Steps first..last-1 as a chain: the MACs that it adds, the bytes of rings that it saves and of its strips."""

    first: int
    last: int
    step: Step
    macs: int
    saved: int

    @property
    def room(self) -> int:
        assert self.step.chain is not None
        return self.step.chain.bytes


class Recompute:
    """The chains that can be made of some steps."""

    def __init__(self, steps: Sequence[Step], core: Core, kept: frozenset[Value]) -> None:
        """kept: values that have to be there as a whole, the outputs of the graph."""
        self.steps, self.core, self.kept = steps, core, kept
        self.macs = sum(step.macs for step in steps)

    @cached_property
    def candidates(self) -> list[Candidate]:
        return [found for first in range(len(self.steps)) for found in self._from(first)]

    def _from(self, first: int) -> Iterator[Candidate]:
        """The chains that begin with a step, of each length in strips of each useful width."""
        for last in range(first + 2, min(first + LONGEST, len(self.steps)) + 1):
            steps = self.steps[first:last]
            if not self._linked(last - 1) or not all(map(can_be_cut, steps)):
                return
            smallest = 1 << 62
            for width in widths(steps[-1].node.output.type.shape[2]):
                step = make_chain(steps, width, self.core)
                if step is None or step.chain is None:
                    break
                if step.chain.bytes < 0.8 * smallest:
                    smallest = step.chain.bytes
                    yield Candidate(first, last, step, step.macs - sum(s.macs for s in steps), self._saved(steps, step))

    def _linked(self, index: int) -> bool:
        """Whether a step reads nothing but what the step before it computes, and nobody else does."""
        value = self.steps[index - 1].node.output
        readers = [step for step in self.steps if any(v is value for v in step.node.inputs)]
        step = self.steps[index]
        alone = step.windows and step.activations[0][0] is value and len(readers) == 1
        return bool(alone and value not in self.kept and not kept_bytes(step))

    def _saved(self, steps: Sequence[Step], chain: Step) -> int:
        """Bytes of the rings inside, less what the ring of its input grows by; about."""
        rings = sum(step.activations[0][1].size * row_bytes(step.activations[0][0]) for step in steps[1:])
        source, window = steps[0].activations[0]
        return rings - (chain.activations[0][1].size - window.size) * row_bytes(source)

    def levels(self, least: int) -> Iterator[list[Step]]:
        """Steps with more and more of them in chains; `least` bytes are needed without any."""
        known: set[tuple[int, ...]] = set()
        for price in PRICES:
            for room in ROOMS:
                chosen = self._best(price * least / max(1, self.macs), int(room * least))
                key = tuple(id(candidate) for candidate in chosen)
                if chosen and key not in known:
                    known.add(key)
                    yield self._joined(chosen)

    def _best(self, price: float, room: int) -> list[Candidate]:
        """The chains, none over another, that save most bytes when a MAC costs `price` of them."""
        best = [0.0] * (len(self.steps) + 1)
        taken: list[Candidate | None] = [None] * (len(self.steps) + 1)
        ending: dict[int, list[Candidate]] = {}
        for candidate in self.candidates:
            ending.setdefault(candidate.last, []).append(candidate)
        for last in range(1, len(self.steps) + 1):
            best[last] = best[last - 1]
            for candidate in ending.get(last, []):
                value = best[candidate.first] + candidate.saved - price * candidate.macs
                if candidate.room <= room and value > best[last]:
                    best[last], taken[last] = value, candidate
        chosen, last = [], len(self.steps)
        while last > 0:
            found = taken[last]
            if found:
                chosen.append(found)
            last = found.first if found else last - 1
        return chosen[::-1]

    def _joined(self, chosen: Sequence[Candidate]) -> list[Step]:
        steps, at = [], 0
        for candidate in chosen:
            steps += [*self.steps[at : candidate.first], candidate.step]
            at = candidate.last
        return [*steps, *self.steps[at:]]
