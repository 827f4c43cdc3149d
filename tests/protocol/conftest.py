"""The firmware's protocol compiled for the host, once a session."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.protocol.links import build_firmware


@pytest.fixture(scope="session")
def firmware(tmp_path_factory: pytest.TempPathFactory) -> Path:
    cc = shutil.which("cc") or pytest.skip("no host compiler")
    return build_firmware(cc, tmp_path_factory.mktemp("protocol"))


@pytest.fixture(scope="session")
def profiling_firmware(tmp_path_factory: pytest.TempPathFactory) -> Path:
    cc = shutil.which("cc") or pytest.skip("no host compiler")
    return build_firmware(cc, tmp_path_factory.mktemp("protocol"), "EC_PROFILE_CYCLES")


@pytest.fixture(scope="session")
def pushed_firmware(tmp_path_factory: pytest.TempPathFactory) -> Path:
    cc = shutil.which("cc") or pytest.skip("no host compiler")
    return build_firmware(cc, tmp_path_factory.mktemp("protocol"), "PUSHED", "EC_PROFILE_CYCLES")
