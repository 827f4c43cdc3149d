"""Compiles a network, runs it on an emulated board and tells what that took, layer by layer."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgec.api import compile_model
from edgec.errors import DoesNotFitError
from edgec.goal import Goal
from edgec.program import Program
from edgec.target import Target
from edgec.targets import load_target
from edgec.tools.output import Output
from edgec.tools.profile import combine, emulated_rows
from edgec.tools.project import MARKS, connect, read_project
from edgec.tools.run import graph_inputs

# The emulated board of each core; the second one where a network does not fit the first.
BOARDS = {
    "cortex-m0plus": ("mps2-an385-m0plus",),
    "cortex-m3": ("mps2-an385",),
    "cortex-m4": ("mps2-an386",),
    "cortex-m7": ("mps2-an500",),
    "cortex-m33": ("mps2-an505",),
    "cortex-m55": ("mps3-an547", "mps3-an547-ddr"),
}
SECONDS = 600.0  # for one inference: machines may be busy


@dataclass(frozen=True)
class Measured:
    """What compile promises (`report`), what edgec profile shows (`profile`), bytes of RAM that were used."""

    program: Program
    report: dict[str, Any]
    profile: dict[str, Any]
    ram: int


def measure(model: Path, target: Target, *, cc: str | None = None, goal: Goal = Goal.BALANCED) -> Measured:
    """One network on one board, with the input that edgec run makes up; EdgecError as the commands raise it."""
    with tempfile.TemporaryDirectory(prefix="edgec-measure-") as folder:
        directory = Path(folder) / "project"
        compiled = compile_model(model, target, out_dir=directory, cc=cc, goal=goal)
        project = read_project(directory)
        with connect(project, target, Output(True, False), cc=cc, timeout=SECONDS, profile=MARKS) as session:
            session.run(graph_inputs(project, None, None, 1))
            rows = emulated_rows(session, target)
            memory = session.device.memory()
        profile = combine(project, target, session.compiler, rows)
    report = json.loads(json.dumps(compiled.report))
    return Measured(compiled.program, report, profile, memory.static + memory.stack_used)


def measure_on(model: Path, boards: Sequence[str], *, cc: str | None = None, goal: Goal = Goal.BALANCED) -> Measured:
    """On the first of the boards that the network fits."""
    *others, last = boards
    for board in others:
        try:
            return measure(model, load_target(board), cc=cc, goal=goal)
        except DoesNotFitError:
            pass
    return measure(model, load_target(last), cc=cc, goal=goal)
