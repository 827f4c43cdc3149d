"""The files of a project's port/ folder: start-up, linker script, serial port, protocol, main."""

from __future__ import annotations

from typing import TYPE_CHECKING

import jinja2

from edgec.target import Target
from edgec.targets.load import PORT

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable


def port_files(target: Target, flag: str = "-O2") -> dict[str, str]:
    """File name -> text of the firmware around the model; nothing for `host`. `flag`: how the compiler optimises."""
    if target.is_host:
        return {}
    result: dict[str, str] = {}
    for entry in sorted(PORT.iterdir(), key=lambda entry: entry.name):
        if entry.name.endswith((".c", ".h")) and is_for(entry.name, target):
            result[entry.name] = entry.read_text(encoding="utf-8")
    if target.is_linux:
        return result
    result["libc/string.h"] = PORT.joinpath("libc").joinpath("string.h").read_text(encoding="utf-8")
    for template in ("ec_board.h", "ec_board.c", "link.ld"):
        result[template] = render(PORT.joinpath(f"{template}.j2"), target, flag)
    return result


def is_for(name: str, target: Target) -> bool:
    """Whether a file of runtime_c/port belongs to this board: of the UART drivers one, of boot code what it names."""
    if name.startswith("system_") or name == "startup.c":
        return target.is_linux == name.startswith("system_")
    if name.startswith("uart_"):
        return target.uart is not None and name == f"uart_{target.uart.driver}.c"
    return not name.startswith("boot_") or name in target.port_extra


def render(template: Traversable, target: Target, flag: str) -> str:
    """One of the templates with the board's figures."""
    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        line_statement_prefix="//%",
        autoescape=False,  # C, not HTML
    )
    data = target.region("data")
    flags = " ".join(target.core.gcc_flags)
    command = [
        "The whole firmware in one command, from the project's folder:",
        f"    arm-none-eabi-gcc {flags} {flag}",
        "        -std=c11 -ffreestanding -ffp-contract=off -ffunction-sections -fdata-sections",
        "        -Iinclude -Isrc -Iport -Iport/libc src/*.c port/*.c",
        "        -nostdlib -Wl,--gc-sections,-Tport/link.ld -lgcc -o firmware.elf",
    ]
    return environment.from_string(template.read_text(encoding="utf-8")).render(
        target=target,
        flags=flags,
        command=command,
        code=target.region("code").name,
        constants=target.region("constants").name,
        data=data.name,
        arena=target.region("arena").name,
        stack_top=data.origin + data.size,
    )
