"""Run `mypy --strict` on the package as users import it.

mypy names modules by path, and here the folder `core/` is the package `edgec`, `frontend/` is `edgec.frontend` and so
on. So the folders are linked under build/typeview/edgec/ as pyproject.toml maps them, and mypy runs there.
Extra arguments go to mypy.
"""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys

try:
    import tomllib
except ModuleNotFoundError:  # Python 3.10
    import tomli as tomllib  # type: ignore[import-not-found,no-redef]

ROOT = pathlib.Path(__file__).resolve().parent.parent
VIEW = ROOT / "build" / "typeview"


def link_folders() -> None:
    """Bring build/typeview/edgec/ up to date: the entries of core/, and a link for each sub-package folder."""
    folders: dict[str, str] = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-dir"]
    wanted = {entry.name: entry for entry in (ROOT / folders["edgec"]).iterdir()}
    wanted |= {name.removeprefix("edgec."): ROOT / folder for name, folder in folders.items() if name != "edgec"}
    package = VIEW / "edgec"
    package.mkdir(parents=True, exist_ok=True)
    for link in package.iterdir():
        if wanted.get(link.name) != link.readlink():
            link.unlink()
    for name, entry in wanted.items():
        if not (package / name).is_symlink():
            (package / name).symlink_to(entry, target_is_directory=entry.is_dir())


def main() -> int:
    """Link, check, and give mypy's exit code."""
    link_folders()
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file", str(ROOT / "pyproject.toml")]
    command += ["--cache-dir", str(ROOT / ".mypy_cache"), "-p", "edgec", *sys.argv[1:]]
    # MYPYPATH, not the working directory: an installed edgec must not be found before the links.
    return subprocess.run(command, cwd=VIEW, env={**os.environ, "MYPYPATH": str(VIEW)}, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
