"""The Program: a Graph in the order it runs, with a kernel for each node and an address for each value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from edgec.goal import Goal
from edgec.ir import Graph, Node, Value
from edgec.ops.base import Kernel, RowWindow
from edgec.target import Target

COUNT_BYTES = 4  # of a count of rows: int32_t


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

    `windows` are the row windows of the non-constant inputs (None: one call on whole tensors). A kernel that gathers
    has as many calls as the input has rows, and the output is there after the last.
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
class Area:
    """Memory that the steps of a group share: bytes from its start of the brief values and of the kernels' scratch."""

    values: Mapping[Value, int] = field(default_factory=dict)
    scratch: Mapping[Node, int] = field(default_factory=dict)
    bytes: int = 0


@dataclass(frozen=True)
class Group:
    """Steps that run together, row by row (passes/schedule/flow.py); a single step is layer by layer.

    rings: how many rows are held of each value that is computed and read in the group only, and of a pushed input.
    limited: of each step whether its rows wait until a reader wants them.
    area: what lives for the time between two calls or in one only. by_rows: one row a call, in one loop.
    """

    steps: tuple[Step, ...]
    area: Area = Area()
    rings: Mapping[Value, int] = field(default_factory=dict)
    limited: tuple[bool, ...] = ()
    by_rows: bool = False

    @property
    def scratch(self) -> int:
        """Bytes: rows of padding, what kernels keep from call to call, the shared area."""
        kept = sum(kept_bytes(step) for step in self.steps)
        return sum(padding_rows(self.steps).values()) + kept + self.area.bytes


@dataclass(frozen=True)
class Push:
    """The input that comes row by row, and where the counts of rows done lie: bytes from the start of the arena.

    They are the input's, then, where the first group runs by rows, those of its steps.
    """

    value: Value
    counts_at: int


@dataclass(frozen=True)
class Program:
    """What codegen prints. `arena` bytes hold the values, `scratch` bytes follow them.

    `placements` has an entry for every input and computed value; values that share memory (Reshape) have
    equal offsets; of values in rings they have the ring. `padding_at` and `scratch_at` say where the row of padding and
    the kernel's working memory of each node that needs them begin. They lie wherever nothing is alive at that step;
    `scratch` is what they add to the arena. With `push` the first input is not there as a whole.
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
    push: Push | None = None

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


def padding_rows(steps: Sequence[Step]) -> dict[int, int]:
    """Of steps that run together, by what a row of padding holds: bytes of the longest one."""
    rows: dict[int, int] = {}
    for step in steps:
        value = step.kernel.pad_value(step.node)
        if value is not None and padding_bytes(step):
            rows[value] = max(rows.get(value, 0), padding_bytes(step))
    return rows


def kept_bytes(step: Step) -> int:
    """Bytes of scratch that one step's kernel keeps from call to call, rounded up to 8."""
    return round_up(step.kernel.kept(step.node))


def working_bytes(step: Step) -> int:
    """Bytes of scratch of one call of a step's kernel, rounded up to 8."""
    return round_up(step.kernel.scratch(step.node))


def scratch_bytes(step: Step) -> int:
    """Bytes of scratch of a step by itself: its row of padding, its kernel's working memory."""
    return padding_bytes(step) + working_bytes(step)


def count_bytes(steps: int) -> int:
    """Bytes of the counts of rows that a pushed input and so many steps have done, kept between the calls."""
    return round_up(COUNT_BYTES * (1 + steps))


def round_up(size: int, to: int = 8) -> int:
    return -(-size // to) * to
