"""RAM against instructions: the front of a report as a staircase."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from edgec.codegen.picture import BLUE, GREY, INK, PALE, SIZE, VERMILION, Box, Labels, Picture, Text, width_of
from edgec.codegen.words import excess, size

LEFT, RIGHT, TOP, BOTTOM = 64, 40, 44, 48  # around the plot, in pixels
WIDTH, HEIGHT = 480, 220
DOT, SMALL = 10, 11
LEAST = 0.5  # percent that the picture is high at least: less than that is next to nothing, and is to look so


def front_chart(report: Mapping[str, Any]) -> Picture:
    """A dot for each Program of the report's `front`; right is more RAM, up is more instructions."""
    points = report["front"]
    fewest: int = min(point["instructions_estimate"] for point in points)
    most: int = max(point["ram"] for point in points)
    more: list[float] = [excess(point["instructions_estimate"], fewest) for point in points]
    stride, ram_stride = nice(max(*more, LEAST) / 4), nice_bytes(most)
    top = stride * math.ceil(max(*more, LEAST) / stride)
    right = ram_stride * math.ceil(most / ram_stride)

    def x(ram: float) -> float:
        return round(LEFT + WIDTH * ram / right, 1)

    def y(percent: float) -> float:
        return round(TOP + HEIGHT * (1 - percent / top), 1)

    title = f"RAM against instructions of {report['model']['name']} on {report['target']}"
    boxes: list[Box] = []
    texts = [Text(LEFT, 22, title, size=SIZE + 2)]
    for index in range(round(top / stride) + 1):
        boxes.append(Box(LEFT, y(index * stride), WIDTH, 0.6, PALE))
        texts.append(Text(LEFT - 6, y(index * stride) + 4, f"+{index * stride:.3g} %", GREY, SMALL, "end"))
    for ram in range(0, right + 1, ram_stride):
        boxes.append(Box(x(ram), TOP, 0.6, HEIGHT, PALE))
        texts.append(Text(x(ram), TOP + HEIGHT + 16, size(ram), GREY, SMALL, "middle"))
    words = "RAM in all  /  upwards: instructions more than the fewest, an estimate"
    texts.append(Text(LEFT + WIDTH / 2, TOP + HEIGHT + 36, words, GREY, SMALL, "middle"))
    places = [(x(point["ram"]), y(percent)) for point, percent in zip(points, more, strict=True)]
    for (left, low), (after, high) in zip(places[1:], places[:-1], strict=True):
        # Between two of them a budget gets the one with less RAM.
        boxes.append(Box(left, low, round(after - left, 1), 1.2, GREY))
        boxes.append(Box(after, low, 1.2, round(high - low, 1), GREY))
    boxes += [dot(index, point, place) for index, (point, place) in enumerate(zip(points, places, strict=True))]
    labels = Labels()
    for point, place in sorted(zip(points, places, strict=True), key=lambda pair: not pair[0]["compiled"]):
        labels.add(label(point, place))
    return Picture(LEFT + WIDTH + RIGHT, TOP + HEIGHT + BOTTOM, tuple(boxes), (*texts, *labels.texts))


def dot(index: int, point: Mapping[str, Any], place: tuple[float, float]) -> Box:
    """One Program; the one that was compiled stands out."""
    title = f"{point['ram']:,} bytes of RAM: {point['calls']:,} calls of kernels, {point['macs']:,} MACs, "
    title += f"about {point['instructions_estimate']:,} instructions{', as compiled' if point['compiled'] else ''}"
    return Box(
        round(place[0] - DOT / 2, 1),
        round(place[1] - DOT / 2, 1),
        DOT,
        DOT,
        VERMILION if point["compiled"] else BLUE,
        edge="#ffffff",
        radius=DOT / 2,
        title=title,
        marks=(("id", f"point-{index}"), ("class", "point"), ("data-ram", str(point["ram"]))),
    )


def label(point: Mapping[str, Any], place: tuple[float, float]) -> Text:
    """The RAM of a Program, beside its dot."""
    words = size(point["ram"]) + (" (compiled)" if point["compiled"] else "")
    outside = place[0] + 8 + width_of(words, SMALL) > LEFT + WIDTH + RIGHT
    x = place[0] + (4 if outside else 7)
    return Text(x, place[1] - 8, words, INK if point["compiled"] else GREY, SMALL, "end" if outside else "start")


def nice(least: float) -> float:
    """The least of 1, 2, 5, 10, 20 ... and their tenths that is not below `least`."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(power * factor for factor in (1, 2, 5, 10) if power * factor >= least * 0.999)


def nice_bytes(most: int) -> int:
    """Bytes between two ticks of an axis that goes up to `most`."""
    stride = 64
    while most / stride > 8:
        stride *= 2
    return stride
