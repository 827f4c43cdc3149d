"""Compares the C that two commits generate: a refactor changes nothing, for no network.

    python -m benchmarks.replay main                      main against the files here, all networks
    python -m benchmarks.replay HEAD~1 HEAD --network kws_dscnn --target mps2-an386 --target mps2-an505
    python -m benchmarks.replay main --diff MODEL.onnx    any int8 networks; also the lines that differ

Exit code: 0 all the same, 1 something differs, 2 a commit does not compile a network that the other one does, or the
commits cannot be compared.
"""

from __future__ import annotations

import argparse
import difflib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.zoo.networks import NETWORKS, ROOT

try:
    import tomllib
except ModuleNotFoundError:  # Python 3.10
    import tomli as tomllib  # type: ignore[import-not-found,no-redef]

HERE = "."  # the working tree, committed or not
TARGETS = ("mps2-an386",)
SHOWN_LINES = 40
Sources = dict[str, str]  # file -> text

# Runs in the commit's own package. Nothing is built: the reports, which depend on what a compiler makes, are left out.
GENERATE = """
import json, sys
from pathlib import Path
import edgec.api
edgec.api.board_compiler = lambda target, cc: None
jobs, out = json.loads(sys.argv[1]), Path(sys.argv[2])
for number, (model, target) in enumerate(jobs):
    try:
        files = dict(edgec.api.compile_model(model, target).project.files)
        for name in ("report.json", "report.html"):
            files.pop(name, None)
    except Exception as error:
        files = {"error": f"{type(error).__name__}: {error}"}
    (out / f"{number}.json").write_text(json.dumps(files))
"""


def git(*arguments: str) -> str:
    """What git says; the end of the program, with exit code 2, where it fails."""
    result = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    if result.returncode:
        print(result.stderr.strip() or f"git {arguments[0]} failed", file=sys.stderr)
        sys.exit(2)
    return result.stdout


@contextmanager
def checked_out(commit: str) -> Iterator[Path]:
    """A folder with the files of a commit."""
    if commit == HERE:
        yield ROOT
        return
    with tempfile.TemporaryDirectory(prefix="edgec-replay-") as folder:
        tree = Path(folder) / "tree"
        git("worktree", "add", "--detach", "--quiet", str(tree), commit)
        try:
            yield tree
        finally:
            git("worktree", "remove", "--force", str(tree))


def link_package(tree: Path, view: Path) -> None:
    """The package `edgec` under `view`, as pyproject.toml maps the folders of a tree."""
    folders = tomllib.loads((tree / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]["package-dir"]
    package = view / "edgec"
    package.mkdir(parents=True)
    for entry in (tree / folders["edgec"]).iterdir():
        (package / entry.name).symlink_to(entry)
    for name, folder in folders.items():
        if name != "edgec":
            (package / name.removeprefix("edgec.")).symlink_to(tree / folder)


def generate(trees: Sequence[Path], jobs: Sequence[tuple[Path, str]], work: Path) -> list[list[Sources]]:
    """The files of each job, for each of the trees, side by side."""
    processes = []
    for number, tree in enumerate(trees):
        view, out = work / f"view{number}", work / f"out{number}"
        link_package(tree, view)
        out.mkdir()
        arguments = [json.dumps([(str(model.resolve()), target) for model, target in jobs]), str(out)]
        environment = {**os.environ, "PYTHONPATH": str(view), "PYTHONDONTWRITEBYTECODE": "1"}
        command = [sys.executable, "-c", GENERATE, *arguments]
        processes.append(subprocess.Popen(command, cwd=view, env=environment))
    codes = [process.wait() for process in processes]
    if any(codes):
        sys.exit(2)
    outs = [work / f"out{number}" for number in range(len(trees))]
    return [[json.loads((out / f"{job}.json").read_text()) for job in range(len(jobs))] for out in outs]


def differing(old: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
    """Names of files that are not the same in both."""
    return sorted(name for name in old.keys() | new.keys() if old.get(name) != new.get(name))


def lines_of(name: str, old: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
    """What differs in a file, as a diff."""
    before, after = (sources.get(name, "").splitlines() for sources in (old, new))
    return list(difflib.unified_diff(before, after, f"a/{name}", f"b/{name}", lineterm="", n=1))


def compare(label: str, old: Mapping[str, str], new: Mapping[str, str], *, diff: bool) -> int:
    """Says whether one network's C is the same; the exit code that this alone would give."""
    errors = [sources.get("error") for sources in (old, new)]
    if any(errors):
        same = errors[0] == errors[1]
        print(f"{label}: {'both' if same else 'before' if errors[0] else 'after'}: {errors[0] or errors[1]}")
        return 0 if same else 2
    names = differing(old, new)
    print(f"{label}: {'same' if not names else f'{len(names)} of {len(old.keys() | new.keys())} files differ'}")
    for name in names:
        lines = lines_of(name, old, new)
        changed = sum(line[:1] in "+-" and line[:3] not in ("+++", "---") for line in lines)
        print(f"    {name}: {changed} lines")
        for line in lines[:SHOWN_LINES] if diff else []:
            print(f"        {line[:160]}")
    return 1 if names else 0


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("before", metavar="A", help="a commit")
    parser.add_argument("after", metavar="B", nargs="?", default=HERE, help="a commit; default: the files here")
    parser.add_argument("models", nargs="*", type=Path, metavar="MODEL.onnx", help="instead of the zoo's networks")
    parser.add_argument("--network", action="append", metavar="NAME", help="of the zoo; may be repeated")
    parser.add_argument("--target", action="append", metavar="BOARD", help=f"default: {TARGETS[0]}; may be repeated")
    parser.add_argument("--diff", action="store_true", help="show what differs")
    options = parser.parse_args()
    if options.after.endswith(".onnx"):
        options.models.insert(0, Path(options.after))
        options.after = HERE
    return options


def main() -> int:
    """Compare what the command line names."""
    options = arguments()
    networks = [n for n in NETWORKS if n.int8.exists() and (not options.network or n.name in options.network)]
    models = [(path.stem, path) for path in options.models] or [(n.name, n.int8) for n in networks]
    if not models:
        print("there are no networks to compare", file=sys.stderr)
        return 2
    labels = [(f"{name}, {target}", model, target) for name, model in models for target in options.target or TARGETS]
    jobs = [(model, target) for _, model, target in labels]
    with (
        tempfile.TemporaryDirectory(prefix="edgec-replay-") as work,
        checked_out(options.before) as before,
        checked_out(options.after) as after,
    ):
        old, new = generate([before, after], jobs, Path(work))
    codes = [
        compare(label, one, other, diff=options.diff)
        for (label, _, _), one, other in zip(labels, old, new, strict=True)
    ]
    print(f"{sum(code == 0 for code in codes)} of {len(codes)} are the same")
    return max(codes)


if __name__ == "__main__":
    sys.exit(main())
