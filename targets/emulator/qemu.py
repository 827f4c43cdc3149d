"""A board emulated by QEMU: serial port on a pseudo-terminal, flash through the debug port, exact counts."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import tempfile
import time
import weakref
from pathlib import Path
from typing import Any

from edgec.errors import TargetError
from edgec.target import Emulator, Target
from edgec.targets.emulator.board import BEGIN, END, RESUME, Board, read_image
from edgec.targets.emulator.counter import SharedWindow, qemu_plugin
from edgec.targets.emulator.gdb import GdbStub
from edgec.targets.emulator.window import Counts

QEMU = "qemu-system-arm"
START_SECONDS = 30.0
PATIENCE = 0.5  # seconds for a dying QEMU to be gone


class QemuBoard(Board):
    """One QEMU process; it stands still until a firmware is loaded."""

    def __init__(self, target: Target, emulator: Emulator, qemu: str = QEMU) -> None:
        self.target = target
        self.window = SharedWindow()
        self.output = tempfile.TemporaryFile(prefix="edgec-qemu-")  # noqa: SIM115, lives as long as the board
        monitor, monitor_end = socket.socketpair()
        debug, debug_end = socket.socketpair()
        self.plugin = qemu_plugin(qemu)
        command = [qemu, "-M", emulator.machine, "-display", "none", "-S", "-preconfig"]
        command += ["-chardev", "pty,id=serial", "-serial", "chardev:serial"]
        command += ["-chardev", f"socket,id=monitor,fd={monitor_end.fileno()}", "-mon", "chardev=monitor,mode=control"]
        command += ["-chardev", f"socket,id=debug,fd={debug_end.fileno()}", "-gdb", "chardev:debug"]
        command += ["-semihosting-config", "enable=on,target=native"]
        command += self.window.arguments(self.plugin) if self.plugin else []
        with monitor_end, debug_end:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=self.output,
                stderr=subprocess.STDOUT,
                pass_fds=[monitor_end.fileno(), debug_end.fileno()],
            )
        self.holder = -1
        self.ended = weakref.finalize(self, end_process, self.process)
        self.monitor = Monitor(monitor)
        self.debug = GdbStub(debug)
        try:
            self.monitor.command("qmp_capabilities")
            self.port = self.find_port()
            # QEMU looks once a second whether somebody has the port open: from the start, somebody has.
            self.holder = os.open(self.port, os.O_RDWR | os.O_NOCTTY)
            self.monitor.command("x-exit-preconfig")
        except (TargetError, OSError) as error:
            output = self.crash() or str(error)
            self.close()
            raise TargetError(f"QEMU does not start machine {emulator.machine!r}", where=output.strip()) from None

    def find_port(self) -> str:
        """The pseudo-terminal that QEMU opened for the first serial port."""
        devices = self.monitor.command("query-chardev")
        name = next(str(device["filename"]) for device in devices if device["label"] == "serial")
        return name.removeprefix("pty:")

    def load(self, elf: Path) -> None:
        self.image = read_image(elf, self.target)
        self.monitor.command("stop")
        # Before the code is written: QEMU translates it, and asks where the window is, when it first runs.
        begin, end, resume = (self.image.address(name) for name in (BEGIN, END, RESUME))
        self.window.watch(begin, end, resume, self.image.marks)
        for address, data in self.image.segments:
            self.debug.write(address, data)
        self.reset()

    def reset(self) -> None:
        self.monitor.command("system_reset")
        self.monitor.command("cont")

    def instructions(self) -> int | None:
        return self.window.total() if self.plugin else None

    def counts(self) -> Counts | None:
        return self.window.counts() if self.plugin else None

    def crash(self) -> str | None:
        # A firmware that just told of a fault leaves QEMU a moment later.
        deadline = time.monotonic() + PATIENCE
        while self.process.poll() is None:
            if time.monotonic() > deadline:
                return None
            time.sleep(0.01)
        self.output.seek(0)
        text = self.output.read().decode(errors="replace")
        return text or f"QEMU ended with status {self.process.returncode}"

    def close(self) -> None:
        self.ended()
        if self.holder >= 0:
            os.close(self.holder)
            self.holder = -1
        self.monitor.close()
        self.debug.connection.close()
        self.output.close()
        self.window.close()


def end_process(process: subprocess.Popen[bytes]) -> None:
    """End QEMU for certain; it has nothing to save."""
    process.kill()
    process.wait()


class Monitor:
    """QEMU's machine protocol: one JSON object a line."""

    def __init__(self, connection: socket.socket) -> None:
        connection.settimeout(START_SECONDS)
        self.connection = connection
        self.lines = connection.makefile("rwb", buffering=0)

    def command(self, name: str) -> Any:
        """Run a command without arguments; what it returns."""
        try:
            self.lines.write(json.dumps({"execute": name}).encode() + b"\n")
            while line := self.lines.readline():
                answer = json.loads(line)
                if "error" in answer:
                    raise TargetError(f"QEMU refuses {name}: {answer['error']['desc']}")
                if "return" in answer:
                    return answer["return"]
                # else: the greeting, or an event
        except TimeoutError:
            raise TargetError(f"QEMU does not answer to {name} within {START_SECONDS:g} s") from None
        except OSError as error:
            raise TargetError(f"lost QEMU at {name}: {error.strerror}") from None
        raise TargetError(f"QEMU ended at {name}")

    def close(self) -> None:
        self.lines.close()
        self.connection.close()
