"""Which layers are worth several threads, and how their rows are cut: each call's rows are one thread's."""

from __future__ import annotations

from typing import Any

from edgec.ir import Node
from edgec.ops.base import Kernel, RowWindow, instructions
from edgec.step import Step
from edgec.target import Core

LEAST = 20_000  # estimated instructions of a layer: in the time that fewer take, threads have hardly woken


def shared(node: Node, kernel: Kernel[Any], core: Core, threads: int) -> Step | None:
    """The node's step for so many threads; None where one computes it."""
    windows, rows = node.op.rows(node), node.output.type.rows
    # A kernel that keeps something from call to call needs them in order.
    if threads == 1 or windows is None or rows == 1 or kernel.kept(node):
        return None
    if instructions(kernel, node, core) < LEAST:
        return None
    joins = kernel.flat(node) and all(window == RowWindow() for window in windows)
    joined = joined_rows(rows, threads) if joins else 1
    calls = rows // joined
    return Step(node, kernel, windows, joined, calls, threads=min(threads, calls))


def joined_rows(rows: int, threads: int) -> int:
    """Rows that a kernel takes at once: the most that keep the busiest thread's share as small as it can be."""
    sizes = [size for size in range(1, rows + 1) if rows % size == 0]
    return min(sizes, key=lambda size: (-(-(rows // size) // threads) * size, -size))
