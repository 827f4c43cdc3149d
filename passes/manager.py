"""Runs passes in order, verifies the graph after each and writes its text where asked."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edgec.errors import EdgecError, InternalError
from edgec.ir import Graph
from edgec.passes.base import Pass
from edgec.target import Target


def run_passes(passes: Sequence[Pass], graph: Graph, target: Target, *, dump_ir: Path | None = None) -> list[str]:
    """Run `passes` one after the other; the names of those that changed the graph.

    `dump_ir` is a folder: it gets 00-imported.txt and, for the nth pass that changed the text, <n>-<pass>.txt.
    An InternalError, of a pass or of the check behind it, names the pass and those that ran before.
    """
    changed: list[str] = []
    text = ""
    if dump_ir is not None:
        dump_ir.mkdir(parents=True, exist_ok=True)
        text = graph.to_text()
        (dump_ir / "00-imported.txt").write_text(text, encoding="utf-8")
    for number, step in enumerate(passes, start=1):
        if not run_one(step, graph, target, [before.name for before in passes[: number - 1]]):
            continue
        changed.append(step.name)
        if dump_ir is not None and (now := graph.to_text()) != text:
            text = now
            (dump_ir / f"{number:02d}-{step.name}.txt").write_text(text, encoding="utf-8")
    return changed


def run_one(step: Pass, graph: Graph, target: Target, before: Sequence[str]) -> bool:
    """Run one pass and verify; what goes wrong inside is told with the pass's name."""
    try:
        changed = step.run(graph, target)
        if changed:
            graph.verify()
    except InternalError as error:
        raise InternalError(
            f"pass {step.name} failed after [{', '.join(before)}]: {error.message}",
            where=error.where or f"graph {graph.name}",
            help="please report it, with the model if you may",
        ) from error
    except EdgecError:
        raise
    except (ArithmeticError, AssertionError, LookupError, TypeError, ValueError) as error:
        raise InternalError(
            f"pass {step.name} failed after [{', '.join(before)}]: {type(error).__name__}: {error}",
            where=f"graph {graph.name}",
            help="please report it, with the model if you may",
        ) from error
    return changed
