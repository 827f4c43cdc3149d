"""Packages from PyPI for 64-bit Arm Linux, of which only the libraries are used: kept in edgec's cache."""

from __future__ import annotations

import fnmatch
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from edgec.targets.peers.base import PeerError
from edgec.targets.toolchain import cache_directory

PLATFORMS = ("manylinux2014_aarch64", *(f"manylinux_2_{minor}_aarch64" for minor in (17, 24, 26, 27, 28)))
SECONDS = 900.0  # for a download
MOST_LINES = 3  # of pip's words in an error


@dataclass(frozen=True)
class Package:
    """One release of a package; of its files only those of the pattern are kept."""

    name: str
    version: str
    pattern: str = "*"

    @property
    def folder(self) -> Path:
        """Where it is unpacked; absent until it is fetched."""
        return cache_directory() / "peers" / f"{self.name}-{self.version}-aarch64"

    def library(self, pattern: str) -> Path:
        """The one file of this pattern in it; PeerError where the package is not there, or has no such file."""
        if not self.folder.is_dir():
            raise PeerError(
                f"{self.name} {self.version} for aarch64 is not in edgec's cache",
                help="edgec bench MODEL.onnx --fetch downloads it with pip, once",
            )
        found = sorted(self.folder.glob(pattern))
        if not found:
            raise PeerError(
                f"{self.name} {self.version} for aarch64 has no {Path(pattern).name}",
                where=str(self.folder),
                help=f"edgec takes the library from {self.name}'s package; releases without it cannot be run",
            )
        return found[0]

    def fetch(self) -> None:
        """Download and unpack it; nothing where it is there already. PeerError where pip fails."""
        if self.folder.is_dir():
            return
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self.folder.parent) as name:
            self.download(Path(name))
            content = Path(name) / "content"
            for wheel in Path(name).glob("*.whl"):
                archive = zipfile.ZipFile(wheel)
                archive.extractall(content, fnmatch.filter(archive.namelist(), self.pattern))
            try:
                os.replace(content, self.folder)
            except OSError:  # another edgec did the same meanwhile
                shutil.rmtree(content)

    def download(self, folder: Path) -> None:
        """Its wheel, without what it depends on."""
        python = f"{sys.version_info.major}.{sys.version_info.minor}"
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
        command += ["--python-version", python, "--dest", str(folder)]
        command += [word for platform in PLATFORMS for word in ("--platform", platform)]
        try:
            result = subprocess.run(
                [*command, f"{self.name}=={self.version}"], capture_output=True, text=True, check=False, timeout=SECONDS
            )
        except subprocess.TimeoutExpired:
            raise PeerError(f"{self.name} {self.version} was not there after {SECONDS:.0f} s") from None
        if result.returncode:
            errors = [line for line in result.stderr.splitlines() if line.lower().startswith("error")]
            raise PeerError(
                f"pip could not download {self.name} {self.version} for aarch64",
                where="\n".join((errors or result.stderr.splitlines())[:MOST_LINES]),
                help="is there a network connection? " + " ".join(["pip", *command[3:]]),
            )
