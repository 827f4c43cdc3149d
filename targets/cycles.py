"""Cycles of exactly counted instructions, by the table of a core: an estimate, for memory without wait states."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import astuple, dataclass

import numpy as np

from edgec.target import Cycles
from edgec.targets.emulator.window import Counts
from edgec.targets.thumb import walk
from edgec.targets.thumb_kinds import Instruction, Kind, instruction

MANY = (Kind.LOAD_MANY, Kind.STORE_MANY)
MEMORY = (Kind.LOAD, Kind.STORE)


@dataclass(frozen=True)
class PieceCycles:
    """Of one run through a piece of code: cycles, and more where its last instruction goes elsewhere, or does not.

    `fell` is for a load behind it that gains from a load or store at its end: emulators cut code anywhere.
    """

    always: float
    taken: float = 0.0
    fell: float = 0.0


def estimate_cycles(counts: Counts, table: Cycles, code: Callable[[int, int], bytes]) -> list[float]:
    """Cycles of each row of the counts. `code(address, size)` gives the bytes that were executed."""
    pieces = [
        piece_cycles(code(int(address), int(size)), table, code(int(address + size), 4))
        for address, size in zip(counts.addresses, counts.sizes, strict=True)
    ]
    always, taken, behind = (np.array(column) for column in zip(*map(astuple, pieces), strict=True))
    executed, fell = counts.executed.astype(np.float64), counts.fell.astype(np.float64)
    return [float(cycles) for cycles in executed @ always + (executed - fell) @ taken + fell @ behind]


def piece_cycles(code: bytes, table: Cycles, following: bytes = b"") -> PieceCycles:
    """Of a piece of code; `following` is the instruction behind it."""
    cycles = last = 0.0
    what = Instruction(Kind.ALU)
    for _, first, second in walk(code, 0):
        behind_memory = what.kind in MEMORY
        what = instruction(first, second)
        last = instruction_cycles(what, table, behind_memory)
        cycles += last
    if goes_elsewhere(what):
        # Not taken, a branch takes one cycle.
        return PieceCycles(cycles - last + 1, taken=last - 1)
    behind = [instruction(first, second).kind for _, first, second in walk(following, 0)][:1]
    gain = table.load_behind - table.load
    return PieceCycles(cycles, fell=gain if what.kind in MEMORY and behind == [Kind.LOAD] else 0.0)


def goes_elsewhere(what: Instruction) -> bool:
    return what.to_pc or what.kind in (Kind.BRANCH, Kind.CALL, Kind.JUMP, Kind.TABLE_JUMP)


def instruction_cycles(what: Instruction, table: Cycles, behind_memory: bool) -> float:
    """Of one instruction; branches are taken."""
    extra = table.load_to_pc if what.to_pc else 0.0
    if what.kind in MANY:
        return table.many + what.registers * table.each_of_many + extra
    if what.kind is Kind.LOAD:
        return (table.load_behind if behind_memory else table.load) + extra
    times = {
        Kind.STORE: table.store,
        Kind.BRANCH: table.branch,
        Kind.CALL: table.call,
        Kind.JUMP: table.jump,
        Kind.TABLE_JUMP: table.table_jump,
        Kind.MULTIPLY_ADD: table.multiply_add,
        Kind.LONG_MULTIPLY: table.long_multiply,
        Kind.DIVIDE: table.divide,
        Kind.SYSTEM: table.system,
        Kind.BARRIER: table.barrier,
        Kind.FLOAT_MULTIPLY_ADD: table.float_multiply_add,
        Kind.FLOAT_DIVIDE: table.float_divide,
    }
    return times.get(what.kind, float(what.registers))
