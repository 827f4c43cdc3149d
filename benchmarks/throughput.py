"""Static throughput of the matrix products' inner loops on the cores of phones, by llvm-mca's models of them.

    python -m benchmarks.throughput      a table: the loop of a 1x1 convolution, 196 pixels, 512 -> 512 channels

The loop is taken from the disassembly of the compiled project. Caches are not modelled: what is shown is what the order
of the instructions allows. Cores stand for those with the same pipeline: Neoverse N1 for Cortex-A76, N2 for A710.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks.page import markdown
from edgec.codegen import ModelFile, generate, write_project
from edgec.errors import TargetError
from edgec.ir import Graph, Port, QuantParams
from edgec.ops.conv import ConvAttrs
from edgec.passes.schedule import schedule
from edgec.targets import find_compiler, load_target
from edgec.targets.load import load_core
from tests.graphs import conv, s8

MCA = ("llvm-mca-19", "llvm-mca")
OBJDUMP = ("aarch64-linux-gnu-objdump", "llvm-objdump-19", "llvm-objdump")
BOARD = "raspberrypi5"
SIZE, CHANNELS = 14, 512
ITERATIONS = 200
PRODUCTS = {
    "dotprod": ("sdot",),
    "i8mm": ("smmla",),
    "neon": ("smull", "smull2", "smlal2", "sadalp"),
}
HEAD = ("kernels", "core", "model", "instructions", "cycles", "products", "products a cycle", "of the peak")
INSTRUCTION = re.compile(r"^\s*([0-9a-f]+):\s+[0-9a-f]{8}\s+(\S.*?)\s*(?://.*)?$", re.MULTILINE)
BACK = re.compile(r"b\.ne\s+(?:0x)?([0-9a-f]+)")


@dataclass(frozen=True)
class Case:
    """Kernels for the instructions `isa`, tuned for `core`, on llvm-mca's model of `model`."""

    isa: str
    core: str
    model: str


CASES = (
    Case("dotprod", "cortex-a55", "cortex-a55"),
    Case("dotprod", "cortex-a76", "neoverse-n1"),
    Case("i8mm", "cortex-a710", "neoverse-n2"),
    Case("neon", "cortex-a53", "cortex-a53"),
    Case("neon", "cortex-a72", "cortex-a72"),
    Case("dotprod", "cortex-a76", "cortex-a55"),
)


@dataclass(frozen=True)
class Throughput:
    """One turn of a loop; `least` is how many cycles its products would take by themselves."""

    case: Case
    instructions: int
    cycles: float
    products: int
    least: float

    @property
    def rate(self) -> float:
        """Products (SDOT, SMMLA, ...) a cycle."""
        return self.products / self.cycles

    @property
    def share(self) -> float:
        """Of the peak."""
        return self.least / self.cycles


def find_tool(names: Sequence[str]) -> str | None:
    return next((name for name in names if shutil.which(name)), None)


def need_tool(names: Sequence[str], package: str) -> str:
    """The first of these programs that is there."""
    tool = find_tool(names)
    if tool is None:
        raise TargetError(f"{names[0]} is not installed", help=f"apt-get install --no-install-recommends {package}")
    return tool


def pointwise_graph() -> Graph:
    """The 1x1 convolution."""
    x = s8("x", (1, SIZE, SIZE, CHANNELS))
    node = conv("point", x, ConvAttrs((1, 1)), CHANNELS, QuantParams.per_tensor(0.05, 5), np.random.default_rng(0))
    y = node.output
    ports = [Port("x", "int8", x.type.shape)], [Port("y", "int8", y.type.shape)]
    return Graph("pointwise", [x], [y], [node], *ports, 13, 1)


def disassembly(core: str, folder: Path, cc: str | None = None) -> str:
    """Of the convolution as it is compiled for a core."""
    target = replace(load_target(BOARD), core=load_core(core, BOARD))
    project = folder / "project"
    write_project(generate(schedule(pointwise_graph(), target), ModelFile("pointwise", "made up", "0" * 64)), project)
    find_compiler(target, cc).build(project, folder / "build")
    objdump = need_tool(OBJDUMP, "binutils-aarch64-linux-gnu")
    return call([objdump, "-d", str(folder / "build" / "pointwise.o")])


def call(command: Sequence[str], text: str | None = None) -> str:
    """What a program prints."""
    result = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise TargetError(f"{command[0]} failed: {result.stderr.strip()[:200]}")
    return result.stdout


def inner_loop(text: str, isa: str) -> list[str]:
    """Of a disassembly: the loop without another one in it that has the most products."""
    found = [loop for section in text.split("Disassembly of section") for loop in loops(section)]
    best = max(found, key=lambda loop: len(products(loop, isa)), default=[])
    if not products(best, isa):
        raise TargetError(f"no loop with {PRODUCTS[isa][0]} is in the compiled code")
    return best


def loops(section: str) -> Iterator[list[str]]:
    """Innermost loops; each section of an object file counts its addresses from 0."""
    code = [(int(at, 16), " ".join(words.split())) for at, words in INSTRUCTION.findall(section)]
    index = {at: number for number, (at, _) in enumerate(code)}
    for number, (_, words) in enumerate(code):
        back = BACK.match(words)
        first = index.get(int(back[1], 16), number) if back else number
        loop = [each for _, each in code[first:number]]
        if loop and not any(BACK.match(each) for each in loop):
            yield [*loop, "b.ne loop"]


def products(loop: Sequence[str], isa: str) -> list[str]:
    return [each for each in loop if each.split()[0] in PRODUCTS[isa]]


def summary(model: str, loop: Sequence[str]) -> tuple[float, float]:
    """(cycles of a turn, cycles that the units alone would need) on llvm-mca's model of a core."""
    command = [need_tool(MCA, "llvm-19"), "-mtriple=aarch64", f"-mcpu={model}", "-mattr=+dotprod,+i8mm"]
    command += [f"-iterations={ITERATIONS}", "-instruction-info=0", "-resource-pressure=0"]
    text = call(command, "\n".join(["loop:", *loop, ""]))
    cycles, least = (re.search(rf"{name}:\s+([\d.]+)", text) for name in ("Total Cycles", "Block RThroughput"))
    if not cycles or not least:
        raise TargetError("llvm-mca's summary has another form", where=text[:200])
    return float(cycles[1]) / ITERATIONS, float(least[1])


def measure(case: Case, folder: Path, cc: str | None = None) -> Throughput:
    """The throughput of one case, in an empty folder."""
    loop = inner_loop(disassembly(case.core, folder, cc), case.isa)
    multiplied = products(loop, case.isa)
    return Throughput(
        case, len(loop), summary(case.model, loop)[0], len(multiplied), summary(case.model, multiplied)[1]
    )


def cells(found: Throughput) -> list[str]:
    """A row of the table."""
    case = found.case
    numbers = [str(found.instructions), f"{found.cycles:.1f}", str(found.products), f"{found.rate:.2f}"]
    return [f"`_{case.isa}`", case.core, case.model, *numbers, f"{found.share:.0%}"]


def main() -> None:
    """Print the table."""
    rows = []
    for case in CASES:
        with tempfile.TemporaryDirectory(prefix="edgec-throughput-") as folder:
            rows.append(cells(measure(case, Path(folder))))
    print(markdown(HEAD, rows))


if __name__ == "__main__":
    main()
