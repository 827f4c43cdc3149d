"""What kind of instruction a Thumb encoding is, as far as its time goes (Arm ARMv7-M manual, A5 and A6)."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Kind(enum.Enum):
    """Kinds of instructions that manuals give one time for."""

    ALU = "alu"
    MULTIPLY = "multiply"
    MULTIPLY_ADD = "multiply-add"
    DSP = "dsp"
    LONG_MULTIPLY = "long multiply"
    DIVIDE = "divide"
    LOAD = "load"
    STORE = "store"
    LOAD_MANY = "load of several registers"
    STORE_MANY = "store of several registers"
    BRANCH = "branch"
    CALL = "call"
    JUMP = "jump to a register"
    TABLE_JUMP = "table jump"
    SYSTEM = "system"
    BARRIER = "barrier"
    FLOAT = "float"
    FLOAT_MULTIPLY_ADD = "float multiply-add"
    FLOAT_DIVIDE = "float divide"


@dataclass(frozen=True)
class Instruction:
    """`registers` that a load or store moves; `to_pc`: what it loads is where the program goes on."""

    kind: Kind
    registers: int = 1
    to_pc: bool = False


ALU = Instruction(Kind.ALU)
LOADS_AND_STORES = {0: Instruction(Kind.STORE), 1: Instruction(Kind.LOAD)}  # by the bit L
MANY = {0: Kind.STORE_MANY, 1: Kind.LOAD_MANY}


def instruction(first: int, second: int) -> Instruction:
    """Of the first halfword and, for a 32-bit instruction, the second one (else 0)."""
    if first >> 11 < 0x1D:
        return narrow(first)
    if first & 0xEC00 == 0xEC00:
        return coprocessor(first, second)
    if first >> 11 == 0x1E:
        return branch_or_constant(first, second)
    if first & 0xFE00 == 0xE800:
        return several(first, second)
    if first & 0xFE00 == 0xF800:
        load = first >> 4 & 1
        to_pc = load and first & 0x0060 == 0x0040 and second >> 12 == 15
        return Instruction(Kind.LOAD, to_pc=True) if to_pc else LOADS_AND_STORES[load]
    if first & 0xFF80 == 0xFB00:
        return Instruction(short_multiply(first, second))
    if first & 0xFF80 == 0xFB80:
        return Instruction(Kind.DIVIDE if first >> 4 & 7 in (1, 3) else Kind.LONG_MULTIPLY)
    return ALU


def narrow(half: int) -> Instruction:
    """Of a 16-bit instruction."""
    top = half >> 12
    if half & 0xFFC0 == 0x4340:
        return Instruction(Kind.MULTIPLY)
    if half & 0xFF00 == 0x4700 or (half & 0xFD00 == 0x4400 and half & 0x87 == 0x87):  # BX, BLX; ADD, MOV to pc
        return Instruction(Kind.JUMP)
    if half & 0xF800 == 0x4800:  # of a literal
        return Instruction(Kind.LOAD)
    if top == 5:
        return LOADS_AND_STORES[int(half >> 9 & 7 > 2)]
    if top in (6, 7, 8, 9):
        return LOADS_AND_STORES[half >> 11 & 1]
    if half & 0xF600 == 0xB400:  # PUSH, POP
        load = half >> 11 & 1
        return Instruction(MANY[load], (half & 0x1FF).bit_count(), to_pc=bool(load and half & 0x100))
    if half & 0xF500 == 0xB100:  # CBZ, CBNZ
        return Instruction(Kind.BRANCH)
    if half & 0xFFE0 == 0xB660:  # CPS
        return Instruction(Kind.SYSTEM)
    if top == 12:
        return Instruction(MANY[half >> 11 & 1], (half & 0xFF).bit_count())
    if top == 13:
        return Instruction(Kind.BRANCH if half >> 8 & 15 < 14 else Kind.SYSTEM)
    return Instruction(Kind.BRANCH) if half & 0xF800 == 0xE000 else ALU


def branch_or_constant(first: int, second: int) -> Instruction:
    """Of 11110...: branches, system instructions, arithmetic with a constant."""
    form = second & 0xD000
    if form in (0xD000, 0x9000):
        return Instruction(Kind.CALL if form == 0xD000 else Kind.BRANCH)
    if form != 0x8000:
        return ALU
    if first >> 6 & 15 < 14:
        return Instruction(Kind.BRANCH)
    if first & 0xFFF0 == 0xF3B0:
        return Instruction(Kind.BARRIER)
    return Instruction(Kind.SYSTEM) if first & 0xFFE0 in (0xF3E0, 0xF380) else ALU


def several(first: int, second: int) -> Instruction:
    """Of 1110100...: LDM, LDRD, exclusive accesses, TBB."""
    load = first >> 4 & 1
    if not first & 0x40:
        return Instruction(MANY[load], second.bit_count(), to_pc=bool(load and second >> 15))
    if first & 0x0120:
        return Instruction(MANY[load], 2)
    if first & 0xFFF0 == 0xE8D0 and second & 0xFFE0 == 0xF000:
        return Instruction(Kind.TABLE_JUMP)
    return LOADS_AND_STORES[load]


def short_multiply(first: int, second: int) -> Kind:
    """Of 111110110...: products with a result of 32 bits."""
    if first >> 4 & 7:
        return Kind.DSP
    return Kind.MULTIPLY if second >> 12 == 15 else Kind.MULTIPLY_ADD


def coprocessor(first: int, second: int) -> Instruction:
    """Of the FPU, and of other coprocessors."""
    if second >> 9 & 7 != 5:
        return Instruction(Kind.SYSTEM)
    if first & 0xFE00 == 0xEC00:
        if first & 0xFFE0 == 0xEC40:  # VMOV of two registers
            return Instruction(Kind.FLOAT, 2)
        load = first >> 4 & 1
        words = 2 if second & 0x100 else 1
        if first & 0x0120 == 0x0100:  # VLDR, VSTR
            return LOADS_AND_STORES[load] if words == 1 else Instruction(MANY[load], 2)
        return Instruction(MANY[load], second & 0xFF)
    if first & 0xFF00 == 0xEE00 and not second & 0x10:
        operation = first >> 5 & 4 | first >> 4 & 3
        root = operation == 7 and first & 0xF == 1 and second & 0xC0 == 0xC0
        if operation in (0, 1, 5, 6):
            return Instruction(Kind.FLOAT_MULTIPLY_ADD)
        if operation == 4 or root:
            return Instruction(Kind.FLOAT_DIVIDE)
    return Instruction(Kind.FLOAT)
