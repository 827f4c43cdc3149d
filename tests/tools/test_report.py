"""report.html, `edgec report` and `edgec compile --front`: the page says what report.json does, in a browser too."""

from __future__ import annotations

import itertools
import json
import re
import shutil
import subprocess
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from edgec.codegen import report_page
from edgec.codegen.memory import KINDS, Block
from edgec.tools import report as command
from tests.graphs import HOST, wide_graph
from tests.tools.cli import edgec, write_model
from tests.tools.conftest import BOARD

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")


@dataclass
class Element:
    """An element of a page: its name, attributes, text with that of what is inside."""

    tag: str
    attributes: dict[str, str]
    words: str = ""


@dataclass
class Page(HTMLParser):
    """A page as its elements, in order."""

    text: str
    elements: list[Element] = field(default_factory=list)
    open: list[Element] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()
        self.feed(self.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.elements.append(element)
        if tag not in ("meta", "br"):
            self.open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(Element(tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        while self.open and self.open.pop().tag != tag:
            pass

    def handle_data(self, data: str) -> None:
        for element in self.open:
            element.words += data

    def all(self, tag: str, **attributes: str) -> list[Element]:
        wanted = {name.strip("_").replace("_", "-"): value for name, value in attributes.items()}
        return [e for e in self.elements if e.tag == tag and wanted.items() <= e.attributes.items()]

    def one(self, tag: str, **attributes: str) -> Element:
        (element,) = self.all(tag, **attributes)
        return element


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network whose layers run together, with its front."""
    folder = tmp_path_factory.mktemp("rows")
    model = write_model(folder, wide_graph())
    result = edgec("compile", model, "--target", BOARD, "-o", folder / "out", "--front")
    assert result.exit_code == 0, result.stderr
    return folder / "out"


def report_of(project: Path) -> dict[str, Any]:
    values: dict[str, Any] = json.loads((project / "report.json").read_text())
    return values


def static(project: Path) -> str:
    return (project / "report.html").read_text()


def in_chromium(project: Path) -> str:
    """The page as a browser has it, after it was laid out."""
    browser = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if browser is None:
        pytest.skip("no chromium on PATH")
    profile = project.parent / "chromium"
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
    options += ["--disable-component-update", "--disable-sync", f"--user-data-dir={profile}", "--dump-dom"]
    line = [browser, *options, (project / "report.html").as_uri()]
    return subprocess.run(line, capture_output=True, text=True, check=True, timeout=120).stdout


@pytest.mark.parametrize("read", [static, in_chromium])
def test_the_page_says_what_the_report_does(rows: Path, read: Callable[[Path], str]) -> None:
    report, page = report_of(rows), Page(read(rows))
    assert page.one("h1").words == "wide"
    assert page.one("section", id="ram").attributes["data-total"] == str(report["ram"]["total"])
    parts = {
        e.attributes["data-part"]: int(e.attributes["data-bytes"]) for e in page.all("li") if len(e.attributes) > 1
    }
    assert sum(parts[name] for name in ("arena", "scratch", "static", "stack")) == report["ram"]["total"]
    assert sum(parts[name] for name in ("weights", "code", "port")) == report["flash"]["total"]
    blocks = page.all("rect", _class="block")
    assert [e.attributes["data-kind"] for e in blocks] == [block["kind"] for block in report["memory"]]
    assert [int(e.attributes["data-bytes"]) for e in blocks] == [block["bytes"] for block in report["memory"]]
    assert len(page.all("rect", _class="point")) == len(report["front"])
    for number, layer in enumerate(report["layers"]):
        row = page.one("tr", id=f"layer-{number}")
        for words in (layer["name"], layer["kernel"], f"{layer['macs']:,}", f"{layer['flash']:,}"):
            assert words in row.words
    assert page.one("tr", _class="compiled").words.startswith(f"{report['ram']['total']:,}")
    assert not page.all("section", id="removed")


def test_one_file_and_no_network(rows: Path) -> None:
    text = static(rows)
    page = Page(text)
    assert not page.all("script") + page.all("link") + page.all("img") + page.all("iframe")
    assert set(re.findall(r"https?://[^\"' ]+", text)) == {"http://www.w3.org/2000/svg"}
    assert "url(" not in text
    assert str(rows.parent) not in text


def test_blocks_of_memory(rows: Path) -> None:
    """A value is there once, the rings hold a part of their rows, nothing lies outside the arena."""
    report = report_of(rows)
    blocks = [Block(**block) for block in report["memory"]]
    assert {block.kind for block in blocks} <= set(KINDS)
    end = report["ram"]["arena"] + report["ram"]["scratch"]
    assert all(block.offset + block.bytes <= end for block in blocks)
    assert all(-1 <= block.first <= block.last <= len(report["layers"]) for block in blocks)
    rings = [block for block in blocks if block.kind == "ring"]
    assert [(ring.rows, ring.of, ring.bytes) for ring in rings] == [(3, 24, 3 * 24 * 16)] * 2
    values = [block for block in blocks if block.kind not in ("padding", "scratch")]
    assert [block.kind for block in values].count("input") == [block.kind for block in values].count("output") == 1
    assert len({block.name for block in values}) == len(values) == 4
    assert 0 < max(layer["ram"] for layer in report["layers"]) <= end
    # What memory holds while the layers run together: nothing but what is theirs.
    assert {layer["ram"] for layer in report["layers"]} == {used(blocks, end)}


def used(blocks: list[Block], end: int) -> int:
    """Bytes of the arena that some block has."""
    return sum(any(block.offset <= at < block.offset + block.bytes for block in blocks) for at in range(end))


def test_no_front_without_being_asked(model: Path, tmp_path: Path) -> None:
    assert edgec("compile", model, "--target", "host", "-o", tmp_path / "out").exit_code == 0
    assert report_of(tmp_path / "out")["front"] is None
    page = Page(static(tmp_path / "out"))
    assert not page.all("section", id="front")
    assert page.one("h1").words == "tiny"


def test_names_are_escaped(rows: Path) -> None:
    report = report_of(rows)
    evil = "<script>alert('x')</script>&\"/"
    for entry in (*report["layers"], *report["memory"], report["model"]):
        entry["name"] = evil
    report["warnings"] = [evil]
    report["removed"]["layers"] = [{"name": evil, "channels_before": 9, "channels_after": 4, "macs": 5, "weights": 6}]
    page = Page(report_page(report, HOST))
    assert not page.all("script")
    assert page.one("h1").words == evil
    assert evil in page.one("section", id="warnings").words
    assert evil in page.one("section", id="removed").words


def test_less_ram_is_never_faster(rows: Path) -> None:
    report = report_of(rows)
    points = report["front"]
    assert len(points) >= 2
    for more, less in itertools.pairwise(points):
        assert less["ram"] < more["ram"]
        assert less["calls"] >= more["calls"]
        assert less["instructions_estimate"] > more["instructions_estimate"]
    assert [point["ram"] for point in points if point["compiled"]] == [report["ram"]["total"]]
    macs = [point["macs"] for point in points]
    assert macs == sorted(macs)
    assert macs[0] == report["macs"]["executed"] < macs[-1]  # the least RAM of all takes rows that are computed again


def test_front_in_words(tmp_path: Path) -> None:
    model = write_model(tmp_path, wide_graph())
    text = edgec("compile", model, "--target", BOARD, "-o", tmp_path / "out", "--front").stdout
    assert "What --ram can choose from" in text
    assert len([line for line in text.splitlines() if line.endswith("as compiled")]) == 1
    assert "--front" in edgec("compile", "--help").stdout


def test_opens_the_page(rows: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(command.webbrowser, "open", lambda url: asked.append(url) or True)
    result = edgec("report", rows)
    assert (result.exit_code, result.stdout.strip()) == (0, str(rows / "report.html"))
    assert asked == [(rows / "report.html").as_uri()]
    monkeypatch.setattr(command.webbrowser, "open", lambda url: False)
    assert "no browser is here to open it" in edgec("report", rows).stdout
    monkeypatch.setattr(command.webbrowser, "open", lambda url: pytest.fail("opened"))
    values = edgec("report", rows, "--json").json
    assert values == {**report_of(rows), "page": str(rows / "report.html"), "figures": []}


def test_figures(rows: Path, tmp_path: Path) -> None:
    result = edgec("report", rows, "--figure", tmp_path / "new" / "f.svg", "--json")
    assert result.exit_code == 0, result.stderr
    files = [tmp_path / "new" / name for name in ("f.svg", "f-front.svg")]
    assert result.json["figures"] == [str(file) for file in files]
    report = report_of(rows)
    roots = [ET.fromstring(file.read_text()) for file in files]
    for root, kind, count in zip(roots, ("block", "point"), (len(report["memory"]), len(report["front"])), strict=True):
        marked = [element for element in root if element.attrib.get("class") == kind]
        assert len(marked) == count
        for box in (e.attrib for e in root if e.tag.endswith("rect") and "x" in e.attrib):
            assert float(box["x"]) + float(box["width"]) <= float(root.attrib["width"])
            assert float(box["y"]) + float(box["height"]) <= float(root.attrib["height"])


def test_blocks_are_as_high_as_their_bytes(rows: Path, tmp_path: Path) -> None:
    assert edgec("report", rows, "--figure", tmp_path / "f.svg").exit_code == 0
    rects = [e.attrib for e in ET.fromstring((tmp_path / "f.svg").read_text()) if e.attrib.get("class") == "block"]
    scale = {round(float(r["height"]) / int(r["data-bytes"]), 3) for r in rects if int(r["data-bytes"]) > 500}
    assert max(scale) - min(scale) < 0.01
    widths = [
        float(r["width"]) / (b["last"] + 1 - b["first"]) for r, b in zip(rects, report_of(rows)["memory"], strict=True)
    ]
    assert max(widths) - min(widths) < 0.1


def test_png(rows: Path, tmp_path: Path) -> None:
    pytest.importorskip("PIL", reason="Pillow is not installed")
    assert edgec("report", rows, "--figure", tmp_path / "f.png").exit_code == 0
    from PIL import Image

    for name in ("f.png", "f-front.png"):
        with Image.open(tmp_path / name) as image:
            assert len(image.convert("RGB").getcolors(1 << 20) or []) > 3


def test_refusals(rows: Path, tmp_path: Path) -> None:
    result = edgec("report", rows, "--figure", tmp_path / "f.pdf")
    assert (result.exit_code, "--figure writes .svg and .png, not 'f.pdf'" in result.stderr) == (2, True)
    result = edgec("report", tmp_path)
    assert (result.exit_code, "is not a project of edgec: it has no report.json" in result.stderr) == (2, True)
    shutil.copy(rows / "report.json", tmp_path)
    for figure in ("report.json/f.svg", "report.json/f.png"):
        result = edgec("report", rows, "--figure", tmp_path / figure)
        assert (result.exit_code, f"cannot write {tmp_path / figure}: " in result.stderr) == (2, True)
    result = edgec("report", tmp_path, "--json")
    assert result.exit_code == 2
    assert result.json["error"]["message"] == f"{tmp_path} has no report.html"
    assert "compile the model again" in result.json["error"]["help"]


def test_help_shows_how(rows: Path) -> None:
    text = edgec("report", "--help").stdout
    assert "edgec report kws --figure kws.svg" in text
    assert "report" in edgec("--help").stdout
