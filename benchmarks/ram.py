"""RAM of networks in each way of scheduling, and what it costs: the table of docs/rows.md.

    python -m benchmarks.ram                     the table, into docs/rows.md
    python -m benchmarks.ram MODEL.onnx ...      any int8 networks: prints the table, writes nothing

On the emulated Cortex-M4: the report's figures, the high-water mark that the board measures and exact instructions.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from edgec.api import compile_model
from edgec.errors import EdgecError
from edgec.tools.output import Output
from edgec.tools.project import connect, read_project
from edgec.tools.run import graph_inputs, run_on_board
from tests.zoo.networks import NETWORKS, ROOT

BOARD = "mps2-an386"
TABLE = (
    "vww_mobilenetv1",
    "ic_resnet8",
    "kws_dscnn",
    "shape_mbv2_w0.35_144",
    "shape_mobilenetv2_w035_96",
    "shape_mcunet_vww1",
    "shape_mcunet_in3",
    "imagenet_tf2_mobilenet_v2_1.0_224_ptq",
)
WAYS: dict[str, dict[str, Any]] = {
    "layer by layer": {"ram": 1 << 40},
    "image in RAM": {},
    "image pushed": {"push": True},
    "pushed, min": {"push": True, "ram": 0},
}
PAGE = ROOT / "docs" / "rows.md"
BEGIN, END = "<!-- table of benchmarks/ram.py -->", "<!-- end of the table -->"


def measure(model: Path, options: Mapping[str, Any]) -> dict[str, Any]:
    """One network compiled one way and run on the board; the same input in every way."""
    with tempfile.TemporaryDirectory(prefix="edgec-ram-") as folder:
        compiled = compile_model(model, BOARD, out_dir=Path(folder) / "out", **options)
        project, out = read_project(Path(folder) / "out"), Output(True, False)
        with connect(project, compiled.program.target, out) as session:
            found = run_on_board(session, graph_inputs(project, None, None, 1), out)
    report = compiled.report
    if found["ram"]["high_water"] > report["ram"]["total"]:
        raise EdgecError(f"{model}: {found['ram']['high_water']} bytes were used, {report['ram']['total']} planned")
    return {
        "ram": report["ram"]["total"],
        "measured": found["ram"]["high_water"],
        "macs": report["macs"]["executed"],
        "instructions": found["instructions"],
        "outputs": [np.asarray(batch) for batch in found["outputs"]],
    }


def rows(name: str, model: Path) -> Iterator[str]:
    """The rows of a network; EdgecError where the ways do not give the same outputs."""
    found = {way: measure(model, options) for way, options in WAYS.items()}
    first = found["layer by layer"]
    for way, figures in found.items():
        pairs = zip(figures["outputs"], first["outputs"], strict=True)
        if not all(np.array_equal(a, b) for a, b in pairs):
            raise EdgecError(f"{name}: {way} gives other outputs than layer by layer")
        ram, macs, count = (figures[key] / first[key] - 1 for key in ("ram", "macs", "instructions"))
        parts = (f"{figures['ram']:,}", f"{figures['measured']:,}", f"{100 * ram:+.0f} %", f"{100 * macs:+.1f} %")
        yield f"| {name} | {way} | {' | '.join(parts)} | {figures['instructions']:,} | {100 * count:+.1f} % |"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", type=Path, metavar="MODEL.onnx", help="instead of the table's networks")
    options = parser.parse_args()
    known = {network.name: network.int8 for network in NETWORKS}
    wanted = [(path.parent.name, path) for path in options.models] or [(name, known[name]) for name in TABLE]
    lines = ["| network | | RAM | measured | | MACs | instructions | |", f"| --- | --- |{' ---: |' * 6}"]
    for name, model in wanted:
        for row in rows(name, model):
            print(row, file=sys.stderr, flush=True)
            lines.append(row)
    table = "\n".join(lines)
    if options.models:
        print(table)
        return 0
    text = PAGE.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}\n{table}\n{END}{rest.split(END)[1]}", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
