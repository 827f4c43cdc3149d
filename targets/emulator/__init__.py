"""Emulated boards: QEMU where it is installed, else unicorn from pip."""

from __future__ import annotations

import shutil
from importlib.util import find_spec
from pathlib import Path

from edgec.errors import TargetError
from edgec.target import Target
from edgec.targets.emulator.board import Board
from edgec.targets.emulator.qemu import QEMU, QemuBoard
from edgec.targets.emulator.qemu_user import QEMU_USER, QemuProgram

CHOICES = ("auto", "qemu", "unicorn")


def open_board(target: Target, elf: Path | None = None, *, emulator: str = "auto") -> Board:
    """An emulated board with the firmware `elf` running on it (nothing runs without one until `load`).

    emulator: "qemu", "unicorn", or "auto" for QEMU where it is on PATH and unicorn else.
    """
    if emulator not in CHOICES:
        raise TargetError(f"unknown emulator {emulator!r}; allowed: {', '.join(CHOICES)}")
    if target.emulator is None:
        raise TargetError(
            f"{target.name} is not an emulated board",
            help="connect it and give --port, or name an emulated board: edgec targets lists them",
        )
    board = choose(target, emulator)
    try:
        if elf is not None:
            board.load(elf)
    except BaseException:
        board.close()
        raise
    return board


def choose(target: Target, emulator: str) -> Board:
    """The emulator that is asked for, or the better one of those that are there."""
    assert target.emulator is not None
    if target.emulator.user:
        if emulator == "unicorn" or not shutil.which(QEMU_USER):
            raise TargetError(
                f"{target.name} ({target.core.name}) needs {QEMU_USER}, which is not on PATH"
                if emulator != "unicorn"
                else f"{target.name} ({target.core.name}) needs QEMU: unicorn emulates no Linux",
                help="apt-get install --no-install-recommends qemu-user",
            )
        return QemuProgram(target, target.emulator)
    if emulator != "unicorn" and shutil.which(QEMU):
        return QemuBoard(target, target.emulator)
    if emulator == "qemu":
        raise TargetError(f"{QEMU} is not on PATH", help="apt-get install --no-install-recommends qemu-system-arm")
    if not target.emulator.unicorn:
        raise TargetError(
            f"{target.name} ({target.core.name}) needs QEMU: unicorn cannot emulate it",
            help="apt-get install --no-install-recommends qemu-system-arm",
        )
    if not find_spec("unicorn"):
        raise TargetError("no emulator is installed", help="pip install 'edgec[emulator]', or install qemu-system-arm")
    from edgec.targets.emulator.unicorn_board import UnicornBoard

    return UnicornBoard(target)


__all__ = ["Board", "open_board"]
