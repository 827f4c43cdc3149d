"""Exact instruction counts: the C helpers of QEMU and unicorn, built once and kept in the user's cache."""

from __future__ import annotations

import hashlib
import mmap
import os
import struct
import subprocess
import tempfile
from importlib.resources import files
from pathlib import Path

from edgec.errors import TargetError
from edgec.targets.load import load_target
from edgec.targets.toolchain import cache_directory, find_compiler

SOURCES = files("edgec.targets").joinpath("emulator")
PAGE = struct.Struct("4Q")  # begin, end, last, windows: shared_page of counter.c
PLUGIN_VERSIONS = range(1, 9)


def build_helper(source: str, key: str, *defines: str) -> Path:
    """A shared library of one C file of this folder, from the cache where it is there; `key` tells variants apart."""
    text = SOURCES.joinpath(source).read_text(encoding="utf-8")
    digest = hashlib.sha256("\0".join((text, key, *defines)).encode()).hexdigest()[:16]
    library = cache_directory() / f"{Path(source).stem}-{digest}.so"
    if not library.exists():
        compiler = find_compiler(load_target("host"))
        with tempfile.TemporaryDirectory(dir=cache_directory()) as folder:
            c_file, result = Path(folder) / source, Path(folder) / library.name
            c_file.write_text(text, encoding="utf-8")
            flags = [*compiler.flags, "-O2", "-std=gnu11", "-shared", "-fPIC", "-fvisibility=hidden"]
            compiler.call([*flags, *(f"-D{item}" for item in defines), str(c_file), "-o", str(result)])
            os.replace(result, library)  # at once: another edgec may do the same
    return library


def qemu_plugin(qemu: str) -> Path | None:
    """The counting plugin for this QEMU; None where it takes no plugins, or no compiler is there to build one.

    QEMU tells only by refusing which version of the interface it takes, so that all are tried, once per QEMU.
    """
    version = subprocess.run([qemu, "--version"], capture_output=True, text=True, check=False).stdout.splitlines()[:1]
    key = "".join(version)
    digest = hashlib.sha256((key + SOURCES.joinpath("counter.c").read_text(encoding="utf-8")).encode()).hexdigest()[:16]
    note = cache_directory() / f"qemu-plugin-{digest}.txt"
    known = note.read_text(encoding="utf-8") if note.exists() else ""
    try:
        for number in [int(known)] if known else PLUGIN_VERSIONS:
            plugin = build_helper("counter.c", "", f"EC_PLUGIN_VERSION={number}")
            if known or takes_plugin(qemu, plugin):
                note.write_text(str(number), encoding="utf-8")
                return plugin
    except TargetError:
        return None
    return None


def takes_plugin(qemu: str, plugin: Path) -> bool:
    """Whether QEMU starts with the plugin."""
    with SharedPage() as page:
        command = [qemu, "-M", "none", "-display", "none", "-S", "-monitor", "stdio", *page.arguments(plugin)]
        return subprocess.run(command, input="quit\n", capture_output=True, text=True, check=False).returncode == 0


class SharedPage:
    """The file through which edgec and the plugin talk."""

    def __init__(self) -> None:
        self.file = tempfile.NamedTemporaryFile(prefix="edgec-count-")  # noqa: SIM115, lives as long as the board
        self.file.truncate(mmap.PAGESIZE)
        self.memory = mmap.mmap(self.file.fileno(), mmap.PAGESIZE)

    def arguments(self, plugin: Path) -> list[str]:
        """For QEMU's command line."""
        return ["-plugin", f"{plugin},page={self.file.name}"]

    def watch(self, begin: int, end: int) -> None:
        """Count between these two functions from now on."""
        self.memory[: PAGE.size] = PAGE.pack(begin, end, 0, 0)

    def count(self) -> int | None:
        """Instructions of the last complete window, None before the first."""
        _, _, last, windows = PAGE.unpack(self.memory[: PAGE.size])
        return int(last) if windows else None

    def close(self) -> None:
        self.memory.close()
        self.file.close()

    def __enter__(self) -> SharedPage:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
