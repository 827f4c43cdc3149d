"""The generated project builds every way that the README promises, and twice the same."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from edgec.codegen import ModelFile, Project, generate, write_project
from edgec.codegen.literals import identifier, scalar
from edgec.passes.schedule import schedule, threads
from tests.graphs import HOST, tiny_graph

STRICT = ["-std=c11", "-Wall", "-Wextra", "-Werror", "-Wconversion", "-ffp-contract=off"]
USER = """
#include "tiny.h"
alignas(8) static unsigned char memory[TINY_ARENA_BYTES];
int main() {
    for (int i = 0; i < TINY_INPUT_BYTES; i++) tiny_input(memory)[i] = tiny_quantize(0.1f);
    tiny_run(memory);
    return tiny_dequantize(tiny_output(memory)[0]) > 1e6f;
}
"""


def tiny_project() -> Project:
    return generate(schedule(tiny_graph(), HOST), ModelFile("tiny", "tiny.onnx", "0" * 64))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    write_project(tiny_project(), tmp_path / "tiny")
    return tmp_path / "tiny"


def test_builds_with_one_compiler_line_without_warnings(project: Path) -> None:
    cc = shutil.which("cc") or pytest.skip("no host compiler")
    sources = ["src/tiny.c", "src/tiny_weights.c", "port/model_info.c"]
    subprocess.run([cc, *STRICT, "-Iinclude", "-Isrc", "-c", *sources], cwd=project, check=True)


def test_builds_with_cmake(project: Path) -> None:
    cmake = shutil.which("cmake") or pytest.skip("no cmake")
    subprocess.run([cmake, "-S", ".", "-B", "build"], cwd=project, check=True, capture_output=True)
    subprocess.run([cmake, "--build", "build"], cwd=project, check=True, capture_output=True)
    assert (project / "build" / "libtiny.a").exists()


def test_header_is_used_from_cpp(project: Path) -> None:
    cxx, cc = shutil.which("c++"), shutil.which("cc")
    if not cxx or not cc:
        pytest.skip("no host compiler")
    (project / "user.cpp").write_text(USER)
    sources = ["src/tiny.c", "src/tiny_weights.c"]
    subprocess.run([cc, *STRICT, "-Iinclude", "-Isrc", "-c", *sources], cwd=project, check=True)
    line = [cxx, "-std=c++11", "-Wall", "-Wextra", "-Werror", "-Iinclude", "user.cpp", "tiny.o", "tiny_weights.o"]
    subprocess.run([*line, "-o", "user"], cwd=project, check=True)
    assert subprocess.run([project / "user"], check=False).returncode == 0


def test_same_graph_gives_same_bytes() -> None:
    assert tiny_project().files == tiny_project().files


def test_header_is_short() -> None:
    assert len(tiny_project().files["include/tiny.h"].splitlines()) <= 60


def test_write_replaces_an_older_project_and_leaves_nothing_else(project: Path) -> None:
    (project / "src" / "stale.c").write_text("")
    write_project(tiny_project(), project)
    assert not (project / "src" / "stale.c").exists()
    assert [path.name for path in project.parent.iterdir()] == ["tiny"]


@pytest.mark.parametrize(
    ("name", "expected"), [("main", "model_main"), ("4ch", "model_4ch"), ("Kws-v2.1", "kws_v2_1"), ("__", "model")]
)
def test_identifier(name: str, expected: str) -> None:
    assert identifier(name) == expected


@pytest.mark.parametrize(
    ("value", "text"), [(0.1, "0.1f"), (1e-7, "1.0e-7f"), (-(2**31), "(-2147483647 - 1)"), (None, "NULL"), (3, "3")]
)
def test_scalar(value: object, text: str) -> None:
    assert scalar(value) == text


def test_threads_are_chosen_when_linked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """CMake leaves them out unless asked; the library then needs POSIX threads."""
    cmake = shutil.which("cmake") or pytest.skip("no cmake")
    monkeypatch.setattr(threads, "LEAST", 0)
    write_project(
        generate(schedule(tiny_graph(), HOST, threads=2), ModelFile("tiny", "tiny.onnx", "0" * 64)), tmp_path / "t"
    )
    for option, wanted in (("OFF", "ec_threads_none"), ("ON", "ec_threads_pthread")):
        build = tmp_path / option
        line = [cmake, "-S", tmp_path / "t", "-B", build, f"-DTINY_THREADS={option}"]
        subprocess.run(line, check=True, capture_output=True)
        subprocess.run([cmake, "--build", build], check=True, capture_output=True)
        assert [path.name.partition(".")[0] for path in build.rglob("ec_threads_*.o")] == [wanted]
