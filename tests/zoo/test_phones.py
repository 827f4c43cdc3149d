"""One program for all 64-bit Arm: on each processor it picks its kernels, and all give the bytes of the host's C."""

from __future__ import annotations

import pathlib
from typing import Any

import numpy as np
import pytest

from edgec.targets import Device, Firmware, SerialLink, find_compiler, load_target, open_board
from edgec.targets.host import HostModel
from tests.targets.compilers import needs_qemu_user
from tests.tools.cli import edgec
from tests.zoo.conftest import Compiled, Compiler
from tests.zoo.networks import NETWORKS, Array, Network
from tests.zoo.test_boards import BY_NAME, FEW, WAYS, graph_inputs

pytestmark = needs_qemu_user
TARGET = "linux-aarch64"
KERNELS = {"raspberrypi3": "neon", "raspberrypi4": "neon", "raspberrypi5": "dotprod", TARGET: "i8mm"}
LARGEST_CODE = 200_000
POINTS = 0.003  # of accuracy
PHOTOGRAPHS = [network for network in NETWORKS if network.name.startswith("imagenet_")]
THREADS: dict[str, dict[str, Any]] = {f"{count}-threads": {"threads": count} for count in (2, 4)}


def check_on(board: str, firmware: Firmware, made: Compiled, x: Array, expected: list[Array]) -> None:
    """The program on the processor of a board: outputs, kernels, memory."""
    with open_board(load_target(board), firmware.elf) as emulated, Device(SerialLink(emulated.port)) as device:
        assert device.kernels() == KERNELS[board]
        for index, sample in enumerate(x):
            outputs = device.run([sample.tobytes()]).outputs
            for number, (given, wanted) in enumerate(zip(outputs, expected, strict=True)):
                array = np.frombuffer(given, wanted.dtype).reshape(wanted[index].shape)
                np.testing.assert_array_equal(array, wanted[index], err_msg=f"{board}, sample {index}, output {number}")
        memory = device.memory()
    report = made.model.report
    assert memory.stack_used <= report["ram"]["stack"]
    assert memory.static + memory.stack_used <= report["ram"]["total"]


def check_network(network: Network, compiled: Compiler, build: pathlib.Path, **options: Any) -> None:
    """Built once, run on each processor."""
    made = compiled(network, TARGET, **options)
    x = graph_inputs(network, made, FEW)
    expected = HostModel(compiled(network, "host", **WAYS["layers"]).directory).run([x])
    firmware = find_compiler(load_target(TARGET)).build(made.directory, build)
    for board in KERNELS:
        check_on(board, firmware, made, x, expected)


@pytest.mark.parametrize("network", [BY_NAME[name] for name in ("kws_dscnn", "ic_resnet8")], ids=lambda n: n.name)
def test_each_processor_gets_its_kernels(network: Network, compiled: Compiler, tmp_path: pathlib.Path) -> None:
    check_network(network, compiled, tmp_path)
    assert compiled(network, TARGET).model.report["flash"]["code"] <= LARGEST_CODE


@pytest.mark.exhaustive
@pytest.mark.parametrize("way", [*WAYS, *THREADS])
@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.name)
def test_every_network_on_each_processor(
    network: Network, way: str, compiled: Compiler, tmp_path: pathlib.Path
) -> None:
    check_network(network, compiled, tmp_path, **(WAYS | THREADS)[way])


@pytest.mark.exhaustive
@pytest.mark.parametrize("network", PHOTOGRAPHS, ids=lambda network: network.name)
def test_accuracy_on_all_photographs(network: Network, tmp_path: pathlib.Path) -> None:
    """Of the program on a phone's processor, beside onnxruntime's."""
    samples = network.samples()
    file = tmp_path / "samples.npz"
    np.savez(file, x=samples.x, y=samples.y)
    result = edgec("check", network.int8, "--target", TARGET, "--data", file, "--samples", len(samples.x), "--json")
    assert result.exit_code == 0, result.stderr
    values = result.json
    print(network.name, values["device_samples"], values["accuracy"])
    assert values["device_samples"] == len(samples.x)
    # One photograph is the least step there is: 0.33 points of 300.
    assert abs(values["accuracy"]["device"] - values["accuracy"]["int8"]) <= max(POINTS, 1.01 / len(samples.x))
    assert values["differences"]["device_vs_host"]["differing"] == 0
