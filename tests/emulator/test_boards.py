"""Every emulated board: takes its firmware, answers on its port, counts exactly, and says when it crashed."""

from __future__ import annotations

import os
import time
from importlib.util import find_spec
from pathlib import Path

import pytest

from edgec.errors import TargetError
from edgec.targets import Device, SerialLink, list_targets, load_target, open_board
from edgec.targets.emulator.qemu import QemuBoard
from tests.emulator.conftest import Build
from tests.targets.compilers import needs_qemu, needs_qemu_user
from tests.targets.small_project import INPUT

pytest.importorskip("serial", reason="pyserial is not installed")
needs_unicorn = pytest.mark.skipif(find_spec("unicorn") is None, reason="unicorn is not installed")
EMULATED = [name for name in list_targets() if load_target(name).emulator]
SAMPLE = bytes(range(INPUT))
EXPECTED = bytes(3 * (x % 40) + 1 for x in SAMPLE)
CASES = [
    *(pytest.param(name, "qemu", marks=needs_qemu) for name in EMULATED),
    *(pytest.param(name, "unicorn", marks=needs_unicorn) for name in EMULATED if load_target(name).core.unicorn_model),
]
EITHER = [pytest.param("qemu", marks=needs_qemu), pytest.param("unicorn", marks=needs_unicorn)]
CRASHES = {
    "nowhere": "*(volatile int *)0x70000000 = 1;",
    "undefined instruction": '__asm volatile("udf #0");',
    "into flash": "*(volatile int *)0x08000100 = 1;",
}


def model(body: str) -> str:
    return f'#include "small.h"\nvoid small_run(void *memory) {{ (void)memory; {body} }}\n'


@pytest.mark.parametrize(("name", "emulator"), CASES)
def test_board_answers(name: str, emulator: str, build: Build) -> None:
    firmware = build(name)
    with (
        open_board(load_target(name), firmware.elf, emulator=emulator) as board,
        Device(SerialLink(board.port)) as device,
    ):
        assert (device.identity.model, device.identity.target) == ("small", name)
        counts = []
        for _ in range(2):
            assert device.run([SAMPLE]).outputs == (EXPECTED,)
            counts.append(board.instructions())
        memory = device.memory()
        assert board.crash() is None
    assert counts[0] == counts[1]
    assert counts[0] is not None
    assert 5 * INPUT < counts[0] < 1000 * INPUT
    assert 0 < memory.stack_used <= firmware.stack
    assert memory.static >= firmware.static + firmware.arena


@needs_qemu
@needs_unicorn
@pytest.mark.parametrize("name", ["microbit", "mps2-an385", "netduinoplus2", "mps2-an500", "mps2-an505"])
def test_qemu_and_unicorn_count_the_same(name: str, build: Build) -> None:
    counts = []
    for emulator in ("qemu", "unicorn"):
        with (
            open_board(load_target(name), build(name).elf, emulator=emulator) as board,
            Device(SerialLink(board.port)) as device,
        ):
            device.run([SAMPLE])
            counts.append(board.instructions())
    assert counts[0] == counts[1]


LOOP = """
    register uint32_t count __asm("r3") = 1000;
    __asm volatile(".balign 4\\n1: subs r3, #1\\n bne 1b" : "+r"(count) : : "cc");
    (void)memory;
"""


@pytest.mark.parametrize("emulator", EITHER)
def test_the_count_is_exact(emulator: str, build: Build) -> None:
    """A loop of known length: 2 instructions a turn, and the same few around it."""
    counts = []
    for turns in (1000, 2000):
        run = f'#include "small.h"\nvoid small_run(void *memory) {{ {LOOP.replace("1000", str(turns))} }}\n'
        with (
            open_board(load_target("mps2-an386"), build("mps2-an386", run).elf, emulator=emulator) as board,
            Device(SerialLink(board.port)) as device,
        ):
            assert board.instructions() is None, "nothing ran yet"
            device.run([SAMPLE])
            counts.append(board.instructions() or 0)
    assert counts[1] - counts[0] == 2 * 1000
    assert counts[0] - 2 * 1000 < 50


@needs_unicorn
def test_counting_without_a_compiler(build: Build) -> None:
    from edgec.targets.emulator.unicorn_board import UnicornBoard

    counts = []
    for in_python in (False, True):
        with UnicornBoard(load_target("mps2-an386"), count_in_python=in_python) as board:
            board.load(build("mps2-an386").elf)
            with Device(SerialLink(board.port)) as device:
                device.run([SAMPLE])
            counts.append(board.instructions())
    assert counts[0] == counts[1]


@pytest.mark.parametrize("emulator", EITHER)
@pytest.mark.parametrize("crash", CRASHES)
@pytest.mark.parametrize("name", ["netduinoplus2", "microbit"])
def test_a_crash_is_told(name: str, crash: str, emulator: str, build: Build) -> None:
    if crash == "into flash" and (name, emulator) != ("netduinoplus2", "unicorn"):
        pytest.skip("QEMU ignores writes to ROM, as the chip's bus may")
    firmware = build(name, model(CRASHES[crash]))
    start = time.monotonic()
    with (
        pytest.raises(TargetError) as caught,
        open_board(load_target(name), firmware.elf, emulator=emulator) as board,
        Device(SerialLink(board.port)) as device,
    ):
        device.run([SAMPLE])
    assert caught.value.message.startswith(f"the firmware crashed on {name}: hard fault in small_run"), caught.value
    assert "pc 0x" in caught.value.where
    assert time.monotonic() - start < 20


@needs_qemu
def test_a_stack_overflow_ends_in_an_error(build: Build) -> None:
    """A fault inside a fault: QEMU itself gives up."""
    run = model('__asm volatile("msr msp, %0\\n push {r0}" : : "r"(0));')
    with (
        pytest.raises(TargetError, match="the firmware crashed on mps2-an386"),
        open_board(load_target("mps2-an386"), build("mps2-an386", run).elf, emulator="qemu") as board,
        Device(SerialLink(board.port)) as device,
    ):
        device.run([SAMPLE])


@pytest.mark.parametrize("emulator", EITHER)
def test_reset_and_another_firmware(emulator: str, build: Build) -> None:
    """The port stays; after load the new firmware answers, and counts as it does alone."""
    target = load_target("netduinoplus2")
    other = build("netduinoplus2", model("for (volatile int i = 0; i < 9; i++) {}"))
    with open_board(target, build("netduinoplus2").elf, emulator=emulator) as board:
        port = board.port
        with Device(SerialLink(port)) as device:
            device.run([SAMPLE])
        count = board.instructions()
        board.reset()
        with Device(SerialLink(port)) as device:
            assert device.runs == 0, "the firmware began anew"
        board.load(other.elf)
        with Device(SerialLink(port)) as device:
            assert device.run([SAMPLE]).outputs == (SAMPLE,)
        assert board.instructions() not in (None, count)
        board.load(build("netduinoplus2").elf)
        with Device(SerialLink(port)) as device:
            device.run([SAMPLE])
        assert (board.port, board.instructions()) == (port, count)


@pytest.mark.parametrize("emulator", EITHER)
def test_nothing_is_left_behind(emulator: str, build: Build) -> None:
    target = load_target("mps2-an386")
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        with open_board(target, build("mps2-an386").elf, emulator=emulator) as board:
            process = board.process if isinstance(board, QemuBoard) else None
    assert process is None or process.returncode is not None
    assert len(os.listdir("/proc/self/fd")) <= before + 1


@pytest.mark.parametrize("emulator", EITHER)
def test_firmware_of_another_board(emulator: str, build: Build) -> None:
    with pytest.raises(TargetError, match=r"firmware\.elf is not linked for netduinoplus2: it has"):
        open_board(load_target("netduinoplus2"), build("mps2-an386").elf, emulator=emulator)


@pytest.mark.parametrize("emulator", EITHER)
def test_not_an_elf_file(emulator: str, tmp_path: Path) -> None:
    (tmp_path / "x.elf").write_text("rubbish")
    with pytest.raises(TargetError, match="not an ELF file"):
        open_board(load_target("mps2-an386"), tmp_path / "x.elf", emulator=emulator)


@needs_qemu
def test_machine_that_qemu_lacks(tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    file.write_text('like = "mps2-an386"\nemulator = { machine = "mps9-an999" }\n')
    with pytest.raises(TargetError) as caught:
        open_board(load_target(str(file)))
    assert caught.value.message == "QEMU does not start machine 'mps9-an999'"
    assert "unsupported machine type" in caught.value.where


def test_real_board() -> None:
    with pytest.raises(TargetError, match="rpi-pico is not an emulated board"):
        open_board(load_target("rpi-pico"))


def test_helium_needs_qemu(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(TargetError, match="mps3-an547 \\(cortex-m55\\) needs QEMU: unicorn cannot emulate it"):
        open_board(load_target("mps3-an547"))


def test_no_emulator(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("edgec.targets.emulator.find_spec", lambda name: None)
    with pytest.raises(TargetError) as caught:
        open_board(load_target("mps2-an386"))
    assert str(caught.value) == (
        "no emulator is installed\n  help: pip install 'edgec[emulator]', or install qemu-system-arm"
    )


@needs_qemu_user
def test_a_long_run_is_answered_before_it_begins(build: Build) -> None:
    """The host waits for the answer to RUN no longer than for any other, and for the run as long as it takes."""
    slow = model("for (volatile int i = 0; i < 200000000; i++) { }")
    firmware = build("linux-aarch64", run=slow)
    with open_board(load_target("linux-aarch64"), firmware.elf) as board:
        device = Device(SerialLink(board.port))
        device.timeout = 0.3
        assert len(device.run([SAMPLE]).outputs) == 1
        device.close()
