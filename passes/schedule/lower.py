"""From a Graph to a Program: choose kernels, cut the order into groups, place the values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from edgec.errors import UnsupportedError
from edgec.goal import Goal
from edgec.ir import Graph, Node, Value
from edgec.ops.base import Kernel, RowWindow, select_kernel
from edgec.passes.schedule.flow import Flow
from edgec.passes.schedule.groups import Cuts
from edgec.passes.schedule.memory import Buffer, overlapping, place, plan_buffers, scratch_buffers, size_of
from edgec.program import Group, Placement, Program, Step, padding_bytes, working_bytes
from edgec.target import Target

ONE_ROW = RowWindow()


def schedule(
    graph: Graph, target: Target, goal: Goal = Goal.SPEED, ram: int | None = None, cuts: Cuts | None = None
) -> Program:
    """The Program of a Graph "as scheduled" (docs/architecture.md), with the kernels that are best by the goal.

    ram: None for layer by layer, else bytes of arena and scratch: the fewest calls of kernels within them, and where
    nothing fits (0: always) the least RAM in which nothing is computed twice.
    cuts: the Graph's, where they are known from another budget.
    Raises UnsupportedError that lists every node without a kernel.
    """
    steps = list(cuts.steps) if cuts else make_steps(graph, target, goal)
    best = placed(graph, target, goal, [([step], None) for step in steps])
    if ram is None or best.bytes <= ram:
        return best
    cuts, limit = cuts or Cuts(graph, steps), ram
    while True:
        chosen = cuts.choose(limit)
        parts = [(steps[cut.first : cut.last], cuts.flow(cut.first, cut.last)) for cut in chosen]
        program = placed(graph, target, goal, parts)
        if program.bytes < best.bytes:
            best = program
        peak = max((cut.peak for cut in chosen), default=0)
        if best.bytes <= ram or peak <= cuts.least:
            return best
        # Gaps between the buffers: the next try has to leave room for them.
        limit = min(limit, peak) - max(program.bytes - ram, 1)


def make_steps(graph: Graph, target: Target, goal: Goal) -> list[Step]:
    """Every node that computes something with its kernel, layer by layer."""
    return [make_step(node, kernel) for node, kernel in choose_kernels(graph, target, goal).items()]


def placed(graph: Graph, target: Target, goal: Goal, parts: Sequence[tuple[list[Step], Flow | None]]) -> Program:
    """The Program of steps that are cut into groups."""
    flows = {index: run for index, (_, run) in enumerate(parts) if run}
    groups = [make_group(steps, run) for steps, run in parts]
    buffers, scratch = plan_buffers(graph, groups, flows), scratch_buffers(groups)
    place([*buffers, *(buffer for buffer in scratch if buffer)])
    arena = size_of(buffers)
    padding_at, scratch_at = scratch_places(groups, scratch)
    return Program(
        graph=graph,
        target=target,
        groups=tuple(by_rows(group, buffers) for group in groups),
        placements=placements(buffers),
        arena=arena,
        scratch=max(arena, size_of(buffer for buffer in scratch if buffer)) - arena,
        padding_at=padding_at,
        scratch_at=scratch_at,
        goal=goal,
    )


def make_group(steps: Sequence[Step], run: Flow | None) -> Group:
    """The steps as a group, one row a call where there are several."""
    if run is None:
        return Group(tuple(steps))
    return Group(tuple(row_by_row(step) for step in steps), run.rings, run.limited)


def scratch_places(
    groups: Sequence[Group], buffers: Sequence[Buffer | None]
) -> tuple[dict[Node, int], dict[Node, int]]:
    """Where each node's row of padding and working memory begin: the rows side by side, then what all may use."""
    padding: dict[Node, int] = {}
    working: dict[Node, int] = {}
    for group, buffer in zip(groups, buffers, strict=True):
        at = buffer.offset if buffer else 0
        for step in group.steps:
            if padding_bytes(step):
                padding[step.node] = at
                at += padding_bytes(step)
        working |= {step.node: at for step in group.steps if working_bytes(step)}
    return padding, working


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


def row_by_row(step: Step) -> Step:
    """The same step, one output row a call."""
    return Step(step.node, step.kernel, step.windows, 1, step.node.output.type.rows)


def by_rows(group: Group, buffers: list[Buffer]) -> Group:
    """A single step row by row where its output was placed over its input."""
    if len(group.steps) == 1 and overlapping(group.steps[0], buffers):
        return Group((row_by_row(group.steps[0]),))
    return group


def placements(buffers: list[Buffer]) -> dict[Value, Placement]:
    """Every value's place, from the buffers that hold them."""
    return {
        value: Placement(buffer.offset, value.type.bytes, buffer.first, buffer.last)
        for buffer in buffers
        for value in buffer.values
    }
