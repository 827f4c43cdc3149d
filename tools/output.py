"""What every command shares: one JSON object or text on stdout, progress and errors on stderr, exit codes."""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Annotated, Any, TypeVar

import numpy as np
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from edgec.errors import EdgecError, InternalError

T = TypeVar("T")

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else on stdout.")]
VerboseOption = Annotated[
    bool, typer.Option("--verbose", help="Say more: every stage, and tracebacks of edgec's bugs.")
]
CcOption = Annotated[
    str | None,
    typer.Option("--cc", metavar="CC", help="C compiler: a command, a path, or zig. Default: the best one installed."),
]
ShapeOption = Annotated[
    list[str] | None,
    typer.Option("--shape", metavar="NAME=N", help="Size of a symbolic dimension of the model; may be repeated."),
]

FAILED = 1  # exit code of a check that failed


class Output:
    """Where a command writes. Progress appears for work that lasts over a second."""

    def __init__(self, as_json: bool, verbose: bool) -> None:
        self.as_json = as_json
        self.verbose = verbose
        self.stdout = Console(highlight=False, markup=False, soft_wrap=True)
        self.stderr = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)
        self.progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=30),
            TextColumn("{task.fields[count]}"),
            TimeElapsedColumn(),
            console=self.stderr,
            transient=True,
            # The first redraw comes after a second: what is quicker shows nothing.
            refresh_per_second=1,
            disable=not self.stderr.is_terminal,
        )
        self.task = self.progress.add_task("", total=None, count="", visible=False)

    def step(self, text: str) -> None:
        """A new stage of the work begins."""
        if self.verbose:
            self.stderr.print(text)
        self.progress.update(self.task, description=text, total=None, completed=0, count="", visible=True)

    def track(self, values: Sequence[T], text: str) -> Iterator[T]:
        """The values one by one, with a bar of how many are done."""
        self.step(text)
        self.progress.update(self.task, total=len(values))
        for done, value in enumerate(values):
            self.progress.update(self.task, completed=done, count=f"{done}/{len(values)}")
            yield value

    def note(self, text: str) -> None:
        """Something worth knowing that is no result."""
        self.stderr.print(text)

    def result(self, values: Mapping[str, Any], show: Callable[[Console], None]) -> None:
        """The command's result: `values` as JSON, or whatever `show` prints."""
        self.progress.stop()
        if self.as_json:
            print(json.dumps(values, default=plain))
        else:
            show(self.stdout)

    def error(self, error: EdgecError) -> None:
        self.progress.stop()
        self.stderr.print(f"error: {error}", style="red" if self.stderr.is_terminal else None)
        if self.as_json:
            content = {"kind": type(error).__name__, "message": error.message, "where": error.where, "help": error.help}
            print(json.dumps({"error": content}))


@contextmanager
def reporting(as_json: bool, verbose: bool) -> Iterator[Output]:
    """Runs a command: EdgecErrors become text and an exit code; anything else is a bug of edgec and says so."""
    output = Output(as_json, verbose)
    try:
        with output.progress:
            yield output
    except EdgecError as error:
        output.error(error)
        raise typer.Exit(error.exit_code) from None
    except KeyboardInterrupt:
        output.note("interrupted")
        raise typer.Exit(130) from None
    except typer.Exit:
        raise
    except Exception as error:
        bug = as_bug(error, verbose)
        output.error(bug)
        raise typer.Exit(bug.exit_code) from None


def as_bug(error: Exception, verbose: bool) -> InternalError:
    """An exception that no command expects, as an error that asks for a report."""
    lines = traceback.format_exception(error) if verbose else traceback.format_exception_only(error)
    place = traceback.extract_tb(error.__traceback__)[-1]
    where = "".join(lines).rstrip() + f"\nin {place.name}, {place.filename}:{place.lineno}"
    help_text = "this is a bug of edgec: please report it" + ("" if verbose else ", with what --verbose prints")
    return InternalError("something in edgec itself went wrong", where=where, help=help_text)


def plain(value: object) -> object:
    """Numpy's numbers and arrays as what JSON knows."""
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    raise InternalError(f"{type(value).__name__} in JSON output")


def table(title: str, columns: Iterable[str], rows: Iterable[Sequence[object]]) -> Table:
    """A rich table; columns whose name ends in `#` hold numbers and are set flush right."""
    result = Table(title=title or None, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for column in columns:
        result.add_column(column.rstrip("#"), justify="right" if column.endswith("#") else "left", overflow="fold")
    for row in rows:
        result.add_row(*("" if cell is None else str(cell) for cell in row))
    return result


def exit_failed() -> None:
    """End with the exit code of a check that failed; in --json, after the one object."""
    sys.stdout.flush()
    raise typer.Exit(FAILED)
