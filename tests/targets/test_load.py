"""Boards and cores from TOML: what edgec brings is consistent, and mistakes in one's own file are named."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgec.errors import TargetError
from edgec.targets import list_targets, load_target, port_files

WANTED = {
    "host", "microbit", "mps2-an385", "mps2-an385-m0plus", "mps2-an386", "mps2-an500", "mps2-an505", "mps3-an547",
    "mps3-an547-ddr", "netduino2", "netduinoplus2", "nrf52840dk", "nucleo-f446re", "nucleo-h743zi2", "nucleo-l4r5zi",
    "nucleo-u575zi", "qemu-nucleo-l4r5zi", "rpi-pico", "rpi-pico2", "stm32f746g-disco", "stm32vldiscovery",
}  # fmt: skip
OWN = """
title = "my board"
core = "cortex-m4"
clock_hz = 16_000_000

[uart]
driver = "stm32_v1"
base = 0x40011000
options = { clock = 16_000_000 }

[[regions]]
name = "flash"
kind = "flash"
origin = 0x08000000
size = "256K"

[[regions]]
name = "ram"
kind = "ram"
origin = 0x20000000
size = "64K"
"""


def own(tmp_path: Path, text: str) -> str:
    file = tmp_path / "own.toml"
    file.write_text(text)
    return str(file)


def test_the_boards_are_there() -> None:
    assert set(list_targets()) >= WANTED


@pytest.mark.parametrize("name", list_targets())
def test_each_board_is_whole(name: str) -> None:
    target = load_target(name)
    assert target.name == name
    if target.is_host:
        assert port_files(target) == {}
        return
    for content in ("code", "constants", "data", "arena"):
        assert sum(content in region.holds for region in target.regions) == 1
    assert target.emulator or target.flash_tools, "neither emulated nor flashed: nobody can run it"
    texts = port_files(target)
    if target.is_linux:
        assert {"main.c", "ec_protocol.c", "system_linux.c"} <= texts.keys()
        assert not {"startup.c", "link.ld"} & texts.keys()
        return
    assert {"startup.c", "link.ld", "ec_board.h", "ec_board.c", "libc/string.h"} <= texts.keys()
    assert sum(file.startswith("uart_") for file in texts) == 1


def test_sizes_of_a_real_chip() -> None:
    assert (load_target("nucleo-l4r5zi").flash, load_target("nucleo-l4r5zi").ram) == (2 << 20, 640 << 10)
    emulated, real = load_target("qemu-nucleo-l4r5zi"), load_target("nucleo-l4r5zi")
    assert (emulated.flash, emulated.ram, emulated.core) == (real.flash, real.ram, real.core)


def test_own_file(tmp_path: Path) -> None:
    target = load_target(own(tmp_path, OWN))
    assert (target.name, target.core.name, target.ram) == ("own", "cortex-m4", 64 << 10)


def test_own_file_like_a_board(tmp_path: Path) -> None:
    target = load_target(own(tmp_path, 'like = "mps2-an386"\ntitle = "as an386, slower"\nclock_hz = 1_000_000\n'))
    assert (target.clock_hz, target.regions) == (1_000_000, load_target("mps2-an386").regions)


def test_unknown_target() -> None:
    with pytest.raises(TargetError) as caught:
        load_target("nucleo_f466")
    assert caught.value.message == (
        f"unknown target 'nucleo_f466'; did you mean 'nucleo-f446re'? (edgec targets lists {len(list_targets())})"
    )


TOOL = '[[flash_tools]]\nname = "x"\nhelp = ""\n'
MISTAKES = [
    ("clock_hz = 16_000_000", "clok_hz = 16_000_000", "key 'clock_hz' is missing: a whole number"),
    ("clock_hz = 16_000_000", "clock_hz = 0", "key 'clock_hz' must be above 0, not 0"),
    ("clock_hz = 16_000_000", "clock_hz = 16e6", "key 'clock_hz' must be a whole number, not 16000000.0"),
    ("clock_hz = 16_000_000", "clock_hz = 1\nclok = 2", "key 'clok' is unknown; allowed: "),
    ('"cortex-m4"', '"cortex-m5"', "key 'core' is 'cortex-m5'; allowed: cortex-a53, cortex-a55, "),
    ('"stm32_v1"', '"stm32"', "key 'uart.driver' is 'stm32'; allowed: cmsdk, nrf, pl011, stm32_v1, stm32_v2"),
    ("base = 0x40011000", "base = -1", "key 'uart.base' must be between 0 and 0xFFFFFFFF, not -0x1"),
    ("options = {", "optoins = {", "key 'uart.optoins' is unknown; allowed: base, baud, driver, options"),
    (
        'size = "64K"',
        'size = "64KB"',
        "key 'regions[1].size' must be a size such as 4096, \"64K\" or \"2M\", not '64KB'",
    ),
    ('size = "64K"', "size = 0", "key 'regions[1].size' must be a size such as 4096"),
    ('size = "64K"', 'size = "3000M"', "key 'regions[1].size' is 3145728000: the region would not fit between"),
    ('kind = "ram"', 'kind = "rom"', "key 'regions[1].kind' is 'rom'; allowed: flash, ram"),
    ('kind = "ram"', 'kind = "flash"', "key 'regions' has no region of kind 'ram'"),
    (
        'kind = "ram"',
        'kind = "ram"\nholds = ["code"]',
        "key 'regions[1].holds' has 'code'; allowed in ram",
    ),
    ("origin = 0x20000000", "origin = 0x08000100", "key 'regions' overlap: 'flash' and 'ram'"),
    (
        "clock_hz",
        "stack_reserve = 100_000\nclock_hz",
        "key 'stack_reserve' must be above 0",
    ),
    ("clock_hz", 'port_extra = ["boot_x.c"]\nclock_hz', "key 'port_extra' names 'boot_x.c'"),
    ('title = "my board"', 'like = "mps2-an368"', "key 'like' is 'mps2-an368', which is not another target of edgec"),
    (
        "[uart]",
        f"{TOOL}command = ['x', '{{elv}}']\n[uart]",
        "key 'flash_tools[0].command' has {elv}; allowed: {elf}, {bin}",
    ),
    ("[uart]", f"{TOOL}[uart]", "key 'flash_tools[0].command' or else 'volume' must be given"),
    ('title = "my board"', "title = ", "not a TOML file: "),
    ("clock_hz", 'system = "ios"\nclock_hz', "key 'system' is 'ios'; allowed: none, linux, android"),
    ("clock_hz", 'system = "android"\nclock_hz', "key 'system' is 'android'; allowed for cortex-m4: none"),
]


@pytest.mark.parametrize(
    ("old", "new", "message"), MISTAKES, ids=[mistake[1].replace("\n", " ") for mistake in MISTAKES]
)
def test_mistakes_are_named(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in OWN
    path = own(tmp_path, OWN.replace(old, new, 1))
    with pytest.raises(TargetError) as caught:
        load_target(path)
    assert caught.value.message.startswith(message)
    assert caught.value.where == path


def test_near_names_are_offered(tmp_path: Path) -> None:
    with pytest.raises(TargetError) as caught:
        load_target(own(tmp_path, OWN.replace("[uart]", "clock = 2\n[uart]")))
    assert caught.value.help == "did you mean 'clock_hz'?"


def test_emulator_that_unicorn_lacks(tmp_path: Path) -> None:
    text = OWN.replace("cortex-m4", "cortex-m55") + '[emulator]\nmachine = "mps3-an547"\nunicorn = true\n'
    with pytest.raises(TargetError, match="unicorn cannot do cortex-m55"):
        load_target(own(tmp_path, text))


def test_absent_file() -> None:
    with pytest.raises(TargetError, match="cannot read target file: No such file"):
        load_target("absent.toml")
