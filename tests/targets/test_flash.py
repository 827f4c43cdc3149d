"""Flash tools: the exact command, the files they take, and errors; RP2040's boot code against its ROM's rules."""

from __future__ import annotations

import re
import stat
import struct
from importlib.util import find_spec
from pathlib import Path

import pytest

from edgec.errors import TargetError
from edgec.target import FlashTool
from edgec.targets import Firmware, find_compiler, list_targets, load_target, port_files
from edgec.targets.flash import find_volume, flash, plan_flash
from edgec.targets.image import flat_binary, uf2_file
from tests.targets.small_project import write_project

REAL = [name for name in list_targets() if load_target(name).flash_tools]
COMMANDS = {
    ("nucleo-l4r5zi", "pyocd"): "pyocd load -W -t stm32l4r5zitx b/fw.elf",
    ("nucleo-l4r5zi", "openocd"): (
        "openocd -f interface/stlink.cfg -f target/stm32l4x.cfg -c 'program b/fw.elf verify reset exit'"
    ),
    ("nucleo-f446re", "st-flash"): "st-flash --reset write b/fw.bin 0x08000000",
    ("nrf52840dk", "pyocd"): "pyocd load -W -t nrf52840 b/fw.elf",
    ("rpi-pico", "uf2"): "cp b/fw.uf2 /media/USER/RPI-RP2/",
    ("rpi-pico2", "uf2"): "cp b/fw.uf2 /media/USER/RP2350/",
    ("rpi-pico", "picotool"): "picotool load -v -x b/fw.elf -t elf",
}


@pytest.fixture(autouse=True)
def no_tools(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A PATH on which nothing but what a test puts there is found; compilers are named by their path."""
    folder = tmp_path / "path"
    folder.mkdir()
    monkeypatch.setattr(
        "edgec.targets.flash.shutil.which", lambda name: str(folder / name) if (folder / name).exists() else None
    )
    monkeypatch.setattr("edgec.targets.flash.find_volume", lambda tool: None)
    return folder


def firmware(name: str, tmp_path: Path) -> Firmware:
    target = load_target(name)
    return find_compiler(target).build(write_project(target, tmp_path / name), tmp_path / name / "build")


@pytest.mark.parametrize(("board", "tool"), COMMANDS)
def test_command(board: str, tool: str) -> None:
    assert str(plan_flash(load_target(board), Path("b/fw.elf"), tool=tool)) == COMMANDS[board, tool]


@pytest.mark.parametrize("name", REAL)
def test_no_tool(name: str, tmp_path: Path) -> None:
    """Each way to flash is listed with what to install, and nothing is written."""
    target = load_target(name)
    with pytest.raises(TargetError) as caught:
        flash(target, tmp_path / "fw.elf")
    assert caught.value.message == f"no tool to flash {name} is there"
    assert [line.split(":")[0] for line in caught.value.where.splitlines()] == [
        tool.name for tool in target.flash_tools
    ]
    assert caught.value.help == f"--dry-run prints the command: {plan_flash(target, tmp_path / 'fw.elf')}"


def test_unknown_tool() -> None:
    with pytest.raises(TargetError, match="nrf52840dk is not flashed with 'st-flash'; allowed: pyocd, openocd"):
        plan_flash(load_target("nrf52840dk"), Path("fw.elf"), tool="st-flash")


def test_emulated_board() -> None:
    with pytest.raises(TargetError, match="edgec knows no way to flash mps2-an386"):
        plan_flash(load_target("mps2-an386"), Path("fw.elf"))


def put_tool(folder: Path, name: str, script: str) -> None:
    file = folder / name
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(file.stat().st_mode | stat.S_IXUSR)


def test_the_tool_that_is_there_runs(no_tools: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """st-flash alone is installed: it is the one, and gets a binary file."""
    made = firmware("nucleo-f446re", tmp_path)
    put_tool(no_tools, "st-flash", f'echo "$@" > {tmp_path}/called')
    monkeypatch.setenv("PATH", str(no_tools), prepend=":")
    plan = flash(load_target("nucleo-f446re"), made.elf)
    assert plan.tool.name == "st-flash"
    assert (tmp_path / "called").read_text().split() == [
        "--reset",
        "write",
        str(made.elf.with_suffix(".bin")),
        "0x08000000",
    ]
    assert len(made.elf.with_suffix(".bin").read_bytes()) == pytest.approx(made.flash, abs=8)


def test_the_tool_fails(no_tools: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = firmware("nucleo-f446re", tmp_path)
    put_tool(no_tools, "openocd", "echo Error: no device found >&2; exit 1")
    monkeypatch.setenv("PATH", str(no_tools), prepend=":")
    with pytest.raises(TargetError) as caught:
        flash(load_target("nucleo-f446re"), made.elf)
    assert caught.value.message == "openocd could not flash nucleo-f446re"
    assert "Error: no device found" in caught.value.where


def test_uf2_is_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = firmware("rpi-pico2", tmp_path)
    drive = tmp_path / "drive"
    drive.mkdir()
    monkeypatch.setattr("edgec.targets.flash.find_volume", lambda tool: drive)
    flash(load_target("rpi-pico2"), made.elf)
    blocks = (drive / "firmware.uf2").read_bytes()
    _, content = flat_binary(made.elf, load_target("rpi-pico2"))
    assert b"".join(blocks[at + 32 : at + 288] for at in range(0, len(blocks), 512))[: len(content)] == content
    assert struct.unpack_from("<I", blocks, 28) == (0xE48BFF59,)


def test_volume(tmp_path: Path) -> None:
    """Only a drive with a UF2 boot loader's file counts."""
    tool = FlashTool("uf2", (), "", 1, "RPI-RP2")
    mounts = [f"{tmp_path}/*"]
    drive = tmp_path / "somebody" / "RPI-RP2"
    drive.mkdir(parents=True)
    assert find_volume(tool, mounts) is None
    (drive / "INFO_UF2.TXT").write_text("UF2")
    assert find_volume(tool, mounts) == drive


def test_uf2_blocks() -> None:
    content = bytes(range(256)) + b"end"
    data = uf2_file(0x10000000, content, 0xE48BFF56)
    assert len(data) == 2 * 512
    second = struct.unpack("<8I476sI", data[512:])
    assert second[:8] == (0x0A324655, 0x9E5D5157, 0x2000, 0x10000100, 256, 1, 2, 0xE48BFF56)
    assert second[8][:256] == b"end" + b"\xff" * 253
    assert second[9] == 0x0AB16F30


def boot_words() -> list[int]:
    text = port_files(load_target("rpi-pico"))["boot_rp2040.c"]
    body = text[text.index("boot[64]") :]
    words = [int(word, 16) for word in re.findall(r"0x([0-9A-F]{8})u,", body)]
    return words[:-1] + [0] * (64 - len(words)) + words[-1:]


def test_rp2040_boot_code_has_its_crc() -> None:
    """The chip's ROM runs the first 252 bytes only with their CRC-32 (not reflected) behind them."""
    words = boot_words()
    crc = 0xFFFFFFFF
    for byte in struct.pack("<63I", *words[:63]):
        crc ^= byte << 24
        for _ in range(8):
            crc = (crc << 1 ^ (0x04C11DB7 if crc >> 31 else 0)) & 0xFFFFFFFF
    assert crc == words[63]


@pytest.mark.skipif(find_spec("unicorn") is None, reason="unicorn is not installed")
def test_rp2040_boot_code_starts_the_firmware() -> None:
    """Executed where the ROM puts it: sets up the flash interface, then goes to the vectors' reset handler."""
    import unicorn
    from unicorn import arm_const as arm

    engine = unicorn.Uc(unicorn.UC_ARCH_ARM, unicorn.UC_MODE_THUMB | unicorn.UC_MODE_MCLASS)
    engine.ctl_set_cpu_model(arm.UC_CPU_ARM_CORTEX_M0)
    for address in (0x10000000, 0x18000000, 0x20041000, 0xE000E000):
        engine.mem_map(address, 0x1000)
    engine.mem_write(0x20041F00, struct.pack("<64I", *boot_words()))
    engine.mem_write(0x10000100, struct.pack("<II", 0x20042000, 0x10000201))
    writes: list[tuple[int, int]] = []
    engine.hook_add(unicorn.UC_HOOK_MEM_WRITE, lambda _, kind, at, size, value, data: writes.append((at, value)))
    engine.emu_start(0x20041F01, 0x10000200, count=100)
    assert engine.reg_read(arm.UC_ARM_REG_PC) == 0x10000200
    assert engine.reg_read(arm.UC_ARM_REG_SP) == 0x20042000
    ssi = 0x18000000
    assert writes == [
        (ssi + 0x08, 0),  # off
        (ssi + 0x14, 4),
        (ssi + 0x00, 0x001F0300),
        (ssi + 0x04, 0),
        (ssi + 0xF4, 0x03000218),
        (ssi + 0x08, 1),  # on
        (0xE000ED08, 0x10000100),
    ]
