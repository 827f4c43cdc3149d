"""Every core and compiler computes the host's bits where compilers like to be clever, and wrong."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from edgec.codegen import ModelFile, generate, write_project
from edgec.ir import Graph, QuantParams
from edgec.ops.conv import ConvAttrs
from edgec.ops.elementwise import BinaryAttrs
from edgec.ops.pool import ReduceAttrs
from edgec.passes.schedule import schedule
from edgec.targets import Device, SerialLink, find_compiler, load_target, open_board
from edgec.targets.emulator.qemu import QEMU
from tests.graphs import conv
from tests.runtime_c.harness import activation, one_node, random_inputs, run_c
from tests.targets.compilers import EACH_COMPILER

pytest.importorskip("serial", reason="pyserial is not installed")
pytestmark = pytest.mark.skipif(shutil.which(QEMU) is None, reason=f"{QEMU} is not installed")

BOARDS = ("mps2-an385-m0plus", "mps2-an385", "mps2-an386", "mps2-an500", "mps2-an505", "mps3-an547")


def mean_of_16() -> Graph:
    """Equal scales: the only factor is 1 / 16. clang makes it a Helium conversion, with another exponent."""
    x = activation("x", (1, 4, 4, 160), 0.147, -1)
    return one_node("ReduceMean", ReduceAttrs((1, 2), keepdims=True), [x], x.type.quant)


def sum_in_eighths() -> Graph:
    """An activation in steps of 1 / 8 and one in steps of 1 / 4."""
    a, b = activation("a", (1, 4, 4, 32), 0.125, 3), activation("b", (1, 4, 4, 32), 0.25, -7)
    return one_node("Add", BinaryAttrs(), [a, b], QuantParams.per_tensor(0.5, 1))


def rows_of_padding() -> Graph:
    """Three of four rows of a window outside: GCC 12 vectorises the choice of their pointers by the wrong lanes."""
    rng = np.random.default_rng(0)
    x = activation("x", (1, 2, 9, 17), 0.02, -3)
    node = conv("conv", x, ConvAttrs((4, 3), pads=(3, 1, 0, 2), group=17), 34, QuantParams.per_tensor(0.05, 127), rng)
    return one_node("Conv", node.attrs, node.inputs, node.output.type.quant)


@pytest.mark.parametrize("compiler", EACH_COMPILER)
@pytest.mark.parametrize("board", BOARDS)
@pytest.mark.parametrize("make", [mean_of_16, sum_in_eighths, rows_of_padding], ids=lambda make: make.__name__)
def test_what_compilers_get_wrong(make: object, board: str, compiler: str, tmp_path: Path) -> None:
    assert callable(make)
    graph, target = make(), load_target(board)
    inputs = random_inputs(graph, np.random.default_rng(0))
    (expected,) = run_c(graph, inputs)
    write_project(generate(schedule(graph, target), ModelFile("tiny", "tiny.onnx", "0" * 64)), tmp_path / "project")
    firmware = find_compiler(target, compiler).build(tmp_path / "project", tmp_path / "build")
    with open_board(target, firmware.elf) as emulated, Device(SerialLink(emulated.port)) as device:
        for index, wanted in enumerate(expected):
            inference = device.run([batch[index].tobytes() for batch in inputs])
            np.testing.assert_array_equal(np.frombuffer(inference.outputs[0], np.int8), wanted.ravel())
