"""The benchmarks: the page is what its figures say, costs are fitted, and two trees are told apart."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import replay, speed
from benchmarks.fit_costs import errors, fit, with_costs
from benchmarks.page import page
from benchmarks.speed import merged, short, write
from edgec.targets.load import read_core
from edgec.targets.table import Table
from tests.tools.conftest import BOARD

try:
    import tomllib
except ModuleNotFoundError:  # Python 3.10
    import tomli as tomllib  # type: ignore[import-not-found,no-redef]

ROOT = Path(__file__).resolve().parents[2]


def row(core: str, network: str, instructions: int, **others: Any) -> dict[str, Any]:
    figures = {"macs": 1000, "macs_executed": 1000, "ram": 100, "ram_measured": 90, "flash": 3000, "weights": 2000}
    head = {"core": core, "network": network, "cc": "default", "optimize": "balanced", "compiler": "gcc 12.2.1"}
    counts = {"instructions": instructions, "cycles_estimate": None, "port": 1000, "error": "", "board": "b"}
    return {**head, **figures, **counts, **others}


def test_page_is_made_of_the_rows() -> None:
    rows = [
        row("cortex-m4", "kws_dscnn", 3_850_000, cycles_estimate=5_000_000, macs_executed=500),
        row("cortex-m4", "ad_autoencoder", 400_000, compiler="zig, clang 22.1.8"),
        row("cortex-m55", "kws_dscnn", 2_000, error="it does not fit"),
    ]
    text = page(rows)
    kws = "| kws_dscnn | 1,000 (500) | 3,850,000 | 3850.00 | 5.000 M | 100 | 3,000 (2,000) | gcc 12.2.1 |"
    assert kws in text.splitlines()
    assert "| kws_dscnn |  | it does not fit |  |  |  |  | gcc 12.2.1 |" in text.splitlines()
    assert "| Cortex-M4 | kws_dscnn | TFLM + CMSIS-NN | 7.700 M | 2.00 | 25,072 | 138,452 |  |" in text.splitlines()
    assert "Cortex-M55 | kws_dscnn | TFLM" not in text, "nothing of ours stands beside it"
    assert "Cortex-M7" not in text


def test_only_the_best_of_ours_stands_beside_others() -> None:
    rows = [row("cortex-m4", "kws_dscnn", 5_000), row("cortex-m4", "kws_dscnn", 4_000, cc="zig", compiler="zig")]
    lines = [line for line in page(rows).splitlines() if "| edgec, " in line]
    assert len(lines) == 1
    assert "edgec, zig | 4,000 | 1.00" in lines[0]


def test_rows_come_in_the_place_of_older_ones(tmp_path: Path) -> None:
    write([row("cortex-m7", "kws_dscnn", 1), row("cortex-m4", "ic_resnet8", 2)], tmp_path)
    write([row("cortex-m7", "kws_dscnn", 3), row("cortex-m7", "kws_dscnn", 4, cc="zig")], tmp_path)
    rows = json.loads((tmp_path / "benchmarks.json").read_text())["rows"]
    assert [(r["core"], r["instructions"]) for r in rows] == [("cortex-m4", 2), ("cortex-m7", 3), ("cortex-m7", 4)]
    assert (tmp_path / "benchmarks.md").read_text() == page(rows)
    assert merged(rows, []) == rows


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("arm-none-eabi-gcc (15:12.2.rel1-1) 12.2.1 20221205", "gcc 12.2.1"),
        ("zig clang version 22.1.8", "zig, clang 22.1.8"),
    ],
)
def test_short_compiler_names(version: str, expected: str) -> None:
    assert short(version) == expected


@pytest.mark.usefixtures("emulator")
def test_any_network_on_any_board(model: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setattr(sys, "argv", ["speed", str(model), "--board", BOARD, "--json"])
    speed.main()
    (found,) = json.loads(capsys.readouterr().out)["rows"]
    assert (found["network"], found["board"], found["error"]) == ("tiny", BOARD, "")
    assert found["instructions"] > found["macs"] > 0
    assert 0 < found["ram_measured"] <= found["ram"]
    assert found["weights"] < found["flash"] - found["port"]


def test_fit_finds_the_factors() -> None:
    rng = np.random.default_rng(0)
    true = (0.75, 0.0, 13.0, 1.5)
    work = [tuple(float(value) for value in rng.integers(100, 100_000, 4)) for _ in range(12)]
    samples = [(parts, round(float(np.dot(parts, true)))) for parts in work]
    assert fit(samples) == pytest.approx(true, rel=1e-2, abs=1e-3)
    assert max(errors(samples, fit(samples))) < 0.01


def test_fit_has_no_negative_factors_and_no_work_that_is_not_there() -> None:
    # The second part goes down where the counts go up.
    samples = [((float(n), float(20 - n), 0.0), 100 * n) for n in range(1, 12)]
    factors = fit(samples)
    assert min(factors) >= 0
    assert factors == pytest.approx((100, 0, 0), abs=1e-6)


def test_costs_are_written_into_a_cores_file() -> None:
    text = (ROOT / "targets" / "cores" / "cortex-m4.toml").read_text()
    once = with_costs(text, {"ec_b_s8": (1.5, 0.0), "ec_a_s8": (0.25, 3.0)})
    twice = with_costs(once, {"ec_b_s8": (2.0, 0.0)})
    core = read_core(Table(tomllib.loads(twice), "file"), "core")
    assert {("ec_a_s8", (0.25, 3.0)), ("ec_b_s8", (2.0, 0.0))} <= set(core.cost)
    assert core.cycles == read_core(Table(tomllib.loads(text), "file"), "core").cycles
    assert with_costs(twice, {}) == twice


@pytest.fixture
def other_tree(tmp_path: Path) -> Path:
    """A copy of the package with another comment in the generated C."""
    tree = tmp_path / "other"
    folders = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-dir"]
    for folder in folders.values():
        shutil.copytree(ROOT / folder, tree / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tree)
    template = tree / "codegen" / "templates" / "model.c.j2"
    template.write_text(template.read_text().replace("each distinct one is one function", "one is one function"))
    return tree


def test_replay_tells_trees_apart(model: Path, other_tree: Path, tmp_path: Path, capsys: Any) -> None:
    jobs = [(model, "host"), (model, BOARD), (tmp_path / "none.onnx", "host")]
    here, there = replay.generate([ROOT, other_tree], jobs, tmp_path)
    assert [replay.compare("x", one, one, diff=False) for one in here[:2]] == [0, 0]
    assert [replay.compare("x", one, other, diff=True) for one, other in zip(here, there, strict=True)] == [1, 1, 0]
    text = capsys.readouterr().out
    assert "src/tiny.c: 2 lines" in text
    assert "1 of " in text
    assert "-/* Kernels with their geometry: each distinct one is one function. */" in text
    assert "both: ModelError: no such file" in text
    assert replay.compare("x", here[0], here[2], diff=False) == 2


def test_replay_of_commits(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, check=False).returncode:
        pytest.skip("not a git checkout")
    monkeypatch.setattr(sys, "argv", ["replay", "HEAD", "HEAD", str(model), "--target", "host"])
    assert replay.main() == 0
    assert "edgec-replay" not in replay.git("worktree", "list")
    monkeypatch.setattr(sys, "argv", ["replay", "no-such-commit"])
    with pytest.raises(SystemExit) as ended:
        replay.main()
    assert ended.value.code == 2
