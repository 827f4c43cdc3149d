"""Just enough of the Thumb encoding to follow calls and the stack pointer (Arm ARMv8-M manual, C2)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

WIDE = 0x1D  # upper five bits of a halfword from which on an instruction has 32 bits


@dataclass(frozen=True)
class Effect:
    """What an instruction does that matters here.

    down: bytes that the stack pointer goes down. target: of a call or a branch. call: it comes back. indirect: a call
    or a branch through a register.
    unknown_down: the stack pointer goes down by a register's content, `register`, or by an unknown one (-1).
    """

    down: int = 0
    target: int | None = None
    call: bool = False
    indirect: bool = False
    unknown_down: bool = False
    register: int = -1


NOTHING = Effect()


def walk(code: bytes, start: int) -> Iterator[tuple[int, int, int]]:
    """(address, first halfword, second or 0) of each instruction."""
    at = 0
    while at + 2 <= len(code):
        first = int.from_bytes(code[at : at + 2], "little")
        wide = first >> 11 >= WIDE and at + 4 <= len(code)
        second = int.from_bytes(code[at + 2 : at + 4], "little") if wide else 0
        yield start + at, first, second
        at += 4 if wide else 2


def signed(value: int, bits: int) -> int:
    """Two's complement of that many bits."""
    return value - (1 << bits) if value >> (bits - 1) else value


def narrow_effect(address: int, half: int) -> Effect:
    """Of a 16-bit instruction."""
    if half & 0xFE00 == 0xB400:  # PUSH
        return Effect(down=4 * (half & 0x1FF).bit_count())
    if half & 0xFF80 == 0xB080:  # SUB sp, #
        return Effect(down=4 * (half & 0x7F))
    if half & 0xFF87 == 0x4485:  # ADD sp, register: large frames on ARMv6-M
        return Effect(unknown_down=True, register=half >> 3 & 15)
    if half & 0xF800 == 0xE000:  # B
        return Effect(target=address + 4 + signed((half & 0x7FF) << 1, 12))
    if half & 0xFF87 == 0x4780 or (half & 0xFF87 == 0x4700 and half >> 3 & 15 != 14):  # BLX, BX but lr
        return Effect(indirect=True)
    return NOTHING


def wide_effect(address: int, first: int, second: int) -> Effect:
    """Of a 32-bit instruction."""
    if first == 0xE92D:  # PUSH
        return Effect(down=4 * second.bit_count())
    if first == 0xF84D and second & 0x0F00 == 0x0D00:  # STR register, [sp, #-n]!
        return Effect(down=second & 0xFF)
    if first == 0xE96D:  # STRD registers, [sp, #-n]!
        return Effect(down=4 * (second & 0xFF))
    if first & 0xFFBF == 0xED2D:  # VPUSH
        return Effect(down=4 * (second & 0xFF))
    immediate = (first >> 10 & 1) << 11 | (second >> 12 & 7) << 8 | second & 0xFF
    if first & 0xFBEF == 0xF1AD and second & 0x8F00 == 0x0D00:  # SUB sp, sp, #modified constant
        return Effect(down=expand(immediate))
    if first & 0xFBFF == 0xF2AD and second & 0x8F00 == 0x0D00:  # SUBW sp, sp, #
        return Effect(down=immediate)
    if first & 0xFFEF == 0xEBAD and second & 0x0F00 == 0x0D00:  # SUB sp, sp, register
        return Effect(unknown_down=True)
    if first & 0xF800 == 0xF000 and second & 0x9000 == 0x9000:  # BL, B
        sign, i1, i2 = first >> 10 & 1, second >> 13 & 1, second >> 11 & 1
        offset = sign << 24 | (i1 ^ sign ^ 1) << 23 | (i2 ^ sign ^ 1) << 22
        offset |= (first & 0x3FF) << 12 | (second & 0x7FF) << 1
        return Effect(target=address + 4 + signed(offset, 25), call=bool(second & 0x4000))
    return NOTHING


def constant(half: int, registers: dict[int, int]) -> None:
    """Follow the three 16-bit instructions by which ARMv6-M makes a large constant, in `registers`."""
    to, source = half & 7, half >> 3 & 7
    if half & 0xF800 == 0x2000:  # MOVS to, #
        registers[half >> 8 & 7] = half & 0xFF
    elif half & 0xF800 == 0x0000 and source in registers:  # LSLS to, source, #
        registers[to] = registers[source] << (half >> 6 & 31) & 0xFFFFFFFF
    elif half & 0xFFC0 == 0x4240 and source in registers:  # NEGS to, source
        registers[to] = -registers[source] & 0xFFFFFFFF


def expand(immediate: int) -> int:
    """The constant that 12 bits stand for (ThumbExpandImm)."""
    low = immediate & 0xFF
    if immediate >> 10:
        value = 0x80 | low & 0x7F
        rotate = immediate >> 7
        return (value >> rotate | value << (32 - rotate)) & 0xFFFFFFFF
    return (low, low * 0x00010001, low * 0x01000100, low * 0x01010101)[immediate >> 8]
