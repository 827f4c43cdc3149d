"""Sizes of a linked firmware, read from its ELF file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from edgec.targets.a64 import ProgramStackBound
from edgec.targets.pointers import address_taken
from edgec.targets.stack import stack_bound

ARENA = "arena"  # the static array of port/model_info.c


@dataclass(frozen=True)
class Symbol:
    """A named piece of the firmware: address (without the Thumb bit), size in bytes, "code" or "data"."""

    name: str
    address: int
    size: int
    kind: str


@dataclass(frozen=True)
class Firmware:
    """A linked firmware; all sizes in bytes.

    text, rodata, data, bss: of the sections; bss includes the arena. flash: all that is written to the board.
    port: the part of flash that is start-up, serial port, protocol and main. static: data and bss without the arena.
    stack: upper bound (see stack.py).
    """

    elf: Path
    compiler: str
    text: int
    rodata: int
    data: int
    bss: int
    port: int
    arena: int
    stack: int
    symbols: Mapping[str, Symbol]

    @property
    def flash(self) -> int:
        return self.text + self.rodata + self.data

    @property
    def static(self) -> int:
        return self.data + self.bss - self.arena

    def address(self, name: str) -> int:
        """Where a function or variable is."""
        return self.symbols[name].address


def read_symbols(elf: ELFFile) -> list[Symbol]:
    """Functions and variables that are defined, in the order of the file."""
    table = elf.get_section_by_name(".symtab")
    if not isinstance(table, SymbolTableSection):
        return []
    kinds = {"STT_FUNC": "code", "STT_OBJECT": "data"}
    return [
        Symbol(symbol.name, symbol["st_value"] & ~1, symbol["st_size"], kinds[symbol["st_info"]["type"]])
        for symbol in table.iter_symbols()
        if symbol["st_info"]["type"] in kinds and symbol["st_shndx"] != "SHN_UNDEF"
    ]


def names_in(objects: Sequence[Path]) -> set[str]:
    """The functions and variables of object files."""
    names: set[str] = set()
    for item in objects:
        with item.open("rb") as stream:
            names |= {symbol.name for symbol in read_symbols(ELFFile(stream))}
    return names


def written_bytes(elf: ELFFile) -> int:
    """Of the segments that a program may write to, as Linux reserves them."""
    segments = (segment for segment in elf.iter_segments() if segment["p_type"] == "PT_LOAD")
    return sum(segment["p_memsz"] for segment in segments if segment["p_flags"] & 2)


def read_firmware(path: Path, model: Sequence[Path], port_objects: Sequence[Path], compiler: str) -> Firmware:
    """Sizes and symbols of an ELF file, linked from the object files of the model and of the `port` around it."""
    port_names, model_names = names_in(port_objects), names_in(model)
    own = frozenset(port_names | model_names)
    with path.open("rb") as stream:
        elf = ELFFile(stream)
        program = elf["e_machine"] == "EM_AARCH64"
        symbols = read_symbols(elf)
        sizes = {"text": 0, "rodata": 0, "data": 0, "bss": 0}
        ranges = []
        for section in elf.iter_sections():
            flags, size = section["sh_flags"], section["sh_size"]
            if not flags & 2 or size == 0:  # SHF_ALLOC
                continue
            kind = (
                "bss"
                if section["sh_type"] == "SHT_NOBITS"
                else "text"
                if flags & 4
                else "data"
                if flags & 1
                else "rodata"
            )
            sizes[kind] += size
            if kind != "bss":
                ranges.append((section["sh_addr"], section["sh_addr"] + size))
        if program:
            # As Linux reserves them, by whole segments.
            sizes["data"], sizes["bss"] = 0, written_bytes(elf)
    pointed = address_taken([*model, *port_objects])
    in_flash = [symbol for symbol in symbols if any(low <= symbol.address < high for low, high in ranges)]
    return Firmware(
        elf=path,
        compiler=compiler,
        **sizes,
        port=sum(symbol.size for symbol in in_flash if symbol.name in port_names),
        arena=sum(symbol.size for symbol in symbols if symbol.name == ARENA),
        stack=ProgramStackBound(path, pointed, own).bound() if program else stack_bound(path, pointed),
        symbols={symbol.name: symbol for symbol in symbols},
    )
