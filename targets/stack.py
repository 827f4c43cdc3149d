"""An upper bound for the stack of a firmware, from its machine code: no compiler has to help."""

from __future__ import annotations

from bisect import bisect_right
from pathlib import Path

from elftools.elf.elffile import ELFFile
from elftools.elf.sections import Section, SymbolTableSection

from edgec.errors import TargetError
from edgec.targets.thumb import Effect, Registers, narrow_effect, walk, wide_effect

ROOT = "Reset_Handler"
LDR_LITERAL = 0x48


class StackBound:
    """Follows every call from Reset_Handler.

    A function's frame is counted as the sum of all that its instructions subtract from the stack pointer, and a call
    through a pointer as the deepest function whose address is taken: both at least as much as really happens. `pointed`
    names these functions (pointers.py). The firmware uses no interrupts.
    """

    root_name = ROOT

    def __init__(self, path: Path, pointed: frozenset[str]) -> None:
        self.path = path
        with path.open("rb") as stream:
            elf = ELFFile(stream)
            table = elf.get_section_by_name(".symtab")
            if not isinstance(table, SymbolTableSection):
                raise TargetError(f"{path.name} has no symbols")
            sections = [section for section in elf.iter_sections() if section["sh_flags"] & 2]
            self.contents = [(section["sh_addr"], section.data()) for section in sections if has_bytes(section)]
            # Debug sections have mapping symbols too, at addresses that mean something else.
            kept = {index for index, section in enumerate(elf.iter_sections()) if section["sh_flags"] & 2}
            symbols = [symbol for symbol in table.iter_symbols() if symbol["st_shndx"] in kept]
        functions = {
            symbol["st_value"] & ~1: (symbol["st_size"], symbol.name)
            for symbol in symbols
            if symbol["st_info"]["type"] == "STT_FUNC"
        }
        self.starts = sorted(functions)
        self.functions = functions
        self.root = next((start for start, (_, name) in functions.items() if name == self.root_name), None)
        self.data_marks = sorted(
            (symbol["st_value"] & ~1, symbol.name[:2] == "$d")
            for symbol in symbols
            if symbol.name[:2] in ("$d", "$t", "$a")
        )
        self.depths: dict[int, int] = {}
        self.scanned: dict[int, tuple[int, set[int], bool]] = {}
        self.path_now: list[int] = []
        self.pointed_at = [start for start in self.starts if functions[start][1] in pointed]

    def bound(self) -> int:
        """The bound; TargetError where there is none (recursion, a frame of variable size)."""
        if self.root is None:
            raise TargetError(f"{self.path.name} has no {self.root_name}")
        return self.depth(self.root)

    def name(self, start: int) -> str:
        return self.functions[start][1]

    def function_with(self, address: int) -> int | None:
        """Start of the function that holds an address."""
        index = bisect_right(self.starts, address) - 1
        if index < 0:
            return None
        start = self.starts[index]
        return start if address < start + max(self.functions[start][0], 2) else None

    def end_of(self, start: int) -> int:
        """Behind a function; assembler routines without a size go on to the next one."""
        index = bisect_right(self.starts, start)
        size: int = self.functions[start][0]
        return start + size if size else self.starts[index] if index < len(self.starts) else start + 2

    def is_data(self, address: int) -> bool:
        """Whether a place in a function is a literal, by the mapping symbols."""
        index = bisect_right(self.data_marks, (address, True)) - 1
        return index >= 0 and self.data_marks[index][1]

    def read(self, start: int, end: int) -> bytes:
        for base, content in self.contents:
            if base <= start and end <= base + len(content):
                return content[start - base : end - base]
        return b""

    def depth(self, start: int) -> int:
        """Bytes of stack that a function and all that it calls may use."""
        if start in self.depths:
            return self.depths[start]
        if start in self.path_now:
            names = " -> ".join(self.name(item) for item in [*self.path_now[self.path_now.index(start) :], start])
            raise TargetError(f"the stack of {self.path.name} has no bound: recursion {names}")
        self.path_now.append(start)
        frame, callees, indirect = self.scan(start)
        if indirect:
            callees = callees | self.behind_pointers(start)
        deepest = max((self.depth(callee) for callee in callees), default=0)
        self.path_now.pop()
        self.depths[start] = frame + deepest
        return frame + deepest

    def behind_pointers(self, start: int) -> set[int]:
        """What a function may call through pointers."""
        # No code of the firmware is recursive: a pointer never leads to a function from which this one is called.
        return {callee for callee in self.pointed_at if not self.reaches(callee, start)}

    def reaches(self, start: int, goal: int) -> bool:
        """Whether a function gets to another one by calls that are no pointers; each reaches itself."""
        seen, queue = {start}, [start]
        while queue:
            _, callees, _ = self.scan(queue.pop())
            queue += callees - seen
            seen |= callees
        return goal in seen

    def scan(self, start: int) -> tuple[int, set[int], bool]:
        """Frame of one function, the functions it calls, and whether it also calls through pointers."""
        if start not in self.scanned:
            self.scanned[start] = self.scan_anew(start)
        return self.scanned[start]

    def scan_anew(self, start: int) -> tuple[int, set[int], bool]:
        frame, callees, indirect = 0, set(), False
        end = self.end_of(start)
        registers = Registers()
        for address, first, second in walk(self.read(start, end), start):
            if self.is_data(address):
                continue
            effect = wide_effect(address, first, second) if second else narrow_effect(address, first)
            if first >> 11 == LDR_LITERAL >> 3 and not second:
                place = (address + 4 & ~3) + 4 * (first & 0xFF)
                registers.constants[first >> 8 & 7] = int.from_bytes(self.read(place, place + 4), "little")
            registers.follow(first, second)
            frame += effect.down + self.down_by_register(start, effect, registers)
            indirect |= effect.indirect
            # GCC jumps by BL where a function of the M0+ is too long for B: inside, only its start is called.
            inside = effect.target is not None and start <= effect.target < end
            if effect.target is not None and (not inside or (effect.call and effect.target == start)):
                callee = self.function_with(effect.target)
                if callee is not None:
                    callees.add(callee)
        return frame, callees, indirect

    def down_by_register(self, start: int, effect: Effect, registers: Registers) -> int:
        """What an instruction takes off the stack pointer by a register's content; TargetError where nobody knows."""
        down: int | None = None if effect.unknown_down else 0
        if effect.added is not None:
            down = registers.added(effect.added)
        if effect.moved is not None:
            down = registers.moved(effect.moved)
        if down is None:
            raise TargetError(f"the stack of {self.path.name} has no bound: {self.name(start)} has a frame of any size")
        return down


def has_bytes(section: Section) -> bool:
    return section["sh_type"] == "SHT_PROGBITS"


def stack_bound(elf: Path, pointed: frozenset[str]) -> int:
    """Bytes of stack that a firmware of edgec may use at most; `pointed` as for StackBound."""
    return StackBound(elf, pointed).bound()
