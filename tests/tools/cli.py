"""Commands run in this process, and a small network as an ONNX file."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from typer.testing import CliRunner

from edgec.frontend import export_model
from edgec.ir import Graph
from edgec.tools.main import app
from tests.graphs import tiny_graph

CLASSES = 6
SHAPE = (9, 9, 3)


@dataclass(frozen=True)
class Result:
    """What a command printed, and its exit code."""

    exit_code: int
    stdout: str
    stderr: str

    @property
    def json(self) -> dict[str, Any]:
        """The one JSON object; fails where stdout holds anything else."""
        value: dict[str, Any] = json.loads(self.stdout)
        return value


def edgec(*arguments: object) -> Result:
    """`edgec ARGUMENTS`."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Result(result.exit_code, result.stdout, result.stderr)


def write_model(folder: Path, graph: Graph | None = None) -> Path:
    """tiny.onnx: three convolutions, int8 in and out; or another Graph."""
    graph = graph or tiny_graph()
    path = folder / f"{graph.name}.onnx"
    path.write_bytes(export_model(graph))
    return path


def write_samples(path: Path, count: int = 6, *, labels: bool = True) -> Path:
    """Random int8 samples of the small network."""
    source = np.random.RandomState(5)
    x = source.randint(-128, 128, (count, *SHAPE)).astype(np.int8)
    y = {"y": source.randint(0, CLASSES, count)} if labels else {}
    np.savez(path, x=x, **y)
    return path
