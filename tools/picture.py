"""Bars with words beside them, as an SVG or PNG file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import jinja2

from edgec.errors import ModelError

INK, GREY = "#222222", "#777777"
# By operator, in the order in which they appear: colours that also people who do not see red and green tell apart.
PALETTE = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#b3a800", "#999999")
LABELS, BARS, VALUES, MARGIN = 300, 420, 190, 16  # widths in pixels
ROW, BAR, TITLE, LEGEND = 20, 14, 30, 26  # heights
SIZE = 12  # of letters
SUFFIXES = (".svg", ".png")


@dataclass(frozen=True)
class Bar:
    """One bar: `length` in any unit, words left and right of it, and the group that gives its colour."""

    label: str
    length: float
    value: str
    group: str


@dataclass(frozen=True)
class Box:
    """A filled rectangle; pixels from the upper left corner."""

    x: float
    y: float
    width: float
    height: float
    color: str


@dataclass(frozen=True)
class Text:
    """One line of words on the base line y, from x on or up to it."""

    x: float
    y: float
    words: str
    color: str = INK
    size: int = SIZE
    flush_right: bool = False


@dataclass(frozen=True)
class Picture:
    """What is drawn, in pixels."""

    width: int
    height: int
    boxes: tuple[Box, ...]
    texts: tuple[Text, ...]


def check_suffix(file: Path) -> None:
    """ModelError where the file's name says neither SVG nor PNG, or PNG cannot be written."""
    if file.suffix.lower() not in SUFFIXES:
        raise ModelError(f"--figure writes .svg and .png, not {file.name!r}")
    if file.suffix.lower() == ".png":
        try:
            import PIL  # noqa: F401
        except ModuleNotFoundError:
            raise ModelError(
                "Pillow is not installed: it writes .png", help="pip install 'edgec[figure]', or name a .svg"
            ) from None


def bar_chart(title: str, bars: Sequence[Bar]) -> Picture:
    """One row a bar, the longest as wide as there is room; a legend of the groups at the bottom."""
    longest = max((bar.length for bar in bars), default=0) or 1
    groups = list(dict.fromkeys(bar.group for bar in bars))
    colors = {group: PALETTE[min(index, len(PALETTE) - 1)] for index, group in enumerate(groups)}
    boxes, texts = [], [Text(MARGIN, MARGIN + SIZE, title, size=SIZE + 2)]
    left = MARGIN + LABELS + 8
    for index, bar in enumerate(bars):
        top = MARGIN + TITLE + index * ROW
        width = round(BARS * bar.length / longest, 1)
        boxes.append(Box(left, top, width, BAR, colors[bar.group]))
        texts.append(Text(MARGIN + LABELS, top + BAR - 2, bar.label, flush_right=True))
        texts.append(Text(left + width + 6, top + BAR - 2, bar.value, GREY))
    bottom = MARGIN + TITLE + len(bars) * ROW
    at: float = left
    for group in groups:
        boxes.append(Box(at, bottom + 8, 10, 10, colors[group]))
        texts.append(Text(at + 14, bottom + 17, group))
        at += 30 + 7 * len(group)
    width = max(left + BARS + VALUES, int(at)) + MARGIN
    return Picture(width, bottom + LEGEND + MARGIN, tuple(boxes), tuple(texts))


def write_picture(picture: Picture, file: Path) -> None:
    """As the file's name says, SVG or PNG."""
    check_suffix(file)
    file.parent.mkdir(parents=True, exist_ok=True)
    if file.suffix.lower() == ".svg":
        file.write_text(svg(picture), encoding="utf-8")
    else:
        write_png(picture, file)


def svg(picture: Picture) -> str:
    """The picture as SVG text."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("edgec.tools", "templates"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
        autoescape=True,
    )
    return environment.get_template("picture.svg.j2").render(picture=picture)


def write_png(picture: Picture, file: Path) -> None:
    """Twice as large as the pixels say, for sharp screens."""
    from PIL import Image, ImageDraw, ImageFont

    scale = 2
    image = Image.new("RGB", (scale * picture.width, scale * picture.height), "white")
    draw = ImageDraw.Draw(image)
    for box in picture.boxes:
        right, low = box.x + max(box.width, 0.5), box.y + box.height
        draw.rectangle((scale * box.x, scale * box.y, scale * right - 1, scale * low - 1), fill=box.color)
    for text in picture.texts:
        font = ImageFont.load_default(size=scale * text.size)
        anchor = "rs" if text.flush_right else "ls"  # on the base line
        draw.text((scale * text.x, scale * text.y), text.words, fill=text.color, font=font, anchor=anchor)
    image.save(file)
