"""Compilers for boards and for this computer, and building a project with them."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from edgec.errors import TargetError
from edgec.target import Core, Target
from edgec.targets.firmware import Firmware, read_firmware
from edgec.targets.link_errors import link_error
from edgec.targets.load import load_core
from edgec.targets.port import port_files

WARNINGS = ("-Wall", "-Wextra", "-Werror", "-Wconversion")
COMMON = ("-std=c11", "-ffp-contract=off", "-ffunction-sections", "-fdata-sections", *WARNINGS)
FREESTANDING = ("-ffreestanding", "-fno-exceptions", "-fno-unwind-tables", "-fno-asynchronous-unwind-tables")
PROGRAM = ("-fno-pie", "-fno-stack-protector", "-fno-unwind-tables", "-fno-asynchronous-unwind-tables")
PIP_LINE = "pip install 'edgec[emulator]' brings one that needs nothing else (ziglang)"
HOST_COMPILERS = ("cc", "gcc", "clang")
GCC = "arm-none-eabi-gcc"
GCC_LINUX = "aarch64-linux-gnu-gcc"
VARIANT_CORES = {"neon": "cortex-a53", "dotprod": "cortex-a76", "i8mm": "cortex-a710"}
# Where a project shares rows out to threads, what does it: with a C library that has them, and without.
POOL, NO_POOL = Path("src/threads/ec_threads_pthread.c"), Path("src/threads/ec_threads_none.c")
WITHOUT_LIBRARY = ("ec_memory.c",)  # of the port: what a C library has
MOST_LINES = 8  # of a compiler's output in an error


def cache_directory() -> Path:
    """Where edgec keeps what it builds for itself: $XDG_CACHE_HOME/edgec or ~/.cache/edgec."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    directory = Path(base) / "edgec"
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        message = f"cannot create the cache folder: {error.strerror}"
        raise TargetError(message, where=str(directory), help="set XDG_CACHE_HOME to a writable folder") from None
    return directory


@dataclass(frozen=True)
class Compiler:
    """A C compiler with the flags of one target; `command` is what comes first on its command line."""

    target: Target
    name: str  # gcc, zig or cc
    command: tuple[str, ...]
    version: str
    flags: tuple[str, ...]

    def build(
        self, project: Path, build: Path, *, optimize: str = "-O2", own_port: bool = False, defines: Sequence[str] = ()
    ) -> Firmware:
        """The firmware of a project: `build`/firmware.elf, with its sizes.

        own_port: take the port files of this compiler's target instead of the project's, to run a project on another
        board than it was generated for. TargetError where it does not compile, DoesNotFitError where it does not link.
        """
        build.mkdir(parents=True, exist_ok=True)
        port = project / "port"
        generated: list[Path] = []
        if own_port:
            generated = write_port(self.target, build / "port", optimize)
            port = build / "port"
        model_info = project / "port" / "model_info.c"
        port_sources = [*sorted(project.joinpath("port").glob("*.c"))] if not own_port else [*generated, model_info]
        includes = [f"-I{folder}" for folder in (project / "include", project / "src", port)]
        kind = PROGRAM if self.target.is_linux else (*FREESTANDING, f"-I{port / 'libc'}")
        pool = self.pool(project)
        library = pool is not None and pool.name == POOL.name
        if library:
            kind = (*kind, "-DEC_LIBC", "-pthread")
            port_sources = [source for source in port_sources if source.name not in WITHOUT_LIBRARY]
        flags = [*COMMON, *kind, *self.flags, optimize, "-g", *includes, *(f"-D{item}" for item in defines)]
        variants = [folder for folder in sorted(project.glob("src/*/")) if folder.name in VARIANT_CORES]
        if variants:
            # Only a variant's own code may use what not every processor has.
            flags += core_flags(variant_core("neon"), self.name)
        pools = [pool] if pool else []
        model = self.objects([*sorted(project.glob("src/*.c")), *pools, model_info], build, flags)
        for folder in variants:
            own = core_flags(variant_core(folder.name), self.name)
            model += self.objects(sorted(folder.glob("*.c")), build, [*flags, *own])
        around = self.objects([source for source in port_sources if source != model_info], build, flags)
        elf = build / "firmware.elf"
        self.link([*model, *around], port / "link.ld", elf, library)
        return read_firmware(elf, model, around, self.version)

    def pool(self, project: Path) -> Path | None:
        """The source that shares rows out on this target; None where the project has but one thread."""
        if not (project / POOL).exists():
            return None
        return project / (POOL if self.target.is_linux or self.target.is_host else NO_POOL)

    def objects(self, sources: Sequence[Path], build: Path, flags: Sequence[str]) -> list[Path]:
        """Compile each source; two at a time, for the laptops that this runs on."""
        results = [build / f"{source.stem}.o" for source in sources]
        with ThreadPoolExecutor(max_workers=2) as pool:
            jobs = [
                pool.submit(self.call, [*flags, "-c", str(source), "-o", str(result)])
                for source, result in zip(sources, results, strict=True)
            ]
        for job in jobs:
            job.result()
        return results

    def link(self, objects: Sequence[Path], script: Path, elf: Path, library: bool = False) -> None:
        flags = [*self.flags, *(["-pthread"] if library else ["-nostdlib"]), "-Wl,--gc-sections"]
        # A static program runs on every Linux and Android, and everywhere at the addresses in its file.
        flags += ["-static", "-no-pie"] if self.target.is_linux else [f"-Wl,-T,{script}", "-Wl,-e,Reset_Handler"]
        try:
            self.call([*flags, *(str(item) for item in objects), "-lgcc", "-o", str(elf)])
        except CompileError as error:
            raise link_error(error.output, self.target) or error from None

    def build_host(self, project: Path, build: Path, *, optimize: str = "-O2", defines: Sequence[str] = ()) -> Path:
        """A shared library of the project for this computer: `build`/model.so, with `ec_model` visible."""
        build.mkdir(parents=True, exist_ok=True)
        library = build / "model.so"
        sources = [*sorted(project.glob("src/**/*.c")), project / "port" / "model_info.c"]
        sources = [source for source in sources if source != project / NO_POOL]
        threads = ["-pthread"] if self.pool(project) else []
        includes = [f"-I{folder}" for folder in (project / "include", project / "src")]
        flags = [*COMMON, *self.flags, *threads, optimize, "-g", "-fPIC", *includes, *(f"-D{item}" for item in defines)]
        objects = self.objects(sources, build, flags)
        self.call([*self.flags, *threads, "-shared", *(str(item) for item in objects), "-o", str(library)])
        return library

    def call(self, arguments: Sequence[str]) -> str:
        """Run the compiler; CompileError with what it said where it fails."""
        command = [*self.command, *arguments]
        result = subprocess.run(
            command, capture_output=True, text=True, errors="replace", env=environment(), check=False
        )
        if result.returncode != 0:
            raise CompileError(self.version, command, result.stderr + result.stdout)
        return result.stdout


class CompileError(TargetError):
    """The compiler refused something that edgec gave it."""

    def __init__(self, version: str, command: Sequence[str], output: str) -> None:
        lines = output.splitlines()
        first = next((line for line in lines if "error" in line), lines[0] if lines else "it said nothing")
        super().__init__(f"{version} failed: {first.strip()}", where="\n".join(lines[:MOST_LINES]))
        self.command = tuple(command)
        self.output = output


def environment() -> dict[str, str]:
    """Of compilers: zig keeps its caches beside edgec's own, not in the current folder."""
    cache = str(cache_directory() / "zig")
    return {**os.environ, "ZIG_GLOBAL_CACHE_DIR": cache, "ZIG_LOCAL_CACHE_DIR": cache, "LC_ALL": "C"}


def write_port(target: Target, directory: Path, flag: str = "-O2") -> list[Path]:
    """The port files of a target as files; the .c ones of them."""
    paths = []
    for name, text in port_files(target, flag).items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        paths.append(path)
    return [path for path in paths if path.suffix == ".c"]


def zig_command() -> tuple[str, ...] | None:
    """Zig's C compiler from pip or from PATH."""
    if find_spec("ziglang"):
        return (sys.executable, "-m", "ziglang", "cc")
    return ("zig", "cc") if shutil.which("zig") else None


def find_compiler(target: Target, cc: str | None = None) -> Compiler:
    """The compiler for a target: `cc` where given, else the better one of those installed.

    For boards these are arm-none-eabi-gcc (aarch64-linux-gnu-gcc where they run Linux) and zig; for `host` cc, gcc,
    clang and zig. `cc` may be a path, a command with arguments, or "zig".
    """
    if cc is not None:
        return chosen_compiler(target, cc)
    if target.is_host:
        for name in HOST_COMPILERS:
            if shutil.which(name):
                return make_compiler(target, "cc", (name,))
    gcc = make_gcc(target)
    zig = zig_command()
    if gcc and not (target.core.prefer == "zig" and zig):
        return gcc
    if zig:
        return make_compiler(target, "zig", zig)
    wanted = "C compiler" if target.is_host else f"C compiler for {target.core.name} ({gcc_for(target)} or zig)"
    raise TargetError(f"no {wanted} is installed", help=PIP_LINE)


def gcc_for(target: Target) -> str:
    """The GCC that compiles for a board."""
    return GCC_LINUX if target.is_linux else GCC


def make_gcc(target: Target) -> Compiler | None:
    gcc = gcc_for(target)
    return make_compiler(target, "gcc", (gcc,)) if not target.is_host and shutil.which(gcc) else None


def chosen_compiler(target: Target, cc: str) -> Compiler:
    """What the user named."""
    if cc == "zig":
        zig = zig_command()
        if zig is None:
            raise TargetError("zig is not installed", help="pip install ziglang")
        return make_compiler(target, "zig", zig)
    command = tuple(shlex.split(cc))
    if not command or shutil.which(command[0]) is None:
        raise TargetError(f"compiler {cc!r} is not there", help="--cc takes a command on PATH, a path, or zig")
    is_zig = "zig" in Path(command[0]).name or "ziglang" in command
    return make_compiler(target, "zig" if is_zig else "cc" if target.is_host else "gcc", command)


def make_compiler(target: Target, name: str, command: tuple[str, ...]) -> Compiler:
    """A Compiler with the target's flags and the compiler's own name for itself."""
    core = target.core
    # Zig traps undefined behaviour by default and finds no handler on a board.
    # Its frame pointers take a register from the kernels.
    flags: tuple[str, ...] = ("-fno-sanitize=undefined", "-fomit-frame-pointer") if name == "zig" else ()
    if not target.is_host:
        flags += core_flags(core, name)
    if core.mve:
        # Left to themselves both compilers make wrong Helium loops: clang 22 turns (float)int8 * 2^-n into a conversion
        # with another exponent, GCC 12 selects between pointers by the wrong lanes. Intrinsics are fine.
        flags += ("-fno-tree-vectorize", "-fno-tree-slp-vectorize")
    return Compiler(target, name, command, version_of(name, command), flags)


def variant_core(isa: str) -> Core:
    """The core for whose instructions src/<isa>/ of a project is compiled."""
    return load_core(VARIANT_CORES[isa], isa)


def core_flags(core: Core, compiler: str) -> tuple[str, ...]:
    """How a compiler (gcc, zig) is told of a core; the last such flags on a command line count."""
    return ("-target", core.zig_target, f"-mcpu={core.zig_cpu}") if compiler == "zig" else core.gcc_flags


def version_of(name: str, command: tuple[str, ...]) -> str:
    """First line of --version, or what kept it from coming."""
    try:
        result = subprocess.run(
            [*command, "--version"], capture_output=True, text=True, errors="replace", env=environment(), check=False
        )
    except OSError as error:
        raise TargetError(f"cannot run compiler {command[0]!r}: {error.strerror}") from None
    if result.returncode != 0 or not result.stdout:
        lines = result.stderr.splitlines()
        raise TargetError(f"compiler {' '.join(command)!r} does not work: {lines[0] if lines else 'no answer'}")
    return ("zig " if name == "zig" else "") + result.stdout.splitlines()[0]
