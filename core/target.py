"""What a board is, as data: memory regions, core features, serial port, emulator, flash tool.

The TOML files in `targets/` are loaded into these by `edgec.targets.load`; kernels ask a `Core`
for its features, codegen and tools read the rest.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Cycles:
    """How long the instructions of a core take, in cycles, from memory that never lets it wait.

    Only for cores whose time is a sum over instructions; for others there is no such table. What is not here takes 1.
    """

    load: float
    load_behind: float  # a load right behind another load, or behind a store
    store: float
    many: float  # several registers loaded or stored at once: this,
    each_of_many: float  # and this for each
    branch: float  # a direct one that is taken
    call: float
    jump: float  # to an address in a register
    load_to_pc: float  # beside the load itself
    system: float
    barrier: float
    table_jump: float = 1
    multiply_add: float = 1
    long_multiply: float = 1
    divide: float = 1
    float_multiply_add: float = 1
    float_divide: float = 1


@dataclass(frozen=True)
class Core:
    """A processor core: what its instructions can do and how to compile for it.

    `cost` maps the names of kernels to instructions of each part of their work (Kernel.work), fitted to counts.
    dsp, mve: of Cortex-M. neon, dotprod, i8mm: of Cortex-A (AArch64), each with those before it.
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
    cost: tuple[tuple[str, tuple[float, ...]], ...] = ()
    cycles: Cycles | None = None
    neon: bool = False
    dotprod: bool = False
    i8mm: bool = False
    in_order: bool = False  # kernels of AArch64 place their loads by it

    def fitted(self, kernel: str) -> tuple[float, ...] | None:
        """The fitted instructions of each part of a kernel's work; None: not fitted."""
        return next((factors for name, factors in self.cost if name == kernel), None)

    def has(self, isa: str) -> bool:
        """Whether it has the instructions that a kernel named `..._<isa>` is written for."""
        plain = self.isa in ("armv6-m", "armv7-m")
        vectors = {"neon": self.neon, "dotprod": self.dotprod, "i8mm": self.i8mm}
        return {"": True, "nodsp": plain, "dsp": self.dsp, "mve": self.mve, **vectors}.get(isa, False)

    @property
    def best_isa(self) -> str:
        """The instructions that its best kernels are written for; nothing for plain C."""
        return next((isa for isa in ("i8mm", "dotprod", "neon", "mve", "dsp") if self.has(isa)), "")

    @property
    def aarch64(self) -> bool:
        """64-bit Arm, which runs Linux or Android."""
        return self.isa.startswith("armv8") and self.isa.endswith("-a")


@dataclass(frozen=True)
class Region:
    """One block of memory: `kind` is "flash" or "ram", sizes in bytes.

    `holds` says what the linker script puts there: "code" (vectors and functions), "constants" (weights), "data"
    (variables and the stack), "arena". Each of the four is in exactly one region of a board.
    """

    name: str
    kind: str
    origin: int
    size: int
    holds: tuple[str, ...] = ()


@dataclass(frozen=True)
class Uart:
    """The serial port that the firmware answers on; `driver` names runtime_c/port/uart_<driver>.c."""

    driver: str
    base: int
    baud: int = 115200
    options: tuple[tuple[str, int], ...] = ()  # -DEC_UART_<NAME>=value for the driver


@dataclass(frozen=True)
class SetupStep:
    """One register write of start-up (clocks, pins): reg = (reg & ~clear) | set; then wait for the bits of `wait`."""

    why: str
    address: int
    clear: int = 0
    set: int = 0
    wait: int = 0


@dataclass(frozen=True)
class Emulator:
    """How the board is emulated: a QEMU machine and, where unicorn can do it, a unicorn model.

    user: a program of Linux is, and `machine` is what QEMU calls the processor.
    """

    machine: str
    unicorn: bool
    user: bool = False


@dataclass(frozen=True)
class FlashTool:
    """A program that writes a real board's flash; `{elf}`, `{bin}` and `{uf2}` are filled in.

    `uf2_family` is what a UF2 file for this chip is marked with; such a file is copied to the drive named `volume`.
    """

    name: str
    command: tuple[str, ...]
    help: str
    uf2_family: int = 0
    volume: str = ""


@dataclass(frozen=True)
class Target:
    """A board with its core: the thing named by `--target`.

    variants: the cores whose kernels a project has, where it picks at run time; the last is `core`.
    system: what runs on it: none, linux or android.
    """

    name: str
    title: str
    core: Core
    regions: tuple[Region, ...]
    clock_hz: int
    uart: Uart | None
    emulator: Emulator | None
    flash_tools: tuple[FlashTool, ...] = ()
    defines: tuple[tuple[str, int], ...] = ()  # -> #define EC_<NAME> value in port/ec_board.h
    setup: tuple[SetupStep, ...] = ()  # what start-up writes before the serial port works
    port_extra: tuple[str, ...] = ()  # files of runtime_c/port that only this chip needs
    stack_reserve: int = 1024  # the least stack, in bytes, that the linker accepts
    variants: tuple[Core, ...] = ()
    system: str = "none"

    @property
    def flash(self) -> int:
        """Bytes of flash, all regions together."""
        return sum(region.size for region in self.regions if region.kind == "flash")

    @property
    def ram(self) -> int:
        """Bytes of RAM, all regions together."""
        return sum(region.size for region in self.regions if region.kind == "ram")

    def region(self, content: str) -> Region:
        """Where "code", "constants", "data" or "arena" go."""
        return next(region for region in self.regions if content in region.holds)

    @property
    def is_host(self) -> bool:
        return self.core.name == "host"

    @property
    def is_linux(self) -> bool:
        """A project becomes a program of Linux or Android instead of a firmware."""
        return self.core.aarch64

    @property
    def is_android(self) -> bool:
        """A project has a module for apps too."""
        return self.system == "android"
