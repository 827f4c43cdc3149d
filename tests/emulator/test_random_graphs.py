"""Random networks within random budgets on a board: equal outputs, no more RAM than reported, small budgets refused."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgec.api import make_project
from edgec.codegen import ModelFile, write_project
from edgec.errors import DoesNotFitError
from edgec.goal import Goal
from edgec.ir import Array, Graph
from edgec.passes.pipeline import optimize
from edgec.passes.schedule import Scheduler, schedule
from edgec.target import Target
from edgec.targets import Compiler, Device, SerialLink, find_compiler, load_target, open_board
from tests.passes.int8_networks import random_int8_network, samples
from tests.schedule.test_groups import CHECKS, built

pytest.importorskip("serial", reason="pyserial is not installed")
pytestmark = pytest.mark.skipif(find_spec("unicorn") is None, reason="unicorn is not installed")
FILE = ModelFile("m", "m.onnx", "0" * 64)
REST = 2000  # bytes of static RAM and stack, at most
TINY = 300  # bytes: less than any firmware has


def check_on(board: Target, compiler: Compiler, graph: Graph, ram: int | None, push: bool, folder: Path) -> None:
    """Compile for a board within a budget, run, compare with layer by layer on this computer."""
    _, project, report = make_project(graph, board, FILE, Goal.SPEED, compiler, ram=ram, push=push)
    total = int(report["ram"]["total"])
    assert not ram or total <= ram
    write_project(project, folder / "project")
    firmware = compiler.build(folder / "project", folder / "build", optimize=Goal.SPEED.flag)
    inputs = samples(graph, 2, 0)
    wanted = built(schedule(graph, load_target("host")), folder / "layers").run(inputs)
    with open_board(board, firmware.elf, emulator="unicorn") as emulated, Device(SerialLink(emulated.port)) as device:
        for index in range(2):
            compare(device.run([x[index].tobytes() for x in inputs]).outputs, [y[index] for y in wanted])
        memory = device.memory()
    assert memory.static + memory.stack_used <= total


def compare(given: tuple[bytes, ...], wanted: list[Array]) -> None:
    for data, array in zip(given, wanted, strict=True):
        np.testing.assert_array_equal(np.frombuffer(data, array.dtype).reshape(array.shape), array)


@pytest.mark.parametrize("seed", [pytest.param(0, id="few"), pytest.param(1, marks=pytest.mark.exhaustive, id="many")])
def test_budgets_hold_on_a_board(seed: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    board = load_target("mps2-an386")
    compiler = find_compiler(board)

    @settings(CHECKS, max_examples=500 if seed else 4)
    @given(st.data(), st.floats(0, 1), st.booleans())
    def check(data: st.DataObject, share: float, push: bool) -> None:
        graph = random_int8_network(data)
        optimize(graph, board)
        if not graph.nodes or any(value.is_constant for value in graph.outputs):
            return
        scheduler = Scheduler(graph, board, push=push)
        most, least = scheduler.layers.bytes, scheduler.within(0, recompute=True).bytes
        budget = int(least + share * (most - least)) + REST
        ram = data.draw(st.sampled_from([budget, budget, 0, None]))
        check_on(board, compiler, graph, ram, push, tmp_path_factory.mktemp("random"))
        if data.draw(st.integers(0, 9)) == 0:
            check_refusal(board, compiler, graph, push)

    check()


def check_refusal(board: Target, compiler: Compiler, graph: Graph, push: bool) -> None:
    """A budget that is too small is refused, and the one that the error names is enough."""
    with pytest.raises(DoesNotFitError) as refused:
        make_project(graph, board, FILE, Goal.SPEED, compiler, ram=TINY, push=push)
    named = re.search(r"needs at least (\d+) bytes", refused.value.message)
    assert named is not None
    _, _, report = make_project(graph, board, FILE, Goal.SPEED, compiler, ram=int(named[1]), push=push)
    assert report["ram"]["total"] == int(named[1])
