"""The small network compiled once for an emulated board."""

from __future__ import annotations

import shutil
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.tools.cli import edgec, write_model, write_samples

BOARD = "mps2-an386"


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="session")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_samples(tmp_path_factory.mktemp("samples") / "samples.npz")


@pytest.fixture(scope="session")
def project(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project for BOARD; commands may build in it, nothing else."""
    directory = tmp_path_factory.mktemp("project") / "tiny"
    assert edgec("compile", model, "--target", BOARD, "-o", directory).exit_code == 0
    return directory


@pytest.fixture
def emulator() -> None:
    """Skips where no emulator is installed."""
    if not shutil.which("qemu-system-arm") and not find_spec("unicorn"):
        pytest.skip("no emulator")
