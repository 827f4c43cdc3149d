"""House rules that a program can hold: sizes of files and functions, docstrings, no words of one machine."""

from __future__ import annotations

import ast
import pathlib
import re
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
ROOMS = ("codegen", "core", "frontend", "passes", "runtime_c", "simulator", "targets", "tools")
PYTHON = sorted(file for room in ROOMS for file in (ROOT / room).rglob("*.py"))
C_FILES = sorted(file for pattern in ("*.c", "*.h") for file in (ROOT / "runtime_c").rglob(pattern))
MOST_LINES, MOST_FUNCTION_LINES = 400, 60


def code_lines(text: str, comment: str) -> int:
    """Lines that are neither empty nor only a comment."""
    return sum(1 for line in text.splitlines() if line.strip() and not line.strip().startswith(comment))


def name_of(file: pathlib.Path) -> str:
    return str(file.relative_to(ROOT))


def tracked_texts() -> list[tuple[str, str]]:
    """(name, text) of every file in git that is text, tests and this file's own rules left out."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout: no list of the project's files")
    texts = []
    for name in listed.stdout.splitlines():
        file = ROOT / name
        if not file.is_file() or file.suffix in (".onnx", ".npz") or file == pathlib.Path(__file__).resolve():
            continue
        texts.append((name, file.read_text(encoding="utf-8")))
    return texts


@pytest.mark.parametrize("file", [*PYTHON, *C_FILES], ids=name_of)
def test_files_stay_short(file: pathlib.Path) -> None:
    lines = code_lines(file.read_text(encoding="utf-8"), "#" if file.suffix == ".py" else "//")
    assert lines <= MOST_LINES, f"{lines} lines of code: make it a folder of the same name"


def test_functions_stay_short() -> None:
    long = []
    for file in PYTHON:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and (node.end_lineno or 0) - node.lineno > MOST_FUNCTION_LINES:
                long.append(f"{name_of(file)}:{node.lineno} {node.name}")
    assert not long, "\n".join(long)


def test_public_names_have_docstrings() -> None:
    """Every module, and every public class and function but those whose contract OpDef, Kernel or a table states."""
    of_opdef = re.compile(r"infer_\w+|\w+_(rows|geometry|data|macs|cost|scratch)|\w+Attrs")
    tables = (ROOT / "frontend" / "ops", ROOT / "simulator" / "ops")  # one function an operator, all of one signature
    bare = []
    for file in PYTHON:
        tree = ast.parse(file.read_text(encoding="utf-8"))
        if tree.body and ast.get_docstring(tree) is None:
            bare.append(name_of(file))
        for node in tree.body:
            if not isinstance(node, ast.ClassDef | ast.FunctionDef) or node.name.startswith("_"):
                continue
            if isinstance(node, ast.FunctionDef) and file.parent in tables:
                continue
            short = isinstance(node, ast.FunctionDef) and (node.end_lineno or 0) - node.lineno <= 3
            if ast.get_docstring(node) is None and not short and not of_opdef.fullmatch(node.name):
                bare.append(f"{name_of(file)}:{node.lineno} {node.name}")
    assert not bare, "no docstring:\n" + "\n".join(bare)


def test_errors_are_the_five_kinds() -> None:
    """No NotImplementedError, no bare Exception raised: users get a place, a reason and a way out."""
    wrong = []
    for file in PYTHON:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Raise) and node.exc is not None:
                raised = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
                if isinstance(raised, ast.Name) and raised.id in ("NotImplementedError", "Exception", "RuntimeError"):
                    wrong.append(f"{name_of(file)}:{node.lineno} raises {raised.id}")
    assert not wrong, "\n".join(wrong)


def test_kernels_neither_allocate_nor_print() -> None:
    forbidden = re.compile(r"\b(malloc|calloc|realloc|free|printf|puts|exit|abort)\s*\(")
    kernels = [file for file in C_FILES if "kernels" in file.parts]
    wrong = [name_of(file) for file in kernels if forbidden.search(file.read_text(encoding="utf-8"))]
    assert not wrong
    assert kernels


def test_no_machine_paths() -> None:
    """Nothing in the repository names a folder of one machine: absolute home, root or work paths."""
    path = re.compile(r"(?<![\w.~])/(?:root|work|Users|home/\w+)/[\w.]")
    wrong = [
        f"{name}:{number}: {line.strip()}"
        for name, text in tracked_texts()
        for number, line in enumerate(text.splitlines(), 1)
        if path.search(line)
    ]
    assert not wrong, "\n".join(wrong)


def test_no_tabs_and_no_trailing_space() -> None:
    wrong = [
        f"{name}:{number}"
        for name, text in tracked_texts()
        for number, line in enumerate(text.splitlines(), 1)
        if line != line.rstrip() or "\t" in line
    ]
    assert not wrong, "\n".join(wrong)
