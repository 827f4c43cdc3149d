"""LiteRT under the emulator: its runner and what it counts, on a stand-in for its library, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import numpy as np
import pytest

from edgec.errors import UnsupportedError
from edgec.targets.peers import Converted, Job, LiteRt, PeerError, Wanted, find_processor
from edgec.targets.peers.packages import Package
from tests.targets.compilers import needs_cross
from tests.targets.fake_engine import AROUND, PER_ROUND, ROUNDS, SECONDS, fake_package


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Package:
    """LiteRT's package with a stand-in for its library in it."""
    return fake_package(
        "ai-edge-litert",
        tmp_path_factory.mktemp("package"),
        "ai_edge_litert/libLiteRt.so",
        "libLiteRt.so",
        "fake_litert.c",
    )


def converter(file: bytes) -> Callable[[Job], Converted]:
    """A conversion to this file, whose values are uint8, 128 above the model's."""

    def convert(job: Job) -> Converted:
        inputs = {name: (x.astype(np.int16) + 128).astype(np.uint8) for name, x in job.inputs.items()}
        wanted = tuple(Wanted(port.name, "uint8", port.shape) for port in job.outputs)
        return Converted(
            file, inputs, wanted, lambda found: tuple((y.astype(np.int16) - 128).astype(np.int8) for y in found)
        )

    return convert


def job_of(folder: Path) -> Job:
    return Job(
        folder / "absent.onnx", {"x": np.arange(16, dtype=np.int8).reshape(2, 8)}, (Wanted("y", "int8", (2, 8)),)
    )


@needs_cross
def test_the_last_inference_alone_is_counted(package: Package, tmp_path: Path) -> None:
    peer, job = LiteRt(converter(b""), package), job_of(tmp_path)
    first, second = (peer.measure(job, find_processor("cortex-a53"), SECONDS) for _ in range(2))
    assert first.outputs[0].dtype == np.int8
    assert np.array_equal(first.outputs[0], job.inputs["x"] + 1)
    assert first.instructions == second.instructions
    assert 0 < first.instructions - ROUNDS * PER_ROUND < AROUND
    assert first.version == "0"


@needs_cross
def test_what_the_engine_says_is_the_error(package: Package, tmp_path: Path) -> None:
    with pytest.raises(PeerError, match="LiteRT does not take the model: status 501"):
        LiteRt(converter(b"words"), package).measure(job_of(tmp_path), find_processor("max"), SECONDS)


@needs_cross
def test_an_operator_that_has_no_form_there(package: Package, tmp_path: Path) -> None:
    def refuse(job: Job) -> Converted:
        raise UnsupportedError("operator Resize: no", where="Resize 'up'")

    with pytest.raises(PeerError, match="LiteRT does not take the model: operator Resize: no") as caught:
        LiteRt(refuse, package).measure(job_of(tmp_path), find_processor("max"), SECONDS)
    assert caught.value.where == "Resize 'up'"


def test_a_computer_without_litert(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr("edgec.targets.peers.litert.version", absent)
    with pytest.raises(PeerError, match="LiteRT is not installed") as caught:
        LiteRt(converter(b"")).fetch()
    assert caught.value.help == "pip install 'edgec[litert]'"


def test_a_release_that_is_not_fetched(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("edgec.targets.peers.litert.version", lambda name: "9.9")
    with pytest.raises(PeerError, match=r"ai-edge-litert 9\.9 for aarch64 is not in edgec's cache"):
        LiteRt(converter(b"")).measure(job_of(tmp_path), find_processor("max"), SECONDS)
