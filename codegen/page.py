"""report.html: the report as one page for people, pictures included, that needs nothing but a browser."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import edgec
from edgec.codegen.front_chart import front_chart
from edgec.codegen.memory_map import memory_map
from edgec.codegen.picture import BLUE, DULL, GREEN, ORANGE, PINK, svg
from edgec.codegen.render import render
from edgec.codegen.words import first_name, share, size
from edgec.target import Target

PART_COLORS = {
    "arena": BLUE,
    "scratch": PINK,
    "static": ORANGE,
    "stack": GREEN,
    "weights": BLUE,
    "code": ORANGE,
    "port": DULL,
}


@dataclass(frozen=True)
class Part:
    """A part of the RAM or the flash: bytes, and its share of the whole bar in percent."""

    name: str
    bytes: int
    percent: float
    color: str


def report_page(report: Mapping[str, Any], target: Target) -> str:
    """The page of a report for the board that it was made for; the same bytes from the same report, always."""
    flash = report["flash"]
    flash_parts = {"weights": flash["weights"], "code": flash["code"] - flash["port"], "port": flash["port"]}
    ram_parts = {name: report["ram"][name] for name in ("arena", "scratch", "static", "stack")}
    layers = report["layers"]
    context: dict[str, Any] = {
        "version": edgec.__version__,
        "report": report,
        "board": f"{target.title} ({target.name})",
        "core": target.core.name,
        "ram": parts(ram_parts),
        "ram_there": target.ram,
        "flash": parts(flash_parts),
        "flash_there": target.flash,
        "together": [group for group in report["groups"] if len(group) > 1],
        "group_of": [number for number, group in enumerate(report["groups"]) for _ in group],
        "joined": [len(group) > 1 for group in report["groups"] for _ in group],
        "most": {key: max((layer[key] for layer in layers), default=0) or 1 for key in ("macs", "ram", "flash")},
        "memory_map": svg(memory_map(report)),
        "front_chart": svg(front_chart(report)) if report["front"] else None,
        "size": size,
        "share": share,
        "first_name": first_name,
    }
    return render("report.html.j2", context, html=True)


def parts(sizes: Mapping[str, int]) -> list[Part]:
    """The parts with their shares of the total."""
    total = max(sum(sizes.values()), 1)
    return [Part(name, count, round(100 * count / total, 2), PART_COLORS[name]) for name, count in sizes.items()]
