"""The memory map: every block of the arena as a rectangle, bytes upwards, layers in the order in which they run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from edgec.codegen.memory import KINDS, Block
from edgec.codegen.picture import (
    BLUE,
    GREEN,
    GREY,
    INK,
    ORANGE,
    PALE,
    PINK,
    SIZE,
    SKY,
    VERMILION,
    Box,
    Labels,
    Picture,
    Text,
    width_of,
)
from edgec.codegen.words import first_name, shortened, size

COLORS = dict(zip(KINDS, (SKY, GREEN, BLUE, ORANGE, VERMILION, PINK), strict=True))
MEANINGS = {"ring": "ring of rows", "padding": "row of padding", "scratch": "scratch of kernels"}
ON_DARK = ("output", "value", "padding")  # these fills take white words
LEFT, RIGHT, TOP, BOTTOM = 76, 112, 76, 44  # around the plot, in pixels
PLOT, WIDEST, NARROWEST, HEIGHT = 900, 110, 12, 420
LEAST_WIDTH = 720  # of the picture
TICKS = 8
LINE = 14  # height of a line of small words
SMALL = 11


class MemoryMap:
    """The report's blocks, and where bytes and layers lie in the picture."""

    def __init__(self, report: Mapping[str, Any]) -> None:
        self.report = report
        self.blocks = [Block(**block) for block in report["memory"]]
        self.layers = report["layers"]
        self.bytes: int = max(1, report["ram"]["arena"] + report["ram"]["scratch"])
        # A column for each layer, and one before them and one behind: for what is there before and after a run.
        self.columns = len(self.layers) + 2
        self.column = max(NARROWEST, min(WIDEST, PLOT / self.columns))
        self.width = self.column * self.columns

    def x(self, step: int) -> float:
        """Where a step begins."""
        return round(LEFT + (step + 1) * self.column, 1)

    def y(self, offset: int) -> float:
        return round(TOP + HEIGHT * (1 - offset / self.bytes), 1)

    def picture(self) -> Picture:
        """All of it."""
        boxes, texts = [*self._columns(), *self._grid()], list(self._axes())
        for index, block in enumerate(self.blocks):
            boxes.append(self._box(index, block))
        texts += self._labels()
        for box, text in (*self._groups(), *self._legend()):
            boxes.append(box)
            texts.append(text)
        right = max(LEFT + self.width + RIGHT, *(box.x + box.width + RIGHT for box in boxes), LEAST_WIDTH)
        return Picture(round(right), TOP + HEIGHT + BOTTOM, tuple(boxes), tuple(texts))

    def _columns(self) -> Iterable[Box]:
        """Stripes behind the blocks: the mouse over one says which layer runs."""
        for number in range(-1, len(self.layers) + 1):
            tint = "#f4f6f8" if number % 2 else "#ffffff"
            yield Box(
                self.x(number),
                TOP,
                round(self.column, 1),
                HEIGHT,
                tint,
                title=self._moment(number),
                marks=(("class", "step"),),
            )

    def _moment(self, number: int) -> str:
        if number < 0:
            return "before the first layer"
        if number >= len(self.layers):
            return "behind the last layer"
        layer = self.layers[number]
        return f"layer {number}: {layer['op']} {shortened(layer['name'])}, {layer['ram']:,} bytes alive"

    def _grid(self) -> Iterable[Box]:
        for offset in self._ticks():
            yield Box(LEFT, self.y(offset), self.width, 0.6, PALE)
        yield Box(LEFT, self.y(self.bytes), self.width, 1, INK)
        yield Box(LEFT, self.y(0), self.width, 1, INK)

    def _ticks(self) -> list[int]:
        stride = 8
        while self.bytes / stride > TICKS:
            stride *= 2
        return list(range(stride, self.bytes, stride))

    def _axes(self) -> Iterable[Text]:
        ram = self.report["ram"]
        title = f"Memory map of {self.report['model']['name']} on {self.report['target']}"
        yield Text(LEFT, 22, f"{title}: {self.bytes:,} bytes of arena over {len(self.layers)} layers", size=SIZE + 2)
        yield Text(LEFT + self.width + 6, self.y(self.bytes) + 4, size(self.bytes), size=SMALL)
        beside = f"+ {size(ram['static'] + ram['stack'])}"
        yield Text(LEFT + self.width + 6, self.y(self.bytes) + 4 + LINE, f"{beside} static, stack", GREY, 9)
        for offset in (0, *self._ticks()):
            yield Text(LEFT - 6, self.y(offset) + 4, size(offset), GREY, SMALL, "end")
        every = next(n for n in (1, 2, 5, 10, 20, 50, 100, 1000) if n * self.column >= 26)
        low = TOP + HEIGHT + LINE
        for number in range(0, len(self.layers), every):
            yield Text(self.x(number) + self.column / 2, low, str(number), GREY, SMALL, "middle")
        yield Text(
            LEFT + self.width / 2, low + LINE + 4, "layers, in the order in which they run", GREY, SMALL, "middle"
        )

    def _box(self, index: int, block: Block) -> Box:
        high = self.y(block.offset + block.bytes)
        return Box(
            self.x(block.first),
            high,
            round((block.last + 1 - block.first) * self.column, 1),
            round(max(self.y(block.offset) - high, 0.8), 1),
            COLORS[block.kind],
            opacity=0.82,
            edge="#ffffff",
            radius=1.5,
            title=described(block, len(self.layers)),
            marks=(
                ("id", f"block-{index}"),
                ("class", "block"),
                ("data-kind", block.kind),
                ("data-offset", str(block.offset)),
                ("data-bytes", str(block.bytes)),
            ),
        )

    def _labels(self) -> list[Text]:
        """Names and sizes inside the blocks where there is room, the largest blocks first."""
        labels = Labels()
        for block in sorted(self.blocks, key=lambda b: -b.bytes * (b.last + 1 - b.first)):
            # Results are laid over inputs, but not before the first layer.
            columns = 1 if block.kind == "input" and self.column > 50 else block.last + 1 - block.first
            width = columns * self.column
            low, high = self.y(block.offset), self.y(block.offset + block.bytes)
            lines = label(block, self.blocks, width - 6)[-int((low - high) // LINE) :] if low - high >= LINE else []
            x, top = round(self.x(block.first) + width / 2, 1), (low + high) / 2 - (len(lines) - 1) * LINE / 2 + 4
            color = "#ffffff" if block.kind in ON_DARK else INK
            at = enumerate(lines)
            labels.add(*(Text(x, round(top + n * LINE, 1), line, color, SMALL, "middle") for n, line in at))
        return labels.texts

    def _groups(self) -> Iterable[tuple[Box, Text]]:
        """A bar over the layers that run together."""
        end = 0
        for number, group in enumerate(self.report["groups"]):
            first, end = end, end + len(group)
            if len(group) > 1:
                width = round(len(group) * self.column, 1)
                title = f"group {number}: layers {first} to {end - 1} run together, row by row"
                box = Box(self.x(first) + 1, TOP - 8, width - 2, 4, INK, title=title, marks=(("class", "group"),))
                words = next((w for w in ("row by row", "rows") if width_of(w, SMALL) < width + 12), "")
                yield box, Text(self.x(first) + width / 2, TOP - 12, words, INK, SMALL, "middle")

    def _legend(self) -> Iterable[tuple[Box, Text]]:
        at = float(LEFT)
        there = {block.kind for block in self.blocks}
        for kind in (kind for kind in KINDS if kind in there):
            words = MEANINGS.get(kind, kind)
            yield Box(at, 34, 10, 10, COLORS[kind], 0.82), Text(at + 14, 43, words)
            at += 34 + width_of(words)


def label(block: Block, blocks: Sequence[Block], room: float) -> list[str]:
    """Name and size of a block, each as long as there is room for it; nothing that does not fit.

    Of a name, the longest part of its path that is no other block's too: exporters begin and end all names alike.
    """
    parts = path_of(block)
    spans = {"/".join(parts[i:j]) for i in range(len(parts)) for j in range(i + 1, len(parts) + 1)}
    common = Counter(part for other in blocks for part in set(path_of(other)))
    names = sorted((words for words in spans if common[words] < 2), key=lambda words: (-len(words), words))
    lines = (names, [held(block), size(block.bytes)])
    fitting = (next((words for words in line if width_of(words, SMALL) <= room), "") for line in lines)
    return [words for words in fitting if words]


def path_of(block: Block) -> list[str]:
    return first_name(block.name).split("/")


def held(block: Block) -> str:
    """Bytes, and which part of the value's rows."""
    if block.kind == "ring":
        return f"{size(block.bytes)}, {block.rows} of {block.of} rows"
    return size(block.bytes)


def described(block: Block, layers: int) -> str:
    """All that is known of a block, in one sentence."""
    place = f"{block.bytes:,} bytes at {block.offset:,}"
    rows = f", {block.rows} of {block.of} rows held" if block.kind == "ring" else ""
    first = "before the first layer" if block.first < 0 else f"layer {block.first}"
    last = "the end" if block.last >= layers else f"layer {block.last}"
    time = f"only in {first}" if block.first == block.last else f"from {first} to {last}"
    return f"{MEANINGS.get(block.kind, block.kind)} {block.name}: {place}{rows}, {time}"


def memory_map(report: Mapping[str, Any]) -> Picture:
    """The picture of a report's `memory`."""
    return MemoryMap(report).picture()
