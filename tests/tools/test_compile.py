"""`edgec compile`: the project, its report, and nothing at all where it fails."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from edgec.api import least_total
from edgec.goal import Goal
from edgec.targets import find_compiler, load_target
from edgec.tools.compile import warn
from edgec.tools.output import Output
from edgec.tools.project import build_firmware, read_project
from tests.graphs import wide_graph
from tests.tools.cli import edgec, write_model
from tests.tools.conftest import BOARD

KEYS = {"model", "target", "optimize", "macs", "removed", "ram", "flash", "inputs", "outputs", "layers", "groups"}
KEYS |= {"push", "streaming", "memory", "front", "warnings", "directory", "variants", "threads"}
SMALL = 'title = "small"\ncore = "cortex-m4"\nclock_hz = 1_000_000\n' + (
    'uart = {{ driver = "cmsdk", base = 0x40004000 }}\nstack_reserve = 256\nregions = [\n'
    '  {{ name = "rom", kind = "flash", origin = 0, size = {flash} }},\n'
    '  {{ name = "ram", kind = "ram", origin = 0x20000000, size = {ram} }},\n]\n'
)


def small_board(folder: Path, flash: object, ram: object) -> Path:
    path = folder / "small.toml"
    path.write_text(SMALL.format(flash=flash, ram=ram))
    return path


def test_json_is_the_report(model: Path, tmp_path: Path) -> None:
    result = edgec("compile", model, "--target", BOARD, "-o", tmp_path / "out", "--json")
    assert result.exit_code == 0
    report = result.json
    assert set(report) == KEYS
    assert report["ram"]["total"] == sum(report["ram"][part] for part in ("arena", "scratch", "static", "stack"))
    assert report["flash"]["total"] == report["flash"]["weights"] + report["flash"]["code"]
    assert report["macs"]["executed"] == sum(layer["macs"] for layer in report["layers"]) > 0
    assert len(report["layers"]) == 3


def test_flash_and_static_are_those_of_the_linked_firmware(project: Path, tmp_path: Path) -> None:
    report = json.loads((project / "report.json").read_text())
    firmware = find_compiler(load_target(BOARD)).build(project, tmp_path)
    assert report["flash"]["total"] == pytest.approx(firmware.flash, rel=0.02)
    assert (report["ram"]["static"], report["ram"]["stack"]) == (firmware.static, firmware.stack)


@pytest.mark.parametrize("goal", ["speed", "size", "balanced"])
def test_optimize_is_in_the_report_and_in_the_build(model: Path, tmp_path: Path, goal: str) -> None:
    """What is measured is what run builds: the sizes are those of the same compiler's level."""
    out = tmp_path / "out"
    assert edgec("compile", model, "--target", BOARD, "-o", out, "--optimize", goal).exit_code == 0
    report = json.loads((out / "report.json").read_text())
    assert report["optimize"] == goal
    project = read_project(out)
    assert project.goal is Goal(goal)
    firmware = build_firmware(project, load_target(BOARD), None, Output(True, False))
    assert report["flash"]["total"] == pytest.approx(firmware.flash, rel=0.02)
    assert report["ram"]["stack"] == firmware.stack


def test_ram_is_a_budget(tmp_path: Path) -> None:
    """The least there is, enough for layer by layer, something between: always within what was asked for."""
    model = write_model(tmp_path, wide_graph())

    def report(*more: str) -> dict[str, Any]:
        result = edgec("compile", model, "--target", BOARD, "-o", tmp_path / "out", "--json", *more)
        assert result.exit_code == 0, result.stderr
        return result.json

    layers, least = report("--ram", "1M"), report()
    assert least["ram"]["total"] < 0.6 * layers["ram"]["total"]
    assert any(len(group) > 1 for group in least["groups"])
    assert all(len(group) == 1 for group in layers["groups"])
    assert report("--ram", "min")["ram"]["total"] <= least["ram"]["total"]
    assert report("--ram", str(layers["ram"]["total"]))["groups"] == layers["groups"]
    for share in (0.0, 0.3, 0.9):
        budget = int(least["ram"]["total"] * (1 - share) + layers["ram"]["total"] * share)
        assert report("--ram", str(budget))["ram"]["total"] <= budget
    text = edgec("compile", model, "--target", BOARD, "-o", tmp_path / "out").stdout
    assert "3 of 3 layers run row by row, in 1 group" in text


def test_the_least_ram_counts_the_stack_too() -> None:
    """The Program with the smallest arena, which comes where nothing fits, may be the one with the deepest stack."""
    totals = {"least arena": 624, "more arena": 608, "most arena": 600}

    def built(budget: int) -> tuple[Any, Any, dict[str, Any]]:
        name = next((name for name, total in totals.items() if total <= budget), "least arena")
        return name, None, {"ram": {"total": totals[name]}}

    assert least_total(built, *built(300)[::2]) == ("most arena", 600)


def test_a_pushed_input_needs_no_memory(tmp_path: Path) -> None:
    model = write_model(tmp_path, wide_graph())
    whole, pushed = (
        edgec("compile", model, "--target", BOARD, "-o", tmp_path / "out", "--json", *more).json
        for more in ((), ("--push",))
    )
    assert whole["push"] is None
    assert pushed["push"] == {"rows": 24, "row_bytes": 72}
    assert (whole["ram"]["image_streamed"], pushed["ram"]["image_streamed"]) == (0, 24 * 72)
    assert pushed["ram"]["total"] < whole["ram"]["total"] - 24 * 72 // 2
    assert "24 rows of 72 bytes" in edgec("compile", model, "--target", BOARD, "-o", tmp_path / "out", "--push").stdout


def test_an_endless_input_says_when_outputs_come(tmp_path: Path) -> None:
    """The layers of the example pad at the ends of the picture, and are named; the front is for inputs that end."""
    model = write_model(tmp_path, wide_graph())
    result = edgec("compile", model, "--target", BOARD, "-o", tmp_path / "out", "--streaming", "--json")
    assert result.exit_code == 0, result.stderr
    streaming = result.json["streaming"]
    assert (streaming["every"], streaming["exact"]) == (2, False)
    assert len(streaming["padded"]) == 3
    # The last of 12 rows reads row 23 of the layer before, which reads 24, which reads 25: two more than there are.
    assert streaming["first"] == 26
    ran = edgec("run", tmp_path / "out", "--json")
    assert ran.exit_code == 0, ran.stderr
    assert 0 < ran.json["instructions_per_row"] < ran.json["instructions"] / 8
    refused = edgec("compile", model, "--target", BOARD, "-o", tmp_path / "out", "--streaming", "--front")
    assert refused.exit_code == 2
    assert "exclude each other" in refused.stderr


def test_rows_are_pushed_to_a_project_of_push_only(tmp_path: Path) -> None:
    model = write_model(tmp_path, wide_graph())
    for name, more in (("whole", ()), ("pushed", ("--push",))):
        assert edgec("compile", model, "--target", BOARD, "-o", tmp_path / name, *more).exit_code == 0
    whole, pushed = (edgec("run", tmp_path / name, "--json").json for name in ("whole", "pushed"))
    assert whole["outputs"] == pushed["outputs"]
    assert edgec("run", tmp_path / "pushed", "--push", "--json").json["outputs"] == pushed["outputs"]
    refused = edgec("run", tmp_path / "whole", "--push")
    assert refused.exit_code == 2
    assert "takes its input as a whole" in refused.stderr


def test_a_board_that_is_too_small_layer_by_layer_gets_rows(tmp_path: Path) -> None:
    model = write_model(tmp_path, wide_graph())
    board = small_board(tmp_path, '"1M"', 8192)
    result = edgec("compile", model, "--target", board, "-o", tmp_path / "out", "--json")
    assert result.exit_code == 0, result.stderr
    assert result.json["ram"]["total"] <= 8192


def test_optimize_takes_three_words(model: Path, tmp_path: Path) -> None:
    result = edgec("compile", model, "--target", BOARD, "-o", tmp_path / "out", "--optimize", "beauty")
    assert result.exit_code == 2
    assert "speed" in result.stderr
    assert "balanced" in result.stderr


def test_only_the_first_warnings_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    warn(Output(False, False), [f"number {index}" for index in range(7)])
    printed = capsys.readouterr().err.splitlines()
    assert printed[:5] == [f"warning: number {index}" for index in range(5)]
    assert printed[5:] == ["2 more warnings are in report.json"]


def test_text_says_what_matters(model: Path, tmp_path: Path) -> None:
    text = edgec("compile", model, "--target", BOARD, "-o", tmp_path / "out").stdout
    for words in ("tiny.onnx", BOARD, "RAM", "Flash", "ec_conv_s8", "edgec run"):
        assert words in text


def test_twice_gives_the_same_bytes(model: Path, project: Path, tmp_path: Path) -> None:
    assert edgec("compile", model, "--target", BOARD, "-o", tmp_path / "again").exit_code == 0
    made = [path for path in (tmp_path / "again").rglob("*") if path.is_file()]
    assert made
    assert all(path.read_bytes() == (project / path.relative_to(tmp_path / "again")).read_bytes() for path in made)


def test_default_folder_and_name(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert edgec("compile", model, "--target", "host").exit_code == 0
    assert (tmp_path / "tiny" / "include" / "tiny.h").exists()
    assert edgec("compile", model, "--target", "host", "--name", "Wake-Word").exit_code == 0
    assert (tmp_path / "wake_word" / "include" / "wake_word.h").exists()


def test_older_project_is_replaced_and_foreign_folder_is_not(model: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert edgec("compile", model, "--target", "host", "-o", out, "--name", "first").exit_code == 0
    assert edgec("compile", model, "--target", "host", "-o", out, "--name", "second").exit_code == 0
    assert not (out / "include" / "first.h").exists()
    foreign = tmp_path / "thesis"
    foreign.mkdir()
    (foreign / "chapter1.txt").write_text("long")
    result = edgec("compile", model, "--target", "host", "-o", foreign)
    assert result.exit_code == 2
    assert [path.name for path in foreign.iterdir()] == ["chapter1.txt"]


@pytest.mark.parametrize(
    ("flash", "ram", "memory"), [('"1M"', 512, "RAM"), (1024, '"1M"', "flash"), (3000, 4096, "flash")]
)
def test_too_small_board_gets_nothing(model: Path, tmp_path: Path, flash: object, ram: object, memory: str) -> None:
    board = small_board(tmp_path, flash, ram)
    result = edgec("compile", model, "--target", board, "-o", tmp_path / "out", "--json")
    assert result.exit_code == 2
    assert result.json["error"]["kind"] == "DoesNotFitError"
    assert memory.lower() in result.json["error"]["message"].lower() + result.json["error"]["where"].lower()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["small.toml"]


def test_failure_leaves_an_older_project_alone(model: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert edgec("compile", model, "--target", "host", "-o", out).exit_code == 0
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    assert edgec("compile", model, "--target", small_board(tmp_path, 1024, 512), "-o", out).exit_code == 2
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before


def test_dump_ir(model: Path, tmp_path: Path) -> None:
    result = edgec("compile", model, "--target", "host", "-o", tmp_path / "out", "--dump-ir", tmp_path / "ir")
    assert result.exit_code == 0
    dumped = sorted(path.name for path in (tmp_path / "ir").iterdir())
    assert len(dumped) > 1
    assert "Conv(" in (tmp_path / "ir" / dumped[-1]).read_text()


@pytest.mark.parametrize("option", ["--train", "--flash"])
def test_options_of_later_passes_are_refused(model: Path, tmp_path: Path, option: str) -> None:
    result = edgec("compile", model, "--target", "host", "-o", tmp_path / "out", option, "1")
    assert result.exit_code == 2
    assert "No such option" in result.stderr
