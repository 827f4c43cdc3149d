"""Adds the sub-packages of every folder that pyproject.toml maps into the edgec package."""

import pathlib

import setuptools

try:
    import tomllib
except ModuleNotFoundError:  # Python 3.10
    import tomli as tomllib  # type: ignore[no-redef]

ROOT = pathlib.Path(__file__).parent
FOLDERS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-dir"]
PACKAGES = [
    name
    for package, folder in FOLDERS.items()
    for name in [package, *(f"{package}.{sub}" for sub in setuptools.find_namespace_packages(str(ROOT / folder)))]
]
setuptools.setup(packages=PACKAGES, package_dir=FOLDERS)
