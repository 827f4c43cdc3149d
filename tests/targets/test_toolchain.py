"""Firmware of every board from both compilers, sizes, overflows, and what happens without a compiler."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from edgec.errors import DoesNotFitError, TargetError
from edgec.target import Target
from edgec.targets import HostModel, find_compiler, list_targets, load_target
from edgec.targets.toolchain import GCC, GCC_LINUX
from tests.targets.compilers import EACH_COMPILER, needs_gcc, needs_gcc_linux, needs_zig
from tests.targets.small_project import INPUT, write_project

BOARDS = [name for name in list_targets() if name != "host"]
LINUX_BOARDS = [name for name in BOARDS if load_target(name).is_linux]


def expected(x: np.ndarray) -> np.ndarray:
    """What the small project's model computes; C's % keeps the sign."""
    return (3 * np.fmod(x.astype(np.int32), 40) + 1).astype(np.int8)


# Zig takes seconds a board: per commit it builds for each core, and for each kind of linker script.
ZIG_BOARDS = ("microbit", "mps2-an385", "mps2-an386", "nucleo-h743zi2", "nucleo-u575zi", "mps3-an547-ddr", "rpi-pico")
BUILDS = [
    *(pytest.param(name, GCC, marks=needs_gcc) for name in BOARDS if name not in LINUX_BOARDS),
    *(pytest.param(name, "zig", marks=needs_zig) for name in ZIG_BOARDS),
    *(
        pytest.param(name, "zig", marks=[needs_zig, pytest.mark.exhaustive])
        for name in BOARDS
        if name not in (*ZIG_BOARDS, *LINUX_BOARDS)
    ),
]


@pytest.mark.parametrize(("name", "cc"), BUILDS)
def test_every_board_builds(name: str, cc: str, tmp_path: Path) -> None:
    """Compiles without a warning, links into the chip's regions, vectors first."""
    target = load_target(name)
    project = write_project(target, tmp_path)
    firmware = find_compiler(target, cc).build(project, tmp_path / "build")
    code = target.region("code")
    boot = 256 if "boot_rp2040.c" in target.port_extra else 0
    assert firmware.address("vectors") == code.origin + boot
    assert firmware.arena == 1024
    arena = target.region("arena")
    assert arena.origin <= firmware.address("arena") < arena.origin + arena.size
    assert 0 < firmware.port < firmware.flash < 16 << 10
    assert 0 < firmware.stack < 512
    assert firmware.flash == firmware.text + firmware.rodata + firmware.data


@pytest.mark.parametrize(
    ("name", "cc"),
    [
        *(pytest.param(name, GCC_LINUX, marks=needs_gcc_linux) for name in LINUX_BOARDS),
        pytest.param(LINUX_BOARDS[0], "zig", marks=needs_zig),
    ],
)
def test_every_board_with_linux_builds(name: str, cc: str, tmp_path: Path) -> None:
    """One static program, its variables counted, its stack bounded."""
    firmware = find_compiler(load_target(name), cc).build(
        write_project(load_target(name), tmp_path), tmp_path / "build"
    )
    assert firmware.arena == 1024
    assert firmware.arena < firmware.data + firmware.bss < 100 << 10
    assert 0 < firmware.port < firmware.text
    assert 0 < firmware.stack < 4096


@needs_gcc
def test_sizes_are_those_of_the_size_tool(tmp_path: Path) -> None:
    target = load_target("nucleo-f446re")
    firmware = find_compiler(target, GCC).build(write_project(target, tmp_path), tmp_path / "build")
    lines = subprocess.run(["arm-none-eabi-size", firmware.elf], capture_output=True, text=True, check=True).stdout
    text, data, bss = (int(word) for word in lines.splitlines()[1].split()[:3])
    assert (firmware.text + firmware.rodata, firmware.data, firmware.bss) == (text, data, bss)


@pytest.mark.parametrize("cc", EACH_COMPILER)
def test_too_much_flash(cc: str, tmp_path: Path) -> None:
    target = load_target("microbit")
    project = write_project(target, tmp_path, constants=300_000)
    with pytest.raises(DoesNotFitError) as caught:
        find_compiler(target, cc).build(project, tmp_path / "build")
    assert caught.value.message == "the firmware does not fit into microbit"
    assert "flash (flash): 30" in caught.value.where
    assert "bytes needed, 262144 there" in caught.value.where


@pytest.mark.parametrize("cc", EACH_COMPILER)
def test_too_much_ram(cc: str, tmp_path: Path) -> None:
    target = load_target("microbit")
    project = write_project(target, tmp_path, arena=20_000)
    with pytest.raises(DoesNotFitError) as caught:
        find_compiler(target, cc).build(project, tmp_path / "build")
    assert "ram (ram): " in caught.value.where
    assert "bytes needed, 16384 there" in caught.value.where


@pytest.mark.parametrize("cc", EACH_COMPILER)
def test_no_room_for_the_stack(cc: str, tmp_path: Path) -> None:
    """Everything fits, but less than the reserve is left."""
    target = load_target("microbit")
    project = write_project(target, tmp_path, arena=15_500)
    with pytest.raises(DoesNotFitError) as caught:
        find_compiler(target, cc).build(project, tmp_path / "build")
    assert caught.value.where == "ram (ram): less than 1024 bytes are left for the stack"


@needs_gcc
def test_another_board_than_generated_for(tmp_path: Path) -> None:
    project = write_project(load_target("nucleo-l4r5zi"), tmp_path)
    firmware = find_compiler(load_target("mps2-an386")).build(project, tmp_path / "build", own_port=True)
    assert firmware.address("vectors") == 0
    assert "LPUART1" in (project / "port" / "ec_board.c").read_text(), "the project's own files stay"


@needs_gcc
def test_the_command_in_ec_board_h_builds(tmp_path: Path) -> None:
    """The comment promises one plain compiler line."""
    target = load_target("nucleo-h743zi2")
    project = write_project(target, tmp_path)
    lines = (project / "port" / "ec_board.h").read_text().splitlines()
    command = " ".join(line[2:].strip() for line in lines if line.startswith("//     "))
    assert command.startswith(GCC)
    subprocess.run(command, shell=True, cwd=project, check=True)
    assert (project / "firmware.elf").exists()


@needs_gcc
def test_wrong_flags_are_refused(tmp_path: Path) -> None:
    """A core without its FPU would run many times slower without a word."""
    target = load_target("mps2-an386")
    project = write_project(target, tmp_path)
    command = [GCC, "-mcpu=cortex-m4", "-mthumb", "-mfloat-abi=soft", "-Iport", "-c", "port/ec_board.c", "-o", "x.o"]
    result = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    assert result.returncode != 0
    assert "compile for cortex-m4 with its FPU" in result.stderr


def test_warnings_are_errors(tmp_path: Path) -> None:
    target = load_target("mps2-an386")
    project = write_project(
        target, tmp_path, run="#include <stdint.h>\nint8_t f(int x);\nint8_t f(int x) { return x; }\n"
    )
    with pytest.raises(TargetError, match=r"failed: .*small\.c"):
        find_compiler(target).build(project, tmp_path / "build")


def without_compilers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("edgec.targets.toolchain.find_spec", lambda name: None)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("mps2-an386", "no C compiler for cortex-m4 (arm-none-eabi-gcc or zig) is installed"),
        ("host", "no C compiler is installed"),
    ],
)
def test_no_compiler(name: str, message: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    without_compilers(monkeypatch, tmp_path)
    with pytest.raises(TargetError) as caught:
        find_compiler(load_target(name))
    assert str(caught.value) == (
        f"{message}\n  help: pip install 'edgec[emulator]' brings one that needs nothing else (ziglang)"
    )


def test_named_compiler_that_is_absent() -> None:
    with pytest.raises(TargetError, match="compiler 'absent-gcc' is not there"):
        find_compiler(load_target("mps2-an386"), "absent-gcc")


def test_named_compiler_that_is_none(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\nexit 1\n")
    program.chmod(0o755)
    with pytest.raises(TargetError, match="does not work: no answer"):
        find_compiler(load_target("host"), str(program))


@needs_zig
@needs_gcc
def test_helium_takes_the_better_compiler() -> None:
    assert find_compiler(load_target("mps3-an547")).name == "zig"
    assert find_compiler(load_target("mps2-an386")).name == "gcc"


def host_cases() -> list[object]:
    return [pytest.param(None, id="default"), pytest.param("zig", marks=needs_zig)]


@pytest.mark.parametrize("cc", host_cases())
def test_host_model(cc: str | None, tmp_path: Path) -> None:
    """The batch runs sample by sample, and a second model beside it is another one."""
    host: Target = load_target("host")
    project = write_project(host, tmp_path)
    first, second = HostModel(project, cc=cc), HostModel(project, cc=cc)
    x = np.random.default_rng(0).integers(-128, 128, (5, INPUT)).astype(np.int8)
    for model in (first, second):
        (y,) = model.run([x])
        np.testing.assert_array_equal(y, expected(x))
    assert first.info.arena != second.info.arena


def test_host_model_of_wrong_size(tmp_path: Path) -> None:
    model = HostModel(write_project(load_target("host"), tmp_path))
    with pytest.raises(TargetError, match=r"takes inputs of \[64\] bytes, not \[63\]"):
        model.run([np.zeros((2, 63), np.int8)])


def test_import_brings_no_emulator() -> None:
    """Compiling needs neither pyserial nor unicorn."""
    code = "import edgec.targets, sys; print([m for m in ('unicorn', 'serial', 'torch', 'onnx') if m in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
