"""`edgec run`: a project on the emulated or connected board."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console

from edgec.codegen.words import size
from edgec.errors import ModelError
from edgec.frontend import load_samples
from edgec.ir import Array, DType
from edgec.ports import from_graph_output, to_graph_input
from edgec.targets.host import HostModel
from edgec.tools.output import CcOption, JsonOption, Output, VerboseOption, reporting
from edgec.tools.project import ProjectFolder, Session, board_of, connect, read_project

SHOWN_VALUES = 12

DirArgument = Annotated[Path, typer.Argument(metavar="DIR", show_default=False, help="A project of edgec compile.")]
BoardOption = Annotated[
    str | None,
    typer.Option("--board", "--cpu", metavar="NAME", help="Another board, or the core of an emulated one."),
]
PortOption = Annotated[
    str | None,
    typer.Option(
        "--port",
        metavar="PORT",
        help="Serial port of a connected board; ssh:USER@HOST, adb or adb:SERIAL with Linux. Default: emulate.",
    ),
]
TimeoutOption = Annotated[
    float | None,
    typer.Option("--timeout", metavar="S", min=0.1, help="Seconds for one inference. Default: by the model's size."),
]
EmulatorOption = Annotated[str, typer.Option("--emulator", metavar="NAME", help="auto, qemu or unicorn.")]


def run_command(
    directory: DirArgument,
    input_file: Annotated[
        Path | None, typer.Option("--input", metavar="X.npy", help="One sample, or several along the first axis.")
    ] = None,
    data: Annotated[Path | None, typer.Option(metavar="S.npz", help="Samples: x, first axis = sample.")] = None,
    samples: Annotated[int, typer.Option(metavar="N", min=1, help="How many samples of --data.")] = 1,
    push: Annotated[
        bool, typer.Option("--push", help="Row by row: what a project of compile --push does anyway, others can't.")
    ] = False,
    board: BoardOption = None,
    port: PortOption = None,
    timeout: TimeoutOption = None,
    emulator: EmulatorOption = "auto",
    cc: CcOption = None,
    as_json: JsonOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Build a project, run it on the emulated (or, with --port, the connected) board and show what it gives.

    Without --input and --data the input is pseudo-random, always the same.

    Examples:

      edgec run kws

      edgec run kws --data test.npz --samples 10 --cpu cortex-m33 --json

      edgec run kws --port /dev/ttyACM0
    """
    with reporting(as_json, verbose) as out:
        project = read_project(directory)
        if push and not project.report.get("push"):
            raise ModelError(
                f"{str(directory)!r} takes its input as a whole", help="edgec compile MODEL.onnx --target BOARD --push"
            )
        if input_file and data:
            raise ModelError("--input and --data exclude each other")
        inputs = graph_inputs(project, input_file, data, samples)
        target = board_of(project, board)
        if target.is_host and port is None:
            values = run_on_host(project, inputs, cc, out)
        else:
            with connect(project, target, out, port=port, cc=cc, emulator=emulator, timeout=timeout) as session:
                values = run_on_board(session, inputs, out)
        values = {"model": project.report["model"], "board": target.name, "samples": len(inputs[0]), **values}
        out.result(values, lambda console: show(console, project, values))


def graph_inputs(project: ProjectFolder, input_file: Path | None, data: Path | None, samples: int) -> list[Array]:
    """What the user named, or one pseudo-random sample, in the Graph's form: (samples, ...) an input."""
    file = input_file or data
    if file is None:
        # RandomState is frozen by numpy: the same bytes with every version.
        source = np.random.RandomState(0)
        return [source.randint(-128, 128, value.type.shape).astype(np.int8) for _, value in project.inputs]
    loaded = load_samples(file)
    if data:
        loaded = loaded.first(samples)
    x = loaded.inputs([port for port, _ in project.inputs])
    return [to_graph_input(port, value, array) for (port, value), array in zip(project.inputs, x, strict=True)]


def run_on_board(session: Session, inputs: list[Array], out: Output) -> dict[str, Any]:
    """Outputs of every sample, counts of the last inference, memory at its highest."""
    results: list[list[Array]] = []
    cycles = None
    for index in out.track(range(len(inputs[0])), "running"):
        outputs, inference = session.run([array[index : index + 1] for array in inputs])
        results.append(outputs)
        cycles = inference.cycles
    memory = session.device.memory()
    instructions = session.board.instructions() if session.board else None
    per_row = instructions_per_row(session, inputs[0]) if session.project.report.get("streaming") else None
    batches = [np.concatenate(parts) for parts in zip(*results, strict=True)]
    return {
        "outputs": model_outputs(session.project, batches),
        "instructions": instructions,
        "instructions_per_row": per_row,
        "cycles": cycles,
        "cycles_estimate": None,
        "ram": {"high_water": memory.static + memory.stack_used, "stack": memory.stack_used},
        "kernels": session.device.kernels(),
    }


def instructions_per_row(session: Session, x: Array) -> float | None:
    """What each further row of an endless input takes, on the average of some outputs."""
    if session.board is None:
        return None
    rows = session.project.report["streaming"]["every"] * 4
    before = session.board.instructions()
    for row in range(rows):
        session.device.push_row(np.ascontiguousarray(x[0, row % x.shape[1]]).tobytes())
    after = session.board.instructions()
    return None if before is None or after is None else (after - before) / rows


def run_on_host(project: ProjectFolder, inputs: list[Array], cc: str | None, out: Output) -> dict[str, Any]:
    """The same C as a library of this computer, where neither instructions nor stack are counted."""
    out.step("building for this computer")
    outputs = HostModel(project.folder, cc=cc).run(project.pushed(inputs))
    nothing = {"instructions": None, "instructions_per_row": None, "cycles": None, "cycles_estimate": None}
    ram = {"high_water": None, "stack": None}
    return {"outputs": model_outputs(project, outputs), **nothing, "ram": ram, "kernels": None}


def model_outputs(project: ProjectFolder, batches: list[Array]) -> list[Array]:
    """Outputs as the model gives them: (samples, ...) each."""
    return [
        from_graph_output(port, value, batch) for (port, value), batch in zip(project.outputs, batches, strict=True)
    ]


def show(console: Console, project: ProjectFolder, values: dict[str, Any]) -> None:
    """Outputs, counts and memory as text."""
    console.print(f"{project.model} on {values['board']}, {values['samples']} sample(s)")
    for (port, value), batch in zip(project.outputs, values["outputs"], strict=True):
        for index, sample in enumerate(batch):
            flat = np.asarray(sample).reshape(-1)
            digits = [f"{number:.4g}" if value.type.dtype is not DType.S32 else str(number) for number in flat]
            more = f" ... ({len(flat)} values)" if len(flat) > SHOWN_VALUES else ""
            console.print(f"{port.name}[{index}]: {' '.join(digits[:SHOWN_VALUES])}{more}")
    if values["kernels"] is not None:
        console.print(f"kernels picked for this processor: {values['kernels']}")
    if values["instructions"] is not None:
        console.print(f"instructions of one inference: {values['instructions']:,}")
    if values["instructions_per_row"] is not None:
        console.print(f"instructions of each further row: {values['instructions_per_row']:,.0f}")
    if values["cycles"] is not None:
        console.print(f"cycles of one inference: {values['cycles']:,}")
    if values["ram"]["high_water"] is not None:
        used, report = values["ram"], project.report
        # What the report promises is for the board it was compiled for.
        promised = report["ram"] if values["board"] == report["target"] else None
        total, stack = (f" (report: {size(promised[key])})" if promised else "" for key in ("total", "stack"))
        console.print(f"RAM high-water {size(used['high_water'])}{total}, of which stack {size(used['stack'])}{stack}")
