"""Cycle estimates: kinds of instructions as the disassembler sees them, and times of pieces of code by hand."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from edgec.targets import find_compiler, load_target
from edgec.targets.cycles import PieceCycles, estimate_cycles, piece_cycles
from edgec.targets.emulator.window import Counts
from edgec.targets.load import load_core
from edgec.targets.thumb_kinds import Instruction, Kind, instruction
from tests.targets.compilers import EACH_COMPILER
from tests.targets.small_project import write_project

OBJDUMP = "arm-none-eabi-objdump"
LINE = re.compile(r"^\s+[0-9a-f]+:\t([0-9a-f]{4})(?: ([0-9a-f]{4}))?\s+\t(\S+)[ \t]*([^;@<\n]*)", re.MULTILINE)
CONDITION = "(?:eq|ne|cs|hs|cc|lo|mi|pl|vs|vc|hi|ls|ge|lt|gt|le)?"
KINDS = (
    (f"bl?x{CONDITION}", Kind.JUMP),
    (f"bl{CONDITION}", Kind.CALL),
    (f"b{CONDITION}|cbn?z", Kind.BRANCH),
    ("tb[bh]", Kind.TABLE_JUMP),
    (f"(?:push|stm(?:ia|db)?|strd|vstm(?:ia|db)?|vpush){CONDITION}", Kind.STORE_MANY),
    (f"(?:pop|ldm(?:ia|db)?|ldrd|vldm(?:ia|db)?|vpop){CONDITION}", Kind.LOAD_MANY),
    (f"(?:str[bh]?|vstr){CONDITION}", Kind.STORE),
    (f"(?:ldrs?[bh]?|vldr){CONDITION}", Kind.LOAD),
    (f"muls?{CONDITION}", Kind.MULTIPLY),
    (f"ml[as]{CONDITION}", Kind.MULTIPLY_ADD),
    (f"[su]ml?[au]?l?l{CONDITION}|umaal|smlal[bt][bt]", Kind.LONG_MULTIPLY),
    (f"[su]div{CONDITION}", Kind.DIVIDE),
    (f"(?:smla[dwbt]|smul[wbt]|smua|smus|smls|smmul|smmla)[a-z]*{CONDITION}", Kind.DSP),
    ("mrs|msr|cps.*|svc|udf", Kind.SYSTEM),
    ("dsb|isb|dmb", Kind.BARRIER),
    ("vn?ml[as]|vfn?m[as]", Kind.FLOAT_MULTIPLY_ADD),
    ("vdiv|vsqrt", Kind.FLOAT_DIVIDE),
    ("v.*", Kind.FLOAT),
)


def expected_kind(mnemonic: str, operands: str) -> Kind:
    """By the name that the disassembler gives, and by what is written to."""
    name = mnemonic.split(".", maxsplit=1)[0]
    if name.startswith(("mov", "add")) and operands.startswith("pc"):
        return Kind.JUMP
    if name in ("vldr", "vstr") and operands.startswith("d"):
        return Kind.LOAD_MANY if name == "vldr" else Kind.STORE_MANY
    return next((kind for pattern, kind in KINDS if re.fullmatch(pattern, name)), Kind.ALU)


@pytest.mark.skipif(shutil.which(OBJDUMP) is None, reason=f"{OBJDUMP} is not installed")
@pytest.mark.parametrize("compiler", EACH_COMPILER)
@pytest.mark.parametrize("board", ["mps2-an385-m0plus", "mps2-an385", "mps2-an386"])
def test_kinds_are_those_of_the_disassembler(board: str, compiler: str, tmp_path: Path) -> None:
    """All instructions of a firmware with the compiler's own routines for float, division and memory."""
    target = load_target(board)
    source = """
        #include "small.h"
        void small_run(void *memory) {
            double *d = memory;
            int64_t *l = memory;
            float *f = memory;
            for (int i = 1; i < 8; i++) {
                d[i] = d[i] / d[i - 1] + (double)l[i] * 0.5;
                l[i] = l[i - 1] / (l[i] + 3) * l[0] + (l[i] << (l[i - 1] & 31));
                f[i] = __builtin_sqrtf(f[i] * f[i] + f[i - 1] / 3.0f) - (float)(int)f[0];
            }
        }
        float sqrtf(float x);
        float sqrtf(float x) { return x; }
    """
    project = write_project(target, tmp_path, run=source)
    firmware = find_compiler(target, compiler).build(project, tmp_path / "build")
    text = subprocess.run([OBJDUMP, "-d", firmware.elf], capture_output=True, text=True, check=True).stdout
    seen, wrong = set(), []
    for first, second, mnemonic, operands in LINE.findall(text):
        if mnemonic.startswith((".", "<UNDEF")):
            continue  # a literal
        found = instruction(int(first, 16), int(second or "0", 16))
        expected = expected_kind(mnemonic, operands)
        seen.add(expected)
        to_pc = expected in (Kind.LOAD, Kind.LOAD_MANY) and bool(re.search(r"^pc|pc\}", operands))
        if (found.kind, found.to_pc) != (expected, to_pc):
            wrong.append(f"{first} {second} {mnemonic} {operands}: {found}")
    assert not wrong, "\n".join(wrong[:20])
    assert len(seen) >= 11


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("fb210203", Instruction(Kind.DSP)),  # smlad r2, r1, r3, r0
        ("fb010203", Instruction(Kind.MULTIPLY_ADD)),
        ("fb01f203", Instruction(Kind.MULTIPLY)),
        ("fb91f2f3", Instruction(Kind.DIVIDE)),
        ("fbc10203", Instruction(Kind.LONG_MULTIPLY)),  # smlal
        ("fa2ff081", Instruction(Kind.ALU)),  # sxtb16 r0, r1
        ("e8bd8ff0", Instruction(Kind.LOAD_MANY, 9, to_pc=True)),
        ("e9d01202", Instruction(Kind.LOAD_MANY, 2)),
        ("bdf0", Instruction(Kind.LOAD_MANY, 5, to_pc=True)),
        ("b5f0", Instruction(Kind.STORE_MANY, 5)),
        ("4770", Instruction(Kind.JUMP)),
        ("4697", Instruction(Kind.JUMP)),  # mov pc, r2
        ("f85dfb04", Instruction(Kind.LOAD, to_pc=True)),  # pop {pc}
        ("e8dff001", Instruction(Kind.TABLE_JUMP)),  # tbb
        ("eca00a04", Instruction(Kind.STORE_MANY, 4)),  # vstmia r0!, {s0-s3}
        ("ed900b00", Instruction(Kind.LOAD_MANY, 2)),  # vldr d0
        ("eea00a20", Instruction(Kind.FLOAT_MULTIPLY_ADD)),
        ("ee800a20", Instruction(Kind.FLOAT_DIVIDE)),
        ("eeb10ac0", Instruction(Kind.FLOAT_DIVIDE)),  # vsqrt
        ("eeb80ac0", Instruction(Kind.FLOAT)),  # vcvt.f32.s32
        ("f3bf8f4f", Instruction(Kind.BARRIER)),
    ],
)
def test_kinds_by_encoding(code: str, expected: Instruction) -> None:
    assert instruction(int(code[:4], 16), int(code[4:] or "0", 16)) == expected


def thumb(*halves: str) -> bytes:
    return b"".join(int(half, 16).to_bytes(2, "little") for half in halves)


LOOP = thumb("6801", "6842", "1889", "3004", "3b01", "d1f9")  # ldr, ldr behind it, adds, adds, subs, bne


def test_a_loop_by_hand() -> None:
    m4 = load_core("cortex-m4", "").cycles
    assert m4 is not None
    assert piece_cycles(LOOP, m4) == PieceCycles(2 + 1 + 1 + 1 + 1 + 1, taken=1)
    assert piece_cycles(thumb("bdf0"), m4) == PieceCycles(1, taken=5 + 2)
    assert piece_cycles(b"", m4) == PieceCycles(0)


@pytest.mark.parametrize(("core", "cycles"), [("cortex-m4", 10 * 7 + 9), ("cortex-m0plus", 10 * 8 + 9)])
def test_the_branch_that_is_not_taken_is_cheaper(core: str, cycles: int) -> None:
    table = load_core(core, "").cycles
    assert table is not None
    one = np.array([1], np.uint32)
    counts = Counts(60, 4096 * one, len(LOOP) * one, 6 * one, np.array([[0], [10]]), np.array([[0], [1]]))
    assert estimate_cycles(counts, table, lambda address, size: LOOP) == [0, cycles]


@pytest.mark.parametrize("cut", [2, 4, 6, 8, 10])
def test_where_the_emulator_cuts_code_does_not_matter(cut: int) -> None:
    table = load_core("cortex-m4", "").cycles
    assert table is not None
    places, sizes = np.array([0, cut]), np.array([cut, len(LOOP) - cut])
    # The first part always goes on into the second one.
    counts = Counts(60, places, sizes, sizes // 2, np.array([[10, 10]]), np.array([[10, 1]]))
    code = lambda address, size: LOOP[address : address + size]  # noqa: E731
    assert estimate_cycles(counts, table, code) == [10 * 7 + 9]


def test_which_cores_have_a_table() -> None:
    cores = ["cortex-m0plus", "cortex-m3", "cortex-m4", "cortex-m33", "cortex-m7", "cortex-m55"]
    assert [load_core(core, "").cycles is not None for core in cores] == [True, True, True, True, False, False]
