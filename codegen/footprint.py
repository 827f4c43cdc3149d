"""Flash, static RAM and stack of a project's firmware: measured by building it, estimated where nothing can build."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

from edgec.codegen.constants import ConstantPool
from edgec.codegen.project import Project, write_project
from edgec.codegen.report import Footprint, layer_reports
from edgec.errors import DoesNotFitError
from edgec.goal import Goal
from edgec.program import Program
from edgec.targets import Compiler

# What the firmware around a model takes, in bytes, as GCC 12 builds it for a Cortex-M4; only for estimates.
PORT_CODE, PORT_STATIC, PORT_STACK = 3500, 400, 400
CALL_CODE = 90  # of one layer in <model>_run
PLACES = 3


def measure(program: Program, project: Project, compiler: Compiler) -> Footprint:
    """Build the firmware in a temporary folder; its footprint.

    Raises DoesNotFitError where the linker finds no room.
    """
    with tempfile.TemporaryDirectory(prefix="edgec-measure-") as folder:
        write_project(hollow(project), Path(folder) / "project")
        try:
            firmware = compiler.build(Path(folder) / "project", Path(folder) / "build", optimize=program.goal.flag)
        except DoesNotFitError as error:
            raise refusal(program, error.message, error.where.splitlines(), ("ram", "flash")) from None
    code = firmware.flash - project.weight_bytes
    return Footprint(code, firmware.port, firmware.static, firmware.stack, compiler.version)


def hollow(project: Project) -> Project:
    """The project with weights of the right sizes and no contents: it compiles in a fraction of the time."""
    files = {path: hollow_file(path, pool) for path, pool in project.weights.items()}
    return replace(project, files={**project.files, **files})


def hollow_file(path: str, pool: ConstantPool) -> str:
    """A file of weights without their contents."""
    arrays = [f"const {item.c_type} {item.name}[{item.size}] = {{1}};" for item in pool.constants]
    return "\n".join([f'#include "{Path(path).stem}.h"', *arrays, ""])


def estimate(program: Program) -> Footprint:
    """A footprint from rough figures of each kernel."""
    instances = {
        (step.kernel.name, repr(step.kernel.geometry(step.node, step.rows_per_call))) for step in program.steps
    }
    codes = {step.kernel.name: step.kernel.code for step in program.steps}
    code = sum(codes[name] for name, _ in instances) + CALL_CODE * len(program.steps)
    port = 0 if program.target.is_host else PORT_CODE
    return Footprint(code + port, port, 0 if program.target.is_host else PORT_STATIC, stack_estimate(program))


def stack_estimate(program: Program) -> int:
    return PORT_STACK + max((step.kernel.stack for step in program.steps), default=0)


def check_fit(program: Program, weights: int, footprint: Footprint | None) -> None:
    """DoesNotFitError where RAM or flash of the target are less than what the firmware needs.

    Without a footprint, what arena and weights need at least.
    """
    target = program.target
    if target.is_host:
        return
    arena = program.bytes
    code, rest = (footprint.code, footprint.static + footprint.stack) if footprint else (0, 0)
    needs = "needs" if footprint else "needs at least"
    if target.region("arena") == target.region("data"):
        need_room(program, needs, "ram", arena + rest, target.region("data").size)
    else:
        need_room(program, needs, "ram", arena, target.region("arena").size)
        need_room(program, needs, "ram", rest, target.region("data").size)
    if target.region("constants") == target.region("code"):
        need_room(program, needs, "flash", weights + code, target.region("code").size)
    else:
        need_room(program, needs, "flash", weights, target.region("constants").size)
        need_room(program, needs, "flash", code, target.region("code").size)


def need_room(program: Program, needs: str, kind: str, needed: int, there: int) -> None:
    """Refuse a program that needs more bytes of a region than it has."""
    if needed > there:
        memory = {"ram": "RAM", "flash": "flash"}[kind]
        message = (
            f"{program.graph.name} does not fit into {program.target.name}: "
            f"it {needs} {needed} bytes of {memory}, {there} are there"
        )
        raise refusal(program, message, [], (kind,))


def over_budget(program: Program, needed: int, budget: int) -> DoesNotFitError:
    """The error for a budget below the least RAM that a program can take."""
    message = (
        f"{program.graph.name} needs at least {needed} bytes of RAM on {program.target.name}, {budget} are the budget"
    )
    error = refusal(program, message, [], ("ram",))
    # The board may have far more: it is the budget that is too small.
    return DoesNotFitError(message, where=error.where, help=f"--ram {needed} or more, or a smaller input or network")


def refusal(program: Program, message: str, lines: list[str], kinds: tuple[str, ...]) -> DoesNotFitError:
    """The error with the three places that need most of each kind of memory."""
    layers = layer_reports(program)
    for kind in kinds:
        largest = sorted(layers, key=lambda layer: -int(layer[kind]))[:PLACES]
        what = "RAM alive in" if kind == "ram" else "flash of"
        lines = [*lines, *(f"{layer[kind]} bytes of {what} {layer['op']} {layer['name']!r}" for layer in largest)]
    smaller = "--optimize size, " if "flash" in kinds and program.goal is not Goal.SIZE else ""
    return DoesNotFitError(
        message,
        where="\n".join(lines),
        help=f"{smaller}a smaller input or network, or a board with more memory: edgec targets lists them",
    )
