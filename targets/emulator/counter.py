"""Exact instruction counts: the C helpers of QEMU and unicorn, built once and kept in the user's cache."""

from __future__ import annotations

import hashlib
import os
import subprocess
import tempfile
from importlib.resources import files
from pathlib import Path

from edgec.errors import TargetError
from edgec.targets.emulator.window import WINDOW, Window
from edgec.targets.load import load_target
from edgec.targets.toolchain import cache_directory, find_compiler

SOURCES = files("edgec.targets").joinpath("emulator")
HEADER = "window.h"  # of both helpers
PLUGIN_VERSIONS = range(1, 9)


def build_helper(source: str, key: str, *defines: str) -> Path:
    """A shared library of one C file of this folder, from the cache where it is there; `key` tells variants apart."""
    texts = {name: SOURCES.joinpath(name).read_text(encoding="utf-8") for name in (source, HEADER)}
    digest = hashlib.sha256("\0".join((*texts.values(), key, *defines)).encode()).hexdigest()[:16]
    library = cache_directory() / f"{Path(source).stem}-{digest}.so"
    if not library.exists():
        compiler = find_compiler(load_target("host"))
        with tempfile.TemporaryDirectory(dir=cache_directory()) as folder:
            c_file, result = Path(folder) / source, Path(folder) / library.name
            for name, text in texts.items():
                (Path(folder) / name).write_text(text, encoding="utf-8")
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
    texts = (SOURCES.joinpath(name).read_text(encoding="utf-8") for name in ("counter.c", HEADER))
    digest = hashlib.sha256("\0".join((key, *texts)).encode()).hexdigest()[:16]
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
    with SharedWindow() as window:
        if "system" in Path(qemu).name:
            command = [qemu, "-M", "none", "-display", "none", "-S", "-monitor", "stdio", *window.arguments(plugin)]
        else:  # of programs: it loads the plugin first, and then finds no program
            command = [qemu, *window.arguments(plugin), os.devnull]
        result = subprocess.run(command, input="quit\n", capture_output=True, text=True, check=False)
    return result.returncode == 0 or ("system" not in Path(qemu).name and "plugin" not in result.stderr)


class SharedWindow(Window):
    """The file in which QEMU's plugin counts."""

    def __init__(self) -> None:
        self.file = tempfile.NamedTemporaryFile(prefix="edgec-count-")  # noqa: SIM115, lives as long as the board
        self.file.truncate(WINDOW.itemsize)
        super().__init__(self.file.fileno())

    def arguments(self, plugin: Path, isa: str = "", *, total: bool = False) -> list[str]:
        """For QEMU's command line. isa: "a64" where instructions are not Thumb. total: no pieces, any program."""
        kind = f",{'total' if total else 'isa'}={isa}" if isa else ""
        return ["-plugin", f"{plugin},window={self.file.name}{kind}"]

    def close(self) -> None:
        super().close()
        self.file.close()

    def __enter__(self) -> SharedWindow:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
