"""Firmware for emulated boards, built once for all tests of this folder."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from edgec.targets import Firmware, find_compiler, load_target
from tests.targets.small_project import write_project

Build = Callable[..., Firmware]


@pytest.fixture(scope="session")
def build(tmp_path_factory: pytest.TempPathFactory) -> Build:
    """build(board, run="C source of the model instead of the usual one", defines=()) -> Firmware"""
    made: dict[tuple[str, str, tuple[str, ...]], Firmware] = {}

    def build_one(board: str, run: str = "", defines: tuple[str, ...] = ()) -> Firmware:
        key = (board, run, defines)
        if key not in made:
            target = load_target(board)
            folder = tmp_path_factory.mktemp(board)
            project = write_project(target, folder, run=run)
            made[key] = find_compiler(target).build(project, folder / "build", defines=defines)
        return made[key]

    return build_one
