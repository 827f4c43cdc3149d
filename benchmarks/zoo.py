"""RAM, flash and instructions of networks on an emulated board: python benchmarks/zoo.py [--target B] MODEL.onnx ...

Compiles each int8 network, runs it once on the emulated board with the input that `edgec run` makes up, and prints a
Markdown table (or, with --json, one JSON object). Instruction counts are exact and the same on every run.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile
import time
from typing import Any

HEAD = ("network", "MACs", "RAM", "flash", "instructions", "per MAC", "compile")


def edgec(*arguments: str) -> dict[str, Any]:
    """The object that a command prints; its own words and the end of the program where it fails."""
    result = subprocess.run(["edgec", *arguments, "--json"], stdout=subprocess.PIPE, text=True, check=False)
    if result.returncode:
        sys.exit(result.returncode)
    values: dict[str, Any] = json.loads(result.stdout)
    return values


def measure(model: pathlib.Path, target: str) -> dict[str, Any]:
    """Figures of one network: bytes, instructions of one inference, seconds of compiling."""
    name = model.parent.name if model.stem.startswith("model") else model.stem
    with tempfile.TemporaryDirectory(prefix="edgec-zoo-") as folder:
        directory = f"{folder}/out"
        start = time.perf_counter()
        report = edgec("compile", str(model), "--target", target, "-o", directory)
        seconds = time.perf_counter() - start
        run = edgec("run", directory)
    return {
        "network": name,
        "macs": report["macs"]["executed"],
        "ram": report["ram"]["total"],
        "ram_measured": run["ram"]["high_water"],
        "flash": report["flash"]["total"],
        "instructions": run["instructions"],
        "compile_seconds": round(seconds, 2),
    }


def row(values: dict[str, Any]) -> str:
    """One line of the Markdown table."""
    per_mac = values["instructions"] / max(1, values["macs"])
    cells = [
        values["network"],
        f"{values['macs']:,}",
        f"{values['ram']:,}",
        f"{values['flash']:,}",
        f"{values['instructions']:,}",
        f"{per_mac:.1f}",
        f"{values['compile_seconds']:.1f} s",
    ]
    return "| " + " | ".join(cells) + " |"


def main() -> None:
    """Measure what the command line names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", type=pathlib.Path, metavar="MODEL.onnx")
    parser.add_argument("--target", default="mps2-an386", metavar="BOARD")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    if not arguments.json:
        print("| " + " | ".join(HEAD) + " |\n|" + " --- |" * len(HEAD))
    results = []
    for model in arguments.models:
        results.append(measure(model, arguments.target))
        if not arguments.json:
            print(row(results[-1]), flush=True)
    if arguments.json:
        print(json.dumps({"target": arguments.target, "networks": results}))


if __name__ == "__main__":
    main()
