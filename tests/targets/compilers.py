"""The compilers that tests of boards run with, where they are installed."""

from __future__ import annotations

import shutil

import pytest

from edgec.targets.toolchain import GCC, GCC_LINUX, zig_command

needs_gcc = pytest.mark.skipif(shutil.which(GCC) is None, reason=f"{GCC} is not installed")
needs_gcc_linux = pytest.mark.skipif(shutil.which(GCC_LINUX) is None, reason=f"{GCC_LINUX} is not installed")
needs_zig = pytest.mark.skipif(zig_command() is None, reason="zig is not installed")
EACH_COMPILER = [pytest.param("zig", marks=needs_zig), pytest.param(GCC, marks=needs_gcc)]
# Boards with Linux have a GCC of their own.
EACH_COMPILER_LINUX = [pytest.param("zig", marks=needs_zig), pytest.param(GCC_LINUX, marks=needs_gcc_linux)]
