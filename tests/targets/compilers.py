"""The compilers and emulators that tests of boards run with, where they are installed."""

from __future__ import annotations

import shutil

import pytest

from edgec.targets.emulator.qemu import QEMU
from edgec.targets.emulator.qemu_user import QEMU_USER
from edgec.targets.toolchain import GCC, GCC_LINUX, zig_command

needs_gcc = pytest.mark.skipif(shutil.which(GCC) is None, reason=f"{GCC} is not installed")
needs_gcc_linux = pytest.mark.skipif(shutil.which(GCC_LINUX) is None, reason=f"{GCC_LINUX} is not installed")
needs_zig = pytest.mark.skipif(zig_command() is None, reason="zig is not installed")
needs_qemu = pytest.mark.skipif(shutil.which(QEMU) is None, reason=f"{QEMU} is not installed")
needs_qemu_user = pytest.mark.skipif(shutil.which(QEMU_USER) is None, reason=f"{QEMU_USER} is not installed")
# Programs for 64-bit Arm with a C library, and what runs them.
needs_cross = pytest.mark.skipif(
    not (shutil.which(QEMU_USER) and shutil.which(GCC_LINUX)), reason=f"{QEMU_USER} or {GCC_LINUX} is not installed"
)
EACH_COMPILER = [pytest.param("zig", marks=needs_zig), pytest.param(GCC, marks=needs_gcc)]
# Boards with Linux have a GCC of their own.
EACH_COMPILER_LINUX = [pytest.param("zig", marks=needs_zig), pytest.param(GCC_LINUX, marks=needs_gcc_linux)]
