"""The compilers that tests of boards run with, where they are installed."""

from __future__ import annotations

import shutil

import pytest

from edgec.targets.toolchain import GCC, zig_command

needs_gcc = pytest.mark.skipif(shutil.which(GCC) is None, reason=f"{GCC} is not installed")
needs_zig = pytest.mark.skipif(zig_command() is None, reason="zig is not installed")
EACH_COMPILER = [pytest.param("zig", marks=needs_zig), pytest.param(GCC, marks=needs_gcc)]
