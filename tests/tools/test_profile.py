"""`edgec profile`: layers and rest sum to the whole, on emulated boards and over a serial port; its picture."""

from __future__ import annotations

import json
import shutil
import subprocess
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import pytest

from edgec.codegen.picture import svg
from edgec.targets.load import PORT
from edgec.tools.picture import Bar, bar_chart
from tests.errors.ptys import Firmware, port
from tests.tools.cli import edgec
from tests.tools.conftest import BOARD

HEADER = ("model", "board", "core", "compiled_for", "compiler", "macs", "instructions", "cycles", "cycles_estimate")
LAYER = {"name", "op", "kernel", "macs", "ram", "flash", "why_not", "instructions", "cycles", "cycles_estimate"}
OF_PORT = ("main.c", "ec_protocol.c", "ec_crc.c", "ec_profile.c")
needs_both = pytest.mark.skipif(
    not shutil.which("qemu-system-arm") or not find_spec("unicorn"), reason="needs QEMU and unicorn"
)


@pytest.mark.usefixtures("emulator")
def test_layers_and_rest_are_the_whole_of_a_run(project: Path) -> None:
    result = edgec("profile", project, "--json")
    assert result.exit_code == 0, result.stderr
    values = result.json
    assert tuple(values) == (*HEADER, "layers", "rest")
    report = json.loads((project / "report.json").read_text())
    assert [layer["name"] for layer in values["layers"]] == ["stem", "point", "depth"]
    assert all(set(layer) == LAYER | {"per_mac"} for layer in values["layers"])
    for key in ("macs", "ram", "flash", "kernel"):
        assert [layer[key] for layer in values["layers"]] == [layer[key] for layer in report["layers"]]
    for key in ("instructions", "cycles_estimate"):
        assert values[key] == sum(layer[key] for layer in [*values["layers"], values["rest"]])
    assert values["instructions"] == edgec("run", project, "--json").json["instructions"]
    assert all(layer["instructions"] > 1000 for layer in values["layers"])
    assert 0 < values["rest"]["instructions"] < 200
    assert 1 < values["cycles_estimate"] / values["instructions"] < 2
    assert values["cycles"] is None


@needs_both
@pytest.mark.parametrize("core", ["cortex-m0plus", "cortex-m3", "cortex-m33"])
def test_both_emulators_count_the_same(project: Path, core: str) -> None:
    qemu, unicorn = (
        edgec("profile", project, "--board", core, "--emulator", emulator, "--json").json
        for emulator in ("qemu", "unicorn")
    )
    assert qemu == unicorn
    assert qemu["core"] == core


@needs_both
@pytest.mark.parametrize("core", ["cortex-m7", "cortex-m55"])
def test_no_estimate_where_time_is_no_sum(model: Path, core: str, tmp_path: Path) -> None:
    project = tmp_path / "plain"
    assert edgec("compile", model, "--target", "mps2-an385", "-o", project).exit_code == 0
    values = edgec("profile", project, "--board", core, "--json").json
    assert values["cycles_estimate"] is None
    assert all(layer["cycles_estimate"] is None and layer["instructions"] for layer in values["layers"])
    text = edgec("profile", project, "--board", core).stdout
    assert "cycles" not in text
    assert "compiled for mps2-an385" in text


@pytest.mark.usefixtures("emulator")
def test_text(project: Path) -> None:
    text = edgec("profile", project).stdout
    assert "M cycles (an estimate)" in text
    lines = text.splitlines()
    heads = next(line for line in lines if line.startswith("layer")).split()
    assert heads == ["layer", "kernel", "MACs", "instr.", "share", "/MAC", "~cycles", "RAM", "flash"]
    assert sum(line.startswith(("stem  ", "point  ", "depth  ", "between the layers  ")) for line in lines) == 4


@pytest.mark.usefixtures("emulator")
def test_why_a_layer_is_not_faster(model: Path, tmp_path: Path) -> None:
    """What compile found is in the report, and profile shows it."""
    assert edgec("compile", model, "--target", BOARD, "-o", tmp_path / "out").exit_code == 0
    file = tmp_path / "out" / "report.json"
    report = json.loads(file.read_text())
    report["layers"][1]["why_not"] = ["ec_conv_s8_dsp: takes no odd channels"]
    file.write_text(json.dumps(report))
    text = edgec("profile", tmp_path / "out").stdout
    kernel = report["layers"][1]["kernel"]
    assert f"point has no faster kernel than {kernel}: ec_conv_s8_dsp: takes no odd channels" in text


@pytest.mark.usefixtures("emulator")
def test_picture(project: Path, tmp_path: Path) -> None:
    result = edgec("profile", project, "--figure", tmp_path / "new" / "f.svg")
    assert result.exit_code == 0, result.stderr
    assert "Drawn in" in result.stdout
    root = ET.fromstring((tmp_path / "new" / "f.svg").read_text())
    words = [element.text for element in root if element.tag.endswith("text")]
    kernels = {layer["kernel"] for layer in json.loads((project / "report.json").read_text())["layers"]}
    assert {"stem", "point", "depth"} | kernels <= set(words)


def test_bars_are_as_long_as_their_values() -> None:
    bars = [Bar('a <&> "b"', 10, "10", "x"), Bar("c", 40, "40", "y"), Bar("d", 0, "0", "x")]
    root = ET.fromstring(svg(bar_chart("title", bars)))
    boxes = [element for element in root if element.tag.endswith("rect")][1:]
    widths = [float(box.attrib["width"]) for box in boxes[:3]]
    assert widths[0] == pytest.approx(widths[1] / 4)
    assert widths[2] == 0
    assert boxes[0].attrib["fill"] == boxes[2].attrib["fill"] != boxes[1].attrib["fill"]
    assert [element.text for element in root if element.tag.endswith("text")][1] == bars[0].label
    assert max(float(box.attrib["x"]) + float(box.attrib["width"]) for box in boxes) < float(root.attrib["width"])


@pytest.mark.usefixtures("emulator")
def test_png(project: Path, tmp_path: Path) -> None:
    pytest.importorskip("PIL", reason="Pillow is not installed")
    assert edgec("profile", project, "--figure", tmp_path / "f.png").exit_code == 0
    from PIL import Image

    with Image.open(tmp_path / "f.png") as image:
        assert image.width > 1000
        assert len(image.convert("RGB").getcolors(1 << 20) or []) > 3


def test_refusals(project: Path, model: Path, tmp_path: Path) -> None:
    result = edgec("profile", project, "--figure", tmp_path / "f.pdf")
    assert (result.exit_code, "--figure writes .svg and .png, not 'f.pdf'" in result.stderr) == (2, True)
    assert edgec("compile", model, "--target", "host", "-o", tmp_path / "out").exit_code == 0
    result = edgec("profile", tmp_path / "out")
    assert (result.exit_code, "counts neither instructions nor cycles" in result.stderr) == (2, True)


@contextmanager
def connected(project: Path, folder: Path, *defines: str) -> Iterator[str]:
    """The port of a board with the project's firmware: the same C, built for this computer."""
    cc = shutil.which("cc") or pytest.skip("no host compiler")
    sources = [*project.glob("src/*.c"), project / "port" / "model_info.c"]
    sources += [*(Path(str(PORT)) / name for name in OF_PORT), Path(__file__).parent / "host_board.c"]
    includes = [f"-I{project / folder}" for folder in ("include", "src", "port")]
    options = ["-std=c11", "-O1", "-D_DEFAULT_SOURCE", *(f"-D{item}" for item in defines), *includes]
    subprocess.run([cc, *options, *sources, "-o", folder / "firmware"], check=True)
    with Firmware(folder / "firmware") as firmware, port(firmware) as name:
        yield name


def test_cycles_over_a_serial_port(project: Path, tmp_path: Path) -> None:
    with connected(project, tmp_path, "EC_PROFILE_CYCLES", "NO_COUNTER=0") as name:
        result = edgec("profile", project, "--port", name, "--json")
        text = edgec("profile", project, "--port", name).stdout
    assert result.exit_code == 0, result.stderr
    values = result.json
    assert values["cycles"] == sum(layer["cycles"] for layer in [*values["layers"], values["rest"]])
    assert all(layer["cycles"] > 0 for layer in values["layers"])
    assert (values["instructions"], values["cycles_estimate"], values["compiler"]) == (None, None, None)
    assert "instr" not in text
    assert " cycles (" in text


@pytest.mark.parametrize(
    ("defines", "words"),
    [
        (("NO_COUNTER=0",), "was not built to be profiled\n  help: edgec flash {project} --profile writes one that is"),
        (("EC_PROFILE_CYCLES", "NO_COUNTER=1"), f"cortex-m4 on {BOARD} has no cycle counter"),
    ],
)
def test_boards_that_cannot_tell(project: Path, tmp_path: Path, defines: tuple[str, ...], words: str) -> None:
    with connected(project, tmp_path, *defines) as name:
        result = edgec("profile", project, "--port", name)
    assert result.exit_code == 2
    assert words.format(project=project) in result.stderr


@pytest.mark.usefixtures("emulator")
def test_flashing_a_firmware_to_be_profiled(project: Path) -> None:
    """The emulated core has no counter, but the firmware is the one that answers."""
    result = edgec("flash", project, "--profile", "--json")
    assert result.exit_code == 0, result.stderr
    elf = project / "build" / f"{BOARD}-profile" / "firmware.elf"
    assert b"ec_profile_layer" in elf.read_bytes()
