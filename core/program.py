"""The Program: a Graph in the order it runs, with a kernel for each node and an address for each value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from edgec.goal import Goal
from edgec.ir import Graph, Node, Value
from edgec.ops.base import Kernel, RowWindow
from edgec.target import Target


@dataclass(frozen=True)
class Placement:
    """Where a value lives: bytes from the start of the arena; alive from step `first` to `last`."""

    offset: int
    size: int
    first: int
    last: int


@dataclass(frozen=True)
class Step:
    """One node with its kernel; `rows_per_call` output rows are computed by each of `calls` calls.

    `windows` are the row windows of the non-constant inputs (None: one call on whole tensors).
    """

    node: Node
    kernel: Kernel[Any]
    windows: tuple[RowWindow, ...] | None
    rows_per_call: int
    calls: int

    @property
    def activations(self) -> list[tuple[Value, RowWindow]]:
        """The non-constant inputs of a step that works by rows, with their windows."""
        values = [value for value in self.node.inputs if not value.is_constant]
        return list(zip(values, self.windows or (), strict=True))


@dataclass(frozen=True)
class Group:
    """Steps that run together, row by row (passes/schedule/flow.py); a single step is layer by layer.

    rings: how many rows are held of each value that is computed and read in the group only.
    limited: of each step whether its rows wait until a reader wants them.
    """

    steps: tuple[Step, ...]
    rings: Mapping[Value, int] = field(default_factory=dict)
    limited: tuple[bool, ...] = ()


@dataclass(frozen=True)
class Program:
    """What codegen prints. `arena` bytes hold the values, `scratch` bytes follow them.

    `placements` has an entry for every input and computed value; values that share memory (Reshape) have
    equal offsets; of values in rings they have the ring. `padding_at` and `scratch_at` say where the row of padding and
    the kernel's working memory of each node that needs them begin. They lie wherever nothing is alive at that step;
    `scratch` is what they add to the arena.
    """

    graph: Graph
    target: Target
    groups: tuple[Group, ...]
    placements: Mapping[Value, Placement]
    arena: int
    scratch: int
    padding_at: Mapping[Node, int]
    scratch_at: Mapping[Node, int]
    goal: Goal = Goal.SPEED

    @property
    def bytes(self) -> int:
        """Of arena and scratch."""
        return self.arena + self.scratch

    @property
    def steps(self) -> list[Step]:
        return [step for group in self.groups for step in group.steps]


def padding_bytes(step: Step) -> int:
    """Bytes of scratch that hold one row of padding, rounded up to 8; 0 where no row lies outside."""
    if step.windows is None or step.kernel.pad_value(step.node) is None:
        return 0
    rows = step.node.inputs[0].type.rows
    window, last_row = step.windows[0], step.node.output.type.rows - 1
    if window.first(0) >= 0 and window.last(last_row) < rows:
        return 0
    return round_up(step.node.inputs[0].type.row_elements * step.node.inputs[0].type.dtype.bytes)


def working_bytes(step: Step) -> int:
    """Bytes of scratch of one step's kernel, rounded up to 8."""
    return round_up(step.kernel.scratch(step.node))


def scratch_bytes(*steps: Step) -> int:
    """Bytes of scratch of steps that run together: each one's row of padding, the largest working memory."""
    return sum(padding_bytes(step) for step in steps) + max(working_bytes(step) for step in steps)


def round_up(size: int, to: int = 8) -> int:
    return -(-size // to) * to
