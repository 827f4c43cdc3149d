"""`edgec check`: does the board compute what the network computes, and how accurate is it."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console

from edgec.api import CompiledModel, make_project
from edgec.codegen import write_project
from edgec.frontend import Oracle, Samples, load_samples
from edgec.goal import Goal
from edgec.ir import Array
from edgec.ports import to_graph_input
from edgec.simulator import Simulator, has_torch
from edgec.targets import load_target
from edgec.targets.host import HostModel
from edgec.tools.agreement import Difference, accuracy, as_steps, check_labels, classes, compare, model_form
from edgec.tools.compile import (
    GoalOption,
    ModelArgument,
    PushOption,
    RamOption,
    TargetOption,
    compile_file,
    read_shapes,
)
from edgec.tools.output import CcOption, JsonOption, Output, ShapeOption, VerboseOption, exit_failed, reporting, table
from edgec.tools.project import board_of, connect, read_project
from edgec.tools.run import BoardOption, EmulatorOption, PortOption, TimeoutOption

CHUNK = 16  # samples between two steps of the progress bar
WAYS = ("float", "int8", "simulator", "host", "device")
PAIRS = (("simulator", "int8"), ("host", "int8"), ("host", "simulator"), ("device", "host"))
MUST_AGREE = ("host_vs_simulator", "device_vs_host")


@dataclass
class Comparison:
    """One compiled network and its samples; `outputs` is filled way by way: (samples, ...) in the model's form."""

    compiled: CompiledModel
    samples: Samples
    labels: Array
    out: Output
    outputs: dict[str, list[Array]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def graph_inputs(self) -> list[Array]:
        """The samples as the Graph takes them."""
        graph = self.compiled.graph
        pairs = zip(graph.input_ports, graph.inputs, self.samples.inputs(graph.input_ports), strict=True)
        return [to_graph_input(port, value, x) for port, value, x in pairs]

    def add_onnx(self, way: str, oracle: Oracle) -> None:
        """onnxruntime on all samples."""
        inputs = self.samples.inputs(oracle.inputs)
        starts = self.out.track(range(0, len(self.samples), CHUNK), f"onnxruntime {way}")
        parts = [oracle.run([x[start : start + CHUNK] for x in inputs]) for start in starts]
        self.outputs[way] = [np.concatenate(pieces) for pieces in zip(*parts, strict=True)]

    def add_graph(self, way: str, outputs: list[Array]) -> None:
        """Outputs in the Graph's form."""
        graph = self.compiled.graph
        self.outputs[way] = model_form(graph.output_ports, graph.outputs, outputs)


def check_command(
    model: ModelArgument,
    target: TargetOption,
    data: Annotated[Path, typer.Option("--data", metavar="S.npz", help="Samples x with labels y.")],
    calibration: Annotated[
        Path | None,
        typer.Option(
            metavar="S.npz", help="Samples that a float model is quantised with, as compile --data. Default: --data."
        ),
    ] = None,
    samples: Annotated[int, typer.Option(metavar="N", min=0, help="How many samples the device gets.")] = 20,
    label_offset: Annotated[
        int, typer.Option(metavar="K", help="Added to the labels: 1 where output 0 is a background class.")
    ] = 0,
    tolerance: Annotated[
        float, typer.Option(metavar="POINTS", min=0, help="Accuracy that may be lost against onnxruntime int8.")
    ] = 0.3,
    board: BoardOption = None,
    port: PortOption = None,
    timeout: TimeoutOption = None,
    emulator: EmulatorOption = "auto",
    shape: ShapeOption = None,
    optimize: GoalOption = Goal.BALANCED,
    ram: RamOption = None,
    push: PushOption = False,
    cc: CcOption = None,
    as_json: JsonOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Compare onnxruntime, the simulator, the C on this computer and the device, with accuracies.

    The simulator and the C must agree in every value, the device with the C too: else the exit code is 1. It is also
    1 when accuracy differs from onnxruntime's int8 by more than --tolerance points and more than one sample.

    Examples:

      edgec check kws_int8.onnx --target mps2-an386 --data test.npz

      edgec check kws.onnx --target nucleo-l4r5zi --data test.npz --samples 100 --port /dev/ttyACM0
    """
    with reporting(as_json, verbose) as out, tempfile.TemporaryDirectory(prefix="edgec-check-") as folder:
        loaded = load_samples(data)
        labels = loaded.labels() + label_offset
        project = Path(folder) / "board" / model.stem
        compiled = compile_file(
            out, model, target, project, data=calibration or data, shape=shape, cc=cc, goal=optimize, ram=ram, push=push
        )
        check_labels(labels, compiled.graph.outputs[0], data.name)
        comparison = Comparison(compiled, loaded, labels, out)
        add_oracles(comparison, Oracle(model, shapes=read_shapes(shape or [])))
        add_simulator(comparison)
        out.step("the C on this computer")
        comparison.add_graph("host", HostModel(host_project(compiled, Path(folder), push)).run(comparison.graph_inputs))
        add_device(comparison, project, samples, board=board, port=port, timeout=timeout, emulator=emulator, cc=cc)
        values = evaluate(comparison, tolerance)
        out.result(values, lambda console: show(console, values))
        if not values["passed"]:
            exit_failed()


def host_project(compiled: CompiledModel, folder: Path, push: bool) -> Path:
    """The same Graph as portable C: this computer has not the instructions of every core."""
    host, file = load_target("host"), compiled.project.model
    _, project, _ = make_project(compiled.graph, host, file, Goal.SPEED, None, push=push)
    write_project(project, folder / "host")
    return folder / "host"


def add_oracles(comparison: Comparison, own: Oracle) -> None:
    """onnxruntime on the model itself and, where edgec quantised it, on what it became."""
    if comparison.compiled.quantized is None:
        comparison.notes.append("float: the model is quantised already, so there is no float one")
        comparison.add_onnx("int8", own)
    else:
        comparison.add_onnx("float", own)
        comparison.add_onnx("int8", Oracle(comparison.compiled.quantized))


def add_simulator(comparison: Comparison) -> None:
    """All samples at once on torch; a note where it is not installed."""
    if not has_torch():
        comparison.notes.append("simulator: torch is not installed (pip install 'edgec[sim]')")
        return
    comparison.out.step("simulator")
    simulator = Simulator(comparison.compiled.graph)
    comparison.add_graph("simulator", simulator.run(comparison.graph_inputs))


def add_device(
    comparison: Comparison,
    folder: Path,
    count: int,
    *,
    board: str | None,
    port: str | None,
    timeout: float | None,
    emulator: str,
    cc: str | None,
) -> None:
    """The board on the first `count` samples; left out for the host and for boards that nobody can reach."""
    project = read_project(folder)
    target = board_of(project, board)
    if target.is_host:
        comparison.notes.append("device: the target is this computer")
        return
    if target.emulator is None and port is None:
        comparison.notes.append(f"device: {target.name} is not emulated (--port PORT asks a connected one)")
        return
    inputs = [array[:count] for array in comparison.graph_inputs]
    if not len(inputs[0]):
        return
    results: list[list[Array]] = []
    with connect(project, target, comparison.out, port=port, cc=cc, emulator=emulator, timeout=timeout) as session:
        for index in comparison.out.track(range(len(inputs[0])), f"{target.name}"):
            outputs, _ = session.run([array[index : index + 1] for array in inputs])
            results.append(outputs)
    comparison.add_graph("device", [np.concatenate(parts) for parts in zip(*results, strict=True)])


def evaluate(comparison: Comparison, tolerance: float) -> dict[str, Any]:
    """Accuracies, differences of each pair, and whether all is as it must be."""
    graph, labels = comparison.compiled.graph, comparison.labels
    accuracies = {
        way: accuracy(classes(graph.output_ports[0], graph.outputs[0], comparison.outputs[way][0]), labels)
        if way in comparison.outputs
        else None
        for way in WAYS
    }
    differences = {f"{first}_vs_{second}": difference(comparison, first, second) for first, second in PAIRS}
    failures = [
        f"{name.replace('_', ' ')}: {found.differing} of {found.of} values differ"
        for name in MUST_AGREE
        if (found := differences[name]) is not None and found.differing
    ]
    ours = accuracies["host" if accuracies["simulator"] is None else "simulator"]
    if ours is not None and accuracies["int8"] is not None:
        lost = abs(ours - accuracies["int8"])
        if 100 * lost > tolerance and lost * len(labels) > 1.5:
            failures.append(f"accuracy differs from onnxruntime int8 by {100 * lost:.2f} points")
    return {
        "model": comparison.compiled.report["model"],
        "target": comparison.compiled.report["target"],
        "samples": len(labels),
        "device_samples": len(comparison.outputs["device"][0]) if "device" in comparison.outputs else 0,
        "accuracy": accuracies,
        "differences": {name: found.json() if found else None for name, found in differences.items()},
        "notes": comparison.notes,
        "failures": failures,
        "passed": not failures,
    }


def difference(comparison: Comparison, first: str, second: str) -> Difference | None:
    """Of the samples that both were given; None where one of the two was left out."""
    if first not in comparison.outputs or second not in comparison.outputs:
        return None
    graph = comparison.compiled.graph
    steps = []
    for way in (first, second):
        ports = zip(graph.output_ports, graph.outputs, comparison.outputs[way], strict=True)
        steps.append([as_steps(port, value, y) for port, value, y in ports])
    return compare(
        [a[: len(b)] for a, b in zip(*steps, strict=True)], [b[: len(a)] for a, b in zip(*steps, strict=True)]
    )


def show(console: Console, values: Mapping[str, Any]) -> None:
    """The findings as text."""
    console.print(f"{values['model']['file']} for {values['target']}, {values['samples']} samples")
    rows = []
    for way in WAYS:
        share = values["accuracy"][way]
        count = values["device_samples"] if way == "device" else values["samples"]
        rows.append((way, "-" if share is None else f"{100 * share:.2f} %", "" if share is None else count))
    console.print(table("", ("", "accuracy#", "samples#"), rows))
    console.print()
    for name, found in values["differences"].items():
        if found is not None:
            text = f"{found['differing']} of {found['of']} values differ, by at most {found['max']:g}"
            console.print(f"{name.replace('_', ' ')}: {text}")
    for note in values["notes"]:
        console.print(f"left out: {note}")
    for failure in values["failures"]:
        console.print(f"FAILED: {failure}")
