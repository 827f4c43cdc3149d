"""Boards and cores from their TOML files: `load_target("nucleo-f446re")`, `load_target("my/board.toml")`."""

from __future__ import annotations

import re
from dataclasses import MISSING, fields
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgec.errors import TargetError, did_you_mean
from edgec.target import Core, Cycles, Emulator, FlashTool, Region, SetupStep, Target, Uart
from edgec.targets.table import Table

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

try:
    import tomllib
except ModuleNotFoundError:  # Python 3.10
    import tomli as tomllib  # type: ignore[import-not-found,no-redef]

BOARDS = files("edgec.targets").joinpath("boards")
CORES = files("edgec.targets").joinpath("cores")
PORT = files("edgec.runtime_c").joinpath("port")
CONTENTS = {"flash": ("code", "constants"), "ram": ("data", "arena")}
PLACEHOLDERS = ("{elf}", "{bin}", "{uf2}")  # of a flash command
SYSTEMS = ("none", "linux", "android")
LARGEST_REGION = 1 << 30


def stems(folder: Traversable) -> list[str]:
    """Names of the TOML files of a folder, sorted."""
    return sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml"))


def list_targets() -> list[str]:
    """Names of the boards that edgec brings."""
    return stems(BOARDS)


def list_drivers() -> list[str]:
    """Names that `uart.driver` may have: uart_<name>.c in runtime_c/port."""
    names = (entry.name for entry in PORT.iterdir())
    return sorted(name[len("uart_") : -len(".c")] for name in names if name.startswith("uart_"))


def load_target(name: str) -> Target:
    """A board by its name, or by the path of a TOML file (anything that ends in .toml)."""
    if name.endswith(".toml"):
        file: Traversable = Path(name)
    else:
        known = list_targets()
        if name not in known:
            near = did_you_mean(name, known)
            message = (
                f"unknown target {name!r}; " + (f"{near} " if near else "") + f"(edgec targets lists {len(known)})"
            )
            raise TargetError(message, help="--target takes a name of that list, or the path of a .toml file")
        file = BOARDS.joinpath(f"{name}.toml")
    content = with_base(read_toml(file), str(file), ())
    return read_board(Table(content, str(file)), name if not name.endswith(".toml") else Path(name).stem)


def load_core(name: str, where: str) -> Core:
    """A core by its name; `where` is the file that asked for it."""
    known = stems(CORES)
    if name not in known:
        listed = ", ".join(known)
        raise TargetError(f"key 'core' is {name!r}; allowed: {listed}", where=where, help=did_you_mean(name, known))
    file = CORES.joinpath(f"{name}.toml")
    return read_core(Table(read_toml(file), str(file)), name)


def read_toml(file: Traversable) -> dict[str, Any]:
    """The content of a TOML file; unreadable and malformed ones are TargetErrors."""
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise TargetError(f"cannot read target file: {error.strerror}", where=str(file)) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise TargetError(f"not a TOML file: {error}", where=str(file)) from None


def with_base(content: dict[str, Any], where: str, seen: tuple[str, ...]) -> dict[str, Any]:
    """The keys of the board named by `like` (edgec's own ones only), with the file's own keys on top of them."""
    if "like" not in content:
        return content
    base = content.pop("like")
    if base not in list_targets() or base in seen:
        help_text = did_you_mean(str(base), list_targets())
        raise TargetError(f"key 'like' is {base!r}, which is not another target of edgec", where=where, help=help_text)
    return with_base(read_toml(BOARDS.joinpath(f"{base}.toml")), where, (*seen, base)) | content


def read_core(table: Table, name: str) -> Core:
    """A core from the table of its file."""
    cost, cycles = table.table("cost"), table.table("cycles")
    core = Core(
        name=name,
        isa=table.take("isa", str),
        fpu=table.take("fpu", bool),
        dsp=table.take("dsp", bool),
        mve=table.take("mve", bool),
        unaligned=table.take("unaligned", bool),
        gcc_flags=table.strings("gcc_flags"),
        zig_target=table.take("zig_target", str, ""),
        zig_cpu=table.take("zig_cpu", str, ""),
        unicorn_model=table.maybe("unicorn_model"),
        prefer=table.choice("prefer", ("gcc", "zig"), "gcc"),
        cost=tuple((name, cost.numbers_of(name)) for name in list(cost.content)) if cost else (),
        cycles=read_cycles(cycles) if cycles else None,
        neon=table.take("neon", bool, False),
        dotprod=table.take("dotprod", bool, False),
        i8mm=table.take("i8mm", bool, False),
        in_order=table.take("in_order", bool, False),
    )
    table.done()
    return core


def read_cycles(table: Table) -> Cycles:
    """The times of a core's instructions from the table `cycles`."""
    defaults = {item.name: None if item.default is MISSING else float(item.default) for item in fields(Cycles)}
    cycles = Cycles(**{name: table.number(name, default) for name, default in defaults.items()})
    table.done()
    return cycles


def read_board(table: Table, name: str) -> Target:
    """A board from the table of its file; TargetError where keys are missing, unknown or contradict each other."""
    core = load_core(table.take("core", str), table.where)
    uart, emulator = table.table("uart"), table.table("emulator")
    target = Target(
        name=name,
        title=table.take("title", str),
        core=core,
        regions=complete_regions(table, table.each("regions", read_region), core),
        clock_hz=table.take("clock_hz", int),
        uart=read_uart(uart) if uart else None,
        emulator=read_emulator(emulator) if emulator else None,
        flash_tools=table.each("flash_tools", read_flash_tool),
        defines=table.numbers("defines"),
        setup=table.each("setup", read_step),
        port_extra=table.strings("port_extra"),
        stack_reserve=table.take("stack_reserve", int, 1024),
        variants=tuple(load_core(name, table.where) for name in table.strings("variants")),
        system=table.choice("system", SYSTEMS, "linux" if core.aarch64 else "none"),
    )
    table.done()
    check_board(table, target)
    return target


def read_region(table: Table) -> Region:
    """One block of memory from a table of `regions`."""
    kind = table.choice("kind", tuple(CONTENTS))
    region = Region(
        table.take("name", str), kind, table.address("origin"), table.size("size"), holds=table.strings("holds")
    )
    if not region.name.isidentifier():
        raise table.error("name", f"is {region.name!r}: letters, digits and underscores only")
    for content in region.holds:
        if content not in CONTENTS[kind]:
            raise table.error("holds", f"has {content!r}; allowed in {kind}: {', '.join(CONTENTS[kind])}")
    if region.size > LARGEST_REGION or region.origin + region.size > 1 << 32:
        raise table.error("size", f"is {region.size}: the region would not fit between {region.origin:#x} and 4 GiB")
    return region


def complete_regions(table: Table, regions: tuple[Region, ...], core: Core) -> tuple[Region, ...]:
    """What no region of a kind claims goes to the first of that kind that claims nothing; overlaps are errors."""
    if core.name == "host":
        return regions
    result = list(regions)
    for kind, contents in CONTENTS.items():
        places = [index for index, region in enumerate(result) if region.kind == kind]
        if not places:
            raise table.error("regions", f"has no region of kind {kind!r}")
        for content in contents:
            owners = [index for index in places if content in result[index].holds]
            if len(owners) > 1:
                raise table.error("regions", f"has {content!r} in two regions: one of them must hold it")
            if not owners:
                rest = next((index for index in places if not regions[index].holds), places[0])
                old = result[rest]
                result[rest] = Region(old.name, kind, old.origin, old.size, (*old.holds, content))
    ordered = sorted(result, key=lambda region: region.origin)
    for low, high in pairwise(ordered):
        if low.origin + low.size > high.origin:
            raise table.error("regions", f"overlap: {low.name!r} and {high.name!r}")
    return tuple(result)


def read_uart(table: Table) -> Uart:
    """The serial port from the table `uart`."""
    uart = Uart(
        driver=table.choice("driver", list_drivers()),
        base=table.address("base"),
        baud=table.take("baud", int, 115200),
        options=table.numbers("options"),
    )
    table.done()
    return uart


def read_emulator(table: Table) -> Emulator:
    emulator = Emulator(table.take("machine", str), table.take("unicorn", bool, False), table.take("user", bool, False))
    table.done()
    return emulator


def read_step(table: Table) -> SetupStep:
    address = table.address("address")
    clear, set_bits, wait = (table.address(key, 0) for key in ("clear", "set", "wait"))
    return SetupStep(table.take("why", str), address, clear, set_bits, wait)


def read_flash_tool(table: Table) -> FlashTool:
    """One way to write the flash, from a table of `flash_tools`."""
    tool = FlashTool(
        name=table.take("name", str),
        command=table.strings("command"),
        help=table.take("help", str),
        uf2_family=table.address("uf2_family", 0),
        volume=table.take("volume", str, ""),
    )
    for word in re.findall(r"\{[^}]*\}", " ".join(tool.command)):
        if word not in PLACEHOLDERS:
            raise table.error("command", f"has {word}; allowed: {', '.join(PLACEHOLDERS)}")
    if bool(tool.command) == bool(tool.volume):
        raise table.error("command", "or else 'volume' must be given: how does the firmware get on the board?")
    return tool


def check_board(table: Table, target: Target) -> None:
    """What no single key can tell."""
    if target.is_host:
        return
    if target.is_linux == (target.system == "none"):
        allowed = "linux or android" if target.is_linux else "none"
        raise table.error("system", f"is {target.system!r}; allowed for {target.core.name}: {allowed}")
    isas = [core.best_isa for core in target.variants]
    sound = target.is_linux and len(set(isas)) == len(isas) and target.core in target.variants[-1:]
    if target.variants and not sound:
        raise table.error(
            "variants", f"must be cores with Linux, each with other instructions, last {target.core.name!r}"
        )
    if target.emulator and target.emulator.user != target.is_linux:
        raise table.error("emulator.user", f"must be {str(target.is_linux).lower()} for {target.core.name}")
    if target.uart is None and not target.is_linux:
        raise table.error("uart", "is missing: the firmware answers on a serial port")
    if target.clock_hz <= 0:
        raise table.error("clock_hz", f"must be above 0, not {target.clock_hz}")
    if not 0 < target.stack_reserve <= target.region("data").size:
        raise table.error("stack_reserve", f"must be above 0 and fit into the RAM, not {target.stack_reserve}")
    for file in target.port_extra:
        if not PORT.joinpath(file).is_file():
            raise table.error("port_extra", f"names {file!r}, which is not in edgec's runtime_c/port")
    if target.emulator and target.emulator.unicorn and target.core.unicorn_model is None:
        raise table.error("emulator.unicorn", f"is true, but unicorn cannot do {target.core.name}")
