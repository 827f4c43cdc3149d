"""What every emulated board can do: take a firmware, answer on a port, count, and say when it crashed."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from edgec.errors import TargetError
from edgec.target import Target
from edgec.targets.emulator.window import Counts, Mark
from edgec.targets.firmware import Symbol, read_symbols

FAULT = re.compile(r"edgec firmware: fault exception=(\w+)(?: cfsr=(\w+))? pc=(\w+) lr=(\w+)")
EXCEPTIONS = {2: "non-maskable interrupt", 3: "hard fault", 4: "memory fault", 5: "bus fault", 6: "usage fault"}
BEGIN, END, RESUME = "ec_run_begin", "ec_run_end", "ec_run_resume"
MARK = re.compile(r"ec_layer_(end|\d+)_\d+")  # a label of runtime_c/include/edgec/ec_profile.h


@dataclass(frozen=True)
class Image:
    """An ELF file as what it puts into memory: (physical address, bytes), and its functions and variables.

    `marks` is where layers begin, in a firmware that was built with EC_PROFILE_MARKS.
    """

    path: Path
    segments: tuple[tuple[int, bytes], ...]
    symbols: tuple[Symbol, ...]
    marks: tuple[Mark, ...] = ()

    def address(self, name: str) -> int | None:
        return next((symbol.address for symbol in self.symbols if symbol.name == name), None)

    def code(self, address: int, size: int) -> bytes:
        """The bytes at an address; nothing where the file has none there."""
        for start, data in self.segments:
            if start <= address and address + size <= start + len(data):
                return data[address - start : address - start + size]
        return b""

    def function_at(self, address: int) -> str:
        """The function that holds an address, or the address itself."""
        for symbol in self.symbols:
            if symbol.kind == "code" and symbol.address <= address < symbol.address + max(symbol.size, 1):
                return symbol.name
        return f"{address:#x}"


def read_image(path: Path, target: Target) -> Image:
    """The image of an ELF file; TargetError where it is none, or not one for the memory of this board."""
    try:
        with path.open("rb") as stream:
            elf = ELFFile(stream)
            segments = tuple(
                (segment["p_paddr"], segment.data())
                for segment in elf.iter_segments()
                if segment["p_type"] == "PT_LOAD" and segment["p_filesz"]
            )
            symbols, marks = tuple(read_symbols(elf)), tuple(read_marks(elf))
    except (OSError, ELFError) as error:
        reason = getattr(error, "strerror", None) or "not an ELF file"
        raise TargetError(f"cannot load {str(path)!r}: {reason}") from None
    for address, data in segments:
        if not any(
            region.origin <= address and address + len(data) <= region.origin + region.size for region in target.regions
        ):
            message = f"{path.name} is not linked for {target.name}: it has {len(data)} bytes at {address:#x}"
            raise TargetError(message, where=str(path), help="build it for this board: edgec run DIR does")
    return Image(path, segments, symbols, marks)


def read_marks(elf: ELFFile) -> list[Mark]:
    """Where the labels of layers are."""
    table = elf.get_section_by_name(".symtab")
    if not isinstance(table, SymbolTableSection):
        return []
    found = [(MARK.fullmatch(symbol.name), symbol["st_value"] & ~1) for symbol in table.iter_symbols()]
    return [
        Mark(address, None if match[1] == "end" else int(match[1])) for match, address in found if match is not None
    ]


class Board(ABC):
    """An emulated board. `port` is the path of its serial port; use it as a context manager.

    Where the firmware crashed, leaving the context with a TargetError gives the crash as the reason instead.
    """

    target: Target
    port: str
    image: Image | None = None

    @abstractmethod
    def load(self, elf: Path) -> None:
        """Write a firmware into the board's flash, verify it, reset and run."""

    @abstractmethod
    def reset(self) -> None:
        """As the reset button: the firmware starts anew."""

    @abstractmethod
    def instructions(self) -> int | None:
        """Instructions of the last run of the model, exactly; None before the first, and where nobody counts."""

    @abstractmethod
    def counts(self) -> Counts | None:
        """The same in detail: by layer where the firmware was built with EC_PROFILE_MARKS, and by piece of code."""

    @abstractmethod
    def crash(self) -> str | None:
        """What the emulator said last, when the firmware no longer runs; None while it does."""

    @abstractmethod
    def close(self) -> None:
        """End the emulator."""

    def check(self) -> None:
        """TargetError where the firmware crashed."""
        output = self.crash()
        if output is not None:
            raise crash_error(self.target, self.image, output)

    def __enter__(self) -> Board:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if isinstance(error, TargetError):
                self.check()
        finally:
            self.close()


def crash_error(target: Target, image: Image | None, output: str) -> TargetError:
    """A crash in words, from what the fault handler or the emulator wrote."""
    lines = [line for line in output.splitlines() if line.strip()][-12:]
    match = FAULT.search(output)
    if match is None:
        return TargetError(f"the firmware crashed on {target.name}", where="\n".join(lines))
    number, cfsr, pc, lr = (int(word, 16) if word else None for word in match.groups())
    name = EXCEPTIONS.get(number or 0, f"exception {number}")
    place = image.function_at(pc or 0) if image else f"{pc:#x}"
    caller = f", called from {image.function_at((lr or 0) & ~1)}" if image else ""
    where = f"pc {pc:#010x}, lr {lr:#010x}" + (f", fault status {cfsr:#010x}" if cfsr is not None else "")
    return TargetError(f"the firmware crashed on {target.name}: {name} in {place}{caller}", where=where)
