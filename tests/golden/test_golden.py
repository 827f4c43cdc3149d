"""Generated C is committed and read in the diff: `pytest tests/golden --update-golden` writes it anew."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from edgec.codegen import ModelFile, generate
from edgec.passes.schedule import schedule
from tests.graphs import HOST, tiny_graph

GOLDEN = Path(__file__).parent / "tiny"
FILES = ("include/tiny.h", "src/tiny.c", "port/model_info.c", "CMakeLists.txt")


@pytest.mark.parametrize("name", FILES)
def test_tiny(name: str, request: pytest.FixtureRequest) -> None:
    text = generate(schedule(tiny_graph(), HOST), ModelFile("tiny", "tiny.onnx", "0" * 64)).files[name]
    text = re.sub(r"edgec \d+\.\d+\.\d+", "edgec VERSION", text)
    golden = GOLDEN / name
    if request.config.getoption("--update-golden"):
        golden.parent.mkdir(parents=True, exist_ok=True)
        golden.write_text(text)
    assert golden.read_text() == text
