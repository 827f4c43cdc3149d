"""The wheel holds every file that edgec reads at run time, and nothing outside the package `edgec`."""

from __future__ import annotations

import importlib.metadata
import pathlib
import re
import shutil
import subprocess
import sys
import zipfile

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
FOLDERS = {
    "core": "edgec",
    "frontend": "edgec/frontend",
    "passes": "edgec/passes",
    "codegen": "edgec/codegen",
    "runtime_c": "edgec/runtime_c",
    "targets": "edgec/targets",
    "simulator": "edgec/simulator",
    "tools": "edgec/tools",
}
SHIPPED = {".py", ".toml", ".c", ".h", ".ld", ".j2"}


@pytest.fixture(scope="session")
def wheel_files(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Names in a wheel built from a copy of the sources: a build leaves files behind where it runs."""
    source = tmp_path_factory.mktemp("wheel") / "source"
    ignore = shutil.ignore_patterns("__pycache__")
    for folder in FOLDERS:
        shutil.copytree(ROOT / folder, source / folder, ignore=ignore)
    for file in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / file, source / file)
    out = source.parent / "dist"
    build = "import sys, setuptools.build_meta as b; b.build_wheel(sys.argv[1])"
    result = subprocess.run(
        [sys.executable, "-c", build, str(out)], cwd=source, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr
    (wheel,) = out.glob("edgec-*.whl")
    return set(zipfile.ZipFile(wheel).namelist())


def test_wheel_holds_what_the_folders_hold(wheel_files: set[str]) -> None:
    wanted = {"edgec/py.typed"}
    for folder, package in FOLDERS.items():
        for file in (ROOT / folder).rglob("*"):
            if file.suffix in SHIPPED and "__pycache__" not in file.parts:
                wanted.add(f"{package}/{file.relative_to(ROOT / folder).as_posix()}")
    assert not wanted - wheel_files
    assert {".h", ".toml", ".j2"} <= {pathlib.PurePath(name).suffix for name in wheel_files}


def test_wheel_leaks_no_other_package(wheel_files: set[str]) -> None:
    tops = {name.split("/")[0] for name in wheel_files}
    assert tops - {"edgec"} == {top for top in tops if top.endswith(".dist-info")}


def test_wheel_holds_the_license(wheel_files: set[str]) -> None:
    assert any(name.endswith("LICENSE") for name in wheel_files)


def test_base_install_needs_neither_torch_nor_a_compiler() -> None:
    needs = [requirement for requirement in importlib.metadata.requires("edgec") or [] if "extra ==" not in requirement]
    base = {re.split(r"[^\w-]", requirement)[0].lower() for requirement in needs}
    assert {"onnx", "numpy"} <= base
    assert not base & {"torch", "ziglang", "unicorn", "scipy", "scikit-learn"}
