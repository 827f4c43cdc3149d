"""Bring the tables in README.md and docs/ up to date: python docs/tables.py

A table stands between `<!-- table: NAME -->` and `<!-- end -->`. A test fails while a file differs from what this
writes.
"""

from __future__ import annotations

import pathlib
import re
from collections.abc import Sequence

from edgec.ops import all_ops
from edgec.target import Target
from edgec.targets import list_targets, load_target

ROOT = pathlib.Path(__file__).resolve().parent.parent
FILES = ("README.md", "docs/boards.md")
MARKED = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(cells) + " |\n" for cells in lines)


def operators() -> str:
    """What the importer takes, one row an operator, and the kernels behind it."""
    rows = []
    unary = []
    for op in sorted(all_ops().values(), key=lambda op: op.name):
        if op.kernels or op.alias:
            kernels = ", ".join(f"`{kernel.name}`" for kernel in op.kernels) or "none: the same memory"
            rows.append([", ".join([op.name, *op.extra]), op.summary, kernels])
        elif op.evaluate is not None:
            unary += [op.name, *op.extra]
    rows.append([", ".join(sorted(unary)), "of one tensor: a table of 256 bytes, or a clamp", "`ec_table_s8`"])
    return table(["ONNX operator", "what of it", "kernels"], rows)


def size(bytes_: int) -> str:
    """Bytes as 64 K or 2 M."""
    return f"{bytes_ >> 20} M" if bytes_ % (1 << 20) == 0 else f"{bytes_ >> 10} K"


def row_of(target: Target) -> list[str]:
    """One board: name, title, core, flash, RAM, emulator or flash tools."""
    if target.emulator:
        how = "QEMU, unicorn" if target.emulator.unicorn else "QEMU"
    else:
        how = ", ".join(tool.name for tool in target.flash_tools)
    return [f"`{target.name}`", target.title, target.core.name, size(target.flash), size(target.ram), how]


def boards() -> str:
    """Every board that edgec brings, real ones first."""
    targets = [load_target(name) for name in list_targets()]
    ordered = sorted((t for t in targets if not t.is_host), key=lambda t: (t.emulator is not None, t.name))
    rows = [row_of(target) for target in ordered]
    return table(["target", "board", "core", "flash", "RAM", "emulated by, or flashed with"], rows)


TABLES = {"operators": operators, "boards": boards}


def updated(text: str) -> str:
    """The text with every marked table made anew."""
    return MARKED.sub(lambda match: match[1] + TABLES[match[2]]() + match[3], text)


def main() -> None:
    """Write the files that changed and name them."""
    for name in FILES:
        file = ROOT / name
        text = file.read_text(encoding="utf-8")
        if updated(text) != text:
            file.write_text(updated(text), encoding="utf-8")
            print(f"updated {name}")


if __name__ == "__main__":
    main()
