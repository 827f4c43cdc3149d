"""The public API: `edgec.compile_model(...)`. The one file of core that reaches up into the other rooms, lazily."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgec.errors import ModelError, TargetError
from edgec.goal import Goal
from edgec.ir import Graph
from edgec.program import Program
from edgec.target import Target

if TYPE_CHECKING:
    from edgec.codegen import ModelFile, Project
    from edgec.targets import Compiler

Step = Callable[[str], None]
REPORT, PAGE = "report.json", "report.html"
MOST_THREADS = 64  # EC_THREADS_MOST of ec_threads.h
REST_CHANGES = 64  # bytes by which static RAM and stack may differ from Program to Program


@dataclass(frozen=True)
class CompiledModel:
    """A compiled network: its Graph and Program, the generated files, the figures of report.json.

    `directory` is where the project was written, None where it was not. `quantized` is the int8 ONNX file that the
    Graph came from where edgec quantised a float model, else None.
    """

    graph: Graph
    program: Program
    project: Project
    report: Mapping[str, Any]
    directory: Path | None
    quantized: bytes | None


def compile_model(
    path: str | Path,
    target: str | Target,
    *,
    data: str | Path | None = None,
    shapes: Mapping[str, int] | None = None,
    out_dir: str | Path | None = None,
    cc: str | None = None,
    name: str | None = None,
    dump_ir: str | Path | None = None,
    goal: str | Goal = Goal.BALANCED,
    ram: int | None = None,
    push: bool = False,
    streaming: bool = False,
    front: bool = False,
    threads: int = 1,
    step: Step = lambda text: None,
) -> CompiledModel:
    """Turn an ONNX network into a C project for a board; without `out_dir` nothing is written.

    data: .npz of samples, needed to quantise a float model. shapes: sizes of symbolic dimensions. cc: C compiler that
    measures the project, as --cc. name: prefix of the C names, else the file's name. dump_ir: folder for the Graph
    after each pass. goal: what to be good at, as --optimize. ram: bytes that it may take in all; where that asks for
    it, rows are computed twice. None: the least in which nothing is, 0: the least. push: the first input comes row by
    row, and is never there as a whole. streaming: and never ends, new rows give outputs of the last ones. front:
    whether the report is to have what lies between layer by layer and the least RAM. threads: how many may share the
    rows of a layer; more than one run layer by layer. step: called with the name of each stage as it begins.
    Raises ModelError, UnsupportedError, DoesNotFitError, TargetError; an existing project is then left as it was.
    """
    from edgec.codegen import ModelFile, write_project
    from edgec.passes.pipeline import optimize
    from edgec.targets import load_target

    path, goal = Path(path), Goal.named(goal)
    board = load_target(target) if isinstance(target, str) else target
    check_threads(
        board, threads, {"--push": push, "--streaming": streaming, "--ram": ram is not None, "--front": front}
    )
    directory = None if out_dir is None else free_directory(Path(out_dir))
    compiler = None if board.is_host else board_compiler(board, cc)
    step("reading the model")
    graph, quantized = import_int8(path, None if data is None else Path(data), shapes or {}, step)
    step("optimising")
    optimize(graph, board, dump_ir=None if dump_ir is None else Path(dump_ir))
    file = ModelFile(name or path.stem, path.name, hashlib.sha256(path.read_bytes()).hexdigest())
    program, project, report = make_project(
        graph, board, file, goal, compiler, step, ram, push, streaming, front, threads
    )
    if directory is not None:
        write_project(project, directory)
    return CompiledModel(graph, program, project, report, directory, quantized)


def make_project(
    graph: Graph,
    board: Target,
    file: ModelFile,
    goal: Goal,
    compiler: Compiler | None,
    step: Step = lambda text: None,
    ram: int | None = None,
    push: bool = False,
    streaming: bool = False,
    front: bool = False,
    threads: int = 1,
) -> tuple[Program, Project, dict[str, Any]]:
    """Schedule an optimised Graph for a board and generate its C; the project holds the report too, as JSON and HTML.

    ram, push, streaming, front, threads: as for compile_model.
    """
    from edgec.codegen import generate, generate_variants, report_page
    from edgec.codegen.footprint import over_budget
    from edgec.codegen.report import front_report
    from edgec.passes.schedule import best_order
    from edgec.passes.schedule import front as find_front

    boards = [replace(board, core=core, variants=()) for core in board.variants or (board.core,)]
    schedulers = [best_order(graph, each, goal, push, streaming, threads) for each in boards]
    scheduler = schedulers[-1]

    def built(budget: int | None) -> tuple[Program, Project, dict[str, Any]]:
        """What fits into a budget; where nothing does, what comes nearest."""
        limit = budget or 0
        while True:
            step("scheduling")
            programs = [each.within(limit, recompute=ram is not None) for each in schedulers]
            step("writing C")
            project = generate_variants(programs, file) if len(programs) > 1 else generate(programs[0], file)
            step("measuring")
            report = measured_report(programs, project, compiler)
            over = report["ram"]["total"] - budget if budget else 0
            largest = max(program.bytes for program in programs)
            if over <= 0 or largest > limit:
                return programs[-1], project, report
            # Static RAM and stack are known now, and change little.
            limit = largest - max(1, over - REST_CHANGES)

    program, project, report = built(ram)
    if ram and report["ram"]["total"] > ram:
        raise over_budget(*least_total(built, program, report), ram)
    if front:
        step("searching the front")
        report["front"] = front_report(program, report["ram"], find_front(scheduler, (program,)))
    page = report_page(report, board)
    files = {**project.files, REPORT: json.dumps(report, indent=1) + "\n", PAGE: page}
    return program, replace(project, files=files), report


def check_threads(target: Target, threads: int, others: Mapping[str, bool]) -> None:
    """Refuse threads that there can't be: too many, on a board without, or with another option (name -> given)."""
    if not 1 <= threads <= MOST_THREADS:
        raise ModelError(f"--threads takes 1 to {MOST_THREADS}, not {threads}", help="for example --threads 4")
    if threads == 1:
        return
    if not (target.is_host or target.is_linux):
        raise TargetError(
            f"{target.name} has no threads: its firmware runs without an operating system",
            help="--threads is for boards with Linux or Android and for host; leave it out for others",
        )
    for option, given in others.items():
        if given:
            raise ModelError(
                f"--threads and {option} exclude each other: threads share the rows of one layer after the other",
                help="leave out one of the two",
            )


def least_total(
    built: Callable[[int], tuple[Program, Project, dict[str, Any]]], program: Program, report: Mapping[str, Any]
) -> tuple[Program, int]:
    """The Program that needs the least RAM in all, and how much: one with more arena may take less stack."""
    while True:
        total = report["ram"]["total"]
        other, _, found = built(total - 1)
        if found["ram"]["total"] >= total:
            return program, total
        program, report = other, found


def import_int8(path: Path, data: Path | None, shapes: Mapping[str, int], step: Step) -> tuple[Graph, bytes | None]:
    """The Graph of a model, quantised with the samples where it is a float one; then also the int8 ONNX file."""
    from edgec.frontend import import_model, is_quantized, load_samples, quantize_model

    if is_quantized(path):
        return import_model(path, shapes=shapes), None
    if data is None:
        raise ModelError(
            f"{path.name} is a float model: edgec needs samples to quantise it",
            help="--data SAMPLES.npz, with an array x of 100 or more typical inputs (first axis: sample)",
        )
    step("quantising")
    quantized = quantize_model(path, load_samples(data), shapes=shapes, step=step)
    with tempfile.TemporaryDirectory(prefix="edgec-quantized-") as folder:
        file = Path(folder) / path.name
        file.write_bytes(quantized)
        return import_model(file), quantized


def measured_report(programs: Sequence[Program], project: Project, compiler: Compiler | None) -> dict[str, Any]:
    """report.json; DoesNotFitError where the board is too small, before anything is built if that is clear already.

    programs: the variants of a project, the best last; of most there is one.
    """
    from edgec.codegen import build_report
    from edgec.codegen.footprint import check_fit, estimate, measure

    program, weights = max(programs, key=lambda program: program.bytes), project.weight_bytes
    footprint = estimate(program)
    warnings: list[str] = []
    if compiler is not None:
        # Arena and weights alone may be too much: then the estimate is enough, and the text the better one.
        check_fit(program, weights, None)
        footprint = measure(program, project, compiler)
    elif not program.target.is_host:
        warnings = ["no C compiler is installed: flash, static RAM and stack are estimates"]
    check_fit(program, weights, footprint)
    return build_report(programs, project, footprint, warnings)


def board_compiler(target: Target, cc: str | None) -> Compiler | None:
    """The compiler that measures the project; None where none is installed and none was asked for."""
    from edgec.targets import find_compiler

    try:
        return find_compiler(target, cc)
    except TargetError:
        if cc is not None:
            raise
        return None


def free_directory(directory: Path) -> Path:
    """`directory` if a project may be written there: absent, empty, or an older project of edgec."""
    if directory.is_dir() and any(directory.iterdir()) and not (directory / REPORT).exists():
        raise ModelError(
            f"folder {str(directory)!r} is not empty and no project of edgec: it is not overwritten",
            help="-o DIR names another folder",
        )
    if directory.exists() and not directory.is_dir():
        raise ModelError(f"{str(directory)!r} is a file, not a folder", help="-o DIR names another folder")
    return directory
