"""What a user reads when the board is absent, another, silent or mad. Nothing waits longer than it was told to."""

from __future__ import annotations

import random
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgec.errors import TargetError
from edgec.targets.device import Device
from edgec.targets.serial_link import SerialLink
from tests.errors.ptys import Firmware, port
from tests.protocol.links import build_firmware

SHA = "0123456789abcdef" * 4
INPUTS = [bytes(300), bytes(5)]


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    cc = shutil.which("cc") or pytest.skip("no host compiler")
    return build_firmware(cc, tmp_path_factory.mktemp("firmware"))


@pytest.fixture(autouse=True)
def in_time() -> Iterator[None]:
    start = time.monotonic()
    yield
    assert time.monotonic() - start < 20


def text_of(error: pytest.ExceptionInfo[TargetError], name: str) -> str:
    return str(error.value).replace(name, "PORT")


def test_absent_port(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("serial.tools.list_ports.comports", lambda: [])
    with pytest.raises(TargetError) as error:
        SerialLink("/dev/ttyEDGEC9")
    assert str(error.value) == (
        "cannot open serial port '/dev/ttyEDGEC9': No such file or directory\n"
        "  help: this machine has no serial ports at the moment"
    )


def test_file_that_is_no_port(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("serial.tools.list_ports.comports", lambda: [])
    (tmp_path / "file").write_text("")
    with pytest.raises(TargetError, match="cannot open serial port"):
        SerialLink(str(tmp_path / "file"))


def test_silent_port() -> None:
    with port(lambda data: b"") as name, pytest.raises(TargetError) as error:
        Device(SerialLink(name), timeout=0.4)
    assert text_of(error, name) == (
        "no answer on PORT within 0.4 s\n"
        "  help: is the board powered and flashed (edgec flash DIR), and is this its port?"
    )


@pytest.mark.parametrize("zeros", [False, True], ids=["text", "binary"])
def test_port_that_answers_rubbish(zeros: bool) -> None:
    source = random.Random(0)

    def rubbish(data: bytes) -> bytes:
        return source.randbytes(200) if zeros else b"login: \r\n"

    with port(rubbish) as name, pytest.raises(TargetError) as error:
        Device(SerialLink(name), timeout=0.5)
    message, help_text = text_of(error, name).splitlines()
    assert re.fullmatch(r"what answers on PORT is not edgec's firmware: no answer in \d+ bytes", message)
    assert help_text == "  help: is it the right port, at 115200 baud? edgec flash DIR writes the firmware"


def test_echo_is_rubbish() -> None:
    """A line whose two wires touch: valid frames come back, but no answers."""
    with port(lambda data: data) as name, pytest.raises(TargetError, match="is not edgec's firmware"):
        Device(SerialLink(name), timeout=0.5)


def test_endless_rubbish_does_not_hang() -> None:
    """A device that talks without being asked."""
    source = random.Random(1)
    stop_at = time.monotonic() + 3

    def chatter(data: bytes) -> bytes:
        return b"".join(source.randbytes(500) for _ in range(20 if time.monotonic() < stop_at else 0))

    with port(chatter) as name, pytest.raises(TargetError, match="is not edgec's firmware"):
        Device(SerialLink(name), timeout=0.5)


# 528 bytes of requests are the least that a run takes; more where the machine is busy and some are sent again.
@pytest.mark.parametrize("budget", [30, 200, 500, 520])
def test_board_that_stops_answering(program: Path, budget: int) -> None:
    with Firmware(program, budget) as firmware, port(firmware) as name, pytest.raises(TargetError) as error:
        Device(SerialLink(name), timeout=0.4, run_timeout=0.4).run(INPUTS)
    message, help_text = text_of(error, name).splitlines()
    assert message.startswith("the board on PORT stopped answering ")
    assert message.endswith(" (waited 0.4 s)")
    assert help_text == (
        "  help: reset the board and try again; for a slow board or a large model give --timeout SECONDS"
    )


def test_port_that_vanishes(program: Path) -> None:
    with Firmware(program) as firmware:
        with port(firmware) as name:
            device = Device(SerialLink(name), timeout=0.4)
        with pytest.raises(TargetError) as error:
            device.run(INPUTS)
    assert text_of(error, name) == (
        "lost serial port 'PORT': Input/output error\n  help: is the board still plugged in?"
    )


def test_wrong_firmware(program: Path) -> None:
    with Firmware(program) as firmware, port(firmware) as name, pytest.raises(TargetError) as error:
        Device(SerialLink(name)).expect("kws", "f" * 64, directory="kws")
    assert text_of(error, name) == (
        "the board runs another model: 'triple' instead of 'kws'\n"
        "  on PORT: triple (sha256 0123456789abcdef, compiled for host)\n"
        "  wanted: kws (sha256 ffffffffffffffff)\n"
        "  help: edgec flash kws puts the wanted model on the board"
    )


def test_other_version_of_the_same_model(program: Path) -> None:
    with Firmware(program) as firmware, port(firmware) as name:
        device = Device(SerialLink(name))
        device.expect("triple", SHA)
        with pytest.raises(TargetError, match="the board runs another version of 'triple'"):
            device.expect("triple", "f" * 64)


def test_board_that_restarts_during_an_inference(program: Path) -> None:
    with Firmware(program) as firmware, Firmware(program) as restarted:
        boards = [firmware]

        def connected(data: bytes) -> bytes:
            return boards[-1](data)

        with port(connected) as name:
            device = Device(SerialLink(name))
            device.run(INPUTS)
            boards.append(restarted)
            with pytest.raises(TargetError) as error:
                device.run(INPUTS)
    assert text_of(error, name) == (
        "the board on PORT restarted (its run counter is 1 where 2 was expected)\n"
        "  help: a crash, a watchdog or a weak power supply does this; try again with another cable or supply"
    )


def test_wrong_size_of_input(program: Path) -> None:
    with Firmware(program) as firmware, port(firmware) as name, pytest.raises(TargetError) as error:
        Device(SerialLink(name)).run([b"x"])
    assert str(error.value) == "the firmware takes inputs of [300, 5] bytes, not [1]"
