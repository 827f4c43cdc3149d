"""The stack of programs in A64 (Arm ARM for A-profile, C4.1 and C6.2): calls, and what moves the stack pointer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from edgec.errors import TargetError
from edgec.targets.stack import StackBound
from edgec.targets.thumb import NOTHING, Effect, signed

WORD = 4
SP = 31
LIBRARY = 256  # bytes that a function of the compiler's own library takes at most
C_LIBRARY = 2048  # one of a C library, which is there where there are threads
# What shares rows out to threads calls only functions of rows through pointers.
SHARING, ROWS = ("ec_parallel", "ec_threads_worker"), "_rows"


def walk(code: bytes, start: int) -> Iterator[tuple[int, int]]:
    """(address, instruction) of each instruction."""
    for at in range(0, len(code) - WORD + 1, WORD):
        yield start + at, int.from_bytes(code[at : at + WORD], "little")


def effect(address: int, word: int) -> Effect:
    """What an instruction does to the stack pointer, and where it goes."""
    rn, rd = word >> 5 & 31, word & 31
    if word & 0xFF80_0000 == 0xD100_0000 and rn == rd == SP:  # SUB sp, sp, #imm
        return Effect(down=(word >> 10 & 0xFFF) << (12 if word >> 22 & 1 else 0))
    if word & 0xFFE0_0000 == 0xCB20_0000 and rn == rd == SP:  # SUB sp, sp, register
        return Effect(unknown_down=True)
    if word & 0x3BC0_0000 == 0x2980_0000 and rn == SP:  # STP pre-indexed, of general or vector registers
        size = 8 if word >> 31 else 4
        if word >> 26 & 1:
            size = 4 << (word >> 30)
        return Effect(down=max(0, -signed(word >> 15 & 0x7F, 7) * size))
    if word & 0x3B20_0C00 == 0x3800_0C00 and rn == SP and not word >> 22 & 1:  # STR pre-indexed
        return Effect(down=max(0, -signed(word >> 12 & 0x1FF, 9)))
    if word & 0x7C00_0000 == 0x1400_0000:  # B, BL
        target = address + WORD * signed(word & 0x03FF_FFFF, 26)
        return Effect(target=target, call=bool(word >> 31))
    if word & 0xFF00_0000 == 0x5400_0000:  # B.cond
        return Effect(target=address + WORD * signed(word >> 5 & 0x7FFFF, 19))
    if word & 0xFFFF_FC1F in (0xD63F_0000, 0xD61F_0000):  # BLR, BR
        return Effect(indirect=True)
    return NOTHING


class ProgramStackBound(StackBound):
    """The same from the start of a program; what the compiler brings of its own is not looked into."""

    root_name = "ec_start"

    def __init__(self, path: Path, pointed: frozenset[str], own: frozenset[str]) -> None:
        """own: names of the functions of the project."""
        super().__init__(path, pointed)
        self.own, self.library = own, LIBRARY
        if self.root is None:  # a C library starts it
            self.root = next((start for start in self.starts if self.name(start) == "main"), None)
            self.library = C_LIBRARY

    def scan_anew(self, start: int) -> tuple[int, set[int], bool]:
        if self.name(start) not in self.own:
            return self.library, set(), False
        frame, callees, indirect = 0, set(), False
        end = self.end_of(start)
        for address, word in walk(self.read(start, end), start):
            found = effect(address, word)
            if found.unknown_down:
                raise TargetError(
                    f"the stack of {self.path.name} has no bound: {self.name(start)} has a frame of any size"
                )
            frame += found.down
            indirect |= found.indirect
            if found.target is not None and not start < found.target < end:
                callee = self.function_with(found.target)
                if callee is not None and (callee != start or found.call):
                    callees.add(callee)
        return frame, callees, indirect

    def behind_pointers(self, start: int) -> set[int]:
        found = super().behind_pointers(start)
        if self.name(start) not in SHARING:
            return found
        return {callee for callee in found if self.name(callee).endswith(ROWS)}
