"""docs/benchmarks.md from docs/benchmarks.json."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.measure import BOARDS
from benchmarks.peers import PEERS, SOURCE, Peer

Row = Mapping[str, Any]
INTRO = """# Benchmarks

Written by `python -m benchmarks.speed` from networks beside this project (`../shared/zoo`, `../shared/zoo_train`, or
`$EDGEC_SHARED`); `docs/benchmarks.json` holds the same figures.

- **Instructions** of one inference, exact, on the emulated board. They are no cycles and no milliseconds.
- **Cycles** are an estimate: counted instructions with the times of the core's manual, memory without wait states
  (`docs/commands.md`, `edgec profile`). No estimate for M7 and M55.
- **MACs** are those of the network as it comes; in brackets those that are executed, where some need not be.
- **RAM** is all of it: arena with the input, scratch, static, the deepest stack. **Flash** is the linked image; in
  brackets without start-up, serial port and protocol.
"""
OURS = ("network", "MACs", "instructions", "per MAC", "cycles (estimate)", "RAM", "flash", "compiler")


def page(rows: Sequence[Row]) -> str:
    """The whole page: a table a core, and others' figures beside ours."""
    parts = [INTRO]
    for core, boards in BOARDS.items():
        own = [row for row in rows if row["core"] == core]
        if own:
            parts.append(f"## {title(core)} (`{boards[0]}`)\n\n{markdown(OURS, [cells(row) for row in own])}")
    beside = [line for row in rows for line in peer_lines(row, rows)]
    if beside:
        head = ("core", "network", "engine", "instructions", "times edgec's", "RAM", "flash", "result")
        parts.append(f"## Beside others\n\n{SOURCE}\n\n{markdown(head, beside)}")
    return "\n".join(parts)


def title(core: str) -> str:
    """cortex-m0plus -> Cortex-M0+."""
    return core.replace("cortex-m", "Cortex-M").replace("plus", "+")


def markdown(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """A table whose columns of numbers are flush right."""
    words = {"network", "compiler", "core", "engine", "result"}
    rule = ["---" if name in words else "---:" for name in head]
    return "".join("| " + " | ".join(line) + " |\n" for line in (head, rule, *lines))


def cells(row: Row) -> list[str]:
    """One row of a core's table."""
    goal = "" if row["optimize"] == "balanced" else f", --optimize {row['optimize']}"
    name, compiler = row["network"], f"{row['compiler']}{goal}"
    if row["error"]:
        return [name, "", row["error"], "", "", "", "", compiler]
    cycles = "" if row["cycles_estimate"] is None else millions(row["cycles_estimate"])
    flash = f"{row['flash']:,} ({row['flash'] - row['port']:,})"
    executed = "" if row["macs_executed"] == row["macs"] else f" ({row['macs_executed']:,})"
    per_mac = f"{row['instructions'] / max(1, row['macs']):.2f}"
    figures = [f"{row['macs']:,}{executed}", f"{row['instructions']:,}", per_mac]
    return [name, *figures, cycles, f"{row['ram']:,}", flash, compiler]


def peer_lines(row: Row, rows: Sequence[Row]) -> list[list[str]]:
    """Ours, if it is the best of its core and network, and the others' below it."""
    peers = PEERS.get((row["core"], row["network"]), ())
    if row["error"] or not peers or row is not best(row, rows):
        return []
    core, name = title(row["core"]), row["network"]
    ours = Peer(f"edgec, {row['compiler']}", row["instructions"], row["ram"], row["flash"])
    lines = []
    for peer in (ours, *peers):
        times = f"{peer.instructions / row['instructions']:.2f}"
        memory = [f"{size:,}" if size else "" for size in (peer.ram, peer.flash)]
        count = f"{peer.instructions:,}" if peer is ours else millions(peer.instructions)
        lines.append([core, name, peer.engine, count, times, *memory, peer.note])
    return lines


def best(row: Row, rows: Sequence[Row]) -> Row:
    """The row of the same core and network with the fewest instructions."""
    same = [r for r in rows if (r["core"], r["network"]) == (row["core"], row["network"]) and not r["error"]]
    return min(same, key=lambda r: int(r["instructions"]))


def millions(count: float) -> str:
    return f"{count / 1e6:.2f} M" if count >= 1e7 else f"{count / 1e6:.3f} M"
