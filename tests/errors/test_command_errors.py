"""What a user reads after a mistake on the command line, word for word; exit code 2, no traceback."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from tests.tools.cli import edgec, write_model, write_samples

ROOM = "  help: a smaller input or network, or a board with more memory: edgec targets lists them"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("model"))


@pytest.fixture
def float_model(tmp_path: Path) -> Path:
    """A Gemm of four numbers to two."""
    weights = numpy_helper.from_array(np.ones((2, 4), np.float32), "w")
    graph = helper.make_graph(
        [helper.make_node("Gemm", ["x", "w"], ["y"], "dense", transB=1)],
        "dense",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 2])],
        [weights],
    )
    path = tmp_path / "dense.onnx"
    onnx.save_model(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    return path


def refused(*arguments: object) -> str:
    """What a refused command prints on stderr; on stdout there is nothing."""
    result = edgec(*arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    return result.stderr


def test_float_model_without_samples(float_model: Path, tmp_path: Path) -> None:
    assert refused("compile", float_model, "--target", "host", "-o", tmp_path / "out") == (
        "error: dense.onnx is a float model: edgec needs samples to quantise it\n"
        "  help: --data SAMPLES.npz, with an array x of 100 or more typical inputs (first axis: sample)\n"
    )
    assert not (tmp_path / "out").exists()


def test_samples_of_another_shape(float_model: Path, tmp_path: Path) -> None:
    np.savez(tmp_path / "s.npz", x=np.zeros((10, 3), np.float32))
    text = refused("compile", float_model, "--target", "host", "--data", tmp_path / "s.npz", "-o", tmp_path / "out")
    assert text == (
        "error: a sample of s.npz is float32 [3]; input 'x' takes float32 [4]\n"
        "  help: x holds one sample after another along its first axis, each in the model's own input form\n"
    )


def test_unknown_target(model: Path) -> None:
    text = refused("compile", model, "--target", "nucleo_f446re")
    assert text.startswith("error: unknown target 'nucleo_f446re'; did you mean 'nucleo-f446re'? (edgec targets lists ")
    assert text.endswith("  help: --target takes a name of that list, or the path of a .toml file\n")


def test_too_much_ram(model: Path, tmp_path: Path) -> None:
    board = tmp_path / "doll.toml"
    board.write_text(
        'title = "doll"\ncore = "cortex-m4"\nclock_hz = 1_000_000\nstack_reserve = 64\n'
        'uart = { driver = "cmsdk", base = 0x40004000 }\n'
        'regions = [\n  { name = "rom", kind = "flash", origin = 0, size = "64K" },\n'
        '  { name = "ram", kind = "ram", origin = 0x20000000, size = 256 },\n]\n'
    )
    text = refused("compile", model, "--target", board, "-o", tmp_path / "out")
    lines = text.splitlines()
    needed = re.fullmatch(
        r"error: tiny does not fit into doll: it needs at least (\d+) bytes of RAM, 256 are there", lines[0]
    )
    assert needed is not None
    assert int(needed[1]) > 256
    assert [line.split()[1:7] for line in lines[1:4]] == [["bytes", "of", "RAM", "alive", "in", "Conv"]] * 3
    sizes = [int(line.split()[0]) for line in lines[1:4]]
    assert sizes == sorted(sizes, reverse=True)
    assert lines[4:] == [ROOM]


def test_a_budget_below_the_least(model: Path, tmp_path: Path) -> None:
    lines = refused("compile", model, "--target", "mps2-an386", "-o", tmp_path / "out", "--ram", "0.5K").splitlines()
    assert lines == ["error: --ram takes a number of bytes or min, not '0.5K'", "  help: for example --ram 64K"]
    lines = refused("compile", model, "--target", "mps2-an386", "-o", tmp_path / "out", "--ram", "512").splitlines()
    needed = re.fullmatch(r"error: tiny needs at least (\d+) bytes of RAM on mps2-an386, 512 are the budget", lines[0])
    assert needed is not None
    assert int(needed[1]) > 512
    assert [line.split()[1:6] for line in lines[1:4]] == [["bytes", "of", "RAM", "alive", "in"]] * 3
    assert lines[4:] == [f"  help: --ram {needed[1]} or more, or a smaller input or network"]
    assert not (tmp_path / "out").exists()


def test_too_much_flash(model: Path, tmp_path: Path) -> None:
    board = tmp_path / "doll.toml"
    board.write_text(
        'title = "doll"\ncore = "cortex-m4"\nclock_hz = 1_000_000\nstack_reserve = 64\n'
        'uart = { driver = "cmsdk", base = 0x40004000 }\n'
        'regions = [\n  { name = "rom", kind = "flash", origin = 0, size = 400 },\n'
        '  { name = "ram", kind = "ram", origin = 0x20000000, size = "64K" },\n]\n'
    )
    lines = refused("compile", model, "--target", board, "-o", tmp_path / "out").splitlines()
    assert re.sub(r"\d+", "N", lines[0]) == (
        "error: tiny does not fit into doll: it needs at least N bytes of flash, N are there"
    )
    needed, there = (int(number) for number in re.findall(r"\d+", lines[0]))
    layers = [re.fullmatch(r"  (\d+) bytes of flash of Conv '(\w+)'", line) for line in lines[1:4]]
    sizes = [int(layer[1]) for layer in layers if layer]
    assert sorted(layer[2] for layer in layers if layer) == ["depth", "point", "stem"]
    assert sizes == sorted(sizes, reverse=True)
    assert sum(sizes) == needed > there == 400
    assert lines[4:] == [ROOM.replace("a smaller", "--optimize size, a smaller", 1)]
    size = refused("compile", model, "--target", board, "--optimize", "size", "-o", tmp_path / "out").splitlines()
    assert size[-1] == ROOM


@pytest.mark.parametrize("text", ["n", "n=", "=3", "n=x", "n=0", "n=-1"])
def test_shape_option(model: Path, text: str) -> None:
    assert refused("compile", model, "--target", "host", "--shape", text) == (
        f"error: --shape takes NAME=N with N above 0, not {text!r}\n  help: for example --shape length=16000\n"
    )


def test_folder_of_somebody_else(model: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    assert refused("compile", model, "--target", "host", "-o", tmp_path) == (
        f"error: folder '{tmp_path}' is not empty and no project of edgec: it is not overwritten\n"
        "  help: -o DIR names another folder\n"
    )


def test_output_that_is_a_file(model: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    assert refused("compile", model, "--target", "host", "-o", tmp_path / "notes.txt") == (
        f"error: '{tmp_path}/notes.txt' is a file, not a folder\n  help: -o DIR names another folder\n"
    )


@pytest.mark.parametrize("command", ["run", "flash"])
def test_folder_that_is_no_project(command: str, tmp_path: Path) -> None:
    assert refused(command, tmp_path) == (
        f"error: '{tmp_path}' is not a project of edgec: it has no report.json\n"
        "  help: edgec compile MODEL.onnx --target BOARD makes one\n"
    )


def test_damaged_report(tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text('{"inputs": []}')
    assert refused("run", tmp_path) == (
        f"error: {tmp_path}/report.json is damaged: KeyError 'outputs'\n  help: compile the model again\n"
    )


def test_check_without_labels(model: Path, tmp_path: Path) -> None:
    samples = write_samples(tmp_path / "s.npz", labels=False)
    assert refused("check", model, "--target", "host", "--data", samples) == (
        "error: s.npz has no labels: an accuracy needs an array y\n"
        "  help: an .npz file holds x (first axis: sample) and, for accuracy, y (class numbers)\n"
    )


def test_labels_that_are_no_classes(model: Path, tmp_path: Path) -> None:
    np.savez(tmp_path / "s.npz", x=np.zeros((2, 9, 9, 3), np.int8), y=[1, 150])
    assert refused("check", model, "--target", "host", "--data", tmp_path / "s.npz") == (
        "error: the labels of s.npz go from 1 to 150, the model has 150 classes\n"
        "  help: --label-offset K is added to every label\n"
    )


def test_unknown_core(model: Path, tmp_path: Path) -> None:
    assert edgec("compile", model, "--target", "host", "-o", tmp_path / "out").exit_code == 0
    text = refused("run", tmp_path / "out", "--cpu", "cortex-m9")
    assert text.startswith("error: unknown board or core 'cortex-m9'; did you mean 'cortex-m")
    assert "  help: a board of edgec targets, or a core of an emulated one: cortex-a53, cortex-a55, " in text


def test_two_kinds_of_input(model: Path, tmp_path: Path) -> None:
    assert edgec("compile", model, "--target", "host", "-o", tmp_path / "out").exit_code == 0
    samples = write_samples(tmp_path / "s.npz")
    assert refused("run", tmp_path / "out", "--input", samples, "--data", samples) == (
        "error: --input and --data exclude each other\n"
    )


def test_flashing_the_host(model: Path, tmp_path: Path) -> None:
    assert edgec("compile", model, "--target", "host", "-o", tmp_path / "out").exit_code == 0
    assert refused("flash", tmp_path / "out") == (
        "error: the host is no board: nothing is flashed\n  help: edgec run DIR runs the project here\n"
    )


def test_absent_port(model: Path, tmp_path: Path) -> None:
    assert edgec("compile", model, "--target", "host", "-o", tmp_path / "out").exit_code == 0
    text = refused("run", tmp_path / "out", "--port", "/dev/ttyEDGEC9")
    assert text.startswith("error: cannot open serial port '/dev/ttyEDGEC9': No such file or directory\n  help: ")


def test_json_errors_are_one_object(tmp_path: Path) -> None:
    result = edgec("run", tmp_path, "--json")
    assert result.exit_code == 2
    assert result.json == {
        "error": {
            "kind": "ModelError",
            "message": f"'{tmp_path}' is not a project of edgec: it has no report.json",
            "where": "",
            "help": "edgec compile MODEL.onnx --target BOARD makes one",
        }
    }
    assert result.stderr.startswith("error: ")


@pytest.mark.parametrize("count", [0, -1, 65])
def test_a_number_of_threads_that_there_cant_be(model: Path, tmp_path: Path, count: int) -> None:
    text = refused("compile", model, "--target", "host", "-o", tmp_path / "out", "--threads", count)
    assert text == f"error: --threads takes 1 to 64, not {count}\n  help: for example --threads 4\n"


def test_threads_on_a_board_without(model: Path, tmp_path: Path) -> None:
    assert refused("compile", model, "--target", "mps2-an386", "-o", tmp_path / "out", "--threads", 2) == (
        "error: mps2-an386 has no threads: its firmware runs without an operating system\n"
        "  help: --threads is for boards with Linux or Android and for host; leave it out for others\n"
    )
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("other", [["--push"], ["--streaming"], ["--ram", "64K"], ["--ram", "min"], ["--front"]])
def test_threads_and_what_runs_layers_together(model: Path, tmp_path: Path, other: list[str]) -> None:
    assert refused("compile", model, "--target", "host", "-o", tmp_path / "out", "--threads", 2, *other) == (
        f"error: --threads and {other[0]} exclude each other: threads share the rows of one layer after the other\n"
        "  help: leave out one of the two\n"
    )


def test_layers_of_threads_are_not_profiled(model: Path, tmp_path: Path) -> None:
    assert edgec("compile", model, "--target", "host", "-o", tmp_path / "out", "--threads", 2).exit_code == 0
    assert refused("profile", tmp_path / "out", "--board", "mps2-an386") == (
        f"error: {str(tmp_path / 'out')!r} runs 2 threads: what a layer takes is not counted then\n"
        "  help: compile the model without --threads, into another folder, and profile that\n"
    )
