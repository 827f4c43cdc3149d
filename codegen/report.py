"""report.json: what the compiled model needs, layer by layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from edgec.codegen.choice import declined, slow_layers
from edgec.codegen.memory import Block, alive_bytes, layer_name, memory_blocks
from edgec.codegen.project import Project
from edgec.cost import executed_macs, instructions_estimate, kernel_calls
from edgec.ir import Graph
from edgec.ops.base import constant_bytes
from edgec.program import Program
from edgec.step import Step


@dataclass(frozen=True)
class Footprint:
    """Bytes of the firmware beyond arena and weights; `compiler` is empty where they are estimates.

    code: everything in flash but the weights; port: the part of it that is start-up and protocol.
    static: .data and .bss without the arena; stack: upper bound.
    """

    code: int
    port: int
    static: int
    stack: int
    compiler: str = ""


def build_report(
    programs: Sequence[Program], project: Project, footprint: Footprint, warnings: list[str]
) -> dict[str, Any]:
    """The contents of report.json; all sizes in bytes. `front` is for who searches for it (front_report).

    programs: the variants of the project; RAM is what the largest takes, layers are those of the last.
    """
    program, largest = programs[-1], max(programs, key=lambda program: program.bytes)
    once, executed = sum(step.macs for step in program.steps), executed_macs(program)
    removed = removed_report(program.graph)
    pushed = program.push.value.type if program.push else None
    ram = {
        "total": largest.bytes + footprint.static + footprint.stack,
        "arena": largest.arena,
        "scratch": largest.scratch,
        "static": footprint.static,
        "stack": footprint.stack,
        "image_streamed": pushed.bytes if pushed else 0,
    }
    flash = {
        "total": project.weight_bytes + footprint.code,
        "weights": project.weight_bytes,
        "code": footprint.code,
        "port": footprint.port,
        "compiler": footprint.compiler,
    }
    return {
        "model": {"name": project.model.name, "file": project.model.file, "sha256": project.model.sha256},
        "target": program.target.name,
        "optimize": program.goal.value,
        "threads": program.threads,
        "macs": {"model": once + removed["macs"], "executed": executed},
        "removed": removed,
        "ram": ram,
        "flash": flash,
        "inputs": [port_report(program, index, "input") for index in range(len(program.graph.inputs))],
        "outputs": [port_report(program, index, "output") for index in range(len(program.graph.outputs))],
        "layers": layer_reports(program),
        "variants": [variant_report(program) for program in programs] if len(programs) > 1 else [],
        "push": {"rows": pushed.rows, "row_bytes": pushed.bytes // pushed.rows} if pushed else None,
        "memory": [asdict(block) for block in memory_blocks(program)],
        "streaming": streaming_report(program),
        "groups": [[step.node.name for step in group.parts] for group in program.groups],
        "front": None,
        "warnings": [*warnings, *slow_layers(program)],
    }


def variant_report(program: Program) -> dict[str, Any]:
    """One of several sets of kernels, of which the program picks one at run time."""
    return {
        "kernels": program.target.core.best_isa,
        "core": program.target.core.name,
        "arena": program.bytes,
        "layers": [step.kernel.name for step in program.steps],
    }


def streaming_report(program: Program) -> dict[str, Any] | None:
    """Of an endless input: rows until the first outputs, from one to the next, and where its ends would be padded."""
    stream = program.push.stream if program.push else None
    if stream is None:
        return None
    exact = not stream.padded
    return {"first": stream.first, "every": stream.every, "exact": exact, "padded": list(stream.padded)}


def removed_report(graph: Graph) -> dict[str, Any]:
    """What passes took out of the model's layers: output channels, MACs, bytes of weights."""
    return {
        "channels": sum(layer.channels_before - layer.channels_after for layer in graph.removed),
        "macs": sum(layer.macs for layer in graph.removed),
        "weights": sum(layer.weights for layer in graph.removed),
        "layers": [asdict(layer) for layer in graph.removed],
    }


def layer_reports(program: Program) -> list[dict[str, Any]]:
    """The per-layer table."""
    blocks = memory_blocks(program)
    return [layer_report(program, number, step, blocks) for number, step in enumerate(program.steps)]


def layer_report(program: Program, number: int, step: Step, blocks: Sequence[Block]) -> dict[str, Any]:
    """One row of it: `ram` is what is alive while the layer and those that run together with it do, scratch included.

    `why_not` has the kernels for better instructions of this core, with the reasons why they do not take the layer.
    """
    return {
        "name": layer_name(step),
        "op": step.node.op.name,
        "kernel": step.kernel.name,
        "macs": step.node.op.macs(step.node),
        "ram": alive_bytes(blocks, program.bytes, number),
        "flash": constant_bytes(step.kernel, step.node),
        "why_not": [f"{name}: {reason}" for name, reason in declined(step, program.target.core)],
    }


def front_report(program: Program, ram: Mapping[str, int], front: Sequence[Program]) -> list[dict[str, Any]]:
    """The Programs of a front (passes/schedule/front.py) beside the one that was compiled, whose `ram` was measured.

    Static RAM and stack are taken to be the same for all of them.
    """
    rest = ram["static"] + ram["stack"]
    return [
        {
            "ram": point.bytes + rest,
            "macs": executed_macs(point),
            "calls": kernel_calls(point),
            "instructions_estimate": instructions_estimate(point),
            "compiled": (point.bytes, kernel_calls(point)) == (program.bytes, kernel_calls(program)),
        }
        for point in front
    ]


def port_report(program: Program, index: int, kind: str) -> dict[str, Any]:
    """How to fill an input or read an output: the model's own form and the Graph's."""
    graph = program.graph
    value = (graph.inputs if kind == "input" else graph.outputs)[index]
    port = (graph.input_ports if kind == "input" else graph.output_ports)[index]
    quant = value.type.quant
    return {
        "name": port.name,
        "dtype": port.dtype,
        "shape": list(port.shape),
        "perm": list(port.perm) if port.perm is not None else None,
        "offset": port.offset,
        "graph_dtype": value.type.dtype.value,
        "graph_shape": list(value.type.shape),
        "scale": float(quant.scale[0]) if quant else None,
        "zero_point": quant.zero_point[0] if quant else None,
        "bytes": value.type.bytes,
    }
