"""`edgec bench`: a network on phones' processors, beside other engines."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console

from edgec.errors import TargetError, did_you_mean
from edgec.frontend import tvm_library
from edgec.goal import Goal
from edgec.ir import Array
from edgec.ports import from_graph_output
from edgec.target import Target
from edgec.targets import load_target
from edgec.targets.peers import (
    Job,
    LiteRt,
    OnnxRuntime,
    Peer,
    PeerError,
    PeerRun,
    Processor,
    Tvm,
    Wanted,
    find_processor,
)
from edgec.tools.compile import DataOption, GoalOption, ModelArgument, RamOption, compile_file, read_shapes
from edgec.tools.litert import for_litert
from edgec.tools.output import CcOption, JsonOption, Output, ShapeOption, VerboseOption, reporting, table
from edgec.tools.project import ProjectFolder, connect, read_project
from edgec.tools.run import TimeoutOption, graph_inputs, model_outputs

TARGET = "linux-aarch64"
PEERS: tuple[Peer, ...] = (OnnxRuntime(), Tvm(Path(tvm_library.__file__)), LiteRt(for_litert))
PEER_PATIENCE = 8.0  # times what edgec gets: other engines take longer to start than to run


@dataclass(frozen=True)
class Own:
    """What edgec's C took and gave; kernels: those that it picked for this processor."""

    instructions: int
    kernels: str | None
    outputs: Sequence[Array]


def bench_command(
    model: ModelArgument,
    against: Annotated[
        str | None, typer.Option("--against", metavar="LIST", help="Other engines, with commas. Default: all known.")
    ] = None,
    cpu: Annotated[
        str,
        typer.Option("--cpu", metavar="NAME", help="cortex-a53 (plain), cortex-a76 (dotprod) or max (i8mm)."),
    ] = "cortex-a76",
    fetch: Annotated[
        bool, typer.Option("--fetch", help="Download what the other engines need with pip, into edgec's cache.")
    ] = False,
    data: DataOption = None,
    shape: ShapeOption = None,
    optimize: GoalOption = Goal.BALANCED,
    ram: RamOption = None,
    timeout: TimeoutOption = None,
    cc: CcOption = None,
    as_json: JsonOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Count the instructions of one inference on a phone's processor: edgec's, and other engines'.

    All run in the same emulator with the same input, on one thread, set-up not counted, and their results are
    compared. An engine that is not there is a line that says what to install.

    Examples:

      edgec bench kws_int8.onnx --fetch

      edgec bench kws_int8.onnx --against onnxruntime --cpu cortex-a53 --json

      edgec bench kws.onnx --data train.npz --optimize speed
    """
    with reporting(as_json, verbose) as out:
        peers, processor = named_peers(against), find_processor(cpu)
        with tempfile.TemporaryDirectory(prefix="edgec-bench-") as name:
            directory = Path(name) / "project"
            compiled = compile_file(
                out, model, TARGET, directory, data=data, shape=shape, cc=cc, goal=optimize, ram=ram
            )
            project = read_project(directory)
            file, shapes = model, read_shapes(shape or [])
            if compiled.quantized is not None:
                file = Path(name) / model.name
                file.write_bytes(compiled.quantized)
                shapes = {}  # it has no symbolic dimensions any more
            inputs = graph_inputs(project, None, None, 1)
            own = run_own(project, processor, inputs, cc, timeout, out)
            job = replace(peer_job(project, file, inputs), shapes=shapes)
            wait = timeout or PEER_PATIENCE * project.run_seconds
            found = [(peer.name, run_peer(peer, job, processor, wait, fetch, out)) for peer in peers]
        values = bench_json(project, processor, own, found)
        out.result(values, lambda console: show(console, values))


def named_peers(against: str | None) -> list[Peer]:
    """The engines that --against names; TargetError for one that edgec cannot run."""
    if against is None:
        return list(PEERS)
    known = {peer.name: peer for peer in PEERS}
    names = [name for name in (part.strip() for part in against.split(",")) if name]
    for name in names:
        if name not in known:
            near = did_you_mean(name, list(known))
            raise TargetError(
                f"edgec bench knows no engine {name!r}" + (f"; {near}" if near else ""),
                help=f"--against takes {', '.join(known)}, with commas between them",
            )
    return [known[name] for name in dict.fromkeys(names)]


def emulated(processor: Processor) -> Target:
    """The board of all phones, emulated with this processor."""
    target = load_target(TARGET)
    assert target.emulator is not None
    return replace(target, emulator=replace(target.emulator, machine=processor.machine))


def run_own(
    project: ProjectFolder,
    processor: Processor,
    inputs: Sequence[Array],
    cc: str | None,
    timeout: float | None,
    out: Output,
) -> Own:
    """One inference of edgec's C."""
    with connect(project, emulated(processor), out, cc=cc, timeout=timeout) as session:
        out.step("running edgec's C")
        outputs, _ = session.run(inputs)
        instructions = session.board.instructions() if session.board else None
        kernels = session.device.kernels()
    if instructions is None:
        raise TargetError(
            "QEMU cannot count on this computer: that takes a C compiler to build its plugin with",
            help="install gcc or clang",
        )
    return Own(instructions, kernels, model_outputs(project, outputs))


def peer_job(project: ProjectFolder, model: Path, inputs: Sequence[Array]) -> Job:
    """The same inference for an engine that takes the model's file."""
    arrays = {
        port.name: from_graph_output(port, value, array).reshape(port.shape)
        for (port, value), array in zip(project.inputs, inputs, strict=True)
    }
    return Job(model, arrays, tuple(Wanted(port.name, port.dtype, port.shape) for port, _ in project.outputs))


def run_peer(
    peer: Peer, job: Job, processor: Processor, timeout: float, fetch: bool, out: Output
) -> PeerRun | PeerError:
    """What a peer took, or why it did not run."""
    try:
        if fetch:
            out.step(f"fetching {peer.name}")
            peer.fetch()
        out.step(f"running {peer.name}")
        return peer.measure(job, processor, timeout)
    except PeerError as error:
        return error


def bench_json(
    project: ProjectFolder, processor: Processor, own: Own, found: Sequence[tuple[str, PeerRun | PeerError]]
) -> dict[str, Any]:
    """The result as JSON; of a peer that did not run, `absent` says why and all else is null."""
    macs = max(1, int(project.report["macs"]["model"]))
    peers: list[dict[str, Any]] = []
    for name, run in found:
        nothing = dict.fromkeys(("version", "instructions", "per_mac", "times", "differences", "absent"))
        line: dict[str, Any] = {"name": name, **nothing}
        if isinstance(run, PeerError):
            line["absent"] = {"message": run.message, "where": run.where, "help": run.help}
        else:
            line |= {"version": run.version, "instructions": run.instructions}
            line |= {"per_mac": run.instructions / macs, "times": run.instructions / own.instructions}
            line["differences"] = differences(own.outputs, run.outputs)
        peers.append(line)
    return {
        "model": project.report["model"],
        "board": TARGET,
        "cpu": processor.name,
        "machine": processor.machine,
        "macs": project.report["macs"],
        "edgec": {
            "instructions": own.instructions,
            "per_mac": own.instructions / macs,
            "kernels": own.kernels,
            "compiler": project.report["flash"]["compiler"],
        },
        "peers": peers,
    }


def differences(ours: Sequence[Array], theirs: Sequence[Array]) -> dict[str, Any]:
    """Values of the outputs that differ, and by how much at most."""
    differing, of, most = 0, 0, 0.0
    for a, b in zip(ours, theirs, strict=True):
        distance = np.abs(np.asarray(a, np.float64).reshape(-1) - np.asarray(b, np.float64).reshape(-1))
        differing, of = differing + int(np.count_nonzero(distance)), of + distance.size
        most = max(most, float(distance.max(initial=0.0)))
    return {"differing": differing, "of": of, "max": most}


def show(console: Console, values: Mapping[str, Any]) -> None:
    """The engines as a table, then what is missing."""
    own = values["edgec"]
    console.print(f"{values['model']['name']} on {values['cpu']} (qemu-aarch64 -cpu {values['machine']}), one thread\n")
    picked = f"kernels: {own['kernels']}" if own["kernels"] else ""
    rows = [("edgec", f"{own['instructions']:,}", f"{own['per_mac']:.3f}", "1.00", picked)]
    for peer in values["peers"]:
        if peer["absent"]:
            rows.append((peer["name"], "absent", "", "", ""))
            continue
        name, found = f"{peer['name']} {peer['version']}", peer["differences"]
        same = f"{found['differing']} of {found['of']} differ, by {found['max']:.4g} at most"
        figures = (f"{peer['instructions']:,}", f"{peer['per_mac']:.3f}", f"{peer['times']:.2f}")
        rows.append((name, *figures, same if found["differing"] else "same results"))
    console.print(table("", ("engine", "instructions#", "per MAC#", "times edgec's#", ""), rows))
    for peer in values["peers"]:
        if peer["absent"]:
            absent = peer["absent"]
            words = [f"\n{peer['name']}: {absent['message']}", *(f"  {line}" for line in absent["where"].splitlines())]
            console.print("\n".join([*words, *([f"  help: {absent['help']}"] if absent["help"] else [])]))
