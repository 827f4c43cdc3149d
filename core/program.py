"""The Program: a Graph in the order it runs, with a kernel for each node and an address for each value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from edgec.goal import Goal
from edgec.ir import Graph, Node, Value
from edgec.step import Step, kept_bytes, padding_rows, round_up
from edgec.target import Target

COUNT_BYTES = 4  # of a count of rows: int32_t


@dataclass(frozen=True)
class Placement:
    """Where a value lives: bytes from the start of the arena; alive from layer `first` to `last`."""

    offset: int
    size: int
    first: int
    last: int


@dataclass(frozen=True)
class Fresh:
    """Where a row lies until a node that waits for it has read it, in bytes."""

    at: int
    reader: Node


@dataclass(frozen=True)
class Area:
    """Memory that the steps of a group share: bytes from its start of the brief values and of the kernels' scratch.

    fresh: of values with a ring where a row lies until the node that waits for it has read it.
    """

    values: Mapping[Value, int] = field(default_factory=dict)
    fresh: Mapping[Value, Fresh] = field(default_factory=dict)
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
    def parts(self) -> list[Step]:
        """Its layers: of a chain each of its own."""
        return [part for step in self.steps for part in step.parts]

    @property
    def kept(self) -> int:
        """Bytes of rows of padding and of what kernels keep from call to call."""
        return sum(padding_rows(self.steps).values()) + sum(map(kept_bytes, self.steps))


@dataclass(frozen=True)
class Stream:
    """An endless input: each row of `step` of the first group gives new outputs, from its `rows`-th on.

    first: rows of the input until then. every: rows of it from one output to the next. padded: layers that would see
    padding at the ends of a window, and see what came before and comes behind instead.
    """

    step: Step
    rows: int
    first: int
    every: int
    padded: tuple[str, ...]


@dataclass(frozen=True)
class Push:
    """The input that comes row by row, and where the counts of rows done lie: bytes from the start of the arena.

    They are the input's, then, where the first group runs by rows, those of its steps. stream: it never ends.
    """

    value: Value
    counts_at: int
    stream: Stream | None = None


@dataclass(frozen=True)
class Program:
    """What codegen prints. `arena` bytes hold the values, `scratch` bytes follow them.

    `placements` has an entry for every input and computed value; values that share memory (Reshape) have
    equal offsets; of values in rings they have the ring. `padding_at` and `scratch_at` say where the row of padding and
    the kernel's working memory of each node that needs them begin. They lie wherever nothing is alive at that step;
    `scratch` is what they add to the arena; `fresh_at` where fresh rows of values with a ring lie. With `push` the
    first input is not there as a whole. threads: how many may compute rows of a layer at the same time.
    """

    graph: Graph
    target: Target
    groups: tuple[Group, ...]
    placements: Mapping[Value, Placement]
    arena: int
    scratch: int
    padding_at: Mapping[Node, int]
    scratch_at: Mapping[Node, int]
    fresh_at: Mapping[Value, Fresh] = field(default_factory=dict)
    goal: Goal = Goal.SPEED
    push: Push | None = None
    threads: int = 1

    @property
    def bytes(self) -> int:
        """Of arena and scratch."""
        return self.arena + self.scratch

    @property
    def steps(self) -> list[Step]:
        """Layer by layer: of a chain each of its own."""
        return [part for group in self.groups for part in group.parts]


def count_bytes(steps: int) -> int:
    """Bytes of the counts of rows that a pushed input and so many steps have done, kept between the calls."""
    return round_up(COUNT_BYTES * (1 + steps))
