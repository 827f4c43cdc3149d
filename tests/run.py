"""Run edgec's tests, with all they need installed first: python3 tests/run.py [arguments of pytest].

Needs Python 3.10 or later and nothing else: compiler and emulator come with pip. Tests of what is missing (a C
compiler on PATH, arm-none-eabi-gcc, QEMU, the networks of ../shared) are skipped and say so.
"""

import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / ".ci"))

from environment import ensure  # noqa: E402


def main():
    """Set up .venv-test/, run pytest there, give its exit code."""
    python = ensure("test")
    arguments = sys.argv[1:]
    if not any(argument.startswith(("-n", "--numprocesses")) for argument in arguments):
        # loadgroup: tests that share a costly fixture (a compiled network) run in the same process.
        arguments = ["-n", str(max(1, min(os.cpu_count() or 1, 8))), "--dist", "loadgroup", *arguments]
    path = str(python.parent) + os.pathsep + os.environ.get("PATH", "")
    # One thread each: the processes of -n share the cores already.
    environment = {"OMP_NUM_THREADS": "1", **os.environ, "PATH": path}
    command = [str(python), "-m", "pytest", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
