"""Emulated boards = host C, byte for byte, and what the report promised about RAM and flash holds there."""

from __future__ import annotations

import pathlib
import shutil
from typing import Any

import numpy as np
import pytest

from edgec.ports import to_graph_input
from edgec.targets import Device, SerialLink, find_compiler, load_target, open_board
from edgec.targets.emulator.qemu import QEMU
from edgec.targets.host import HostModel
from tests.zoo.conftest import Compiled, Compiler
from tests.zoo.networks import NETWORKS, Array, Network

BOARDS = {
    "m0plus": "mps2-an385-m0plus",
    "m3": "mps2-an385",
    "m4": "mps2-an386",
    "m7": "mps2-an500",
    "m33": "mps2-an505",
    "m55": "mps3-an547-ddr",
}
# Each core and each kind of network at least once; all pairs are under the exhaustive mark.
EVERY_COMMIT = (
    ("kws_dscnn", "m0plus"),
    ("mnist_cnn", "m0plus"),
    ("ad_autoencoder", "m3"),
    ("vww_mobilenetv1", "m4"),
    ("sww_streaming", "m4"),
    ("ic_resnet8", "m7"),
    ("person_detect_tflm", "m33"),
    ("kwsarm_ds_cnn_s", "m33"),
    ("imagenet_mcunet_5fps_128", "m55"),
    ("cifar_resnet20", "m55"),
)
# Options of compile_model: as it is; all values whole; the input row by row; rows computed again, where that saves RAM.
WAYS: dict[str, dict[str, Any]] = {
    "rows": {},
    "layers": {"ram": 1 << 30},
    "pushed": {"push": True},
    "least": {"ram": 0},
}
BY_NAME = {network.name: network for network in NETWORKS}
FEW, MANY = 2, 50

some_pairs = pytest.mark.parametrize(
    ("network", "board"), [pytest.param(BY_NAME[name], board, id=f"{name}-{board}") for name, board in EVERY_COMMIT]
)
all_pairs = pytest.mark.parametrize(
    ("network", "board"),
    [pytest.param(network, board, id=f"{network.name}-{board}") for network in NETWORKS for board in BOARDS],
)


def graph_inputs(network: Network, made: Compiled, count: int) -> Array:
    graph = made.model.graph
    (port,), (value,) = graph.input_ports, graph.inputs
    return to_graph_input(port, value, network.samples(count=count).x)


def run_and_compare(
    network: Network,
    compiled: Compiler,
    board: str,
    count: int,
    build: pathlib.Path,
    *,
    way: str = "rows",
    fast: bool = False,
) -> None:
    """Flash the firmware, run `count` samples: outputs, RAM, stack and flash. `fast`: on unicorn where it has the core.

    The host runs a project of its own, layer by layer in portable C: it has not the instructions of every core.
    QEMU takes input bytes one by one through its main loop: ten times the time of unicorn.
    """
    target = load_target(BOARDS[board])
    if not target.emulator or (shutil.which(QEMU) is None and not target.emulator.unicorn):
        pytest.skip(f"only QEMU emulates {target.core.name}, and {QEMU} is not installed")
    made = compiled(network, BOARDS[board], **WAYS[way])
    x = graph_inputs(network, made, count)
    expected = HostModel(compiled(network, "host", **WAYS["layers"]).directory).run([x])
    firmware = find_compiler(target).build(made.directory, build)
    report = made.model.report
    assert report["flash"]["total"] == pytest.approx(firmware.flash, rel=0.02)
    emulator = "unicorn" if fast and target.emulator.unicorn else "auto"
    with open_board(target, firmware.elf, emulator=emulator) as emulated, Device(SerialLink(emulated.port)) as device:
        for index, sample in enumerate(x):
            inference = device.run([sample.tobytes()])
            for number, (given, wanted) in enumerate(zip(inference.outputs, expected, strict=True)):
                array = np.frombuffer(given, wanted.dtype).reshape(wanted[index].shape)
                np.testing.assert_array_equal(array, wanted[index], err_msg=f"sample {index}, output {number}")
        memory = device.memory()
        instructions = emulated.instructions()
    assert instructions is None or instructions > 0
    assert memory.stack_used <= report["ram"]["stack"]
    assert memory.static + memory.stack_used <= report["ram"]["total"]


@some_pairs
def test_board_equals_host(network: Network, board: str, compiled: Compiler, tmp_path: pathlib.Path) -> None:
    run_and_compare(network, compiled, board, FEW, tmp_path)


@pytest.mark.parametrize(
    ("network", "board", "way"),
    [
        pytest.param(BY_NAME[name], board, way, id=f"{name}-{board}-{way}")
        for name, board, way in (
            ("vww_mobilenetv1", "m4", "pushed"),
            ("ic_resnet8", "m0plus", "layers"),
            ("kws_dscnn", "m33", "least"),
            ("imagenet_mcunet_5fps_128", "m55", "pushed"),
        )
    ],
)
def test_each_way_on_a_board_equals_layers_on_the_host(
    network: Network, board: str, way: str, compiled: Compiler, tmp_path: pathlib.Path
) -> None:
    run_and_compare(network, compiled, board, FEW, tmp_path, way=way)


@pytest.mark.exhaustive
@pytest.mark.parametrize("way", WAYS)
@all_pairs
def test_every_board_equals_host(
    network: Network, board: str, way: str, compiled: Compiler, tmp_path: pathlib.Path
) -> None:
    run_and_compare(network, compiled, board, FEW, tmp_path, way=way, fast=True)


@pytest.mark.exhaustive
@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.name)
def test_board_equals_host_on_many_samples(network: Network, compiled: Compiler, tmp_path: pathlib.Path) -> None:
    run_and_compare(network, compiled, "m4", MANY, tmp_path, fast=True)
