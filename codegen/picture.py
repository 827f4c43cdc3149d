"""Pictures of boxes and words, as SVG text; tools/picture.py writes them into files."""

from __future__ import annotations

from dataclasses import dataclass

from edgec.codegen.render import render

INK, GREY, PALE = "#222222", "#777777", "#dddddd"
# Okabe and Ito's colours, which also people who do not see red and green tell apart.
BLUE, ORANGE, GREEN, PINK = "#0072b2", "#e69f00", "#009e73", "#cc79a7"
SKY, VERMILION, YELLOW, DULL = "#56b4e9", "#d55e00", "#b3a800", "#999999"
SIZE = 12  # of letters
LETTER = 0.56  # width of a letter on average, in sizes


@dataclass(frozen=True)
class Box:
    """A filled rectangle; pixels from the upper left corner.

    edge: colour of its outline, none by default. title: what a browser shows under the mouse. marks: further attributes
    of the SVG element, by which a program finds it.
    """

    x: float
    y: float
    width: float
    height: float
    color: str
    opacity: float = 1.0
    edge: str = ""
    radius: float = 0
    title: str = ""
    marks: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Text:
    """One line of words on the base line y: x is its start, middle or end, as `anchor` says."""

    x: float
    y: float
    words: str
    color: str = INK
    size: int = SIZE
    anchor: str = "start"


@dataclass(frozen=True)
class Picture:
    """What is drawn, in pixels: the boxes in their order, the texts over them."""

    width: int
    height: int
    boxes: tuple[Box, ...]
    texts: tuple[Text, ...]


def svg(picture: Picture) -> str:
    """The picture as SVG text."""
    return render("picture.svg.j2", {"picture": picture}, html=True)


def width_of(words: str, size: int = SIZE) -> float:
    """Pixels that a line of words takes, roughly."""
    return len(words) * size * LETTER


class Labels:
    """Texts, none of which lies over one that was there before."""

    def __init__(self) -> None:
        self.texts: list[Text] = []
        self.areas: list[tuple[float, float, float, float]] = []

    def add(self, *lines: Text) -> None:
        """The lines of one label, all of them or, where the room is taken, none."""
        areas = [area(line) for line in lines]
        if not any(a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3] for a in areas for b in self.areas):
            self.texts += lines
            self.areas += areas


def area(text: Text) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of a text in pixels, roughly."""
    width = width_of(text.words, text.size)
    left = text.x - {"start": 0.0, "middle": 0.5, "end": 1.0}[text.anchor] * width
    return left - 2, text.y - text.size, left + width + 2, text.y + 3
