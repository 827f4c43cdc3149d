"""Generated C is committed and read in the diff: `pytest tests/golden --update-golden` writes it anew."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from edgec.codegen import ModelFile, generate
from edgec.passes.schedule import schedule
from edgec.program import Program
from tests.graphs import HOST, tiny_graph, wide_graph

HERE = Path(__file__).parent
FILES = ("include/tiny.h", "src/tiny.c", "port/model_info.c", "CMakeLists.txt")


@pytest.mark.parametrize("name", FILES)
def test_tiny(name: str, request: pytest.FixtureRequest) -> None:
    compare(schedule(tiny_graph(), HOST), "tiny", name, request)


def test_row_by_row(request: pytest.FixtureRequest) -> None:
    compare(schedule(wide_graph(), HOST, ram=0), "wide", "src/wide.c", request)


def compare(program: Program, model: str, name: str, request: pytest.FixtureRequest) -> None:
    text = generate(program, ModelFile(model, f"{model}.onnx", "0" * 64)).files[name]
    text = re.sub(r"edgec \d+\.\d+\.\d+", "edgec VERSION", text)
    golden = HERE / model / name
    if request.config.getoption("--update-golden"):
        golden.parent.mkdir(parents=True, exist_ok=True)
        golden.write_text(text)
    assert golden.read_text() == text
