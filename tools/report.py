"""`edgec report`: the page of a project, or its pictures as files."""

from __future__ import annotations

import webbrowser
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from edgec.api import PAGE
from edgec.codegen.front_chart import front_chart
from edgec.codegen.memory_map import memory_map
from edgec.codegen.picture import Picture
from edgec.errors import ModelError
from edgec.tools.output import JsonOption, VerboseOption, reporting
from edgec.tools.picture import check_suffix, write_picture
from edgec.tools.project import read_project
from edgec.tools.run import DirArgument


def report_command(
    directory: DirArgument,
    figure: Annotated[
        Path | None,
        typer.Option(
            "--figure", metavar="F.svg", help="Instead write the memory map, .svg or .png; the front as F-front."
        ),
    ] = None,
    as_json: JsonOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Open the report of a project in the browser: memory over time, layers, RAM against instructions.

    The page is DIR/report.html: one file that needs no network.

    RAM against instructions is there where edgec compile --front searched for it.

    Examples:

      edgec report kws

      edgec report kws --figure kws.svg

      edgec report kws --json
    """
    with reporting(as_json, verbose) as out:
        if figure is not None:
            check_suffix(figure)
        project = read_project(directory)
        page = directory / PAGE
        if not page.is_file() or "memory" not in project.report:
            raise ModelError(f"{directory} has no {PAGE}", help="an older edgec wrote it: compile the model again")
        figures = [] if figure is None else write_figures(project.report, figure)
        opened = figure is None and not as_json and open_page(page)
        values = {**project.report, "page": str(page), "figures": [str(file) for file in figures]}
        out.result(values, lambda console: show(console, values, opened))


def write_figures(report: Mapping[str, Any], figure: Path) -> list[Path]:
    """The memory map as `figure`, the front beside it where there is one; the files that were written."""
    pictures: dict[Path, Picture] = {figure: memory_map(report)}
    if report["front"]:
        pictures[figure.with_name(f"{figure.stem}-front{figure.suffix}")] = front_chart(report)
    for file, picture in pictures.items():
        write_picture(picture, file)
    return list(pictures)


def open_page(page: Path) -> bool:
    """Whether a browser took it."""
    return webbrowser.open(page.resolve().as_uri())


def show(console: Console, values: Mapping[str, Any], opened: bool) -> None:
    """Where to find what was asked for."""
    if values["figures"]:
        console.print(f"Drawn in {' and '.join(values['figures'])}")
    else:
        console.print(values["page"] if opened else f"{values['page']}: no browser is here to open it")
