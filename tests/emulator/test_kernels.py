"""Every kernel on every core with every compiler gives the bytes that numpy gives, on random geometries.

The per-commit part runs a few cases of each family on each core; `-m exhaustive` runs many, with seeds of their own.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from edgec.targets import load_target
from edgec.targets.emulator.qemu import QEMU
from edgec.targets.toolchain import GCC
from tests.emulator.kernel_batch import compare, make_batch, run_batch
from tests.emulator.kernel_cases import MAKERS, Case, cases_of
from tests.targets.compilers import EACH_COMPILER, needs_gcc, needs_zig

pytest.importorskip("serial", reason="pyserial is not installed")
pytestmark = pytest.mark.skipif(shutil.which(QEMU) is None, reason=f"{QEMU} is not installed")

BOARDS = {
    "m0plus": "mps2-an385-m0plus",
    "m3": "mps2-an385",
    "m4": "mps2-an386",
    "m7": "mps2-an500",
    "m33": "mps2-an505",
    "m55": "mps3-an547-ddr",
}
# The compiler that each core takes by default, and both for the cores with kernels of their own.
FEW = [
    *(pytest.param(core, GCC, marks=needs_gcc, id=f"{core}-gcc") for core in ("m0plus", "m3", "m4", "m7", "m55")),
    *(pytest.param(core, "zig", marks=needs_zig, id=f"{core}-zig") for core in ("m0plus", "m4", "m33", "m55")),
]
FEW_CASES, MANY_CASES, SEEDS = 4, 40, range(100, 112)


def run_cases(cases: list[Case], core: str, compiler: str, seed: int, folder: Path) -> None:
    """Run the cases as one firmware and compare."""
    batch = make_batch(cases, load_target(BOARDS[core]), np.random.default_rng(seed))
    compare(batch, run_batch(batch, compiler, folder))


@pytest.mark.parametrize(("core", "compiler"), FEW)
def test_each_family(core: str, compiler: str, tmp_path: Path) -> None:
    """A few cases of every family in one firmware."""
    seed = 1
    print(f"seed {seed}")
    cases = [case for family in MAKERS for case in cases_of(family, seed, FEW_CASES)]
    run_cases(cases, core, compiler, seed, tmp_path)


@pytest.mark.exhaustive
@pytest.mark.parametrize("family", MAKERS)
@pytest.mark.parametrize("compiler", EACH_COMPILER)
@pytest.mark.parametrize("core", BOARDS)
def test_many_of_each_family(core: str, compiler: str, family: str, tmp_path: Path) -> None:
    """Many cases of one family, in firmware after firmware."""
    for seed in SEEDS:
        print(f"seed {seed}")
        run_cases(cases_of(family, seed, MANY_CASES), core, compiler, seed, tmp_path / str(seed))
