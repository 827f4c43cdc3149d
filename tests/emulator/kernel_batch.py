"""Many one-node graphs as one firmware: what each kernel writes lies where writing too much is seen.

In the arena stand, in this order: inputs; outputs, each below that of the case before it, so that a kernel that writes
beyond its output spoils a finished one; rows of padding and scratch; and bytes that nothing may change, which the
scratch of every case ends at. An output may also lie over its input, as near as the scheduler would put it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from edgec.codegen import ModelFile, generate, write_project
from edgec.ir import Array, DType, Graph, Node, Port, TensorType, Value
from edgec.ops.base import Kernel
from edgec.passes.schedule.lower import make_step, row_by_row
from edgec.passes.schedule.memory import least_gap
from edgec.program import Group, Placement, Program
from edgec.step import Step, padding_bytes, round_up, scratch_bytes, working_bytes
from edgec.target import Core, Target
from edgec.targets import Device, SerialLink, find_compiler, open_board
from tests.emulator.kernel_cases import SAMPLES, Case, Rng, chance, pick

CANARY = 64  # bytes behind the scratch
ISA_SUFFIXES = ("dsp", "mve", "neon", "dotprod", "i8mm")


def is_variant(kernel: Kernel[object]) -> bool:
    """A kernel that must equal a portable one: everything but plain C for any core."""
    return kernel.name.split("_")[-1] not in ("s8", "f32")


def kernels_for(node: Node, core: Core) -> list[Kernel[object]]:
    """The variants that take the node on the core; the portable kernels where there is none."""
    taking = [kernel for kernel in node.op.kernels if kernel.why_not(node, core) is None]
    return [kernel for kernel in taking if is_variant(kernel)] or taking


@dataclasses.dataclass(frozen=True)
class Batch:
    """Cases with the kernel and the calls of each, as one Program."""

    cases: tuple[Case, ...]
    program: Program


def make_batch(cases: Sequence[Case], target: Target, rng: Rng) -> Batch:
    """One Program of all cases; kernels, calls by rows and places over inputs at random."""
    steps = []
    for case in cases:
        (node,) = case.graph.nodes
        step = make_step(node, pick(rng, kernels_for(node, target.core)))
        rowwise = step.windows is not None and chance(rng, 0.3)
        steps.append(row_by_row(step) if rowwise else step)
    for number, case in enumerate(cases):
        for value in (*case.graph.inputs, *case.graph.outputs):
            value.name = f"{value.name}{number}"
    canary = Value("canary", TensorType(DType.S8, (CANARY,)))
    inputs = [value for case in cases for value in case.graph.inputs]
    outputs = [value for case in cases for value in case.graph.outputs]
    in_ports, out_ports = (
        [Port(v.name, "int8", v.type.shape) for v in (*values, canary)] for values in (inputs, outputs)
    )
    nodes = [step.node for step in steps]
    graph = Graph("batch", [*inputs, canary], [*outputs, canary], nodes, in_ports, out_ports, 13, len(cases))
    graph.verify()
    return Batch(tuple(cases), placed(graph, target, steps, rng))


def placed(graph: Graph, target: Target, steps: list[Step], rng: Rng) -> Program:
    """The Program with the addresses that the head of this file tells."""
    places: dict[Value, Placement] = {}
    over: set[int] = set()  # steps whose output lies over their input
    end = 0

    def put(value: Value, offset: int) -> None:
        places[value] = Placement(offset, value.type.bytes, -1, len(steps))

    for number, step in enumerate(steps):
        activations = [value for value in step.node.inputs if not value.is_constant]
        gap = least_gap(step, 0, activations[0])
        if gap is not None and len(activations) == 1 and chance(rng, 0.4):
            over.add(number)
            steps[number] = step if gap == 0 else row_by_row(step)
            put(step.node.output, end)
            put(activations[0], end + round_up(gap))
            end += max(round_up(step.node.output.type.bytes), round_up(gap) + round_up(activations[0].type.bytes))
            continue
        for value in dict.fromkeys(activations):
            put(value, end)
            end += round_up(value.type.bytes)
    for number, step in reversed(list(enumerate(steps))):
        if number not in over:
            put(step.node.output, end)
            end += round_up(step.node.output.type.bytes)
    scratch = max(scratch_bytes(step) for step in steps)
    put(graph.outputs[-1], end + scratch)
    padding_at = {step.node: end + scratch - scratch_bytes(step) for step in steps if padding_bytes(step)}
    scratch_at = {step.node: end + scratch - working_bytes(step) for step in steps if working_bytes(step)}
    groups = tuple(Group((step,)) for step in steps)
    return Program(graph, target, groups, places, end, scratch + CANARY, padding_at, scratch_at)


def run_batch(batch: Batch, compiler: str, folder: Path) -> list[list[Array]]:
    """Outputs of every sample on the emulated board: one array for each case, then the canary."""
    target = batch.program.target
    write_project(generate(batch.program, ModelFile("batch", "batch.onnx", "0" * 64)), folder / "project")
    firmware = find_compiler(target, compiler).build(folder / "project", folder / "build")
    inputs = [batch_of for case in batch.cases for batch_of in case.inputs]
    results = []
    with (
        open_board(target, firmware.elf) as board,
        Device(SerialLink(board.port), timeout=60.0, run_timeout=120.0) as device,
    ):
        for sample in range(SAMPLES):
            data = [np.ascontiguousarray(batch_of[sample]).tobytes() for batch_of in inputs]
            outputs = device.run([*data, canary_bytes()]).outputs
            results.append([np.frombuffer(output, np.int8) for output in outputs])
    return results


def canary_bytes() -> bytes:
    return bytes(range(1, CANARY + 1))


def compare(batch: Batch, results: Sequence[Sequence[Array]]) -> None:
    """Every byte of every output, and the canary, are as they must be."""
    for sample, outputs in enumerate(results):
        for case, step, output in zip(batch.cases, batch.program.steps, outputs, strict=False):
            where = f"{step.kernel.name}, sample {sample}, {step.rows_per_call} rows a call\n{case.graph.to_text()}"
            np.testing.assert_array_equal(output, case.expected[sample].ravel(), err_msg=where)
        assert outputs[-1].tobytes() == canary_bytes(), "a kernel wrote behind its scratch"
