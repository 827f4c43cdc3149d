"""`edgec profile`: where the time goes, layer by layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from edgec.codegen.picture import Picture
from edgec.codegen.words import share, shortened, size
from edgec.errors import ModelError, TargetError
from edgec.target import Target
from edgec.targets.cycles import estimate_cycles
from edgec.targets.messages import RefusedError
from edgec.tools.output import CcOption, JsonOption, VerboseOption, reporting, table
from edgec.tools.picture import Bar, bar_chart, check_suffix, write_picture
from edgec.tools.project import MARKS, ProjectFolder, Session, board_of, connect, read_project
from edgec.tools.run import BoardOption, DirArgument, EmulatorOption, PortOption, TimeoutOption, graph_inputs

OF_REPORT = ("name", "op", "kernel", "macs", "ram", "flash", "why_not")
COUNTS = ("instructions", "cycles", "cycles_estimate")
WIDTH = 110  # of the table, in a file and at least
REST = "between the layers"


def profile_command(
    directory: DirArgument,
    figure: Annotated[
        Path | None, typer.Option("--figure", metavar="F.svg", help="Also a picture, one bar a layer: .svg or .png.")
    ] = None,
    board: BoardOption = None,
    port: PortOption = None,
    timeout: TimeoutOption = None,
    emulator: EmulatorOption = "auto",
    cc: CcOption = None,
    as_json: JsonOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Show what each layer of a project costs: instructions or cycles, RAM, flash, and why it has no faster kernel.

    On an emulated board the instructions are exact, and where the core's manual has a time for each of them, cycles
    are estimated for memory without wait states. On a connected board that edgec flash --profile wrote, the core's
    own counter gives the cycles.

    Examples:

      edgec profile kws

      edgec profile kws --board cortex-m0plus --figure kws.svg

      edgec flash kws --profile --port /dev/ttyACM0 && edgec profile kws --port /dev/ttyACM0
    """
    with reporting(as_json, verbose) as out:
        if figure is not None:
            check_suffix(figure)
        project = read_project(directory)
        if project.report.get("threads", 1) > 1:
            raise ModelError(
                f"{str(directory)!r} runs {project.report['threads']} threads: what a layer takes is not counted then",
                help="compile the model without --threads, into another folder, and profile that",
            )
        target = board_of(project, board)
        if target.is_host and port is None:
            raise TargetError(
                "this computer counts neither instructions nor cycles",
                help="--board NAME profiles the project on an emulated board or core: edgec targets lists them",
            )
        with connect(
            project, target, out, port=port, cc=cc, emulator=emulator, timeout=timeout, profile=MARKS
        ) as session:
            out.step("running")
            session.run(graph_inputs(project, None, None, 1))
            rows = emulated_rows(session, target) if session.board else connected_rows(session, target)
        values = combine(project, target, session.compiler, rows)
        if figure is not None:
            write_picture(draw(values), figure)
            values["figure"] = str(figure)
        out.result(values, lambda console: show(console, values))


def emulated_rows(session: Session, target: Target) -> list[dict[str, Any]]:
    """Exact instructions of the last run, and estimated cycles: first of what no layer took, then of each layer."""
    assert session.board is not None
    assert session.board.image is not None
    counts = session.board.counts()
    if counts is None:
        raise TargetError(
            "QEMU cannot count on this computer: that takes a C compiler to build its plugin with",
            help="install gcc or clang, or take --emulator unicorn",
        )
    if not session.board.image.marks and session.project.report["layers"]:
        raise ModelError(
            f"{session.project.folder} does not say where its layers begin", help="compile the model again"
        )
    cycles: Sequence[float | None] = [None] * len(counts.executed)
    if target.core.cycles is not None:
        cycles = estimate_cycles(counts, target.core.cycles, session.board.image.code)
    return [
        {"instructions": instructions, "cycles": None, "cycles_estimate": None if time is None else round(time)}
        for instructions, time in zip(counts.instructions(), cycles, strict=True)
    ]


def connected_rows(session: Session, target: Target) -> list[dict[str, Any]]:
    """Cycles of the last run that the board itself counted."""
    try:
        cycles = session.device.layer_cycles()
    except RefusedError:
        raise TargetError(
            "the firmware on the board was not built to be profiled",
            help=f"edgec flash {session.project.folder} --profile writes one that is",
        ) from None
    if not any(cycles):
        raise TargetError(
            f"{target.core.name} on {target.name} has no cycle counter",
            help=f"edgec profile {session.project.folder} --board {target.core.name} counts instructions instead",
        )
    return [{"instructions": None, "cycles": count, "cycles_estimate": None} for count in cycles]


def combine(project: ProjectFolder, target: Target, compiler: str | None, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """What was counted beside what the report says about each layer."""
    rest, *counted = rows
    layers = project.report["layers"]
    if len(counted) != len(layers):
        raise ModelError(
            f"the firmware has {len(counted)} layers, {project.folder} has {len(layers)}",
            help="compile the model again, and flash a real board again",
        )
    entries = []
    for layer, counts in zip(layers, counted, strict=True):
        spent = counts["instructions"] if counts["instructions"] is not None else counts["cycles"]
        per_mac = round(spent / layer["macs"], 3) if layer["macs"] else None
        entries.append({**{key: layer[key] for key in OF_REPORT}, **counts, "per_mac": per_mac})
    totals = {key: None if rest[key] is None else sum(row[key] for row in rows) for key in COUNTS}
    return {
        "model": project.report["model"],
        "board": target.name,
        "core": target.core.name,
        "compiled_for": project.report["target"],
        "compiler": compiler,
        "macs": project.report["macs"]["executed"],
        **totals,
        "layers": entries,
        "rest": rest,
    }


def unit_of(values: Mapping[str, Any]) -> str:
    """What the layers are compared by."""
    return "instructions" if values["instructions"] is not None else "cycles"


def headline(values: Mapping[str, Any]) -> str:
    """All of it in one line."""
    unit = unit_of(values)
    total = f"{values[unit]:,} {unit}"
    per_mac = f" ({values[unit] / values['macs']:.2f} per MAC)" if values["macs"] else ""
    estimate = values["cycles_estimate"]
    cycles = f", about {estimate / 1e6:.3g} M cycles (an estimate)" if estimate is not None else ""
    return f"{values['model']['name']} on {values['board']} ({values['core']}): {total}{per_mac}{cycles}"


def show(console: Console, values: Mapping[str, Any]) -> None:
    """The table, and below it why layers are not faster."""
    unit = unit_of(values)
    estimated = values["cycles_estimate"] is not None
    console.print(headline(values))
    if values["compiler"]:
        console.print(f"built with {values['compiler']}")
    if values["compiled_for"] != values["board"]:
        console.print(f"compiled for {values['compiled_for']}, whose core chose the kernels")
    console.print()
    columns = ["layer", "kernel", "MACs#", {"instructions": "instr.#"}.get(unit, f"{unit}#"), "share#", "/MAC#"]
    columns += [*(["~cycles#"] if estimated else []), "RAM#", "flash#"]
    rows = []
    for layer in [*values["layers"], values["rest"]]:
        macs = layer.get("macs")
        cells = [shortened(layer.get("name", REST)), layer.get("kernel"), number(macs) if macs else ""]
        cells += [number(layer[unit]), share(layer[unit], values[unit]), f"{layer['per_mac']:.2f}" if macs else ""]
        cells += [number(layer["cycles_estimate"])] if estimated else []
        cells += [size(layer[key]) if key in layer else "" for key in ("ram", "flash")]
        rows.append(cells)
    result = table("", columns, rows)
    for column in result.columns:
        # Names are cut where there is no room, numbers never.
        column.no_wrap, column.overflow = True, "ellipsis"
    for column in result.columns[1:]:
        column.min_width = max(len(str(cell)) for cell in (column.header, *column.cells))
    console.width = max(console.width if console.is_terminal else 0, WIDTH)
    console.print(result)
    for layer in values["layers"]:
        for reason in layer["why_not"]:
            console.print(f"{shortened(layer['name'])} has no faster kernel than {layer['kernel']}: {reason}")
    if "figure" in values:
        console.print(f"\nDrawn in {values['figure']}")


def number(count: float) -> str:
    """For people: 5.30 M."""
    if count < 10_000:
        return f"{count:,.0f}"
    return f"{count / 1e3:.1f} K" if count < 1e6 else f"{count / 1e6:.2f} M"


def draw(values: Mapping[str, Any]) -> Picture:
    """One bar a layer, as long as its time."""
    unit = unit_of(values)
    bars = []
    for layer in values["layers"]:
        per_mac = f"  {layer['per_mac']:.2f} per MAC" if layer["macs"] else ""
        value = f"{layer[unit]:,}  {share(layer[unit], values[unit])}{per_mac}"
        bars.append(Bar(shortened(layer["name"]), layer[unit], value, layer["kernel"]))
    return bar_chart(headline(values), bars)
