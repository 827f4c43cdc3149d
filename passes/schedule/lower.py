"""From a Graph to a Program: choose kernels, cut the order into groups, place the values."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

from edgec.errors import UnsupportedError
from edgec.goal import Goal
from edgec.ir import Graph, Node, Value
from edgec.ops.base import Kernel, RowWindow, select_kernel
from edgec.passes.schedule.area import make_area
from edgec.passes.schedule.choice import Choice
from edgec.passes.schedule.flow import Flow
from edgec.passes.schedule.groups import Cuts, Known, row_by_row
from edgec.passes.schedule.memory import Buffer, area_buffers, kept_buffers, overlapping, place, plan_buffers, size_of
from edgec.passes.schedule.order import orders
from edgec.passes.schedule.recompute import Recompute
from edgec.passes.schedule.stream import endless_steps, stream_of
from edgec.passes.schedule.tasks import row_bytes
from edgec.passes.schedule.threads import shared
from edgec.program import Fresh, Group, Placement, Program, Push, count_bytes
from edgec.step import Step, kept_bytes, padding_bytes, padding_rows
from edgec.target import Target

ONE_ROW = RowWindow()


def schedule(
    graph: Graph,
    target: Target,
    goal: Goal = Goal.SPEED,
    ram: int | None = None,
    push: bool = False,
    recompute: bool = False,
    threads: int = 1,
) -> Program:
    """The Program of a Graph "as scheduled" (docs/architecture.md), with the kernels that are best by the goal.

    ram: None for layer by layer, else bytes of arena and scratch: the fewest calls of kernels within them, and where
    nothing fits (0: always) the least RAM. push: the first input comes row by row. recompute: where nothing fits, rows
    may be computed more than once, as few as possible. threads: how many may share the rows of a layer; with more than
    one it is layer by layer always.
    Raises UnsupportedError that lists every node without a kernel.
    """
    if ram is None:
        return Scheduler(graph, target, goal, push, threads=threads).within(None)
    scheduler = best_order(graph, target, goal, push, threads=threads)
    return scheduler.within(ram, recompute)


def best_order(
    graph: Graph,
    target: Target,
    goal: Goal = Goal.SPEED,
    push: bool = False,
    endless: bool = False,
    threads: int = 1,
) -> Scheduler:
    """The Scheduler of the graph with its branches in the order that needs the least RAM; the given one if it does."""
    if endless:
        return Scheduler(graph, target, goal, push, endless)
    kernels = choose_kernels(graph, target, goal)
    found = [Scheduler(each, target, goal, push, kernels=kernels, threads=threads) for each in orders(graph)]
    return min(found, key=lambda scheduler: scheduler.within(0).bytes) if len(found) > 1 else found[0]


class Scheduler:
    """The Programs of one Graph on one target, each within its budget: what they share is worked out once."""

    def __init__(
        self,
        graph: Graph,
        target: Target,
        goal: Goal = Goal.SPEED,
        push: bool = False,
        endless: bool = False,
        kernels: Mapping[Node, Kernel[Any]] | None = None,
        threads: int = 1,
    ) -> None:
        """push: the first input comes row by row. endless: and never ends; each new row may give new outputs.

        kernels: those of the nodes, where they are known. threads: as `schedule` has it.
        """
        self.graph, self.target, self.goal, self.threads = graph, target, goal, threads
        self.pushed = graph.inputs[0] if push or endless else None
        kernels = choose_kernels(graph, target, goal) if kernels is None else kernels
        self.steps = [
            shared(node, kernels[node], target.core, threads) or make_step(node, kernels[node])
            for node in graph.nodes
            if node in kernels
        ]
        self.known = Known()
        self.endless = endless_steps(graph, self.steps, graph.inputs[0]) if endless else []

    @cached_property
    def layers(self) -> Program:
        """Layer by layer."""
        return self.placed([([step], None) for step in self.steps])

    @cached_property
    def once(self) -> Choice:
        """The groups in which nothing is computed twice."""
        ways = (False, True)
        return Choice([Cuts(self.graph, self.steps, self.pushed, self.endless, way, self.known) for way in ways])

    @cached_property
    def again(self) -> Choice:
        """All groups, those with chains too."""
        levels = Recompute(self.steps, self.target.core, frozenset(self.graph.outputs)).levels(self.once.least)
        tables = (Cuts(self.graph, steps, self.pushed, fresh=True, known=self.known) for steps in levels)
        return Choice([*self.once.tables, *tables])

    def within(self, ram: int | None, recompute: bool = False) -> Program:
        """The Program for a budget, as `schedule` has it."""
        if self.endless:
            return self.search(self.once, ram or 0, None)
        if ram is None or self.threads > 1 or self.layers.bytes <= ram or not self.steps:
            return self.layers
        best = self.search(self.once, ram, self.layers)
        return self.search(self.again, ram, best) if recompute and best.bytes > ram else best

    def search(self, choice: Choice, ram: int, best: Program | None) -> Program:
        """The cheapest Program within the budget; else the smallest, `best` where none is smaller."""
        limit = ram
        while True:
            chosen = choice.choose(limit)
            program = self.placed([(group.steps, group.flow()) for group in chosen])
            if best is None or program.bytes < best.bytes:
                best = program
            peak = max(group.cut.peak for group in chosen)
            if best.bytes <= ram or peak <= choice.least:
                return best
            # Gaps between the buffers: the next try has to leave room for them.
            limit = min(limit, peak) - max(program.bytes - ram, 1)

    def placed(self, parts: Sequence[tuple[Sequence[Step], Flow | None]]) -> Program:
        """The Program of steps that are cut into groups."""
        flows = {index: run for index, (_, run) in enumerate(parts) if run}
        groups = [make_group(steps, run) for steps, run in parts]
        if self.endless:
            groups[0] = replace(groups[0], steps=tuple(self.endless), area=make_area(self.endless, parts[0][1]))
        buffers = plan_buffers(self.graph, groups, flows)
        kept, areas = kept_buffers(groups), area_buffers(groups)
        counts = [counts_buffer(groups)] if self.pushed else []
        if self.endless:
            for buffer in (*buffers, *counts, *kept[:1]):
                # What goes on for ever is still needed when the rest has run.
                if buffer and buffer.first < len(self.endless):
                    buffer.last = len(self.steps)
        scratch = [buffer for buffer in (*kept, *areas) if buffer]
        place([*buffers, *counts, *scratch])
        arena = size_of([*buffers, *counts])
        padding_at, scratch_at, brief, fresh_at = scratch_places(groups, kept, areas)
        stream = stream_of(self.endless, self.graph.inputs[0]) if self.endless else None
        return Program(
            graph=self.graph,
            target=self.target,
            groups=tuple(by_rows(group, buffers) for group in groups),
            placements=in_layers(placements(buffers) | brief, groups),
            arena=arena,
            scratch=max(arena, size_of(scratch)) - arena,
            padding_at=padding_at,
            scratch_at=scratch_at,
            fresh_at=fresh_at,
            goal=self.goal,
            push=Push(self.pushed, counts[0].offset, stream) if self.pushed else None,
            threads=self.threads,
        )


def make_group(steps: Sequence[Step], run: Flow | None) -> Group:
    """The steps as a group, one row a call where they run by rows."""
    if run is None:
        return Group(tuple(steps), make_area(steps))
    rows = tuple(row_by_row(step) for step in steps)
    return Group(rows, make_area(rows, run), run.rings, run.limited, by_rows=True)


def counts_buffer(groups: Sequence[Group]) -> Buffer:
    """The counts of rows that are kept while the input is pushed: the first group's too, where it runs by rows."""
    steps = len(groups[0].steps) if groups and groups[0].by_rows else 0
    return Buffer([], count_bytes(steps), -1, steps - 1)


def scratch_places(
    groups: Sequence[Group], kept: Sequence[Buffer | None], areas: Sequence[Buffer | None]
) -> tuple[dict[Node, int], dict[Node, int], dict[Value, Placement], dict[Value, Fresh]]:
    """Where rows of padding (one for each value), scratch, brief values and fresh rows begin."""
    padding: dict[Node, int] = {}
    working: dict[Node, int] = {}
    brief: dict[Value, Placement] = {}
    fresh: dict[Value, Fresh] = {}
    for group, buffer, area in zip(groups, kept, areas, strict=True):
        at = buffer.offset if buffer else 0
        for pad, size in padding_rows(group.steps).items():
            outside = [step for step in group.parts if padding_bytes(step)]
            padding |= {step.node: at for step in outside if step.kernel.pad_value(step.node) == pad}
            at += size
        for step in group.steps:
            if kept_bytes(step):
                working[step.node] = at
                at += kept_bytes(step)
        if area is None:
            continue
        working |= {node: area.offset + offset for node, offset in group.area.scratch.items()}
        fresh |= {value: replace(row, at=area.offset + row.at) for value, row in group.area.fresh.items()}
        for value, offset in group.area.values.items():
            brief[value] = Placement(area.offset + offset, row_bytes(value), area.first, area.last)
    return padding, working, brief, fresh


def choose_kernels(graph: Graph, target: Target, goal: Goal = Goal.SPEED) -> Mapping[Node, Kernel[Any]]:
    """The kernel of every node that computes something, in order of execution."""
    chosen: dict[Node, Kernel[Any]] = {}
    missing: list[str] = []
    for node in graph.nodes:
        if node.op.alias:
            continue
        kernel, reasons = select_kernel(node, target.core, goal)
        if kernel is None:
            shown = "; ".join(reasons) or f"no kernel for {describe(node)}"
            missing.append(f"{node.source} (node {node.source.index + 1} of {graph.node_count}): {shown}")
        else:
            chosen[node] = kernel
    if missing:
        raise UnsupportedError(
            f"no kernel for {len(missing)} of {len(graph.nodes)} nodes of {graph.name} on {target.core.name}",
            where="\n".join(missing),
            help="edgec ops lists what each operator takes",
        )
    return chosen


def describe(node: Node) -> str:
    types = ", ".join(str(value.type) for value in node.inputs)
    return f"{node.op.name}({types}) -> {node.output.type}"


def make_step(node: Node, kernel: Kernel[Any]) -> Step:
    """One call for the whole tensor where the kernel can, else a call for each output row."""
    windows = node.op.rows(node)
    rows = node.output.type.rows
    if windows is None:
        return Step(node, kernel, None, rows, 1)
    if rows == 1 or (kernel.flat(node) and all(window == ONE_ROW for window in windows)):
        return Step(node, kernel, windows, rows, 1)
    return Step(node, kernel, windows, 1, rows)


def by_rows(group: Group, buffers: list[Buffer]) -> Group:
    """A single step row by row where its output was placed over its input."""
    if not group.by_rows and overlapping(group.steps[0], buffers):
        return replace(group, steps=(row_by_row(group.steps[0]),))
    return group


def in_layers(places: Mapping[Value, Placement], groups: Sequence[Group]) -> dict[Value, Placement]:
    """The same with lifetimes in layers instead of steps: a chain has several."""
    begins = [0, *itertools.accumulate(len(step.parts) for group in groups for step in group.steps)]
    first = dict(enumerate(begins)) | {-1: -1}
    last = {step: begin - 1 for step, begin in enumerate(begins[1:])} | {-1: -1, len(begins) - 1: begins[-1]}
    return {v: replace(place, first=first[place.first], last=last[place.last]) for v, place in places.items()}


def placements(buffers: list[Buffer]) -> dict[Value, Placement]:
    """Every value's place, from the buffers that hold them."""
    return {
        value: Placement(buffer.offset, value.type.bytes, buffer.first, buffer.last)
        for buffer in buffers
        for value in buffer.values
    }
