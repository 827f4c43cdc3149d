"""Chains of steps as C: one function each, a loop over strips, in it a loop over the rows of every layer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgec.ops.base import RowWindow
from edgec.step import Chain, Step

if TYPE_CHECKING:
    from edgec.codegen.texts import Instance


@dataclass(frozen=True)
class Rows:
    """How a layer of a chain finds the rows that it reads: the arguments of ec_ring_rows that depend on its place."""

    base: str
    row_bytes: int
    in_rows: int
    ring: int
    slot: str
    first: str
    padding: str


@dataclass(frozen=True)
class StripLayer:
    """A layer in a strip: the function, its data, what it reads and where it writes."""

    number: int
    comment: str
    instance: Instance
    data: str
    window: RowWindow
    need: RowWindow  # of its rows, by a row of the chain's output
    out_rows: int
    rows: Rows
    y: str

    @property
    def loops(self) -> bool:
        """Whether several rows are computed, or one that may lie outside."""
        return self.need != RowWindow()

    @property
    def row(self) -> str:
        """C expression of the first row."""
        return plus(times("row", self.need.stride), -self.need.pad)


@dataclass(frozen=True)
class StripText:
    """So many equal strips side by side."""

    count: int
    layers: tuple[StripLayer, ...]


@dataclass(frozen=True)
class ChainText:
    """A chain as the template prints it."""

    name: str
    comment: str
    pointers: int
    scratch: str
    strips: tuple[StripText, ...]


def times(text: str, factor: int) -> str:
    return {0: "0", 1: text}.get(factor, f"{text} * {factor}")


def plus(text: str, number: int) -> str:
    if number == 0:
        return text
    return f"{text} - {-number}" if number < 0 else f"{text} + {number}"


def chain_source(chain: Chain, strip: int, base: str, ring: int, padding: str) -> Rows:
    """Rows of the chain's input for its first layer; `ring` of them are held at `base`."""
    window, x, s = chain.steps[0].activations[0][1], chain.steps[0].node.inputs[0].type, chain.strips[strip]
    at = plus(base, s.source * x.shape[3])
    if s.count > 1:
        at = f"{at} + strip * {s.source_step * x.shape[3]}"
    row = "r" if loops(chain, 0) else "row"
    first = plus(times(row, window.stride), -window.pad)
    slot = f"({plus(times(row, window.stride), -window.pad % ring)}) % {ring}" if ring > 1 else "0"
    return Rows(at, x.row_elements, x.rows, ring, slot, first, padding)


def inner_source(chain: Chain, index: int, strip: int, at: Callable[[int], str], padding: str) -> Rows:
    """Rows of the layer before, for layer `index`: those that the strip has computed, the first at slot 0."""
    window, before = chain.steps[index].activations[0][1], chain.steps[index - 1].node.output.type
    held = chain.strips[strip].nodes[index - 1].output.type
    row, slot = ("r", times("k", window.stride)) if loops(chain, index) else ("row", "0")
    first = plus(times(row, window.stride), -window.pad)
    return Rows(at(index - 1), held.row_elements, before.rows, chain.needs[index - 1].size, slot, first, padding)


def loops(chain: Chain, index: int) -> bool:
    return chain.needs[index] != RowWindow()


def strip_output(chain: Chain, index: int, strip: int, at: Callable[[int], str]) -> str:
    """Where layer `index` writes: among the rows that the strip holds, the last one into the chain's output."""
    s = chain.strips[strip]
    if index < len(chain.steps) - 1:
        row = s.nodes[index].output.type.row_elements
        return f"{at(index)} + k * {row}" if loops(chain, index) else at(index)
    channels = s.nodes[index].output.type.shape[3]
    text = plus("y", s.target * channels)
    return f"{text} + strip * {s.target_step * channels}" if s.count > 1 else text


def pointers(steps: tuple[Step, ...]) -> int:
    """The most input rows that a call takes."""
    return max(step.activations[0][1].size for step in steps)
