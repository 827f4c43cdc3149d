"""Every kernel compiles for every core with every compiler, and rounds as often as it says."""

from __future__ import annotations

import platform
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from edgec.codegen.literals import designated
from edgec.ir import QuantParams
from edgec.ops import all_ops
from edgec.ops.base import ISAS
from edgec.ops.conv import ConvAttrs
from edgec.ops.gemm import GemmAttrs
from edgec.targets import Compiler, find_compiler, list_targets, load_target
from edgec.targets.toolchain import COMMON, FREESTANDING, GCC, GCC_LINUX, CompileError, zig_command
from tests.runtime_c.harness import activation, constant, one_node

RUNTIME = Path(__file__).parent.parent.parent / "runtime_c"
KERNELS = sorted({(kernel.family, kernel.name) for op in all_ops().values() for kernel in op.kernels})
COMPILERS = {GCC: bool(shutil.which(GCC)), "zig": zig_command() is not None}
TO_TEXT = ("-O2", "-S", "-Wno-unused-command-line-argument")  # zig adds a -c of its own
FUSED = re.compile(r"\b(vfn?m[as]\.f32|fn?m(add|sub)|fml[as])\b", re.IGNORECASE)
PROVED = '#include "edgec/ec_binary_mve.h"'  # fuses where edgec.ops.elementwise.mve proved that it changes nothing


@cache
def boards() -> dict[str, str]:
    """Core -> a board that has it."""
    found: dict[str, str] = {}
    for name in list_targets():
        target = load_target(name)
        if not target.is_host:
            found.setdefault(target.core.name, name)
    return found


# Of cores with the same instructions one.
CORES = sorted(set(boards()) - {"cortex-a72"})
VECTORS = ("neon", "dotprod", "i8mm")  # what AArch64 cores have more and more of


def kernels_of(core: str) -> list[tuple[str, str]]:
    """The kernels whose instructions the core has, on AArch64 those that the plainer cores have not."""
    features = load_target(boards()[core]).core
    isas = {isa_of(name) for _, name in KERNELS if features.has(isa_of(name))} | {"nodsp"}
    if features.best_isa in VECTORS[1:]:
        isas = {features.best_isa}
    return [(family, name) for family, name in KERNELS if isa_of(name) in isas]


def isa_of(name: str) -> str:
    """The instructions that a kernel is written for, as Kernel.isa has them."""
    last = name.rpartition("_")[2]
    return last if last in ISAS else ""


def compiler(core: str, name: str) -> Compiler:
    target = load_target(boards()[core])
    name = GCC_LINUX if target.is_linux and name == GCC else name
    if not shutil.which(name) and not (name == "zig" and COMPILERS["zig"]):
        pytest.skip(f"no {name}")
    return find_compiler(target, name)


def header(family: str, name: str) -> str:
    """The C text of a kernel."""
    return (RUNTIME / "kernels" / family / f"{name}.h").read_text(encoding="utf-8")


def instance(family: str, name: str) -> str:
    """C text of a function that calls the kernel with a geometry known at run time only, where it takes one."""
    text = header(family, name)
    found = re.search(rf"EC_INLINE void {name}\(([^{{]*)\) \{{", text)
    assert found, name
    parameters = " ".join(found[1].split())
    geometry, first = ("", "g")
    if isa_of(name) in VECTORS and family in ("conv", "gemm"):  # constants in assembly, registers by number
        geometry, first = f"static const {name}_geometry k = {fixed_geometry(name)}; (void)g; ", "&k"
    body = f"{geometry}{name}({first}, d, x, y, scratch);"
    return f'#include "kernels/{family}/{name}.h"\nvoid use_{name}({parameters}) {{ {body} }}\n'


def fixed_geometry(name: str) -> str:
    """C text of a geometry: 27 inputs, 21 channels, ends of all kinds."""
    op = next(op for op in all_ops().values() for kernel in op.kernels if kernel.name == name)
    size = 1 if "pointwise" in name else 3
    depthwise = "depthwise" in name
    x, weights = ((3, 27), (21, 27)) if op.name == "Gemm" else ((1, 5, 7, 27), (21, size, size, 27))
    if depthwise:
        x, weights = (1, 5, 7, 21), (21, size, size, 1)
    attrs = GemmAttrs() if op.name == "Gemm" else ConvAttrs((size, size), group=21 if depthwise else 1)
    w = constant("w", np.ones(weights, np.int8), QuantParams((0.1,) * 21, (1,) * 21, 0))
    inputs = [activation("x", x), w, constant("b", np.zeros(21, np.int32))]
    node = one_node(op.name, attrs, inputs, QuantParams.per_tensor(0.1, 0)).nodes[0]
    kernel = next(kernel for kernel in op.kernels if kernel.name == name)
    return "{ " + " ".join(designated(kernel.geometry(node, 1)).split()) + " }"


def assembly(core: str, name: str, text: str, folder: Path, flags: tuple[str, ...] = COMMON) -> str:
    """The compiler's output for a file of instances, each declared first so that no warning is needed off."""
    source = folder / "instances.c"
    functions = re.findall(r"^(void use_\w+\(.*?\)) \{", text, re.MULTILINE)
    headers = [line for line in text.splitlines() if line.startswith("#")]
    bodies = [line for line in text.splitlines() if not line.startswith("#")]
    source.write_text("\n".join([*headers, *(f"{function};" for function in functions), *bodies]) + "\n")
    tool = compiler(core, name)
    includes = [f"-I{RUNTIME}", f"-I{RUNTIME / 'include'}", "-Wmissing-prototypes"]
    tool.call([*flags, *FREESTANDING, *tool.flags, *includes, *TO_TEXT, str(source), "-o", str(folder / "out.s")])
    return (folder / "out.s").read_text()


@pytest.mark.parametrize("name", COMPILERS)
@pytest.mark.parametrize("core", CORES)
def test_every_kernel_compiles_and_fuses_no_sum(core: str, name: str, tmp_path: Path) -> None:
    kernels = kernels_of(core)
    for proved in (False, True):
        some = [kernel for kernel in kernels if (PROVED in header(*kernel)) == proved]
        text = assembly(core, name, "".join(instance(*kernel) for kernel in some), tmp_path)
        assert all(f"use_{kernel}:" in text for _, kernel in some)
        assert proved or not FUSED.search(text), FUSED.findall(text)


@pytest.mark.parametrize("name", COMPILERS)
def test_fused_sums_would_be_seen(name: str, tmp_path: Path) -> None:
    """Without -ffp-contract=off and -std=c11 both compilers fuse; clang stops where it sees the header's pragma."""
    plain = "void use_sum(float *x) { *x = x[0] * x[1] + x[2]; }\n"
    assert FUSED.search(assembly("cortex-m7", name, plain, tmp_path, ("-std=gnu11",)))
    with_header = '#include "edgec/ec_requantize.h"\n' + plain
    assert bool(FUSED.search(assembly("cortex-m7", name, with_header, tmp_path, ("-std=gnu11",)))) == (name == GCC)


@pytest.mark.parametrize("name", COMPILERS)
@pytest.mark.parametrize("core", CORES)
def test_requantising_takes_integers_where_there_is_no_fpu(core: str, name: str, tmp_path: Path) -> None:
    text = assembly(core, name, instance("conv", "ec_conv_s8"), tmp_path)
    soft = re.search(r"__(aeabi_fmul|mulsf3|aeabi_i2f|floatsisf)", text)
    assert not soft, f"{soft} is called"
    assert bool(re.search(r"\b(vmul\.f32|fmul)\b", text)) == load_target(boards()[core]).core.fpu


@pytest.mark.parametrize("name", COMPILERS)
def test_fast_math_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(CompileError, match="exact float32"):
        assembly("cortex-m33", name, instance("conv", "ec_conv_s8"), tmp_path, (*COMMON, "-ffast-math"))


def test_x87_is_refused(tmp_path: Path) -> None:
    """It computes float32 in 80 bits."""
    cc = shutil.which("gcc")
    if cc is None or platform.machine() != "x86_64":
        pytest.skip("needs gcc on x86-64")
    (tmp_path / "x87.c").write_text('#include "edgec/ec_requantize.h"\n')
    line = [cc, "-m32", "-mno-sse", "-ffreestanding", "-fsyntax-only", f"-I{RUNTIME / 'include'}"]
    result = subprocess.run([*line, str(tmp_path / "x87.c")], capture_output=True, text=True, check=False)
    assert result.returncode != 0
    assert "computed as float32" in result.stderr
