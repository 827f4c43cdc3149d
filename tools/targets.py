"""`edgec targets`: the boards that edgec knows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Console

from edgec.codegen.words import size
from edgec.target import Target
from edgec.targets import list_targets, load_target
from edgec.tools.output import JsonOption, VerboseOption, reporting, table


def targets_command(as_json: JsonOption = False, verbose: VerboseOption = False) -> None:
    """List the boards that --target takes, with their memory and how they are run.

    A board of your own is a .toml file: --target path/to/board.toml.
    """
    with reporting(as_json, verbose) as out:
        boards = [load_target(name) for name in list_targets()]
        columns = ("board", "core", "flash#", "RAM#", "MHz#", "runs", "what it is")
        out.result(
            {"targets": [board_json(board) for board in boards]},
            lambda console: show(console, columns, boards),
        )


def show(console: Console, columns: Sequence[str], boards: Sequence[Target]) -> None:
    """The table; names are never cut, what a board is may take several lines."""
    result = table("", columns, map(board_row, boards))
    for column in result.columns[:-1]:
        column.no_wrap = True
    console.print(result)


def board_json(board: Target) -> dict[str, Any]:
    """A board as JSON; sizes in bytes."""
    return {
        "name": board.name,
        "title": board.title,
        "core": board.core.name,
        "flash": board.flash,
        "ram": board.ram,
        "clock_hz": board.clock_hz,
        "emulated": board.emulator is not None,
        "flash_tools": [tool.name for tool in board.flash_tools],
    }


def board_row(board: Target) -> tuple[str, ...]:
    """A board as a row of the table."""
    runs = "emulated" if board.emulator else "here" if board.is_host else "connected"
    flash, ram = ("", "") if board.is_host else (size(board.flash), size(board.ram))
    clock = f"{board.clock_hz / 1e6:g}" if board.clock_hz else ""
    return board.name, board.core.name, flash, ram, clock, runs, board.title
