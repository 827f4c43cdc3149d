"""The memory that brief values and scratch of a group share: whatever is never there at once may lie at one place."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from edgec.ir import Node, Value
from edgec.passes.schedule.flow import Flow, row_bytes
from edgec.program import Area
from edgec.step import Step, round_up, working_bytes


def make_area(steps: Sequence[Step], run: Flow | None = None, whole: Collection[Value] = ()) -> Area:
    """Places for the brief values, but for those that are `whole`, and the working memory of steps that `run` ran.

    The largest first, each at the lowest place that those which are there at the same time leave free.
    """
    sizes: dict[Value | Node, int] = {step.node: size for step in steps if (size := working_bytes(step))}
    brief = [
        step.node.output for step in steps if run and step.node.output in run.brief and step.node.output not in whole
    ]
    sizes |= {value: round_up(row_bytes(value)) for value in brief}
    places: dict[Value | Node, int] = {}
    for item in sorted(sizes, key=lambda item: -sizes[item]):
        taken = sorted(
            (places[other], places[other] + sizes[other]) for other in places if run and meet(item, other, run)
        )
        place = 0
        for low, high in taken:
            if low < place + sizes[item]:
                place = max(place, high)
        places[item] = place
    return Area(
        values={value: places[value] for value in brief if run and value not in run.fresh},
        fresh={value: places[value] for value in brief if run and value in run.fresh},
        scratch={step.node: places[step.node] for step in steps if step.node in places},
        bytes=max((places[item] + sizes[item] for item in places), default=0),
    )


def meet(one: Value | Node, other: Value | Node, run: Flow) -> bool:
    """Whether two of them are there at some time together. The scratch of two kernels never is."""
    if isinstance(one, Node):
        return isinstance(other, Value) and other in run.during[one]
    return other in run.brief[one] if isinstance(other, Value) else one in run.during[other]
