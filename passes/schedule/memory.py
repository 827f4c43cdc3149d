"""Addresses in the arena: lifetimes, sharing, outputs written over dead input rows, first fit in the best order
that a local search finds.

Steps of a group run together: what one of them needs is there from the group's first step to its last.

A value lives from the step that computes it to the last that reads it. Two values alive at once lie apart, but for one
exception: an output may start below its dying input as far as the reads stay ahead of the writes. Where several threads
share the rows there is no such order: then an output may take exactly the place of an input, element by element.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from edgec.ir import Graph, Value
from edgec.ops.base import RowWindow
from edgec.passes.schedule.flow import Flow
from edgec.passes.schedule.tasks import row_bytes
from edgec.program import Group
from edgec.step import Step, round_up

MOVES = 500


@dataclass(eq=False)
class Buffer:
    """A block of the arena: one value, several that share memory (Reshape), or none: the scratch of one step.

    `gaps` maps a dying input's buffer to the least distance by which this one must start below it; `exact` has the
    inputs of which it may only take exactly the place.
    """

    values: list[Value]
    size: int
    first: int
    last: int
    gaps: dict[int, int] = field(default_factory=dict)  # id of the input's buffer -> bytes
    exact: set[int] = field(default_factory=set)  # ids of inputs' buffers
    offset: int = 0


def plan_buffers(graph: Graph, groups: Sequence[Group], flows: Mapping[int, Flow]) -> list[Buffer]:
    """One buffer for each input and computed value, with lifetimes and the overlaps that are legal.

    flows: of each group of several steps, by its index.
    """
    owner: dict[int, Buffer] = {}
    buffers: list[Buffer] = []
    spans = spans_of(groups)
    span = {id(part.node): spans[index] for index, group in enumerate(groups) for part in group.parts}
    inner = {id(part.node.output) for group in groups for step in group.steps for part in step.parts[:-1]}
    rings = {id(value): rows for group in groups for value, rows in group.rings.items()}
    brief = {id(value) for group in groups for value in group.area.values}

    def new(value: Value, first: int) -> None:
        size = rings[id(value)] * row_bytes(value) if id(value) in rings else value.type.bytes
        buffer = Buffer([value], round_up(size), first, first)
        owner[id(value)] = buffer
        if id(value) not in brief and id(value) not in inner:  # those lie in the scratch of their group
            buffers.append(buffer)

    for value in graph.inputs:
        new(value, -1)
    for node in graph.nodes:
        if node.op.alias:
            buffer = owner[id(node.inputs[0])]
            buffer.values.append(node.output)
            owner[id(node.output)] = buffer
            continue
        first, last = span[id(node)]
        for value in node.inputs:
            if not value.is_constant:
                owner[id(value)].last = max(owner[id(value)].last, last)
        for value in node.outputs:
            new(value, first)
            owner[id(value)].last = last
    for value in graph.outputs:
        if not value.is_constant:
            owner[id(value)].last = sum(len(group.steps) for group in groups)
    for index, group in enumerate(groups):
        if not group.by_rows and group.steps[0].chain is None:
            record_gaps(group.steps[0], spans[index][1], owner)
        elif group.by_rows:
            record_flow_gaps(flows[index], group, spans[index][1], owner)
    return buffers


def spans_of(groups: Sequence[Group]) -> list[tuple[int, int]]:
    """(first, last) step of each group, by number."""
    ends = list(itertools.accumulate(len(group.steps) for group in groups))
    return [(end - len(group.steps), end - 1) for end, group in zip(ends, groups, strict=True)]


def kept_buffers(groups: Sequence[Group]) -> list[Buffer | None]:
    """The rows of padding of each group and what its kernels keep from call to call."""
    spans = zip(groups, spans_of(groups), strict=True)
    return [Buffer([], group.kept, *span) if group.kept else None for group, span in spans]


def area_buffers(groups: Sequence[Group]) -> list[Buffer | None]:
    """The memory that the steps of each group share."""
    spans = zip(groups, spans_of(groups), strict=True)
    return [Buffer([], group.area.bytes, *span) if group.area.bytes else None for group, span in spans]


def size_of(buffers: Iterable[Buffer]) -> int:
    """Bytes from the start of the arena to the end of the last of the placed buffers."""
    return max((buffer.offset + buffer.size for buffer in buffers), default=0)


def record_gaps(step: Step, number: int, owner: dict[int, Buffer]) -> None:
    """Note for the step's output which of its inputs it may be written over, and by how much."""
    output = owner[id(step.node.output)]
    activations = [value for value in step.node.inputs if not value.is_constant]
    for position, value in enumerate(activations):
        source = owner[id(value)]
        once = sum(1 for other in activations if owner[id(other)] is source) == 1
        if source.last != number or not once or step.windows is None:
            continue
        if step.threads > 1 and not in_place(step, position, value):
            continue
        if step.threads > 1:
            output.exact.add(id(source))
        gap = least_gap(step, position, value)
        if gap is not None:
            output.gaps[id(source)] = min(round_up(gap), output.size)


def record_flow_gaps(flow: Flow, group: Group, last: int, owner: dict[int, Buffer]) -> None:
    """The same of a group: its outputs over inputs from outside that die in it."""
    for (value, output), gap in flow.gaps.items():
        source = owner[id(value)]
        # Of one name only: the rows of a reshaped value are others.
        whole = output not in group.rings and output not in group.area.values
        if source.last == last and source.values == [value] and whole:
            owner[id(output)].gaps[id(source)] = min(round_up(gap), owner[id(output)].size)


def least_gap(step: Step, position: int, value: Value) -> int | None:
    """Bytes by which the output must start below the input `value`; None when they may not overlap.

    Output row i is written while the rows from window.first(i) on are still needed:
    gap = max over i of (i + 1) * out_row - first(i) * in_row.
    Of kernels with `columns`, pixel j of that row is written while of row first(i) only the pixels from
    columns.first(j + 1) on are: the gap shrinks to about one row.
    """
    if step.windows is None:
        return None
    if in_place(step, position, value):
        return 0
    window, y = step.windows[position], step.node.output.type
    if y.rows == 1 or window.stride < 1:
        return None
    in_row, out_row = value.type.row_elements * value.type.dtype.bytes, y.row_elements * y.dtype.bytes
    moments = within_row(step, value, out_row, in_row)
    needed = (
        row * out_row + written - max(0, window.first(row)) * in_row - passed
        for row in range(y.rows)
        for written, passed in moments
        if window.first(row) < value.type.rows
    )
    return max(max(needed, default=0), 0)


def in_place(step: Step, position: int, value: Value) -> bool:
    """Whether each element of the output may take the place of the input's, which was read before."""
    y = step.node.output.type
    same_size = y.bytes == value.type.bytes and y.row_elements == value.type.row_elements
    one_row = step.windows is not None and step.windows[position] == RowWindow()
    return step.kernel.inplace and position == 0 and one_row and same_size


def within_row(step: Step, value: Value, out_row: int, in_row: int) -> list[tuple[int, int]]:
    """(bytes of the output row written, bytes of its first input row that nobody reads any more), moment by moment."""
    columns = step.kernel.columns(step.node)
    if columns is None:
        return [(out_row, 0)]
    width, in_width = step.node.output.type.shape[2], value.type.shape[2]
    pixel, in_pixel = out_row // width, in_row // in_width
    return [(end * pixel, min(max(0, columns.first(end)), in_width) * in_pixel) for end in range(width)]


def overlapping(step: Step, buffers: list[Buffer]) -> bool:
    """True where the placed output lies over one of its inputs and must be computed row by row.

    A kernel that goes pixel by pixel through joined rows keeps the distance that rows one by one would.
    """
    if step.calls > 1 or step.windows is None or step.kernel.columns(step.node) is not None:
        return False
    output = next(buffer for buffer in buffers if step.node.output in buffer.values)
    for value in step.node.inputs:
        source = next((buffer for buffer in buffers if value in buffer.values), None)
        if source is None or id(source) not in output.gaps or output.gaps[id(source)] == 0:
            continue
        if output.offset < source.offset + source.size and source.offset < output.offset + output.size:
            return True
    return False


def place(buffers: list[Buffer]) -> None:
    """Give every buffer an offset, so that they end as low as first fit finds: the best of several orders, improved."""
    if not buffers:
        return
    neighbours = {
        id(a): [b for b in buffers if b is not a and a.first <= b.last and b.first <= a.last] for a in buffers
    }
    floor = least_end(buffers)
    best = min((Layout.of(order, neighbours) for order in orders(buffers)), key=lambda layout: layout.end)
    shuffler = random.Random(0)  # the same program from the same graph, always
    for _ in range(MOVES):
        if best.end == floor:
            break
        changed = Layout.of(moved(best, shuffler), neighbours)
        if changed.end <= best.end:
            best = changed
    for buffer in buffers:
        buffer.offset = best.offsets[id(buffer)]


@dataclass(frozen=True, eq=False)
class Layout:
    """What first fit makes of an order."""

    order: list[Buffer]
    offsets: dict[int, int]  # id of the buffer -> bytes
    end: int

    @staticmethod
    def of(order: list[Buffer], neighbours: dict[int, list[Buffer]]) -> Layout:
        offsets = first_fit(order, neighbours)
        return Layout(order, offsets, max(offsets[id(buffer)] + buffer.size for buffer in order))


def least_end(buffers: list[Buffer]) -> int:
    """No placement ends lower: the most bytes alive in a step, with outputs as far over dying inputs as they may."""
    by_id = {id(buffer): buffer for buffer in buffers}
    most = 0
    for step in {buffer.first for buffer in buffers}:
        alive = sum(buffer.size for buffer in buffers if buffer.first <= step <= buffer.last)
        for output in (buffer for buffer in buffers if buffer.first == step):
            for source, gap in output.gaps.items():
                size = by_id[source].size
                alive -= output.size + size - max(output.size, gap + size)
        most = max(most, alive)
    return most


def orders(buffers: list[Buffer]) -> Iterable[list[Buffer]]:
    """Orders to begin with: by size, by time, by size times lifetime."""
    keys: list[Callable[[Buffer], tuple[int, ...]]] = [
        lambda b: (-b.size, b.first),
        lambda b: (b.first, -b.size),
        lambda b: (-b.last, -b.size),
        lambda b: (-b.size * (b.last - b.first + 1), b.first),
        lambda b: (-(b.last - b.first), -b.size),
    ]
    return (sorted(buffers, key=key) for key in keys)


def moved(layout: Layout, shuffler: random.Random) -> list[Buffer]:
    """The order with one buffer, in half of the cases one that ends highest, elsewhere: earlier as a rule."""

    def below(count: int) -> int:
        return int(shuffler.random() * count)

    order = list(layout.order)
    highest = [n for n, b in enumerate(order) if layout.offsets[id(b)] + b.size == layout.end]
    position = highest[below(len(highest))] if below(2) else below(len(order))
    buffer = order.pop(position)
    order.insert(below(len(order) + 1) if below(3) == 0 else below(position + 1), buffer)
    return order


def first_fit(order: list[Buffer], neighbours: dict[int, list[Buffer]]) -> dict[int, int]:
    """Each buffer in turn at the lowest offset that the ones placed before leave free."""
    offsets: dict[int, int] = {}
    for buffer in order:
        taken = sorted(
            interval
            for other in neighbours[id(buffer)]
            if id(other) in offsets
            for interval in forbidden(buffer, other, offsets[id(other)])
        )
        offset = 0
        for low, high in taken:
            if low < offset < high:
                offset = high
        offsets[id(buffer)] = offset
    return offsets


def forbidden(buffer: Buffer, other: Buffer, at: int) -> list[tuple[int, int]]:
    """Open intervals of offsets that `buffer` may not have while `other` lies at `at`."""
    if id(other) in buffer.exact or id(buffer) in other.exact:
        return [(at - buffer.size, at), (at, at + other.size)]
    if id(other) in buffer.gaps:  # buffer is written over its dying input `other`
        return [(at - buffer.gaps[id(other)], at + other.size)]
    if id(buffer) in other.gaps:  # `other` is written over the dying input `buffer`
        return [(at - buffer.size, at + other.gaps[id(buffer)])]
    return [(at - buffer.size, at + other.size)]
