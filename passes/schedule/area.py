"""The memory that brief values and scratch of a group share: whatever is never there at once may lie at one place."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from edgec.ir import Node, Value
from edgec.passes.schedule.flow import Flow
from edgec.passes.schedule.tasks import row_bytes
from edgec.program import Area, Fresh
from edgec.step import Step, round_up, working_bytes

Item = Value | Node  # a brief value, or the scratch of a node's kernel
ORDERS: tuple[Callable[[Mapping[Item, int]], Callable[[Item], tuple[bool, int]]], ...] = (
    lambda sizes: lambda item: (False, -sizes[item]),
    lambda sizes: lambda item: (isinstance(item, Value), -sizes[item]),
    lambda sizes: lambda item: (isinstance(item, Node), -sizes[item]),
)


def make_area(steps: Sequence[Step], run: Flow | None = None, whole: Collection[Value] = ()) -> Area:
    """Places for the brief values, but for those that are `whole`, and the working memory of steps that `run` ran."""
    sizes: dict[Value | Node, int] = {step.node: size for step in steps if (size := working_bytes(step))}
    made = [step.node.output for step in steps]
    brief = [value for value in made if value in run.brief and value not in whole] if run else []
    sizes |= {value: round_up(row_bytes(value)) for value in brief}
    near = neighbours(sizes, run) if run else {item: [] for item in sizes}
    # Scratch first, values first, or as they come: the best of the three.
    packed = [first_fit(sorted(sizes, key=key(sizes)), sizes, near) for key in ORDERS]
    places = min(packed, key=lambda places: end_of(places, sizes))
    return Area(
        values={value: places[value] for value in brief if run and value not in run.fresh},
        fresh={value: Fresh(places[value], run.fresh[value]) for value in brief if run and value in run.fresh},
        scratch={step.node: places[step.node] for step in steps if step.node in places},
        bytes=end_of(places, sizes),
    )


def first_fit(order: Sequence[Item], sizes: Mapping[Item, int], near: Mapping[Item, Sequence[Item]]) -> dict[Item, int]:
    """Each in turn at the lowest place that those which are there at the same time leave free."""
    places: dict[Item, int] = {}
    for item in order:
        place = 0
        for low, high in sorted(
            (places[other], places[other] + sizes[other]) for other in near[item] if other in places
        ):
            if low < place + sizes[item]:
                place = max(place, high)
        places[item] = place
    return places


def end_of(places: Mapping[Item, int], sizes: Mapping[Item, int]) -> int:
    return max((places[item] + sizes[item] for item in places), default=0)


def neighbours(items: Collection[Item], run: Flow) -> dict[Item, list[Item]]:
    """Of each item those that are there at some time together with it. The scratch of two kernels never is."""
    near: dict[Item, list[Item]] = {item: [] for item in items}
    for item in items:
        for value in run.during[item] if isinstance(item, Node) else run.brief[item]:
            if value in near:
                near[item].append(value)
                if isinstance(item, Node):
                    near[value].append(item)
    return near
