"""Computers with Linux and phones as boards: programs are copied there by scp or adb, and talk through a pipe."""

from __future__ import annotations

import os
import select
import shlex
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from edgec.errors import TargetError
from edgec.targets.serial_link import Link, SerialLink

SECONDS = 300
BAUD = 10_000_000  # what a pipe is taken for where times are worked out
FOLDERS = {"ssh": "", "adb": "/data/local/tmp/"}
INSTALL = {"ssh": "apt-get install openssh-client", "adb": "apt-get install adb; adb devices lists phones"}
FORMS = "--port ssh:USER@HOST, --port adb, or --port adb:SERIAL for one of several phones"


@dataclass(frozen=True)
class Remote:
    """A machine that programs run on. kind: ssh or adb; address: user and host, or a phone's serial number."""

    kind: str
    address: str

    def file(self, model: str) -> str:
        """Where the program of a model lies there."""
        return f"{FOLDERS[self.kind]}edgec-{model}"

    def push_command(self, program: Path, model: str) -> tuple[str, ...]:
        """Copies a program there."""
        if self.kind == "ssh":
            return ("scp", "-q", str(program), f"{self.address}:{self.file(model)}")
        return (*self.adb, "push", str(program), self.file(model))

    def run_command(self, model: str) -> tuple[str, ...]:
        """Runs it, its standard input and output connected to those of the command."""
        if self.kind == "ssh":
            return ("ssh", self.address, f"./{self.file(model)}")
        # `exec-out` and `shell -T` leave bytes as they are; the first takes no input.
        return (*self.adb, "shell", "-T", f"chmod 755 {self.file(model)} && {self.file(model)}")

    @property
    def adb(self) -> tuple[str, ...]:
        return ("adb", "-s", self.address) if self.address else ("adb",)

    def push(self, program: Path, model: str) -> None:
        """Copy a program there; TargetError with what the tool said."""
        command = self.push_command(program, model)
        if shutil.which(command[0]) is None:
            raise TargetError(f"{command[0]} is not on PATH", where=shlex.join(command), help=INSTALL[self.kind])
        try:
            result = subprocess.run(
                command, capture_output=True, text=True, errors="replace", timeout=SECONDS, check=False
            )
        except subprocess.TimeoutExpired:
            raise TargetError(f"{command[0]} did not finish within {SECONDS} s", where=shlex.join(command)) from None
        if result.returncode != 0:
            lines = (result.stderr + result.stdout).strip().splitlines()[-8:]
            raise TargetError(
                f"{command[0]} could not copy the program", where="\n".join([shlex.join(command), *lines])
            )


def parse_remote(port: str) -> Remote | None:
    """`ssh:USER@HOST`, `adb` or `adb:SERIAL`; None for anything else, which is a serial port."""
    kind, _, address = port.partition(":")
    if kind not in FOLDERS:
        return None
    if kind == "ssh" and (not address or address.startswith("-")):
        raise TargetError(f"port {port!r} names no host", help=FORMS)
    return Remote(kind, address)


def open_link(port: str, baud: int, model: str) -> Link:
    """The board on a port: a serial one, or the program of a model on another machine, which is started."""
    remote = parse_remote(port)
    if remote is None:
        return SerialLink(port, baud)
    try:
        return PipeLink(remote.run_command(model), port)
    except OSError as error:
        command = remote.run_command(model)
        message = f"cannot run {command[0]!r}: {error.strerror}"
        raise TargetError(message, where=shlex.join(command), help=INSTALL[remote.kind]) from None


class PipeLink:
    """Standard input and output of a program as a link; OSError where it cannot be started."""

    def __init__(self, command: tuple[str, ...], name: str) -> None:
        self.name, self.baud, self.command = name, BAUD, command
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self.process.stdin
        assert self.process.stdout
        self.input, self.output = self.process.stdin, self.process.stdout

    def read(self, seconds: float) -> bytes:
        ready, _, _ = select.select([self.output], [], [], seconds)
        if not ready:
            return b""
        data = os.read(self.output.fileno(), 4096)  # no buffer between: select() sees all that is there
        if not data:
            raise self.lost()
        return data

    def write(self, data: bytes) -> None:
        try:
            self.input.write(data)
            self.input.flush()
        except OSError:
            raise self.lost() from None

    def lost(self) -> TargetError:
        status = self.process.wait()
        return TargetError(
            f"the program on {self.name} ended with status {status}",
            where=shlex.join(self.command),
            help=f"edgec flash DIR --port {self.name} copies it there",
        )

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self.input.close()
        self.output.close()
