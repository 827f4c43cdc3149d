"""An operator family has the same name in every room, and every kernel named in Python has its C file."""

from __future__ import annotations

import pathlib
import re

import pytest

from edgec.ops import all_ops

ROOT = pathlib.Path(__file__).resolve().parent.parent
NOT_FAMILIES = {"__init__", "__pycache__", "base", "numbers"}
FAMILIES = {file.stem for file in (ROOT / "core" / "ops").iterdir()} - NOT_FAMILIES
KERNELS = sorted({(kernel.family, kernel.name) for op in all_ops().values() for kernel in op.kernels})


@pytest.mark.parametrize("room", ["frontend", "simulator"])
def test_importers_and_simulators_use_the_family_names(room: str) -> None:
    files = {file.stem for file in (ROOT / room / "ops").glob("*.py")} - NOT_FAMILIES
    assert files <= FAMILIES, f"{room}/ops has files that are no family of core/ops"


def test_kernel_folders_use_the_family_names() -> None:
    folders = {folder.name for folder in (ROOT / "runtime_c" / "kernels").iterdir() if folder.is_dir()}
    assert folders <= FAMILIES
    assert {family for family, _ in KERNELS} <= folders


@pytest.mark.parametrize(("family", "name"), KERNELS, ids=[name for _, name in KERNELS])
def test_each_kernel_is_one_header_with_three_names(family: str, name: str) -> None:
    text = (ROOT / "runtime_c" / "kernels" / family / f"{name}.h").read_text(encoding="utf-8")
    assert re.search(rf"\bEC_INLINE void {name}\(", text)
    # A struct of its own, or another name for one that kernels share.
    assert re.search(rf"(?:\}}|typedef \w+) {name}_geometry;", text)
    assert re.search(rf"(?:\}}|typedef \w+) {name}_data;", text)


def test_each_family_with_kernels_has_a_case_list() -> None:
    missing = {family for family, _ in KERNELS if not (ROOT / "tests" / "ops" / f"test_{family}.py").exists()}
    assert not missing, f"tests/ops/ has no cases of {sorted(missing)}"
