"""The command `edgec`: one file a command."""

from __future__ import annotations

from typing import Annotated

import typer

import edgec
from edgec.tools.bench import bench_command
from edgec.tools.check import check_command
from edgec.tools.compile import compile_command
from edgec.tools.flash import flash_command
from edgec.tools.ops import ops_command
from edgec.tools.profile import profile_command
from edgec.tools.report import report_command
from edgec.tools.run import run_command
from edgec.tools.targets import targets_command

COMMANDS = (
    ("compile", compile_command),
    ("run", run_command),
    ("profile", profile_command),
    ("report", report_command),
    ("check", check_command),
    ("flash", flash_command),
    ("bench", bench_command),
    ("targets", targets_command),
    ("ops", ops_command),
)


def print_version(wanted: bool) -> None:
    if wanted:
        print(f"edgec {edgec.__version__}")
        raise typer.Exit


def entry(
    version: Annotated[
        bool, typer.Option("--version", callback=print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """ONNX networks to C for microcontrollers."""


app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.callback()(entry)
for name, command in COMMANDS:
    app.command(name)(command)


def main() -> None:
    """Entry point of the package."""
    app()
