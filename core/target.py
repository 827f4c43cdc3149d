"""What a board is, as data: memory regions, core features, serial port, emulator, flash tool.

The TOML files in `targets/` are loaded into these by `edgec.targets.load`; kernels ask a `Core`
for its features, codegen and tools read the rest.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Core:
    """A processor core: what its instructions can do and how to compile for it.

    `cost` maps a kernel name to counted instructions per unit of its cost model (see docs/kernels.md).
    """

    name: str  # cortex-m4
    isa: str  # armv7e-m
    fpu: bool
    dsp: bool
    mve: bool
    unaligned: bool  # unaligned word loads are allowed
    gcc_flags: tuple[str, ...]
    zig_target: str
    zig_cpu: str
    unicorn_model: str | None
    prefer: str = "gcc"  # gcc or zig: the better compiler where both are installed
    cost: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True)
class Region:
    """One block of memory: `kind` is "flash" or "ram", sizes in bytes."""

    name: str
    kind: str
    origin: int
    size: int


@dataclass(frozen=True)
class Uart:
    """The serial port that the firmware answers on; `driver` names runtime_c/port/uart_<driver>.c."""

    driver: str
    base: int
    baud: int = 115200
    options: tuple[tuple[str, int], ...] = ()  # -DEC_UART_<NAME>=value for the driver


@dataclass(frozen=True)
class Emulator:
    """How the board is emulated: a QEMU machine and, where unicorn can do it, a unicorn model."""

    machine: str
    unicorn: bool


@dataclass(frozen=True)
class FlashTool:
    """A program that writes a real board's flash; `{elf}`, `{bin}`, `{uf2}` and `{port}` are filled in."""

    name: str
    command: tuple[str, ...]
    help: str


@dataclass(frozen=True)
class Target:
    """A board with its core: the thing named by `--target`."""

    name: str
    title: str
    core: Core
    regions: tuple[Region, ...]
    clock_hz: int
    uart: Uart | None
    emulator: Emulator | None
    flash_tools: tuple[FlashTool, ...] = ()
    defines: tuple[tuple[str, int], ...] = ()  # for start-up code: clocks, pins

    @property
    def flash(self) -> int:
        """Bytes of flash, all regions together."""
        return sum(region.size for region in self.regions if region.kind == "flash")

    @property
    def ram(self) -> int:
        """Bytes of RAM, all regions together."""
        return sum(region.size for region in self.regions if region.kind == "ram")

    @property
    def is_host(self) -> bool:
        return self.core.name == "host"
