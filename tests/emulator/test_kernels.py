"""Every kernel on every core with every compiler gives the bytes that numpy gives, on random geometries.

The per-commit part runs a few cases of each family on each core; `-m exhaustive` runs many, with seeds of their own.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edgec.ir import QuantParams, Value
from edgec.ops.conv import ConvAttrs
from edgec.ops.conv.attrs import is_depthwise
from edgec.ops.conv.depthwise_neon import dotprod_ring
from edgec.ops.conv.depthwise_neon_pack import weight_sets
from edgec.target import Target
from edgec.targets import load_target
from edgec.targets.toolchain import GCC, GCC_LINUX
from tests.emulator.kernel_batch import compare, make_batch, run_batch
from tests.emulator.kernel_cases import MAKERS, Case, cases_of, convolution_case, depthwise, weighted
from tests.runtime_c.harness import activation, constant, one_node
from tests.targets.compilers import (
    EACH_COMPILER,
    EACH_COMPILER_LINUX,
    needs_gcc,
    needs_gcc_linux,
    needs_qemu,
    needs_qemu_user,
    needs_zig,
)

pytest.importorskip("serial", reason="pyserial is not installed")

BOARDS = {
    "m0plus": "mps2-an385-m0plus",
    "m3": "mps2-an385",
    "m4": "mps2-an386",
    "m7": "mps2-an500",
    "m33": "mps2-an505",
    "m55": "mps3-an547-ddr",
}
LINUX = {"a53": "raspberrypi3", "a55": "radxa-zero3", "a76": "raspberrypi5", "a710": "linux-aarch64"}
# The compiler that each core takes by default, and both for the cores with kernels of their own.
FEW = [
    *(pytest.param(core, GCC, marks=needs_gcc, id=f"{core}-gcc") for core in ("m0plus", "m3", "m4", "m7", "m55")),
    *(pytest.param(core, "zig", marks=needs_zig, id=f"{core}-zig") for core in ("m0plus", "m4", "m33", "m55")),
]
FEW_LINUX = [
    *(pytest.param(core, GCC_LINUX, marks=needs_gcc_linux, id=f"{core}-gcc") for core in LINUX),
    pytest.param("a710", "zig", marks=needs_zig, id="a710-zig"),
]
FEW_CASES, MANY_CASES, SEEDS = 4, 40, range(100, 112)


def target_of(core: str) -> Target:
    """A board with the core."""
    return load_target((BOARDS | LINUX)[core])


def run_cases(cases: list[Case], core: str, compiler: str, seed: int, folder: Path) -> None:
    """Run the cases as one firmware and compare."""
    batch = make_batch(cases, target_of(core), np.random.default_rng(seed))
    compare(batch, run_batch(batch, compiler, folder))


def run_few(core: str, compiler: str, folder: Path) -> None:
    """A few cases of every family in one firmware."""
    seed = 1
    print(f"seed {seed}")
    cases = [case for family in MAKERS for case in cases_of(family, seed, FEW_CASES)]
    run_cases(cases, core, compiler, seed, folder)


def run_many(core: str, compiler: str, family: str, folder: Path) -> None:
    """Many cases of one family, in firmware after firmware."""
    for seed in SEEDS:
        print(f"seed {seed}")
        run_cases(cases_of(family, seed, MANY_CASES), core, compiler, seed, folder / str(seed))


@needs_qemu
@pytest.mark.parametrize(("core", "compiler"), FEW)
def test_each_family(core: str, compiler: str, tmp_path: Path) -> None:
    run_few(core, compiler, tmp_path)


@needs_qemu_user
@pytest.mark.parametrize(("core", "compiler"), FEW_LINUX)
def test_each_family_on_linux(core: str, compiler: str, tmp_path: Path) -> None:
    run_few(core, compiler, tmp_path)


@needs_qemu_user
@pytest.mark.parametrize("compiler", EACH_COMPILER_LINUX)
@pytest.mark.parametrize("isa", ["dotprod", "neon"])
def test_steps_of_cores_in_order(isa: str, compiler: str, tmp_path: Path) -> None:
    """No step, one, some, a loop of them, each with what may be left behind; tiles of one to four pixels."""
    rng = np.random.default_rng(2)
    cases = []
    for depth in (4, 16, 28, 32, 56, 84, 96, 144, 156):
        for width, channels in ((5, 16), (6, 37), (7, 32)):
            shape, weights = (1, 1, width, depth), (channels, 1, 1, depth)
            cases.append(convolution_case(rng, weighted(rng, "Conv", ConvAttrs((1, 1)), shape, weights)))
    target = target_of("a55")
    only = replace(target.core, neon=isa == "neon", dotprod=isa == "dotprod")
    batch = make_batch(cases, replace(target, core=only), rng)
    compare(batch, run_batch(batch, compiler, tmp_path))


@needs_qemu_user
@pytest.mark.parametrize("compiler", EACH_COMPILER_LINUX)
def test_depthwise_weights_that_leave_int8(compiler: str, tmp_path: Path) -> None:
    """Less their zero points; the columns of the window stay in registers nevertheless."""
    rng = np.random.default_rng(3)
    cases: list[Case] = []
    while len(cases) < 24:
        case = depthwise(rng)
        (node,) = case.graph.nodes
        if is_depthwise(node) and dotprod_ring(node) and len(weight_sets(node)) == 2:
            cases.append(case)
    batch = make_batch(cases, target_of("a76"), rng)
    compare(batch, run_batch(batch, compiler, tmp_path))


@needs_qemu_user
@needs_gcc_linux
@pytest.mark.parametrize("core", ["a53", "a76"])
def test_depthwise_weights_of_255(core: str, tmp_path: Path) -> None:
    """127 less a zero point of -128: more than two int8 sum up to."""
    rng = np.random.default_rng(4)
    cases = []
    for kernel in ((3, 3), (2, 5), (5, 5)):
        x = Value("x", activation("x", (1, 6, 9, 20)).type.with_quant(QuantParams.per_tensor(0.02, -128)))
        data = np.where(rng.random((20, *kernel, 1)) < 0.5, 127, rng.integers(-128, 128, (20, *kernel, 1)))
        weights = constant("w", data.astype(np.int8), QuantParams((0.01,) * 20, (-128,) * 20, 0))
        inputs = [x, weights, constant("b", np.zeros(20, np.int32))]
        attrs = ConvAttrs(kernel, group=20)
        cases.append(convolution_case(rng, one_node("Conv", attrs, inputs, QuantParams.per_tensor(0.4, 5))))
    batch = make_batch(cases, target_of(core), rng)
    compare(batch, run_batch(batch, GCC_LINUX, tmp_path))


@needs_qemu
@pytest.mark.exhaustive
@pytest.mark.parametrize("family", MAKERS)
@pytest.mark.parametrize("compiler", EACH_COMPILER)
@pytest.mark.parametrize("core", BOARDS)
def test_many_of_each_family(core: str, compiler: str, family: str, tmp_path: Path) -> None:
    run_many(core, compiler, family, tmp_path)


@needs_qemu_user
@pytest.mark.exhaustive
@pytest.mark.parametrize("family", MAKERS)
@pytest.mark.parametrize("compiler", EACH_COMPILER_LINUX)
@pytest.mark.parametrize("core", LINUX)
def test_many_of_each_family_on_linux(core: str, compiler: str, family: str, tmp_path: Path) -> None:
    run_many(core, compiler, family, tmp_path)
