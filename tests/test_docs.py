"""The tables in the documents are current, their links lead somewhere, and what they say to type exists."""

from __future__ import annotations

import importlib.util
import json
import pathlib
import re

import pytest
import typer.main

from benchmarks.page import page
from edgec.tools.main import app

ROOT = pathlib.Path(__file__).resolve().parent.parent
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])


@pytest.mark.parametrize("name", ["README.md", "docs/boards.md"])
def test_tables_are_current(name: str) -> None:
    spec = importlib.util.spec_from_file_location("tables", ROOT / "docs" / "tables.py")
    assert spec is not None
    assert spec.loader is not None
    tables = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tables)
    text = (ROOT / name).read_text(encoding="utf-8")
    assert tables.MARKED.search(text), "the marks of the tables are gone"
    assert tables.updated(text) == text, "run: python docs/tables.py"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_files_that_documents_name_exist(document: pathlib.Path) -> None:
    """Paths in backquotes that start with a folder of this project; placeholders in <> or {} are left out."""
    folders = "core|frontend|passes|codegen|runtime_c|targets|simulator|tools|tests|benchmarks|examples|docs|[.]ci"
    paths = re.findall(rf"`((?:{folders})/[\w./-]+)`", document.read_text(encoding="utf-8"))
    missing = [path for path in paths if not (ROOT / path).exists() and "out/" not in path]
    assert not missing


def test_the_page_of_benchmarks_is_made_from_its_figures() -> None:
    rows = json.loads((ROOT / "docs" / "benchmarks.json").read_text(encoding="utf-8"))["rows"]
    written = (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    assert written == page(rows), "run: python -m benchmarks.speed"


def test_readme_commands_exist() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    scripts = re.findall(r"^    python3 (\S+\.py)", text, re.MULTILINE)
    assert len(scripts) >= 2
    assert all((ROOT / script).is_file() for script in scripts)


def test_commands_and_their_options_exist() -> None:
    """Each section of docs/commands.md names only options that the command has, and every command has one."""
    group = typer.main.get_command(app)
    commands: dict[str, typer.core.TyperCommand] = group.commands  # type: ignore[attr-defined]
    text = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    documented = set()
    for section in text.split("\n## ")[1:]:
        title = section.splitlines()[0]
        names = re.findall(r"edgec (\w+)", title)
        documented |= set(names)
        there = {option for name in names for parameter in commands[name].params for option in parameter.opts}
        assert set(re.findall(r"(?<![\w-])--?[a-z][\w-]*", section)) <= there, title
    assert documented == set(commands)
