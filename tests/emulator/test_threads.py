"""A network with threads as a program of Linux, emulated: outputs as on this computer, RAM within what was promised."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from edgec.api import compile_model
from edgec.errors import TargetError
from edgec.ir import Array
from edgec.targets import Device, SerialLink, find_compiler, load_target, open_board
from edgec.targets.host import HostModel
from edgec.targets.toolchain import GCC_LINUX, zig_command
from tests.targets.compilers import needs_qemu_user
from tests.zoo.networks import SHARED

pytest.importorskip("serial", reason="pyserial is not installed")
MODEL = SHARED / "zoo" / "ic_resnet8" / "model_int8.onnx"
pytestmark = [
    needs_qemu_user,
    pytest.mark.skipif(not MODEL.exists(), reason=f"no zoo/ic_resnet8 in {SHARED}"),
]


@pytest.fixture(scope="module")
def wanted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Array, Array]:
    """An input, and the output of it on this computer."""
    folder = tmp_path_factory.mktemp("host") / "m"
    model = compile_model(MODEL, "host", out_dir=folder)
    x = np.random.default_rng(7).integers(-128, 128, model.graph.inputs[0].type.shape).astype(np.int8)
    try:
        return x, HostModel(folder).run([x])[0]
    except TargetError:
        pytest.skip("no host compiler")


@pytest.mark.parametrize(
    ("board", "threads", "cc"),
    [("raspberrypi5", 1, "gcc"), ("raspberrypi5", 2, "gcc"), ("raspberrypi5", 4, "zig"), ("linux-aarch64", 4, "gcc")],
)
def test_outputs_are_those_of_this_computer(
    board: str, threads: int, cc: str, wanted: tuple[Array, Array], tmp_path: Path
) -> None:
    if not (zig_command() if cc == "zig" else shutil.which(GCC_LINUX)):
        pytest.skip(f"no {cc} for {board}")
    target, compiler = load_target(board), find_compiler(load_target(board), "zig" if cc == "zig" else GCC_LINUX)
    model = compile_model(MODEL, target, out_dir=tmp_path / "m", threads=threads, cc=" ".join(compiler.command))
    assert model.report["threads"] == threads
    assert any(step.threads > 1 for step in model.program.steps) == (threads > 1)
    firmware = compiler.build(tmp_path / "m", tmp_path / "build")
    x, y = wanted
    with open_board(target, firmware.elf) as emulated, Device(SerialLink(emulated.port)) as device:
        for _ in range(3):
            outputs = device.run([x.tobytes()]).outputs
            np.testing.assert_array_equal(np.frombuffer(outputs[0], y.dtype), y.reshape(-1))
        memory, ram = device.memory(), model.report["ram"]
        assert memory.static + memory.stack_used <= ram["total"]
        if threads > 1:
            assert emulated.instructions() is None, "of several threads they are not counted"
