"""Programs on other machines, by stand-ins for ssh, scp and adb: they are copied, answer, and compute the same."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from edgec.targets.remote import Remote, parse_remote
from tests.targets.compilers import needs_gcc_linux, needs_qemu_user
from tests.targets.remote_box import make_box
from tests.tools.cli import edgec, write_model, write_samples

PORTS = ("ssh:me@box", "adb", "adb:0123abcd")


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_samples(tmp_path_factory.mktemp("samples") / "s.npz", 2)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("remote")
    result = edgec("compile", write_model(folder), "--target", "android-arm64", "-o", folder / "tiny")
    assert result.exit_code == 0, result.stderr
    return folder / "tiny"


@pytest.fixture(scope="module")
def emulated(project: Path, samples: Path) -> dict[str, Any]:
    """What edgec's own emulated board gives."""
    return edgec("run", project, "--data", samples, "--samples", 2, "--json").json


@needs_qemu_user
@needs_gcc_linux
@pytest.mark.parametrize("port", PORTS)
def test_flash_and_run(
    port: str, project: Path, samples: Path, emulated: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    box = make_box(tmp_path, monkeypatch)
    flashed = edgec("flash", project, "--port", port, "--json").json
    assert (flashed["board"], flashed["firmware"]["model"]) == ("android-arm64", "tiny")
    built = project / "build" / "android-arm64" / "firmware.elf"
    assert (box / "edgec-tiny").read_bytes() == built.read_bytes()
    result = edgec("run", project, "--port", port, "--data", samples, "--samples", 2, "--json").json
    assert result["outputs"] == emulated["outputs"]
    assert (result["kernels"], result["instructions"]) == ("i8mm", None)
    serials = (box / "serials").read_text().split() if (box / "serials").exists() else []
    assert set(serials) == ({"0123abcd"} if port == "adb:0123abcd" else set())


@needs_qemu_user
@needs_gcc_linux
def test_program_of_an_older_model(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A program of the same name, but of another network, is not taken for this one."""
    make_box(tmp_path, monkeypatch)
    assert edgec("flash", project, "--port", "ssh:me@box").exit_code == 0
    newer = tmp_path_factory.mktemp("newer") / "tiny"
    shutil.copytree(project, newer)
    report = newer / "report.json"
    sha = edgec("report", project, "--json").json["model"]["sha256"]
    report.write_text(report.read_text().replace(sha, "0" * 64))
    result = edgec("run", newer, "--port", "ssh:me@box")
    assert result.exit_code == 2
    assert "Traceback" not in result.stderr
    assert sha[:16] in result.stderr


@needs_gcc_linux
@pytest.mark.parametrize(
    ("port", "lines"),
    [
        ("ssh:me@box", ["scp -q FILE me@box:edgec-tiny", "ssh me@box ./edgec-tiny"]),
        (
            "adb",
            [
                "adb push FILE /data/local/tmp/edgec-tiny",
                "adb shell -T 'chmod 755 /data/local/tmp/edgec-tiny && /data/local/tmp/edgec-tiny'",
            ],
        ),
    ],
)
def test_dry_run_prints_the_commands(port: str, lines: list[str], project: Path) -> None:
    result = edgec("flash", project, "--port", port, "--dry-run", "--json").json
    file = str(project / "build" / "android-arm64" / "firmware.elf")
    assert result["text"].replace(file, "FILE").splitlines() == lines


@pytest.mark.parametrize(
    ("port", "remote"),
    [
        ("ssh:me@box", Remote("ssh", "me@box")),
        ("adb", Remote("adb", "")),
        ("adb:192.168.0.7:5555", Remote("adb", "192.168.0.7:5555")),
        ("/dev/ttyACM0", None),
        ("COM3", None),
    ],
)
def test_ports(port: str, remote: Remote | None) -> None:
    assert parse_remote(port) == remote
