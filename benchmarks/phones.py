"""Instructions of networks on AArch64: one program, on a processor of each kind.

    python -m benchmarks.phones                     the table, into docs/benchmarks_phones.md
    python -m benchmarks.phones MODEL.onnx ...      any int8 networks: prints the table, writes nothing
    python -m benchmarks.phones --layer             the 1x1 convolution that libraries are compared by, printed

Counts are of one inference with everything in it, exact and the same on every run, from qemu-aarch64.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from edgec.api import compile_model, make_project
from edgec.codegen import ModelFile, write_project
from edgec.errors import EdgecError
from edgec.goal import Goal
from edgec.ir import QuantParams
from edgec.ops.conv import ConvAttrs
from edgec.targets import Device, SerialLink, find_compiler, load_target, open_board
from tests.runtime_c.harness import activation, constant, one_node
from tests.zoo.networks import NETWORKS, ROOT

TARGET = "linux-aarch64"
BOARDS = {"dotprod": "raspberrypi5", "i8mm": TARGET, "neon": "raspberrypi3"}
TABLE = ("imagenet_mobilenet_v1_0.5_160_quant", "imagenet_tf2_mobilenet_v2_1.0_224_ptq", "ic_resnet8")
PAGE = ROOT / "docs" / "benchmarks_phones.md"
HEAD = """# AArch64: instructions of whole networks

One inference, everything in it, on one thread; executed instructions, counted by qemu-aarch64, and in brackets per MAC
of the model. One program runs on all three: cores with SDOT (`dotprod`: Cortex-A55, A76), with SMMLA too (`i8mm`:
A710, X2), with neither (`neon`: A53, A72). RAM is all of the program's variables, arena and stack; code is the program
without weights, three sets of kernels and the runner included. By `python -m benchmarks.phones`.

"""


def count(elf: Path, inputs: list[bytes]) -> tuple[list[int], int]:
    """(instructions on each kind of processor, most RAM that one measured); all give the same outputs."""
    counts, ram, outputs = [], 0, set()
    for kernels, name in BOARDS.items():
        with open_board(load_target(name), elf) as board, Device(SerialLink(board.port), run_timeout=600) as device:
            if device.kernels() != kernels:
                raise SystemExit(f"{name} picked {device.kernels()} instead of {kernels}")
            outputs.add(device.run(inputs).outputs)
            memory, instructions = device.memory(), board.instructions()
            if instructions is None:
                raise SystemExit("qemu-aarch64 cannot count: that takes a C compiler to build its plugin with")
            counts.append(instructions)
            ram = max(ram, memory.static + memory.stack_used)
    if len(outputs) != 1:
        raise SystemExit("the processors' outputs differ")
    return counts, ram


def row(model: Path, name: str) -> str:
    """A network's line of the table."""
    with tempfile.TemporaryDirectory(prefix="edgec-phones-") as folder:
        made = compile_model(model, TARGET, out_dir=Path(folder) / "project")
        firmware = find_compiler(load_target(TARGET)).build(Path(folder) / "project", Path(folder) / "build")
        source = np.random.RandomState(0)
        inputs = [source.randint(-128, 128, v.type.shape).astype(np.int8).tobytes() for v in made.graph.inputs]
        counts, ram = count(firmware.elf, inputs)
    macs = made.report["macs"]["model"]
    cells = [f"{instructions:,} ({instructions / macs:.4f})" for instructions in counts]
    return " | ".join(["", name, f"{macs:,}", *cells, f"{ram:,}", f"{made.report['flash']['code']:,}", ""]).strip()


def layer_row() -> str:
    """196 pixels, 512 -> 512 channels, 1x1: the shape by which XNNPACK's kernels are known."""
    rng = np.random.default_rng(0)
    x = activation("x", (1, 14, 14, 512), 0.05, -128)
    w = constant(
        "w", rng.integers(-127, 128, (512, 1, 1, 512)).astype(np.int8), QuantParams((0.01,) * 512, (0,) * 512, 0)
    )
    b = constant("b", rng.integers(-1000, 1000, 512).astype(np.int32))
    graph = one_node("Conv", ConvAttrs((1, 1)), [x, w, b], QuantParams.per_tensor(0.5, -128))
    target = load_target(TARGET)
    file = ModelFile("layer", "layer.onnx", "0" * 64)
    compiler = find_compiler(target)
    with tempfile.TemporaryDirectory(prefix="edgec-phones-") as folder:
        _, project, report = make_project(graph, target, file, Goal.BALANCED, compiler, ram=1 << 29)
        write_project(project, Path(folder) / "project")
        firmware = compiler.build(Path(folder) / "project", Path(folder) / "build")
        counts, ram = count(firmware.elf, [rng.integers(-128, 128, x.type.shape).astype(np.int8).tobytes()])
    macs = report["macs"]["model"]
    cells = [f"{instructions:,} ({instructions / macs:.4f})" for instructions in counts]
    return " | ".join(["", "1x1, 196 pixels, 512 -> 512", f"{macs:,}", *cells, f"{ram:,}", "", ""]).strip()


def lines(models: list[tuple[Path, str]], layer: bool) -> Iterator[str]:
    """The table, a line at a time."""
    yield "| network | MACs | dotprod | i8mm | neon | RAM | code |"
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    for model, name in models:
        yield row(model, name)
    if layer:
        yield layer_row()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", type=Path, help="int8 ONNX files; none: the networks of the table")
    parser.add_argument("--layer", action="store_true", help="the 1x1 convolution alone")
    options = parser.parse_args()
    known = [(network.int8, network.name) for network in NETWORKS if network.name in TABLE]
    given = [(model, model.stem) for model in options.models]
    found = []
    try:
        for line in lines(given or ([] if options.layer else known), options.layer or not given):
            print(line, flush=True)
            found.append(line)
    except EdgecError as error:
        print(f"error: {error.message}", file=sys.stderr)
        return 1
    if not given and not options.layer:
        PAGE.write_text(HEAD + "\n".join(found) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
