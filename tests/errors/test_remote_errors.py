"""What a user reads when a program cannot be copied to another machine, or does not run there; word for word."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgec.errors import TargetError
from edgec.targets.device import Device
from edgec.targets.remote import open_link, parse_remote
from tests.targets.compilers import needs_gcc_linux
from tests.targets.remote_box import stand_in
from tests.tools.cli import edgec, write_model

FORMS = "  help: --port ssh:USER@HOST, --port adb, or --port adb:SERIAL for one of several phones"
SSH, ADB = "ssh:me@box", "adb"


@pytest.fixture(autouse=True)
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder on PATH: it holds what a test puts there."""
    folder = tmp_path / "tools"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


def refused_push(port: str) -> str:
    remote = parse_remote(port)
    assert remote
    with pytest.raises(TargetError) as error:
        remote.push(Path("firmware.elf"), "tiny")
    return str(error.value)


def refused_device(port: str) -> str:
    with pytest.raises(TargetError) as error:
        Device(open_link(port, 0, "tiny"), timeout=5)
    return str(error.value)


def test_no_tool_to_copy_with() -> None:
    assert refused_push(SSH) == (
        "scp is not on PATH\n"
        "  scp -q firmware.elf me@box:edgec-tiny\n"
        "  help: apt-get install openssh-client"
    )  # fmt: skip
    assert refused_push(ADB) == (
        "adb is not on PATH\n"
        "  adb push firmware.elf /data/local/tmp/edgec-tiny\n"
        "  help: apt-get install adb; adb devices lists phones"
    )


def test_copy_that_fails(tools: Path) -> None:
    stand_in(tools, "scp", "echo 'me@box: Permission denied (publickey).' >&2; exit 255\n")
    assert refused_push(SSH) == (
        "scp could not copy the program\n"
        "  scp -q firmware.elf me@box:edgec-tiny\n"
        "  me@box: Permission denied (publickey)."
    )  # fmt: skip


def test_copy_that_does_not_end(tools: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgec.targets.remote.SECONDS", 0.3)
    stand_in(tools, "adb", "exec /bin/sleep 20\n")
    assert refused_push(ADB) == (
        "adb did not finish within 0.3 s\n  adb push firmware.elf /data/local/tmp/edgec-tiny"
    )  # fmt: skip


def test_no_tool_to_run_with() -> None:
    assert refused_device(SSH) == (
        "cannot run 'ssh': No such file or directory\n"
        "  ssh me@box ./edgec-tiny\n"
        "  help: apt-get install openssh-client"
    )  # fmt: skip


@pytest.mark.parametrize(("port", "tool", "status"), [(SSH, "ssh", 127), (ADB, "adb", 1)])
def test_program_that_ends(tools: Path, port: str, tool: str, status: int) -> None:
    """It was never copied, the network is down, or it crashed: the tool has said so on standard error."""
    stand_in(tools, tool, f"exit {status}\n")
    command = {
        "ssh": "ssh me@box ./edgec-tiny",
        "adb": "adb shell -T 'chmod 755 /data/local/tmp/edgec-tiny && /data/local/tmp/edgec-tiny'",
    }[tool]
    assert refused_device(port) == (
        f"the program on {port} ended with status {status}\n"
        f"  {command}\n"
        f"  help: edgec flash DIR --port {port} copies it there"
    )


def test_program_that_is_silent(tools: Path) -> None:
    stand_in(tools, "ssh", "exec /bin/sleep 20\n")
    with pytest.raises(TargetError) as error:
        Device(open_link(SSH, 0, "tiny"), timeout=0.4)
    assert str(error.value) == (
        f"no answer on {SSH} within 0.4 s\n"
        "  help: is the board powered and flashed (edgec flash DIR), and is this its port?"
    )


@pytest.mark.parametrize("port", ["ssh:", "ssh", "ssh:-oProxyCommand=true"])
def test_no_host(port: str) -> None:
    with pytest.raises(TargetError) as error:
        parse_remote(port)
    assert str(error.value) == f"port {port!r} names no host\n{FORMS}"


@needs_gcc_linux
def test_serial_port_of_a_board_with_linux(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    result = edgec("compile", write_model(tmp_path), "--target", "raspberrypi4", "-o", tmp_path / "tiny")
    assert result.exit_code == 0, result.stderr
    flashed = edgec("flash", tmp_path / "tiny", "--port", "/dev/ttyUSB0")
    assert flashed.exit_code == 2
    assert flashed.stderr.splitlines()[-2:] == [
        "error: raspberrypi4 is not flashed through a serial port",
        FORMS,
    ]
