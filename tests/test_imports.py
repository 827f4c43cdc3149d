"""Who may import whom: imports go one way, only frontend knows onnx, only the simulator knows torch, and lazily."""

from __future__ import annotations

import ast
import pathlib
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent

# Room -> the rooms that it may import, itself and core always among them.
MAY_IMPORT = {
    "core": set[str](),
    "runtime_c": set[str](),
    "frontend": set[str](),
    "passes": set[str](),
    "simulator": set[str](),
    "targets": {"runtime_c"},
    "codegen": {"targets", "runtime_c"},
    "tools": {"codegen", "passes", "frontend", "simulator", "targets", "runtime_c"},
}
ONLY_IN = {"onnx": "frontend", "ai_edge_litert": "frontend", "torch": "simulator"}


@dataclass(frozen=True)
class Import:
    """One imported module: `lazy` inside a function, `typing` where only type checkers see it."""

    file: pathlib.Path
    line: int
    module: str
    lazy: bool
    typing: bool

    @property
    def room(self) -> str:
        """The folder of this project that the module is in; an empty string for other packages."""
        parts = self.module.split(".")
        if parts[0] != "edgec":
            return ""
        return parts[1] if len(parts) > 1 and parts[1] in MAY_IMPORT else "core"

    def __str__(self) -> str:
        return f"{self.file.relative_to(ROOT)}:{self.line} imports {self.module}"


def imports_of(file: pathlib.Path) -> Iterator[Import]:
    """Every import statement of a Python file."""

    def walk(node: ast.AST, lazy: bool, typing: bool) -> Iterator[Import]:
        lazy = lazy or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        typing = typing or (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test))
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(file, node.lineno, alias.name, lazy, typing)
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            yield Import(file, node.lineno, module, lazy, typing)
            # `from edgec import frontend` names a room too.
            yield from (Import(file, node.lineno, f"{module}.{a.name}", lazy, typing) for a in node.names)
        for child in ast.iter_child_nodes(node):
            yield from walk(child, lazy, typing)

    yield from walk(ast.parse(file.read_text(encoding="utf-8")), lazy=False, typing=False)


def imports_in(room: str) -> Iterator[Import]:
    for file in sorted((ROOT / room).rglob("*.py")):
        yield from imports_of(file)


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_imports_go_one_way(room: str) -> None:
    allowed = MAY_IMPORT[room] | {"core", room, ""}
    wrong = []
    for found in imports_in(room):
        # The public API is in core and calls every room, inside functions only: importing it costs nothing.
        api = found.file == ROOT / "core" / "api.py" and (found.lazy or found.typing)
        if found.room not in allowed and not (api and found.room != "tools"):
            wrong.append(str(found))
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_no_relative_imports(room: str) -> None:
    assert not [str(found) for found in imports_in(room) if found.module.startswith(".")]


@pytest.mark.parametrize("package", ONLY_IN)
def test_packages_with_one_home(package: str) -> None:
    home = ONLY_IN[package]
    rooms = [room for room in MAY_IMPORT if room != home]
    wrong = [str(i) for room in rooms for i in imports_in(room) if i.module.split(".")[0] == package]
    assert not wrong, "\n".join(wrong)


def test_the_rules_see_what_they_forbid(tmp_path: pathlib.Path) -> None:
    file = tmp_path / "sample.py"
    file.write_text("import torch\nfrom edgec import tools\ndef f():\n    from edgec.passes.base import Pass\n")
    assert [(i.module, i.room, i.lazy) for i in imports_of(file)] == [
        ("torch", "", False),
        ("edgec", "core", False),
        ("edgec.tools", "tools", False),
        ("edgec.passes.base", "passes", True),
        ("edgec.passes.base.Pass", "passes", True),
    ]


def test_everything_imports_without_torch() -> None:
    """`pip install edgec` has no torch: only the simulator's own operator files may need it to be imported."""
    modules = []
    for room in MAY_IMPORT:
        for file in sorted((ROOT / room).rglob("*.py")):
            parts = file.relative_to(ROOT).with_suffix("").parts
            inner = parts[1:-1] if parts[-1] == "__init__" else parts[1:]
            if room != "simulator" or not inner:
                modules.append(".".join(["edgec", *([] if room == "core" else [room]), *inner]))
    program = f"import sys, importlib\nsys.modules['torch'] = None\nfor m in {modules!r}: importlib.import_module(m)\n"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert len(modules) > 20
