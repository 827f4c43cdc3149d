"""A stand-in for another engine: its package, with a small library of C in place of the engine."""

from __future__ import annotations

import subprocess
from pathlib import Path

from edgec.targets.peers.packages import Package
from edgec.targets.toolchain import GCC_LINUX

ROUNDS, PER_ROUND = 100_000, 2  # of the stand-ins' loop
AROUND = 2_000  # instructions that the calls may take
SECONDS = 60.0


def fake_package(name: str, root: Path, library: str, link_name: str, source: str) -> Package:
    """A package in `root` whose library is compiled from a C file of this folder."""

    class Fake(Package):
        @property
        def folder(self) -> Path:
            return root

    file = root / library
    file.parent.mkdir(parents=True)
    command = [GCC_LINUX, "-O2", "-shared", "-fPIC", f"-Wl,-soname,{link_name}"]
    subprocess.run([*command, str(Path(__file__).parent / source), "-o", str(file)], check=True)
    return Fake(name, "0")
