"""Which functions a program calls through pointers, from the relocations of its object files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from elftools.elf.elffile import ELFFile
from elftools.elf.relocation import RelocationSection
from elftools.elf.sections import SymbolTableSection

# Relocations of branches and of unwind tables (ELF for the Arm Architecture, table "Relocation codes"): a function that
# is named by these alone has its address nowhere in memory.
BRANCHES = frozenset({10, 19, 30, 40, 42, 51, 102, 103})
BRANCHES_A64 = frozenset({279, 280, 282, 283, 261})  # of A64: TBZ, B.cond, B, BL, PREL32
VECTORS = ".vectors"
ALLOCATED = 2  # SHF_ALLOC


def address_taken(objects: Sequence[Path]) -> frozenset[str]:
    """Names of all functions whose address stands in data or is loaded by code; the interrupt vectors do not count.

    Numbers that merely look like addresses, as weights do, are not among them: no relocation writes them.
    """
    names: set[str] = set()
    for path in objects:
        with path.open("rb") as stream:
            names |= set(taken_in(ELFFile(stream)))
    return frozenset(names)


def taken_in(elf: ELFFile) -> Iterator[str]:
    """The same of one object file; names of functions elsewhere are undefined symbols here."""
    symbols = elf.get_section_by_name(".symtab")
    if not isinstance(symbols, SymbolTableSection):
        return
    functions: dict[int, list[str]] = {}
    for symbol in symbols.iter_symbols():
        if symbol["st_info"]["type"] == "STT_FUNC":
            functions.setdefault(symbol["st_shndx"], []).append(symbol.name)
    branches = BRANCHES_A64 if elf["e_machine"] == "EM_AARCH64" else BRANCHES
    for section in elf.iter_sections():
        if not isinstance(section, RelocationSection):
            continue
        into = elf.get_section(section["sh_info"])
        if not into["sh_flags"] & ALLOCATED or into.name.startswith(VECTORS):
            continue
        for relocation in section.iter_relocations():
            if relocation["r_info_type"] in branches:
                continue
            symbol = symbols.get_symbol(relocation["r_info_sym"])
            if symbol["st_info"]["type"] == "STT_SECTION":
                # A place in a section of code: with a section for each function, that function.
                yield from functions.get(symbol["st_shndx"], [])
            else:
                yield symbol.name
