"""Figures and names for people."""

from __future__ import annotations

LONGEST_NAME = 36


def size(count: float) -> str:
    """Bytes for people: 12.6 KB of 1024 bytes each."""
    return (
        f"{count:.0f} B" if count < 1024 else f"{count / 1024:.1f} KB" if count < 1 << 20 else f"{count / 2**20:.2f} MB"
    )


def first_name(name: str) -> str:
    """Exporters join the names of fused nodes: the first says enough."""
    return name.split(";", maxsplit=1)[0]


def shortened(name: str) -> str:
    """The first name, for a column of a terminal."""
    first = first_name(name)
    return first if len(first) <= LONGEST_NAME else f"{first[: LONGEST_NAME - 3]}..."


def excess(count: float, least: float) -> float:
    """By how many percent a count lies above the least."""
    return 100 * (count - least) / max(1, least)


def share(part: float, whole: float) -> str:
    return f"{100 * part / whole:.1f} %" if whole else ""
