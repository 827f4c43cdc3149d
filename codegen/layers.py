"""Program steps as C: one function for each distinct geometry, one struct and one call (or loop) for each layer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from edgec.codegen.chains import (
    ChainText,
    StripLayer,
    StripText,
    chain_source,
    inner_source,
    plus,
    pointers,
    strip_output,
    times,
)
from edgec.codegen.constants import ConstantPool
from edgec.codegen.layer_words import (
    arena,
    describe,
    in_rows,
    joined,
    reach_text,
    row_bytes_of,
    types_of,
)
from edgec.codegen.literals import DTYPE_C, designated
from edgec.codegen.texts import ENDLESS, DataText, FreshText, GroupText, Input, Instance, Layer, PushText, StreamText
from edgec.errors import UnsupportedError
from edgec.ir import DType, Value
from edgec.ops.base import NoData, RowWindow
from edgec.program import Group, Program, Stream
from edgec.step import Chain, Step, kept_bytes, padding_bytes

MOST_ROWS = 1 << 30  # that are counted


@dataclass
class LayerPrinter:
    """Turns steps into layers; collects instances and constants on the way."""

    program: Program
    pool: ConstantPool
    data_texts: list[DataText] = field(default_factory=list)
    instances: list[Instance] = field(default_factory=list)
    known: dict[tuple[str, str, str, str], Instance] = field(default_factory=dict)

    def layer(self, number: int, step: Step, of_chain: bool = False) -> Layer:
        """A layer by itself, or one of a chain, which finds its rows another way."""
        node = step.node
        name = f"{node.op.name.lower()}_{number:02d}"
        comment = describe(node)
        pad_bytes = padding_bytes(step)
        inputs, count = ((), 0) if of_chain else self.inputs(step)
        return Layer(
            number=number,
            name=name,
            comment=comment,
            instance=Instance("", step.kernel, "", *types_of(node)) if of_chain else self.instance(step),
            data="NULL" if of_chain else self.data(step, name, comment),
            inputs=inputs,
            pointers=count,
            output=self.address(node.output) if node.output in self.program.placements else "",
            out_row_elements=node.output.type.row_elements * joined(step),
            out_rows=node.output.type.rows,
            out_ring=self.ring(node.output),
            calls=step.calls,
            pad_bytes=pad_bytes,
            pad_value=step.kernel.pad_value(node),
            padding=arena(self.program.padding_at.get(node, 0)),
            scratch=self.scratch(step),
            kept_bytes=kept_bytes(step),
            counter=f"done->{name}" if self.as_pushed(step) else f"{name}_rows",
            chain=None,
            links=(),
            fresh=self.fresh(node.output),
            endless=self.endless(step),
            shifts=self.endless(step) and self.ring(node.output) > 1 and self.leaves(step),
            threads=step.threads,
        )

    def scratch(self, step: Step) -> str:
        """C expression of a step's working memory, of thread `thread` where several share its rows."""
        if step.node not in self.program.scratch_at:
            return "NULL"
        place = arena(self.program.scratch_at[step.node])
        return f"{place} + thread * {step.thread_bytes}" if step.threads > 1 else place

    def step(self, number: int, step: Step) -> Layer:
        """A step whose first layer has this number."""
        if step.chain is None:
            return self.layer(number, step)
        links = tuple(self.layer(number + index, part, of_chain=True) for index, part in enumerate(step.parts))
        last, chain, at = links[-1], step.chain, self.program.scratch_at[step.node]
        text = ChainText(
            name=f"{last.name}_row",
            comment=", ".join(link.comment.partition(":")[0] for link in links[:-1]),
            pointers=pointers(chain.steps),
            scratch=arena(at + chain.places[-1]),
            strips=tuple(self.strip(chain, index, links, at) for index in range(len(chain.strips))),
        )
        counter = f"done->{last.name}" if self.as_pushed(step) else f"{last.name}_rows"
        return replace(last, chain=text, links=links, counter=counter, calls=step.calls)

    def strip(self, chain: Chain, strip: int, links: Sequence[Layer], at: int) -> StripText:
        """The layers of one kind of strip."""

        def place(index: int) -> str:
            return arena(at + chain.places[index])

        layers = []
        for index, (step, link, node) in enumerate(zip(chain.steps, links, chain.strips[strip].nodes, strict=True)):
            padding = link.padding if link.pad_bytes else "NULL"
            x = step.node.inputs[0]
            rows = (
                chain_source(chain, strip, self.address(x), self.ring(x), padding)
                if index == 0
                else inner_source(chain, index, strip, place, padding)
            )
            cut = replace(step, node=node, rows_per_call=1)
            layers.append(
                StripLayer(
                    number=link.number,
                    comment=link.comment,
                    instance=self.instance(cut),
                    data=self.data(cut, link.name, link.comment),
                    window=step.activations[0][1],
                    need=chain.needs[index],
                    out_rows=step.node.output.type.rows,
                    rows=rows,
                    y=strip_output(chain, index, strip, place),
                )
            )
        return StripText(chain.strips[strip].count, tuple(layers))

    def data(self, step: Step, layer: str, comment: str) -> str:
        """C expression of the pointer to a step's data; what a layer has already, it has once."""
        data = step.kernel.data(step.node)
        if isinstance(data, NoData):
            return "NULL"
        text = designated(data, self.pool.pointers(layer, data, comment))
        own = [item for item in self.data_texts if item.layer == layer]
        same = next((item for item in own if item.text == text), None)
        if same is None:
            name = f"{layer}_{len(own)}" if own else layer
            same = DataText(name, layer, comment, step.kernel.name, text)
            self.data_texts.append(same)
        return f"&{same.name}"

    def groups(self) -> list[GroupText]:
        """All groups of the Program, with their layers."""
        texts, number = [], 0
        for group in self.program.groups:
            layers = []
            for step in group.steps:
                layers.append(self.step(number, step))
                number += len(step.parts)
            texts.append(GroupText(tuple(layers), self.conditions(group, layers) if group.by_rows else ()))
        return texts

    def push(self, groups: Sequence[GroupText]) -> PushText | None:
        """The pushed input, where there is one."""
        push = self.program.push
        if push is None:
            return None
        kind = push.value.type
        row_bytes = kind.row_elements * kind.dtype.bytes
        group = groups[0] if groups and groups[0].conditions else GroupText(())
        base, ring = self.address(push.value), self.ring(push.value)
        stream = self.stream(push.stream, group, ring) if push.stream else None
        return PushText(kind.rows, kind.row_elements, row_bytes, ring, base, push.counts_at, group, stream)

    def stream(self, stream: Stream, group: GroupText, ring: int) -> StreamText:
        """The counts of an endless input go back by what changes nothing: whole turns of every ring."""
        strides = {"done->input": 1}
        names = {self.program.push.value: "done->input"} if self.program.push else {}
        for step, layer in zip(self.program.groups[0].steps, group.layers, strict=True):
            names[step.node.output] = layer.counter
            strides[layer.counter] = max(strides[names[value]] * w.stride for value, w in step.activations)
        rings = [ring, *(strides[layer.counter] * max(1, layer.out_ring) for layer in group.layers)]
        turn = math.lcm(*rings, *strides.values())
        if turn > MOST_ROWS // 4:
            raise UnsupportedError(f"{self.program.graph.name} can't take an endless input: its rings are too uneven")
        back = MOST_ROWS // 2 // turn * turn
        counts = tuple((name, back // stride) for name, stride in strides.items())
        last = group.layers[-1]
        return StreamText(last.counter, stream.rows, stream.first, stream.every, MOST_ROWS, counts)

    def as_pushed(self, step: Step) -> bool:
        """Whether a step computes what it can as rows of the input come."""
        first = self.program.groups[0]
        return self.program.push is not None and first.by_rows and step in first.steps

    def endless(self, step: Step) -> bool:
        """Whether a step goes on for ever."""
        return self.as_pushed(step) and self.program.push is not None and self.program.push.stream is not None

    def leaves(self, step: Step) -> bool:
        """Whether an endless step's output is what the rest reads."""
        return step is self.program.groups[0].steps[-1]

    def ring(self, value: Value) -> int:
        """Rows of a value that memory holds."""
        if any(value in group.area.values for group in self.program.groups):
            return 1
        rings = (group.rings[value] for group in self.program.groups if value in group.rings)
        return next(rings, value.type.rows)

    def instance(self, step: Step) -> Instance:
        """The function for the step's kernel and geometry, made where it is met first."""
        kernel, node = step.kernel, step.node
        geometry = designated(kernel.geometry(node, step.rows_per_call))
        x_type, y_type = types_of(node)
        key = (kernel.name, geometry, x_type, y_type)
        if key not in self.known:
            count = sum(1 for instance in self.instances if instance.kernel.name == kernel.name)
            name = f"{kernel.name.removeprefix('ec_')}_{count}"
            self.known[key] = Instance(name, kernel, geometry, x_type, y_type)
            self.instances.append(self.known[key])
        return self.known[key]

    def inputs(self, step: Step) -> tuple[tuple[Input, ...], int]:
        """The row rule of every non-constant input, and how many pointers a call takes."""
        result, first = [], 0
        endless = self.endless(step)
        activations = [value for value in step.node.inputs if not value.is_constant]
        last_row = step.node.output.type.rows - 1
        for position, value in enumerate(activations):
            window = step.windows[position] if step.windows else None
            if step.calls == 1 and window is not None and window.size == 1 and window.pad == 0:
                window = None  # one call on everything: the pointer to the start is enough
            rows = value.type.rows // joined(step)
            padded = window is not None and (window.first(0) < 0 or window.last(last_row) >= rows)
            if window == RowWindow() and self.ring(value) == 1 and not padded:
                window = None  # the one row that is there
            row_bytes = row_bytes_of(value) * joined(step)
            there = ENDLESS if endless and window else str(rows)
            waited = value in self.program.fresh_at and self.program.fresh_at[value].reader is step.node
            ring, fresh = self.ring(value), self.fresh(value) if waited else None
            result.append(Input(self.address(value), window, there, row_bytes, first, padded, ring, fresh))
            first += window.size if window else 1
        return tuple(result), first

    def conditions(self, group: Group, layers: Sequence[Layer]) -> tuple[str, ...]:
        """Of each layer, in C: it has rows to compute, its inputs are there, and, if it waits for it, one is wanted."""
        counts = {step.node.output: layer.counter for step, layer in zip(group.steps, layers, strict=True)}
        if self.program.push and group is self.program.groups[0]:
            counts[self.program.push.value] = "done->input"
        texts = []
        for step, layer, limited in zip(group.steps, layers, group.limited, strict=True):
            parts = [f"{layer.counter} < {layer.turns}"] if layer.turns != ENDLESS else []
            for value, window in step.activations:
                if value in counts:
                    parts.append(f"{counts[value]} >= {reach_text(layer, window, in_rows(layer, value))}")
            if limited:
                wanted = [
                    f"{layer.counter} < {reach_text(reader, window, in_rows(layer, step.node.output))}"
                    for other, reader in zip(group.steps, layers, strict=True)
                    for value, window in other.activations
                    if value is step.node.output
                ]
                parts.append(wanted[0] if len(wanted) == 1 else f"({' || '.join(wanted)})")
            texts.append(" && ".join(parts))
        return tuple(texts)

    def fresh(self, value: Value) -> FreshText | None:
        """How fresh rows of a value are treated; None: it has none."""
        if value not in self.program.fresh_at:
            return None
        row = self.program.fresh_at[value]
        group = next(group for group in self.program.groups if value in group.area.fresh)
        reader = next(step for step in group.steps if step.node is row.reader)
        window = next(window for v, window in reader.activations if v is value)
        ahead, ring = window.last(0), self.ring(value)
        number = plus(times("row", window.stride), ahead)
        parts = [f"row >= {ahead}"] if ahead > 0 else []
        if window.stride > 1:
            parts.append(f"({plus('row', -ahead)}) % {window.stride} == 0")
        cut = window.last(reader.calls - 1) >= value.type.rows and not self.endless(reader)
        again = window.first(1) <= ahead
        return FreshText(
            place=arena(row.at),
            wakes=" && ".join(parts) or "true",
            there=f"{number} < {value.type.rows}" if cut else None,
            number=number,
            slot=(f"({number}) % {ring} * {row_bytes_of(value)}" if ring > 1 else "0") if again else None,
        )

    def address(self, value: Value) -> str:
        """C expression of where a value starts."""
        text = arena(self.program.placements[value].offset)
        return text if value.type.dtype is DType.S8 else f"({DTYPE_C[value.type.dtype]} *)(void *)({text})"
