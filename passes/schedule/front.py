"""RAM against time: the Programs of one Graph between layer by layer and the least RAM."""

from __future__ import annotations

from collections.abc import Sequence

from edgec.cost import instructions_estimate, kernel_calls
from edgec.passes.schedule.lower import Scheduler
from edgec.program import Program

MOST_POINTS = 12
BUDGETS = 48  # tried between layer by layer and the least


def front(scheduler: Scheduler, known: Sequence[Program] = ()) -> list[Program]:
    """The Programs of which no other needs less RAM and no more time, the one with most RAM first; MOST_POINTS of them.

    Each budget is a little below what the Program before needs, down to the least that there is. Time is counted in
    calls of kernels and in estimated instructions. known: Programs of the same Graph that also stand for election.
    """
    programs = [scheduler.layers]
    for recompute, budgets in ((False, BUDGETS), (True, BUDGETS // 2)):
        least = scheduler.within(0, recompute)
        stride = max(1, (programs[-1].bytes - least.bytes) // budgets)
        while programs[-1].bytes - stride > least.bytes:
            budget = programs[-1].bytes - stride
            program = scheduler.within(budget, recompute)
            if program.bytes > budget:
                break
            programs.append(program)
        programs.append(least)
    return thinned(pareto([*known, *programs]))


def pareto(programs: Sequence[Program]) -> list[Program]:
    """Those that no other with as little RAM beats in calls or instructions; of equal ones the first."""
    costs = {id(p): (p.bytes, kernel_calls(p), instructions_estimate(p)) for p in programs}
    kept: list[Program] = []
    for program in sorted(programs, key=lambda program: costs[id(program)]):
        _, calls, count = costs[id(program)]
        if not kept or (calls <= costs[id(kept[-1])][1] and count < costs[id(kept[-1])][2]):
            kept.append(program)
    return kept[::-1]


def thinned(programs: list[Program]) -> list[Program]:
    """Both ends, and at most MOST_POINTS in all."""
    if len(programs) <= MOST_POINTS:
        return programs
    return [programs[round(index * (len(programs) - 1) / (MOST_POINTS - 1))] for index in range(MOST_POINTS)]
