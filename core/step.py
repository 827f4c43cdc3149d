"""A Step of the Program: a node with its kernel, or a chain of nodes that are computed together; its memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from edgec.ir import Node, Value
from edgec.ops.base import Kernel, RowWindow

CACHE_LINE = 64  # bytes


@dataclass(frozen=True)
class Strip:
    """Columns of a chain's output that are computed together, `count` times side by side.

    nodes: each node of the chain, cut to the columns that it has to compute. source: the first column of the chain's
    input that is read, target: the first of its output that is written; both move by their step from one to the next.
    """

    nodes: tuple[Node, ...]
    count: int
    source: int
    source_step: int
    target: int
    target_step: int


@dataclass(frozen=True, eq=False)
class Chain:
    """Steps of which a row of the last is computed at a time, strip by strip, and of the others what it needs, anew.

    needs: the rows of each step's output that a row of the last step's needs. places: where those are held, bytes from
    the start of the chain's working memory; the last entry is where the kernels' own begins.
    """

    steps: tuple[Step, ...]
    needs: tuple[RowWindow, ...]
    strips: tuple[Strip, ...]
    places: tuple[int, ...]

    @property
    def bytes(self) -> int:
        """Of working memory."""
        nodes = zip(self.steps, zip(*(strip.nodes for strip in self.strips), strict=True), strict=True)
        return self.places[-1] + max(round_up(step.kernel.scratch(node)) for step, cuts in nodes for node in cuts)

    @property
    def macs(self) -> int:
        """Multiply-accumulates of all rows, with what is computed more than once."""
        total = 0
        for index, (step, need) in enumerate(zip(self.steps, self.needs, strict=True)):
            rows, calls = step.node.output.type.rows, self.steps[-1].node.output.type.rows
            computed = sum(min(need.last(row) + 1, rows) - max(need.first(row), 0) for row in range(calls))
            columns = sum(strip.count * strip.nodes[index].output.type.shape[2] for strip in self.strips)
            total += step.node.op.macs(step.node) * computed * columns // (rows * step.node.output.type.shape[2])
        return total


@dataclass(frozen=True)
class Step:
    """One node with its kernel; `rows_per_call` output rows are computed by each of `calls` calls.

    `windows` are the row windows of the non-constant inputs (None: one call on whole tensors). A kernel that gathers
    has as many calls as the input has rows, and the output is there after the last. With a `chain` the node is its
    last, and the one window is that of the chain's input. threads: how many may share its calls.
    """

    node: Node
    kernel: Kernel[Any]
    windows: tuple[RowWindow, ...] | None
    rows_per_call: int
    calls: int
    chain: Chain | None = None
    threads: int = 1

    @property
    def parts(self) -> tuple[Step, ...]:
        """The steps of the chain, or this one."""
        return self.chain.steps if self.chain else (self,)

    @property
    def activations(self) -> list[tuple[Value, RowWindow]]:
        """The non-constant inputs of a step that works by rows, with their windows."""
        values = [value for value in self.parts[0].node.inputs if not value.is_constant]
        return list(zip(values, self.windows or (), strict=True))

    @cached_property
    def working(self) -> int:
        """Bytes of scratch of as many calls as there are threads, rounded up to 8."""
        return self.chain.bytes if self.chain else self.threads * self.thread_bytes

    @property
    def thread_bytes(self) -> int:
        """Bytes of scratch of each thread: cache lines of its own, or caches would wait for each other."""
        return round_up(self.kernel.scratch(self.node), CACHE_LINE if self.threads > 1 else 8)

    @cached_property
    def macs(self) -> int:
        """Multiply-accumulates that it takes."""
        return self.chain.macs if self.chain else self.node.op.macs(self.node)


def padding_bytes(step: Step) -> int:
    """Bytes of scratch that hold one row of padding, rounded up to 8; 0 where no row lies outside."""
    window = step.node.op.rows(step.node)
    if step.windows is None or window is None or step.kernel.pad_value(step.node) is None:
        return 0
    rows, last_row = step.node.inputs[0].type.rows, step.node.output.type.rows - 1
    if window[0].first(0) >= 0 and window[0].last(last_row) < rows:
        return 0
    return round_up(step.node.inputs[0].type.row_elements * step.node.inputs[0].type.dtype.bytes)


def padding_rows(steps: Sequence[Step]) -> dict[int, int]:
    """Of steps that run together, by what a row of padding holds: bytes of the longest one."""
    rows: dict[int, int] = {}
    for step in steps:
        for part in step.parts:
            value = part.kernel.pad_value(part.node)
            if value is not None and padding_bytes(part):
                rows[value] = max(rows.get(value, 0), padding_bytes(part))
    return rows


def kept_bytes(step: Step) -> int:
    """Bytes of scratch that one step's kernel keeps from call to call, rounded up to 8."""
    return 0 if step.chain else round_up(step.kernel.kept(step.node))


def working_bytes(step: Step) -> int:
    """Bytes of scratch of the calls of a step that run at once, rounded up to 8."""
    return step.working


def scratch_bytes(step: Step) -> int:
    """Bytes of scratch of a step by itself: its row of padding, its kernel's working memory."""
    return padding_bytes(step) + working_bytes(step)


def round_up(size: int, to: int = 8) -> int:
    return -(-size // to) * to
