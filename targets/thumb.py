"""Just enough of the Thumb encoding to follow calls and the stack pointer (Arm ARMv8-M manual, C2)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

FRAME_POINTERS = (7, 11)
WIDE = 0x1D  # upper five bits of a halfword from which on an instruction has 32 bits


@dataclass(frozen=True)
class Effect:
    """What an instruction does that matters here.

    down: bytes that the stack pointer goes down. target: of a call or a branch. call: it comes back. indirect: a call
    or a branch through a register.
    added, moved: the register that is added to the stack pointer, or that becomes it. unknown_down: it goes down by
    nobody knows how much.
    """

    down: int = 0
    target: int | None = None
    call: bool = False
    indirect: bool = False
    added: int | None = None
    moved: int | None = None
    unknown_down: bool = False


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
        return Effect(added=half >> 3 & 15)
    if half & 0xFF87 == 0x4685:  # MOV sp, register
        return Effect(moved=half >> 3 & 15)
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


class Registers:
    """What a straight look through a function tells about its registers: constants, and copies of the stack pointer.

    `added` and `moved` are for instructions that change the stack pointer by a register's content.
    """

    def __init__(self) -> None:
        self.constants: dict[int, int] = {}
        self.copies: dict[int, int] = {}  # register -> bytes below the stack pointer that it may be, after rounding
        self.frames = set(FRAME_POINTERS)  # registers with the stack pointer of before, minus what was pushed

    def follow(self, first: int, second: int) -> None:
        """Take an instruction into account."""
        to, source, shift = first & 7, first >> 3 & 7, first >> 6 & 31
        if first == 0xF36F and second >> 8 & 15 in self.copies:  # BFC to, #0, #
            self.copies[second >> 8 & 15] = 2 << (second & 31)
        elif first & 0xFBFF == 0xF1A7 and not second & 0x8000:  # SUB to, r7, #
            self.frames.add(second >> 8 & 15)
        elif second:
            return
        elif first & 0xF800 == 0x2000:  # MOVS to, #
            self.constants[first >> 8 & 7] = first & 0xFF
        elif first & 0xFFC0 == 0x4240 and source in self.constants:  # NEGS to, source
            self.constants[to] = -self.constants[source] & 0xFFFFFFFF
        elif first & 0xFF78 == 0x4668:  # MOV to, sp
            self.copies[to] = 0
        elif first & 0xFE38 == 0x1E38:  # SUBS to, r7, #
            self.frames.add(to)
        elif first & 0xF800 == 0x0000:  # LSLS to, source, #; after LSRS by as much it rounds down
            if source in self.constants:
                self.constants[to] = self.constants[source] << shift & 0xFFFFFFFF
            if source in self.copies:
                self.copies[to] = 1 << shift

    def added(self, register: int) -> int | None:
        """Bytes down when the register is added to the stack pointer; None: unknown. At the end of a function, up."""
        value = self.constants.get(register)
        return None if value is None else (1 << 32) - value if value >> 31 else 0

    def moved(self, register: int) -> int | None:
        """Bytes down when the register becomes the stack pointer: what rounding takes, or a return to before."""
        return 0 if register in self.frames else self.copies.get(register)


def expand(immediate: int) -> int:
    """The constant that 12 bits stand for (ThumbExpandImm)."""
    low = immediate & 0xFF
    if immediate >> 10:
        value = 0x80 | low & 0x7F
        rotate = immediate >> 7
        return (value >> rotate | value << (32 - rotate)) & 0xFFFFFFFF
    return (low, low * 0x00010001, low * 0x01000100, low * 0x01010101)[immediate >> 8]
