"""A project folder that `edgec compile` wrote, as the other commands use it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edgec.errors import ModelError, TargetError, did_you_mean
from edgec.goal import Goal
from edgec.ir import Array, DType, Port, QuantParams, TensorType, Value
from edgec.target import Target
from edgec.targets import Board, Firmware, find_compiler, list_targets, load_target, open_board
from edgec.targets.device import Device
from edgec.targets.messages import Inference
from edgec.targets.remote import open_link
from edgec.targets.serial_link import SerialLink
from edgec.tools.output import Output

RUN_SECONDS = 30.0  # for one inference, and
SECONDS_PER_MAC = 2e-6  # as long again for each multiplication: an emulator on a slow machine
BUILD = "build"
MARKS, CYCLES = "EC_PROFILE_MARKS", "EC_PROFILE_CYCLES"  # macros of ec_profile.h: for emulators, for boards


@dataclass(frozen=True)
class ProjectFolder:
    """The folder and what its report.json says: model, target, ports."""

    folder: Path
    report: Mapping[str, Any]
    inputs: tuple[tuple[Port, Value], ...]
    outputs: tuple[tuple[Port, Value], ...]

    @property
    def model(self) -> str:
        return str(self.report["model"]["name"])

    @property
    def sha256(self) -> str:
        return str(self.report["model"]["sha256"])

    @property
    def goal(self) -> Goal:
        """What it was compiled to be good at."""
        return Goal(self.report["optimize"])

    @property
    def run_seconds(self) -> float:
        """How long one inference may take before the board counts as dead."""
        return RUN_SECONDS + SECONDS_PER_MAC * float(self.report["macs"]["executed"])

    def pushed(self, inputs: Sequence[Array]) -> list[Array]:
        """The inputs with as many rows of an endless one as give the first outputs: behind its end come zero points."""
        stream = self.report.get("streaming")
        if not stream:
            return list(inputs)
        x, kind = inputs[0], self.inputs[0][1].type
        zero = kind.quant.scalar[1] if kind.quant else 0
        pads = [(0, 0)] * x.ndim
        pads[1] = (0, max(0, stream["first"] - x.shape[1]))
        return [np.pad(x, pads, constant_values=zero)[:, : stream["first"]], *inputs[1:]]


def read_project(folder: Path) -> ProjectFolder:
    """ModelError where the folder is not a project of edgec."""
    file = folder / "report.json"
    try:
        report = json.loads(file.read_text(encoding="utf-8"))
        inputs, outputs = (tuple(port_and_value(port) for port in report[kind]) for kind in ("inputs", "outputs"))
        result = ProjectFolder(folder, report, inputs, outputs)
        _ = (result.model, result.sha256, result.run_seconds, result.goal, report["target"])
    except OSError:
        raise ModelError(
            f"{str(folder)!r} is not a project of edgec: it has no report.json",
            help="edgec compile MODEL.onnx --target BOARD makes one",
        ) from None
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{file} is damaged: {type(error).__name__} {error}", help="compile the model again") from None
    return result


def port_and_value(port: Mapping[str, Any]) -> tuple[Port, Value]:
    """An entry of the report's inputs or outputs as the Port and the Value of the Graph that it came from."""
    perm = None if port["perm"] is None else tuple(port["perm"])
    quant = None if port["scale"] is None else QuantParams((port["scale"],), (port["zero_point"],))
    kind = TensorType(DType(port["graph_dtype"]), tuple(port["graph_shape"]), quant)
    return Port(port["name"], port["dtype"], tuple(port["shape"]), perm, port["offset"]), Value(port["name"], kind)


def board_of(project: ProjectFolder, board: str | None) -> Target:
    """The project's own target, or the board or core that the user named instead."""
    if board is None:
        return load_target(project.report["target"])
    if board in list_targets() or board.endswith(".toml"):
        return load_target(board)
    emulated = [target for name in list_targets() if (target := load_target(name)).emulator]
    fitting = [target for target in emulated if board in (target.core.name, processor(target))]
    if not fitting:
        cores = sorted({target.core.name for target in emulated})
        near = did_you_mean(board, [*list_targets(), *cores])
        raise TargetError(
            f"unknown board or core {board!r}" + (f"; {near}" if near else ""),
            help=f"a board of edgec targets, or a core of an emulated one: {', '.join(cores)}",
        )
    # Of the boards with this core, the roomiest: the model should not fail for want of memory.
    return max(fitting, key=lambda target: (target.ram, target.flash))


def processor(target: Target) -> str | None:
    """What QEMU calls the processor of an emulated board with Linux."""
    return target.emulator.machine.partition(",")[0] if target.emulator and target.emulator.user else None


def build_firmware(
    project: ProjectFolder, target: Target, cc: str | None, output: Output, *, profile: str | None = None
) -> Firmware:
    """The project's firmware for a board, in DIR/build/BOARD; with one of the macros of ec_profile.h, beside it."""
    compiler = find_compiler(target, cc)
    output.step(f"building with {compiler.name}")
    own = target.name == project.report["target"]
    folder = project.folder / BUILD / (f"{target.name}-profile" if profile else target.name)
    defines = (profile,) if profile else ()
    return compiler.build(project.folder, folder, optimize=project.goal.flag, own_port=not own, defines=defines)


@dataclass
class Session:
    """A board that answers and runs the project's model; `board` and `compiler` are None for a real one."""

    project: ProjectFolder
    device: Device
    board: Board | None
    compiler: str | None = None

    def run(self, inputs: Sequence[Array]) -> tuple[list[Array], Inference]:
        """One sample in the Graph's form -> outputs in the Graph's form."""
        inference = self.device.run([np.ascontiguousarray(array).tobytes() for array in self.project.pushed(inputs)])
        outputs = [
            np.frombuffer(data, value.type.dtype.numpy).reshape(value.type.shape)
            for data, (_, value) in zip(inference.outputs, self.project.outputs, strict=True)
        ]
        return outputs, inference


@contextmanager
def connect(
    project: ProjectFolder,
    target: Target,
    output: Output,
    *,
    port: str | None = None,
    cc: str | None = None,
    emulator: str = "auto",
    timeout: float | None = None,
    profile: str | None = None,
) -> Iterator[Session]:
    """The connected board on `port`, else the emulated one, newly built (as build_firmware does) and flashed.

    TargetError where no board answers, or one with another model.
    """
    run_timeout = timeout or project.run_seconds
    if port is not None:
        baud = target.uart.baud if target.uart else 115200
        output.step(f"asking the board on {port}")
        with Device(open_link(port, baud, project.model), run_timeout=run_timeout) as device:
            device.expect(project.model, project.sha256, directory=str(project.folder))
            yield Session(project, device, None)
        return
    firmware = build_firmware(project, target, cc, output, profile=profile)
    output.step(f"starting {target.name}")
    with open_board(target, firmware.elf, emulator=emulator) as board:
        baud = target.uart.baud if target.uart else 115200
        link = SerialLink(board.port, baud)
        with Device(link, run_timeout=run_timeout, check_alive=board.check) as device:
            device.expect(project.model, project.sha256, directory=str(project.folder))
            yield Session(project, device, board, firmware.compiler)
