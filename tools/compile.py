"""`edgec compile`: an ONNX network to a C project."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from edgec.api import CompiledModel, compile_model, free_directory
from edgec.codegen.literals import identifier
from edgec.codegen.words import excess, shortened, size
from edgec.errors import ModelError, TargetError
from edgec.goal import Goal
from edgec.tools.output import CcOption, JsonOption, Output, ShapeOption, VerboseOption, reporting, table

SHOWN_LAYERS = 8
SHOWN_WARNINGS = 5

ModelArgument = Annotated[Path, typer.Argument(metavar="MODEL.onnx", show_default=False, help="The network.")]
TargetOption = Annotated[
    str, typer.Option("--target", metavar="BOARD", help="A board of edgec targets, or the path of your own .toml.")
]
GoalOption = Annotated[
    Goal, typer.Option("--optimize", help="What to be good at: choice of kernels and of the C compiler's level.")
]
DataOption = Annotated[
    Path | None,
    typer.Option("--data", metavar="S.npz", help="Samples: x, first axis = sample, in the model's own input form."),
]
RamOption = Annotated[
    str | None,
    typer.Option(
        "--ram",
        metavar="BYTES|min",
        help="What all of it may take (64K, 65536): the fastest that fits; min: the least, with rows computed again. "
        "Default: the least in which nothing is computed twice.",
    ),
]
PushOption = Annotated[
    bool, typer.Option("--push", help="The first input comes row by row (a camera's lines): it needs no memory.")
]


StreamingOption = Annotated[
    bool, typer.Option("--streaming", help="The rows of the first input never end (audio): each computes what is new.")
]
OutputOption = Annotated[
    Path | None, typer.Option("-o", "--output", metavar="DIR", help="Project folder. Default: the model's name.")
]
DumpOption = Annotated[
    Path | None, typer.Option(metavar="DIR", help="Write the graph after each pass that changed it.")
]
NameOption = Annotated[
    str | None, typer.Option("--name", metavar="NAME", help="Prefix of the C names. Default: the file's.")
]
ThreadsOption = Annotated[
    int, typer.Option("--threads", metavar="N", help="Share the rows of each layer among N threads (Linux, Android).")
]
FrontOption = Annotated[
    bool, typer.Option("--front", help="Also show every choice of --ram: RAM against estimated instructions.")
]


def compile_command(
    model: ModelArgument,
    target: TargetOption,
    data: DataOption = None,
    shape: ShapeOption = None,
    output: OutputOption = None,
    optimize: GoalOption = Goal.BALANCED,
    ram: RamOption = None,
    push: PushOption = False,
    streaming: StreamingOption = False,
    front: FrontOption = False,
    threads: ThreadsOption = 1,
    cc: CcOption = None,
    dump_ir: DumpOption = None,
    name: NameOption = None,
    as_json: JsonOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Turn an ONNX network into a C project for a board.

    A quantised network (QDQ or QLinear operators, int8 or uint8) is taken as it is. A float one is quantised with
    the samples of --data.

    Examples:

      edgec compile kws.onnx --target nucleo-l4r5zi --data train.npz -o kws

      edgec compile kws_int8.onnx --target rpi-pico --optimize size

      edgec compile vww_int8.onnx --target nucleo-f446re --ram 48K

      edgec compile vww_int8.onnx --target nucleo-l4r5zi --push

      edgec compile kws_int8.onnx --target nucleo-l4r5zi --streaming

      edgec compile vww_int8.onnx --target nucleo-f446re --front

      edgec compile vww_int8.onnx --target linux-aarch64 --threads 4
    """
    with reporting(as_json, verbose) as out:
        directory = output or Path(identifier(name or model.stem))
        result = compile_file(
            out,
            model,
            target,
            directory,
            data=data,
            shape=shape,
            cc=cc,
            name=name,
            dump_ir=dump_ir,
            goal=optimize,
            ram=ram,
            push=push,
            streaming=streaming,
            front=front,
            threads=threads,
        )
        warn(out, result.report["warnings"])
        out.result({**result.report, "directory": str(directory)}, lambda console: show(console, result, directory))


def warn(out: Output, warnings: list[str]) -> None:
    """The first of the report's warnings: the ones that matter most."""
    for warning in warnings[:SHOWN_WARNINGS]:
        out.note(f"warning: {warning}")
    if len(warnings) > SHOWN_WARNINGS:
        out.note(f"{len(warnings) - SHOWN_WARNINGS} more warnings are in report.json")


def compile_file(
    out: Output,
    model: Path,
    target: str,
    directory: Path,
    *,
    data: Path | None,
    shape: list[str] | None,
    cc: str | None,
    name: str | None = None,
    dump_ir: Path | None = None,
    goal: Goal = Goal.BALANCED,
    ram: str | None = None,
    push: bool = False,
    streaming: bool = False,
    front: bool = False,
    threads: int = 1,
) -> CompiledModel:
    """compile_model with the options of the command line."""
    if front and streaming:
        raise ModelError("--front and --streaming exclude each other: an endless input leaves no choice")
    free_directory(directory)
    return compile_model(
        model,
        target,
        data=data,
        shapes=read_shapes(shape or []),
        out_dir=directory,
        cc=cc,
        name=name,
        dump_ir=dump_ir,
        goal=goal,
        ram=None if ram is None else read_bytes(ram),
        push=push,
        streaming=streaming,
        front=front,
        threads=threads,
        step=out.step,
    )


def read_bytes(text: str) -> int:
    """ "64K" -> 65536, "min" -> 0."""
    if text == "min":
        return 0
    match = re.fullmatch(r"(\d+) ?(?:([km])(?:i?b)?)?", text.lower())
    if match is None or int(match[1]) == 0:
        raise TargetError(f"--ram takes a number of bytes or min, not {text!r}", help="for example --ram 64K")
    return int(match[1]) * {"k": 1 << 10, "m": 1 << 20, None: 1}[match[2]]


def read_shapes(texts: list[str]) -> dict[str, int]:
    """["n=4"] -> {"n": 4}."""
    shapes = {}
    for text in texts:
        name, _, number = text.partition("=")
        if not name or not number.isdecimal() or int(number) < 1:
            raise ModelError(
                f"--shape takes NAME=N with N above 0, not {text!r}", help="for example --shape length=16000"
            )
        shapes[name] = int(number)
    return shapes


def show(console: Console, result: CompiledModel, directory: Path) -> None:
    """The figures that matter, and the layers that cost most."""
    report, board = result.report, result.program.target
    ram, flash = report["ram"], report["flash"]
    console.print(f"{report['model']['file']} for {board.title} ({board.name}): {report['macs']['executed']:,} MACs")
    if report["removed"]["layers"]:
        console.print(removed_line(report))
    together = [len(group) for group in report["groups"] if len(group) > 1]
    if together:
        groups = f"{len(together)} group{'s' if len(together) > 1 else ''}"
        console.print(f"{sum(together)} of {len(report['layers'])} layers run row by row, in {groups}")
    parts = ", ".join(f"{part} {size(ram[part])}" for part in ("arena", "scratch", "static", "stack"))
    if report["threads"] > 1:
        console.print(f"Layer by layer, up to {report['threads']} threads share the rows of a layer")
    if report["push"]:
        what = f"{report['push']['rows']} rows of {report['push']['row_bytes']} bytes"
        console.print(f"The input is pushed: {what}, {size(ram['image_streamed'])} in all, are never there as a whole")
    if report["streaming"]:
        stream = report["streaming"]
        what = f"{stream['first']} rows give the first outputs, every {stream['every']} more the next"
        console.print(f"The input never ends: {what}")
    console.print(f"RAM    {size(ram['total']):>10}{of(board.ram)}  {parts}")
    port = f"code {size(flash['code'])}, of which port {size(flash['port'])}"
    console.print(f"Flash  {size(flash['total']):>10}{of(board.flash)}  weights {size(flash['weights'])}, {port}")
    console.print()
    layers = report["layers"]
    if len(layers) > SHOWN_LAYERS:
        title = f"The {SHOWN_LAYERS} of {len(layers)} layers with most MACs (all are in report.json)"
        layers = sorted(layers, key=lambda layer: -int(layer["macs"]))[:SHOWN_LAYERS]
    else:
        title = ""
    console.print(table(title, ("layer", "op", "kernel", "MACs#", "RAM#", "flash#"), map(layer_row, layers)))
    if report["front"]:
        show_front(console, report["front"])
    console.print(f"\nWritten to {directory}/. Next: edgec run {directory}, or edgec report {directory}")


def show_front(console: Console, front: list[Mapping[str, Any]]) -> None:
    """What --ram can choose from, and which of it was compiled."""
    fewest = min(point["instructions_estimate"] for point in front)
    rows = []
    for point in front:
        more = excess(point["instructions_estimate"], fewest)
        counts = (f"{point['ram']:,}", f"{point['macs']:,}", f"{point['calls']:,}")
        rows.append(
            (*counts, f"{point['instructions_estimate']:,}", f"+{more:.2f} %", "as compiled" * point["compiled"])
        )
    console.print()
    columns = ("RAM#", "MACs#", "calls#", "~instructions#", "#", "")
    console.print(table("What --ram can choose from (instructions are estimated)", columns, rows))


def removed_line(report: Mapping[str, Any]) -> str:
    """What the passes found dead: channels that are constant or that nobody needs."""
    removed = report["removed"]
    share = removed["macs"] / max(1, report["macs"]["model"])
    what = f"{removed['channels']:,} dead channels: {removed['macs']:,} MACs ({share:.0%})"
    return f"Left out {what} and {size(removed['weights'])} of weights, results unchanged"


def of(there: int) -> str:
    return f" of {size(there)}" if there else ""


def layer_row(layer: Mapping[str, Any]) -> tuple[str, ...]:
    macs, ram, flash = f"{layer['macs']:,}", size(layer["ram"]), size(layer["flash"])
    return shortened(str(layer["name"])), str(layer["op"]), str(layer["kernel"]), macs, ram, flash
