"""A virtual environment with edgec in it, made on the first call and reused afterwards.

Used by examples/digits/demo.py, tests/run.py and .ci/run, under whatever Python the user has: so this file keeps to
syntax that old versions can read far enough to say that they are too old, and to the standard library.

`python3 .ci/environment.py test` sets that one up and prints the path of its Python.
"""

import hashlib
import os
import pathlib
import shutil
import subprocess
import sys
import venv

ROOT = pathlib.Path(__file__).resolve().parent.parent
OLDEST = (3, 10)

# Name -> extras of pyproject.toml, and what to tell the user about the cost.
KINDS = {
    "demo": ("emulator", "about 175 MB to download, 700 MB on disk"),
    "test": ("dev,sim,emulator,examples,litert", "about 520 MB to download, 2 GB on disk"),
}


def ensure(kind):
    """The Python of the environment ROOT/.venv-<kind> with edgec and the extras of KINDS installed.

    Ends the program with a message where Python is too old, has no venv, or pip fails.
    """
    if sys.version_info < OLDEST:
        stop(f"edgec needs Python 3.10 or later, this is {sys.version.split()[0]}", "run it with a newer python3")
    extras, download = KINDS[kind]
    name = f".venv-{kind}"
    folder = ROOT / name
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    stamp = folder / "edgec.stamp"
    wanted = fingerprint(extras)
    if python.exists() and stamp.exists() and stamp.read_text() == wanted:
        return python
    print(f"setting up {name}/ ({download}; once only) ...", file=sys.stderr, flush=True)
    pip = create(folder, python)
    command = [*pip, "install", "--quiet", "--disable-pip-version-check", "--constraint", str(ROOT / "constraints.txt")]
    command += ["--editable", f"{ROOT}[{extras}]"]
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if result.returncode:
        print(result.stdout, file=sys.stderr)
        stop("pip could not install edgec (its own words are above)", "is there a network connection and disk space?")
    stamp.write_text(wanted)
    return python


def fingerprint(extras):
    """Changes when what should be installed changes: requirements, versions, Python, place."""
    parts = [extras, sys.version, str(ROOT)]
    parts += [(ROOT / file).read_text(encoding="utf-8") for file in ("pyproject.toml", "setup.py", "constraints.txt")]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def create(folder, python):
    """Make the environment in `folder`; the command that runs pip in it."""
    shutil.rmtree(folder, ignore_errors=True)
    try:
        venv.create(folder, with_pip=True, symlinks=os.name != "nt")
        return [str(python), "-m", "pip"]
    except (subprocess.CalledProcessError, ImportError):
        pass
    # Debian's python3 has no ensurepip unless python3-venv is installed; its own pip can fill the environment too.
    shutil.rmtree(folder, ignore_errors=True)
    own = subprocess.run([sys.executable, "-m", "pip", "--version"], capture_output=True, check=False)
    if own.returncode:
        stop("this Python can't make virtual environments with pip", "Debian, Ubuntu: apt install python3-venv")
    venv.create(folder, with_pip=False, symlinks=os.name != "nt")
    return [sys.executable, "-m", "pip", "--python", str(python)]


def stop(message, help):
    """End with exit code 2, the message and a way out."""
    print(f"error: {message}\n  help: {help}", file=sys.stderr)
    raise SystemExit(2)


if __name__ == "__main__":
    print(ensure(sys.argv[1]))
