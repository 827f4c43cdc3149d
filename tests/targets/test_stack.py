"""The stack bound from machine code: exact on frames written by hand, an error where there is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgec.errors import TargetError
from edgec.targets import find_compiler, load_target
from edgec.targets.stack import StackBound
from edgec.targets.thumb import Effect, expand, narrow_effect, wide_effect
from tests.targets.compilers import EACH_COMPILER
from tests.targets.small_project import write_project

# Assembled by hand from the Arm manual's encodings.
NARROW = {
    0xB5F0: Effect(down=20),  # push {r4-r7, lr}
    0xB082: Effect(down=8),  # sub sp, #8
    0xB002: Effect(),  # add sp, #8
    0x449D: Effect(added=3),  # add sp, r3
    0x46A5: Effect(moved=4),  # mov sp, r4
    0x4798: Effect(indirect=True),  # blx r3
    0x4770: Effect(),  # bx lr
    0x4718: Effect(indirect=True),  # bx r3
    0xE7FE: Effect(target=0x1000),  # b .
}
WIDE = {
    (0xE92D, 0x4FF0): Effect(down=36),  # push {r4-r11, lr}
    (0xF84D, 0x4D04): Effect(down=4),  # push {r4}, wide
    (0xE96D, 0x4502): Effect(down=8),  # strd r4, r5, [sp, #-8]!
    (0xED2D, 0x8B10): Effect(down=64),  # vpush {d8-d15}
    (0xF5AD, 0x7D00): Effect(down=512),  # sub sp, sp, #512
    (0xF2AD, 0x4D04): Effect(down=1028),  # subw sp, sp, #1028
    (0xEBAD, 0x0D03): Effect(unknown_down=True),  # sub sp, sp, r3
    (0xF7FF, 0xFFFE): Effect(target=0x1000, call=True),  # bl .
    (0xF000, 0xB800): Effect(target=0x1004),  # b.w
    (0xF3BF, 0x8F4F): Effect(),  # dsb
    (0xF00F, 0xC001): Effect(),  # le lr, ...: a low-overhead loop stays inside
}


@pytest.mark.parametrize("code", NARROW)
def test_narrow(code: int) -> None:
    assert narrow_effect(0x1000, code) == NARROW[code]


@pytest.mark.parametrize("code", WIDE)
def test_wide(code: tuple[int, int]) -> None:
    assert wide_effect(0x1000, *code) == WIDE[code]


def test_modified_constants() -> None:
    assert [expand(value) for value in (0x0AB, 0x1AB, 0x2AB, 0x3AB, 0x4FF, 0xF00)] == [
        0xAB, 0x00AB00AB, 0xAB00AB00, 0xABABABAB, 0x7F800000, 0x200,
    ]  # fmt: skip


def bound(board: str, body: str, tmp_path: Path, cc: str | None = None) -> int:
    target = load_target(board)
    project = write_project(target, tmp_path, run=f'#include "small.h"\n{body}\n')
    return find_compiler(target, cc).build(project, tmp_path / "build").stack


FRAME = """
void small_run(void *memory) {{
    volatile char room[{size}];
    for (int i = 0; i < {size}; i++) room[i] = (char)i;
    *(char *)memory = room[*(unsigned char *)memory];
}}
"""


@pytest.mark.parametrize("cc", EACH_COMPILER)
@pytest.mark.parametrize("board", ["microbit", "mps2-an386"])
def test_a_larger_frame_is_seen(board: str, cc: str, tmp_path: Path) -> None:
    """Sizes for each encoding; on ARMv6-M the larger ones come from a literal."""
    small = bound(board, FRAME.format(size=256), tmp_path / "256", cc)
    for size in (496, 1024, 3000):
        large = bound(board, FRAME.format(size=size), tmp_path / str(size), cc)
        assert large - small == pytest.approx(size - 256, abs=24)


@pytest.mark.parametrize("cc", EACH_COMPILER)
@pytest.mark.parametrize("board", ["microbit", "mps3-an547"])
def test_an_aligned_frame_is_seen(board: str, cc: str, tmp_path: Path) -> None:
    """The compiler rounds the stack pointer down: by up to 63 bytes, which count."""
    plain = bound(board, FRAME.format(size=512), tmp_path / "plain", cc)
    aligned = FRAME.format(size=512).replace("volatile char", "_Alignas(64) volatile char")
    assert 32 <= bound(board, aligned, tmp_path / "aligned", cc) - plain <= 144


def test_a_long_jump_inside_a_function_is_no_recursion(tmp_path: Path) -> None:
    """GCC jumps by BL on the M0+ where a function is too long for B."""
    body = 'void small_run(void *memory) {{ __asm volatile("{0}" ::: "lr"); *(char *)memory = 1; }}'
    plain = bound("mps2-an385-m0plus", body.format("nop"), tmp_path / "plain")
    assert bound("mps2-an385-m0plus", body.format(r"bl 1f\n nop\n 1: nop"), tmp_path / "jump") == plain


def test_recursion_has_no_bound(tmp_path: Path) -> None:
    body = """
static __attribute__((noinline)) void deep(volatile int *x) { if (*x) deep(x); *x = 1; }
void small_run(void *memory) { deep(memory); }
"""
    with pytest.raises(TargetError, match="has no bound: recursion deep -> deep"):
        bound("mps2-an386", body, tmp_path)


@pytest.mark.parametrize("cc", EACH_COMPILER)
@pytest.mark.parametrize("board", ["microbit", "mps2-an386"])
def test_a_frame_of_any_size_has_no_bound(board: str, cc: str, tmp_path: Path) -> None:
    body = """
void small_run(void *memory) {
    volatile char room[*(volatile unsigned *)memory];
    room[0] = 1;
    *(char *)memory = room[1];
}
"""
    with pytest.raises(TargetError, match="has no bound: small_run has a frame of any size"):
        bound(board, body, tmp_path, cc)


def test_a_weight_that_looks_like_an_address(tmp_path: Path) -> None:
    """A constant that equals the address of a caller is no recursion, and leaves the bound as it is."""
    bounds = []
    caller = 0
    for name in ("plain", "looks"):
        body = f"""
static volatile const uint32_t weights[4] = {{{caller | 1}u, 0, 0, 0}};
void small_run(void *memory) {{ *(uint32_t *)memory = weights[0]; }}
"""
        target = load_target("mps2-an386")
        project = write_project(target, tmp_path / name, run=f'#include "small.h"\n{body}\n')
        firmware = find_compiler(target).build(project, tmp_path / name / "build")
        caller = firmware.address("ec_protocol_run")
        bounds.append(firmware.stack)
    assert bounds[0] == bounds[1]


def test_debug_sections_do_not_hide_code(tmp_path: Path) -> None:
    """Their mapping symbols have small addresses, as the code at 0 has; a call in it was lost once."""
    target = load_target("microbit")
    firmware = find_compiler(target).build(write_project(target, tmp_path), tmp_path / "build")
    reader = StackBound(firmware.elf, frozenset())
    _, callees, _ = reader.scan(firmware.address("ec_protocol_byte"))
    assert callees, "the protocol calls others"
    assert firmware.stack >= 100


def test_the_compiler_does_not_matter(tmp_path: Path) -> None:
    for cc in ("zig", None):
        target = load_target("mps2-an386")
        firmware = find_compiler(target, cc).build(write_project(target, tmp_path / str(cc)), tmp_path / f"{cc}-build")
        assert 60 < firmware.stack < 400
