"""What the templates print of steps, as C text: layers with what they read and write, groups, a pushed input."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from edgec.codegen.chains import ChainText
from edgec.ops.base import Kernel, RowWindow

ENDLESS = "EC_ENDLESS"  # of ec_rows.h


@dataclass(frozen=True)
class Instance:
    """A kernel with its geometry fixed: a C function of its own, so that the compiler folds the shapes."""

    name: str
    kernel: Kernel[Any]
    geometry: str
    x_type: str
    y_type: str


@dataclass(frozen=True)
class FreshText:
    """Where a row lies until its reader has read it, and when it is one that the reader has waited for.

    wakes: C condition on its number. there: C condition on the reader's row, None: always. number: of the row then.
    slot: C expression of where it goes in the ring, None: nobody reads it again.
    """

    place: str
    wakes: str
    there: str | None
    number: str
    slot: str | None


@dataclass(frozen=True)
class Input:
    """How a layer finds its rows of one input. `rows` pointers start at `first` of the layer's pointer array."""

    base: str
    window: RowWindow | None
    in_rows: str
    row_bytes: int
    first: int
    padded: bool
    ring: int  # rows of it that memory holds
    fresh: FreshText | None

    @property
    def slot(self) -> str:
        """C expression of where in the ring the first row lies that output row `row` reads."""
        if self.window is None or self.ring == 1:
            return "0"
        text = {0: "0", 1: "row"}.get(self.window.stride, f"row * {self.window.stride}")
        ahead = -self.window.pad % self.ring
        return f"({text} + {ahead}) % {self.ring}" if ahead else f"{text} % {self.ring}"

    @property
    def pointer(self) -> str:
        """C expression of the first of the layer's pointers that belong to this input."""
        return f"x + {self.first}" if self.first else "x"

    @property
    def start(self) -> str:
        """C expression of the first input row that output row `row` reads."""
        if self.window is None:
            return "0"
        text = {0: "0", 1: "row"}.get(self.window.stride, f"row * {self.window.stride}")
        return (
            f"{text} - {self.window.pad}"
            if self.window.pad > 0
            else (f"{text} + {-self.window.pad}" if self.window.pad < 0 else text)
        )


@dataclass(frozen=True)
class DataText:
    """What a layer adds to its kernel: weights, scales, zero points, clamps."""

    name: str
    layer: str
    comment: str
    kernel: str
    text: str


@dataclass(frozen=True)
class Layer:
    """One step of the Program as the template prints it."""

    number: int
    name: str
    comment: str
    instance: Instance
    data: str  # C expression of the pointer
    inputs: tuple[Input, ...]
    pointers: int
    output: str
    out_row_elements: int
    out_rows: int
    out_ring: int
    calls: int
    pad_bytes: int
    pad_value: int | None
    padding: str
    scratch: str
    kept_bytes: int
    counter: str  # C expression of the rows that are done
    chain: ChainText | None
    links: tuple[Layer, ...]  # what it is a chain of
    fresh: FreshText | None  # of its output
    endless: bool
    shifts: bool  # the last rows of its output stay, the oldest first
    threads: int  # that share its calls

    @property
    def turns(self) -> object:
        """C expression of the rows that it computes."""
        return ENDLESS if self.endless else self.calls

    @property
    def parts(self) -> tuple[Layer, ...]:
        """The layers of the chain, or this one."""
        return self.links or (self,)

    @property
    def uses_row(self) -> bool:
        """Whether the number of the row matters to where it lies or what it reads."""
        moves = (self.out_ring > 1 and not self.shifts) or self.fresh is not None
        return self.chain is not None or moves or any(item.window for item in self.inputs)

    @property
    def out_row(self) -> str:
        """C expression of output row `row`."""
        if self.out_ring == 1 or self.fresh:
            return "y"
        row = "row" if self.out_ring == self.out_rows and not self.endless else f"row % {self.out_ring}"
        return f"y + {row} * {self.out_row_elements}"


@dataclass(frozen=True)
class GroupText:
    """A group as the template prints it: layers, and for each the C condition to compute a row of it next."""

    layers: tuple[Layer, ...]
    conditions: tuple[str, ...] = ()

    @property
    def fills(self) -> list[tuple[str, int, int]]:
        """What is filled before the first row: (C expression of the place, value, bytes), once for each place."""
        rows = sorted(
            (layer.padding, layer.pad_value or 0, layer.pad_bytes)
            for whole in self.layers
            for layer in whole.parts
            if layer.pad_bytes
        )
        longest = {place: (place, value, size) for place, value, size in rows}
        return [*longest.values(), *((layer.scratch, 0, layer.kept_bytes) for layer in self.layers if layer.kept_bytes)]


@dataclass(frozen=True)
class StreamText:
    """What an endless input adds: the count that says whether there is an output, how counts stay small."""

    counter: str
    rows: int
    first: int
    every: int
    most: int  # of the input's count, before the counts go back
    back: tuple[tuple[str, int], ...]  # each count and by how much it goes back


@dataclass(frozen=True)
class PushText:
    """The pushed input as the templates print it: sizes, how many rows memory holds, where they and the counts lie."""

    rows: int
    row_elements: int
    row_bytes: int
    ring: int
    base: str
    counts_at: int
    group: GroupText  # what runs as rows come
    stream: StreamText | None
