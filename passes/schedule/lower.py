"""Layer by layer: choose kernels, decide how many rows a call computes, place the values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edgec.errors import UnsupportedError
from edgec.goal import Goal
from edgec.ir import Graph, Node, Value
from edgec.ops.base import Kernel, RowWindow, select_kernel
from edgec.passes.schedule.memory import Buffer, overlapping, place, plan_buffers, scratch_buffers, size_of
from edgec.program import Group, Placement, Program, Step
from edgec.target import Target

ONE_ROW = RowWindow()


def schedule(graph: Graph, target: Target, goal: Goal = Goal.SPEED) -> Program:
    """The layer-by-layer Program of a Graph "as scheduled" (docs/architecture.md), with the kernels that are best by
    the goal.

    Raises UnsupportedError that lists every node without a kernel.
    """
    steps = [make_step(node, kernel) for node, kernel in choose_kernels(graph, target, goal).items()]
    buffers = plan_buffers(graph, steps)
    scratch = scratch_buffers(steps)
    place([*buffers, *scratch.values()])
    arena = size_of(buffers)
    steps = [by_rows(step) if overlapping(step, buffers) else step for step in steps]
    return Program(
        graph=graph,
        target=target,
        groups=tuple(Group((step,)) for step in steps),
        placements=placements(buffers),
        arena=arena,
        scratch=max(arena, size_of(scratch.values())) - arena,
        scratch_at={node: buffer.offset for node, buffer in scratch.items()},
        goal=goal,
    )


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


def by_rows(step: Step) -> Step:
    """The same step, one output row a call: what an output placed over its input needs."""
    return Step(step.node, step.kernel, step.windows, 1, step.node.output.type.rows)


def placements(buffers: list[Buffer]) -> dict[Value, Placement]:
    """Every value's place, from the buffers that hold them."""
    return {
        value: Placement(buffer.offset, value.type.bytes, buffer.first, buffer.last)
        for buffer in buffers
        for value in buffer.values
    }
