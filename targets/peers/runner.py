"""Small C programs around other engines' libraries: built for 64-bit Arm Linux, run and counted by qemu-aarch64."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path

import numpy as np
from elftools.elf.elffile import ELFFile

from edgec.errors import TargetError
from edgec.ir import Array
from edgec.targets.emulator.board import BEGIN, END
from edgec.targets.emulator.counter import SharedWindow, qemu_plugin
from edgec.targets.emulator.qemu_user import QEMU_USER
from edgec.targets.firmware import read_symbols
from edgec.targets.load import load_target
from edgec.targets.peers.base import Job, PeerError, Wanted
from edgec.targets.peers.processor import Processor
from edgec.targets.toolchain import GCC_LINUX, WARNINGS, Compiler, cache_directory, find_compiler

SOURCES = files("edgec.targets").joinpath("peers")
HEADER = "runner.h"
LIBC, LOADER = "libc.so.6", "ld-linux-aarch64.so.1"
SYSTEM_LIBRARIES = (
    LIBC,
    LOADER,
    "libdl.so.2",
    "libgcc_s.so.1",
    "libm.so.6",
    "libpthread.so.0",
    "librt.so.1",
    "libstdc++.so.6",
)
INSTALL = "apt install gcc-aarch64-linux-gnu libc6-dev-arm64-cross libstdc++6-arm64-cross qemu-user, on Debian"
PROCESSORS = "sys/devices/system/cpu"
# The least of two counts: onnxruntime was once seen to take 14 % more than in all other runs.
PROCESSES = 2
RUNS = 3  # inferences; the last one is counted: the first ones still set things up
MOST_LINES = 4  # of an engine's words in an error


@dataclass(frozen=True)
class Runner:
    """A program: its C file here, the libraries that it is linked with, variables of its environment."""

    source: str
    libraries: tuple[Path, ...]
    variables: Mapping[str, str] = field(default_factory=dict)

    def run(self, job: Job, processor: Processor, timeout: float) -> tuple[int, tuple[Array, ...]]:
        """Instructions of the last inference, and what it gave; PeerError where the program fails."""
        plugin = qemu_plugin(find_qemu())
        if plugin is None:
            raise PeerError("QEMU cannot count: its plugin takes a C compiler", help="install gcc or clang")
        compiler = linux_compiler()
        program = self.build(compiler)
        with tempfile.TemporaryDirectory(prefix="edgec-peer-") as name, SharedWindow() as window:
            folder = Path(name)
            root = make_root(folder / "root", processor, compiler)
            window.watch(address(program, BEGIN), address(program, END), None, ())
            command = [QEMU_USER, "-L", str(root), "-cpu", processor.machine]
            command += [word for key, value in self.variables.items() for word in ("-E", f"{key}={value}")]
            command += window.arguments(plugin, "a64", total=True)
            counts = []
            for _ in range(PROCESSES):
                execute([*command, str(program), *arguments(job, folder)], timeout)
                counts.append(window.total())
            instructions = min((count for count in counts if count is not None), default=None)
            if instructions is None:
                raise PeerError("the program ended without an inference")
            return instructions, read_outputs(folder / "outputs", job.outputs)

    def build(self, compiler: Compiler) -> Path:
        """The program, from the cache where it is there."""
        texts = [SOURCES.joinpath(name).read_text(encoding="utf-8") for name in (self.source, HEADER)]
        key = "\0".join((*texts, compiler.version, *map(str, self.libraries)))
        digest = hashlib.sha256(key.encode()).hexdigest()[:16]
        program = cache_directory() / "peers" / f"{Path(self.source).stem}-{digest}"
        if program.exists():
            return program
        program.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=program.parent) as name:
            folder = Path(name)
            for file, text in zip((self.source, HEADER), texts, strict=True):
                (folder / file).write_text(text, encoding="utf-8")
            result = folder / program.name
            # Not position-independent: the addresses in the file are those at which the plugin sees its functions.
            flags = [*WARNINGS, "-std=gnu11", "-O2", "-no-pie", "-Wl,--allow-shlib-undefined", "-Wl,--no-as-needed"]
            paths = {str(library.parent) for library in self.libraries}
            flags += [f"-Wl,-rpath,{path}" for path in sorted(paths)]
            compiler.call([*flags, str(folder / self.source), *map(str, self.libraries), "-o", str(result)])
            os.replace(result, program)  # at once: another edgec may do the same
        return program


def find_qemu() -> str:
    """The emulator's command; PeerError where it is not there."""
    if shutil.which(QEMU_USER) is None:
        raise PeerError(f"{QEMU_USER} is not on PATH", help=INSTALL)
    return QEMU_USER


def linux_compiler() -> Compiler:
    """The GCC whose C library the programs run with: zig brings none to run with."""
    if shutil.which(GCC_LINUX) is None:
        raise PeerError(f"{GCC_LINUX} is not on PATH", help=INSTALL)
    return find_compiler(load_target("linux-aarch64"), GCC_LINUX)


def make_root(root: Path, processor: Processor, compiler: Compiler) -> Path:
    """What the program sees of a computer with this processor: one core of it, and the C library.

    QEMU looks here for every absolute path first.
    """
    (root / "lib").mkdir(parents=True)
    for name in SYSTEM_LIBRARIES:
        found = Path(compiler.call([f"-print-file-name={name}"]).strip())
        if not found.is_absolute():
            raise PeerError(f"{compiler.command[0]} has no {name}", help=INSTALL)
        (root / "lib" / name).symlink_to(found.resolve())
    (root / PROCESSORS).mkdir(parents=True)
    for name in ("possible", "present", "online"):
        (root / PROCESSORS / name).write_text("0\n", encoding="utf-8")
    (root / "proc").mkdir()
    (root / "proc" / "cpuinfo").write_text(processor.cpuinfo(), encoding="utf-8")
    return root


def address(program: Path, function: str) -> int:
    """Of a function of the program."""
    with program.open("rb") as stream:
        return next(symbol.address for symbol in read_symbols(ELFFile(stream)) if symbol.name == function)


def arguments(job: Job, folder: Path) -> list[str]:
    """What runner.h takes, with the inputs in a file."""
    words = [str(job.model.resolve()), str(RUNS), str(folder / "inputs"), str(folder / "outputs")]
    with (folder / "inputs").open("wb") as stream:
        for name, array in job.inputs.items():
            stream.write(np.ascontiguousarray(array).tobytes())
            words += ["in", name, array.dtype.name, ",".join(map(str, array.shape))]
    for wanted in job.outputs:
        words += ["out", wanted.name, str(bytes_of(wanted))]
    return words


def bytes_of(wanted: Wanted) -> int:
    return int(np.prod(wanted.shape, dtype=np.int64)) * np.dtype(wanted.dtype).itemsize


def execute(command: Sequence[str], timeout: float) -> None:
    """Run the emulator; PeerError with the program's last words where it fails."""
    try:
        result = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False, timeout=timeout)
    except subprocess.TimeoutExpired:
        raise PeerError(f"no end after {timeout:.0f} s", help="--timeout S gives it longer") from None
    if result.returncode:
        lines = [line for line in (result.stderr + result.stdout).splitlines() if line.strip()]
        last = lines[-1] if lines else f"it ended with status {result.returncode}"
        raise PeerError(f"it failed: {last}", where="\n".join(lines[-MOST_LINES:-1]))


def read_outputs(file: Path, wanted: Sequence[Wanted]) -> tuple[Array, ...]:
    """The outputs that the program wrote, one behind the other."""
    data, at, results = file.read_bytes(), 0, []
    for output in wanted:
        size = bytes_of(output)
        results.append(np.frombuffer(data[at : at + size], output.dtype).reshape(output.shape))
        at += size
    if at != len(data):
        raise TargetError(f"the program gave {len(data)} bytes of outputs instead of {at}")
    return tuple(results)
