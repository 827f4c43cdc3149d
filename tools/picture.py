"""Bars with words beside them, and pictures as SVG or PNG files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edgec.codegen.picture import (
    BLUE,
    DULL,
    GREEN,
    GREY,
    ORANGE,
    PINK,
    SIZE,
    SKY,
    VERMILION,
    YELLOW,
    Box,
    Picture,
    Text,
    svg,
)
from edgec.errors import ModelError

PALETTE = (BLUE, ORANGE, GREEN, PINK, SKY, VERMILION, YELLOW, DULL)  # of groups, in the order in which they appear
LABELS, BARS, VALUES, MARGIN = 300, 420, 190, 16  # widths in pixels
ROW, BAR, TITLE, LEGEND = 20, 14, 30, 26  # heights
SUFFIXES = (".svg", ".png")
ANCHORS = {"start": "ls", "middle": "ms", "end": "rs"}  # Pillow's names, on the base line


@dataclass(frozen=True)
class Bar:
    """One bar: `length` in any unit, words left and right of it, and the group that gives its colour."""

    label: str
    length: float
    value: str
    group: str


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
        texts.append(Text(MARGIN + LABELS, top + BAR - 2, bar.label, anchor="end"))
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
    """As the file's name says, SVG or PNG; ModelError where it cannot be written."""
    check_suffix(file)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        if file.suffix.lower() == ".svg":
            file.write_text(svg(picture), encoding="utf-8")
        else:
            write_png(picture, file)
    except OSError as error:
        raise ModelError(f"cannot write {file}: {error.strerror}", help="--figure F.svg names a file") from None


def write_png(picture: Picture, file: Path) -> None:
    """Twice as large as the pixels say, for sharp screens."""
    from PIL import Image, ImageColor, ImageDraw, ImageFont

    scale = 2
    image = Image.new("RGB", (scale * picture.width, scale * picture.height), "white")
    draw = ImageDraw.Draw(image, "RGBA")  # colours are laid over what is there
    for box in picture.boxes:
        right, low = box.x + max(box.width, 0.5), box.y + max(box.height, 0.5)
        draw.rounded_rectangle(
            (scale * box.x, scale * box.y, scale * right - 1, scale * low - 1),
            radius=scale * box.radius,
            fill=(*ImageColor.getrgb(box.color)[:3], round(255 * box.opacity)),
            outline=box.edge or None,
            width=scale,
        )
    for text in picture.texts:
        font = ImageFont.load_default(size=scale * text.size)
        anchor = ANCHORS[text.anchor]
        draw.text((scale * text.x, scale * text.y), text.words, fill=text.color, font=font, anchor=anchor)
    image.save(file)
