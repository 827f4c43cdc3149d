"""A program of somebody else's that uses a generated project through CMake: standard input in, output out."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from edgec.ir import Array
from edgec.targets import HostModel
from edgec.targets.toolchain import GCC_LINUX

needs_cmake = pytest.mark.skipif(shutil.which("cmake") is None, reason="cmake is not installed")
PROCESSORS = (("cortex-a53", "neon"), ("cortex-a76", "dotprod"), ("max,sve=off,sme=off", "i8mm"))
CROSS = f"""
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER {GCC_LINUX})
"""
SOURCE = """
#include <stdio.h>
#include "tiny.h"
static _Alignas(8) unsigned char memory[TINY_ARENA_BYTES];
int main(void) {
    if (fread(tiny_input(memory), 1, TINY_INPUT_BYTES, stdin) != TINY_INPUT_BYTES) return 1;
    tiny_run(memory);
    return fwrite(tiny_output(memory), 1, TINY_OUTPUT_BYTES, stdout) != TINY_OUTPUT_BYTES;
}
"""
LISTS = """
cmake_minimum_required(VERSION 3.13)
project(app C)
%s
add_executable(app app.c)
target_link_libraries(app PRIVATE edgec::tiny %s)
"""


def cmake(*arguments: object) -> None:
    """Run CMake; the test fails with its whole output where it does, and where anything warns.

    GCC remarks that a variant's -march wins over the user's -mcpu, which is what it is for.
    """
    command = ["nice", "cmake", *map(str, arguments)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    said = result.stdout + result.stderr
    assert result.returncode == 0, said
    warnings = [line for line in said.splitlines() if "warning" in line.lower() and "conflicts with" not in line]
    assert not warnings, said


def build(source: Path, folder: Path, *options: str, target: str = "all") -> None:
    cmake("-S", source, "-B", folder, *options)
    cmake("--build", folder, "--target", target)


def write_app(folder: Path, how: str, *, static: bool) -> Path:
    """The app's source; how: the line of CMake by which it finds the model."""
    folder.mkdir()
    (folder / "app.c").write_text(SOURCE)
    (folder / "CMakeLists.txt").write_text(LISTS % (how, "-static" if static else ""))
    return folder


def toolchain(folder: Path, flags: str = "") -> str:
    """The option for a cross toolchain file, with flags that its user wants everywhere."""
    file = folder / "cross.cmake"
    file.write_text(CROSS + (f'set(CMAKE_C_FLAGS_INIT "{flags}")\n' if flags else ""))
    return f"-DCMAKE_TOOLCHAIN_FILE={file}"


def sample() -> Array:
    return np.random.default_rng(7).integers(-128, 128, (1, 9, 9, 3)).astype(np.int8)


def expected(project: Path) -> bytes:
    """What the project's C computes on this computer by edgec's own build."""
    return HostModel(project).run([sample()])[0].tobytes()


def output_of(command: Sequence[object]) -> bytes:
    words = [str(word) for word in command]
    return subprocess.run(words, input=sample().tobytes(), capture_output=True, check=True, timeout=60).stdout
