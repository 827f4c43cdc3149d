"""What lies in the arena, where and how long: the rectangles of the memory map."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from edgec.program import Group, Program, count_bytes
from edgec.step import Step, kept_bytes, padding_bytes, padding_rows, working_bytes

KINDS = ("input", "output", "value", "ring", "padding", "scratch")


@dataclass(frozen=True)
class Block:
    """A value (with those that are other shapes of it), the ring of one, a row of padding, or kernels' working memory.

    offset, bytes: its place in the arena. first, last: the steps between which it is there; an input from -1 on, an
    output until their number. rows: how many it holds of the value's `of` rows; None where it holds no value.
    """

    name: str
    kind: str
    offset: int
    bytes: int
    first: int
    last: int
    rows: int | None = None
    of: int | None = None


def layer_name(step: Step) -> str:
    """What the report calls a layer: as the model does."""
    return step.node.source.name or step.node.name


def memory_blocks(program: Program) -> list[Block]:
    """All blocks of the arena, in the order in which they come to life."""
    blocks = [*value_blocks(program), *scratch_blocks(program)]
    return sorted(blocks, key=lambda block: (block.first, block.offset, block.last, block.kind, block.name))


def value_blocks(program: Program) -> Iterator[Block]:
    """The inputs and what is computed."""
    rings = {value: rows for group in program.groups for value, rows in group.rings.items()}
    rings |= {value: 1 for group in program.groups for value in group.area.values}
    owner = {value: value for value in program.placements}
    for node in program.graph.nodes:
        if node.op.alias:
            owner[node.output] = owner[node.inputs[0]]
    outputs = {owner[value] for value in program.graph.outputs if value in owner}
    for value, place in program.placements.items():
        if owner[value] is not value:
            continue
        kind = "output" if value in outputs else "input" if value in program.graph.inputs else "value"
        held, rows = value.type.bytes, value.type.rows
        if value in rings:
            kind, held = "ring", rings[value] * value.type.row_elements * value.type.dtype.bytes
        yield Block(value.name, kind, place.offset, held, place.first, place.last, rings.get(value, rows), rows)


def scratch_blocks(program: Program) -> Iterator[Block]:
    """Of each group the rows of padding, and the memory that its kernels share; the counts of a pushed input."""
    if program.push:
        pushed = next((group for group in program.groups[:1] if group.by_rows), Group(()))
        size, last = count_bytes(len(pushed.steps)), len(pushed.parts) - 1
        yield Block("rows done", "scratch", program.push.counts_at, size, -1, last)
    end = 0
    for group in program.groups:
        first, end = end, end + len(group.parts)
        for value, size in padding_rows(group.steps).items():
            padded = [s for s in group.parts if padding_bytes(s) and s.kernel.pad_value(s.node) == value]
            name = ", ".join(map(layer_name, padded))
            yield Block(name, "padding", program.padding_at[padded[0].node], size, first, end - 1)
        for step in group.steps:
            if kept_bytes(step):
                at = program.scratch_at[step.node]
                yield Block(layer_name(step), "scratch", at, kept_bytes(step), first, end - 1)
        largest = max(group.steps, key=working_bytes)
        if working_bytes(largest):
            at = program.scratch_at[largest.node]
            yield Block(layer_name(largest), "scratch", at, working_bytes(largest), first, end - 1)


def alive_bytes(blocks: Sequence[Block], end: int, number: int) -> int:
    """Bytes below `end` that are in use while step `number` runs; those that two blocks share count once."""
    used = np.zeros(end, bool)
    for block in blocks:
        if block.first <= number <= block.last:
            used[block.offset : block.offset + block.bytes] = True
    return int(used.sum())
