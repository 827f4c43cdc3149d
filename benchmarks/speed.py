"""Instructions, cycles, RAM and flash of networks on the emulated boards of all cores, beside other engines' figures.

    python -m benchmarks.speed                       the whole table, into docs/benchmarks.md and docs/benchmarks.json
    python -m benchmarks.speed --core cortex-m4      only these rows anew
    python -m benchmarks.speed --cc gcc --cc zig     with both compilers
    python -m benchmarks.speed MODEL.onnx ... --board mps2-an386
                                                     any int8 networks: prints the table, writes nothing

Counts are exact and the same on every run, so that rows may be made one by one and on any machine.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.measure import BOARDS, measure_on
from benchmarks.page import OURS, Row, cells, markdown, page
from edgec.errors import EdgecError
from edgec.goal import Goal
from edgec.targets import find_compiler, load_target
from tests.zoo.networks import NETWORKS, ROOT

TABLE = (
    "vww_mobilenetv1",
    "kws_dscnn",
    "ic_resnet8",
    "ad_autoencoder",
    "shape_mobilenetv2_w035_96",
    "shape_mobilenetv2_w035_144",
    "shape_mcunet_vww1",
)
COMPILERS = {"default": None, "gcc": "arm-none-eabi-gcc", "zig": "zig"}
DOCS = ROOT / "docs"
LONGEST_ERROR = 60
KEYS = ("core", "network", "cc", "optimize")  # what makes a row another one


def row_of(name: str, model: Path, core: str, boards: Sequence[str], cc: str, goal: Goal) -> dict[str, Any]:
    """Figures of one network; `error` says why there are none."""
    compiler = find_compiler(load_target(boards[0]), COMPILERS[cc])
    head = {"core": core, "network": name, "cc": cc, "optimize": goal.value, "compiler": short(compiler.version)}
    try:
        found = measure_on(model, boards, cc=COMPILERS[cc], goal=goal)
    except EdgecError as error:
        return {**head, "error": error.message[:LONGEST_ERROR]}
    report, profile = found.report, found.profile
    return {
        **head,
        "error": "",
        "board": report["target"],
        "macs": report["macs"]["model"],
        "macs_executed": report["macs"]["executed"],
        "instructions": profile["instructions"],
        "cycles_estimate": profile["cycles_estimate"],
        "ram": report["ram"]["total"],
        "ram_measured": found.ram,
        "flash": report["flash"]["total"],
        "weights": report["flash"]["weights"],
        "port": report["flash"]["port"],
    }


def short(version: str) -> str:
    """arm-none-eabi-gcc (15:12.2.rel1-1) 12.2.1 20221205 -> gcc 12.2.1; zig clang version 22.1 -> zig, clang 22.1."""
    words = version.split()
    if words[0] == "zig":
        return f"zig, clang {words[-1]}" if "clang" in words else version
    number = next((word for word in words[1:] if word[:1].isdigit()), "")
    return f"gcc {number}".strip()


def order(row: Row) -> tuple[int, int, str, str]:
    """Where a row stands in the page."""
    return list(BOARDS).index(row["core"]), TABLE.index(row["network"]), row["cc"], row["optimize"]


def merged(old: Sequence[Row], new: Sequence[Row]) -> list[Row]:
    """The old rows with the new ones in their places."""
    rows = {tuple(row[key] for key in KEYS): row for row in (*old, *new)}
    return sorted(rows.values(), key=order)


def write(rows: Sequence[Row], folder: Path) -> None:
    """benchmarks.json and the page that is made from it; rows that were there and are not among these stay."""
    file = folder / "benchmarks.json"
    old = json.loads(file.read_text(encoding="utf-8"))["rows"] if file.exists() else []
    everything = merged(old, rows)
    lines = ",\n".join(f"  {json.dumps(row)}" for row in everything)
    file.write_text(f'{{"rows": [\n{lines}\n]}}\n', encoding="utf-8")
    (folder / "benchmarks.md").write_text(page(everything), encoding="utf-8")


def models(options: argparse.Namespace) -> list[tuple[str, Path]]:
    """(name, file) of what is asked for; networks that are not on this computer are left out, with a word."""
    if options.models:
        names = [path.parent.name if path.stem.startswith("model") else path.stem for path in options.models]
        return list(zip(names, options.models, strict=True))
    wanted = [network for network in NETWORKS if network.name in (options.network or TABLE)]
    for network in wanted:
        if not network.int8.exists():
            print(f"left out: {network.name} is not there", file=sys.stderr)
    return [(network.name, network.int8) for network in wanted if network.int8.exists()]


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", type=Path, metavar="MODEL.onnx", help="instead of the table's networks")
    parser.add_argument(
        "--network", action="append", choices=TABLE, metavar="NAME", help="default: all; may be repeated"
    )
    parser.add_argument("--core", action="append", choices=BOARDS, metavar="CORE", help="default: all; may be repeated")
    parser.add_argument("--board", metavar="BOARD", help="this board instead of those of the cores; with MODEL.onnx")
    parser.add_argument("--cc", action="append", choices=COMPILERS, help="default: what edgec takes; may be repeated")
    parser.add_argument("--optimize", type=Goal, choices=list(Goal), default=Goal.BALANCED, metavar="GOAL")
    parser.add_argument("--docs", type=Path, default=DOCS, metavar="DIR", help="where the page is written")
    parser.add_argument("--json", action="store_true", help="with MODEL.onnx: one JSON object instead of a table")
    options = parser.parse_args()
    if options.board and not options.models:
        parser.error("--board goes with MODEL.onnx: each row of the table has its board")
    return options


def main() -> None:
    """Measure what the command line names."""
    options = arguments()
    places = {core: BOARDS[core] for core in options.core or BOARDS}
    if options.board:
        places = {load_target(options.board).core.name: (options.board,)}
    rows: list[Row] = []
    for (name, model), (core, boards), cc in itertools.product(
        models(options), places.items(), options.cc or ["default"]
    ):
        row = row_of(name, model, core, boards, cc, options.optimize)
        rows.append(row)
        print(f"{core}: {' | '.join(cells(row))}", file=sys.stderr, flush=True)
        if not options.models:
            write([row], options.docs)  # row by row: an interrupted run loses nothing
    if options.models:
        print(json.dumps({"rows": rows}) if options.json else markdown(OURS, [cells(row) for row in rows]), end="\n")


if __name__ == "__main__":
    main()
