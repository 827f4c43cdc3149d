"""A program of Linux on another processor, emulated by QEMU: its serial port is a pseudo-terminal; exact counts."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
import tty
import weakref
from collections.abc import Callable
from pathlib import Path

from edgec.errors import TargetError
from edgec.target import Emulator, Target
from edgec.targets.emulator.board import BEGIN, END, RESUME, Board, read_image
from edgec.targets.emulator.counter import SharedWindow, qemu_plugin
from edgec.targets.emulator.qemu import PATIENCE, end_process
from edgec.targets.emulator.window import Counts

QEMU_USER = "qemu-aarch64"
THREADED = "ec_threads_worker"  # a function of programs with several threads, whose instructions nobody can count


def nothing() -> None:
    """What ends a program that does not run."""


class QemuProgram(Board):
    """One program at a time; none runs until it is loaded."""

    def __init__(self, target: Target, emulator: Emulator, qemu: str = QEMU_USER) -> None:
        self.target, self.qemu, self.machine = target, qemu, emulator.machine
        self.window = SharedWindow()
        self.output = tempfile.TemporaryFile(prefix="edgec-qemu-")  # noqa: SIM115, lives as long as the board
        self.plugin = self.counting = qemu_plugin(qemu)
        self.master, self.slave = os.openpty()
        tty.setraw(self.slave)
        self.port = os.ttyname(self.slave)
        self.process: subprocess.Popen[bytes] | None = None
        self.ended: Callable[[], object] = nothing

    def load(self, elf: Path) -> None:
        self.image = read_image(elf, self.target)
        self.reset()

    def reset(self) -> None:
        if self.image is None:
            raise TargetError("no program is loaded")
        self.ended()
        self.counting = self.plugin if self.image.address(THREADED) is None else None
        begin, end, resume = (self.image.address(name) for name in (BEGIN, END, RESUME))
        self.window.watch(begin, end, resume, self.image.marks)
        command = [self.qemu, "-cpu", self.machine]
        command += self.window.arguments(self.counting, "a64") if self.counting else []
        self.process = subprocess.Popen(
            [*command, str(self.image.path)], stdin=self.master, stdout=self.master, stderr=self.output
        )
        self.ended = weakref.finalize(self, end_process, self.process)

    def instructions(self) -> int | None:
        return self.window.total() if self.counting else None

    def counts(self) -> Counts | None:
        return self.window.counts() if self.counting else None

    def crash(self) -> str | None:
        deadline = time.monotonic() + PATIENCE
        while self.process and self.process.poll() is None:
            if time.monotonic() > deadline:
                return None
            time.sleep(0.01)
        self.output.seek(0)
        text = self.output.read().decode(errors="replace")
        status = self.process.returncode if self.process else "nothing"
        return text or f"the program ended with status {status}"

    def close(self) -> None:
        self.ended()
        for end in (self.master, self.slave):
            os.close(end)
        self.output.close()
        self.window.close()
