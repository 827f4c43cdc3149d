"""`edgec flash`: a project's firmware onto the board, then the question who it is."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated, Any

import typer

from edgec.codegen.words import size
from edgec.errors import TargetError
from edgec.target import Target
from edgec.targets.device import Device
from edgec.targets.flash import flash, plan_flash
from edgec.targets.messages import Identity
from edgec.targets.remote import FORMS, open_link, parse_remote
from edgec.targets.serial_link import SerialLink
from edgec.tools.output import CcOption, JsonOption, Output, VerboseOption, reporting
from edgec.tools.project import CYCLES, ProjectFolder, board_of, build_firmware, connect, read_project
from edgec.tools.run import DirArgument, EmulatorOption, PortOption


def flash_command(
    directory: DirArgument,
    port: PortOption = None,
    tool: Annotated[str | None, typer.Option(metavar="NAME", help="Flash tool. Default: the first installed.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Build, and print the command instead of running it.")
    ] = False,
    profile: Annotated[
        bool, typer.Option("--profile", help="The firmware that edgec profile --port asks: it counts by layer.")
    ] = False,
    emulator: EmulatorOption = "auto",
    cc: CcOption = None,
    as_json: JsonOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Build a project's firmware, put it on its board and ask the firmware who it is.

    With --port the question goes to the connected board. An emulated board is flashed through its debug port,
    verified and asked.

    Examples:

      edgec flash kws --port /dev/ttyACM0

      edgec flash kws --dry-run

      edgec flash kws --profile --port /dev/ttyACM0

      edgec flash mobilenet --port ssh:pi@raspberrypi && edgec run mobilenet --port ssh:pi@raspberrypi
    """
    with reporting(as_json, verbose) as out:
        project = read_project(directory)
        target = board_of(project, None)
        if target.is_host:
            raise TargetError("the host is no board: nothing is flashed", help="edgec run DIR runs the project here")
        if target.emulator is not None and port is None and not (target.is_linux and dry_run):
            values = flash_emulated(project, target, out, cc, emulator, dry_run, CYCLES if profile else None)
        else:
            values = flash_connected(project, target, out, cc, tool, port, dry_run, CYCLES if profile else None)
        out.result(values, lambda console: console.print(values["text"]))


def flash_emulated(
    project: ProjectFolder,
    target: Target,
    out: Output,
    cc: str | None,
    emulator: str,
    dry_run: bool,
    profile: str | None,
) -> dict[str, Any]:
    """Through the emulator's debug port."""
    if dry_run:
        build_firmware(project, target, cc, out, profile=profile)
        return {"board": target.name, "command": None, "text": f"{target.name} is emulated: no command flashes it"}
    with connect(project, target, out, cc=cc, emulator=emulator, profile=profile) as session:
        identity = session.device.identity
    return {"board": target.name, "command": None, **described(identity)}


def flash_connected(
    project: ProjectFolder,
    target: Target,
    out: Output,
    cc: str | None,
    tool: str | None,
    port: str | None,
    dry_run: bool,
    profile: str | None,
) -> dict[str, Any]:
    """With the tool that the board's file names."""
    firmware = build_firmware(project, target, cc, out, profile=profile)
    if target.is_linux:
        return copy_program(project, target, firmware.elf, out, port, dry_run)
    if dry_run:
        plan = plan_flash(target, firmware.elf, tool=tool)
        return {"board": target.name, "command": list(plan.command), "text": str(plan)}
    out.step(f"flashing {target.name}")
    plan = flash(target, firmware.elf, tool=tool)
    values: dict[str, Any] = {"board": target.name, "command": list(plan.command)}
    if port is None:
        return {**values, "text": f"flashed {target.name}; with --port PORT edgec also asks the firmware who it is"}
    with Device(SerialLink(port, target.uart.baud if target.uart else 115200)) as device:
        device.expect(project.model, project.sha256, directory=str(project.folder))
        return {**values, **described(device.identity)}


def copy_program(
    project: ProjectFolder, target: Target, program: Path, out: Output, port: str | None, dry_run: bool
) -> dict[str, Any]:
    """Onto a computer with Linux or a phone."""
    remote = parse_remote(port or "ssh:USER@HOST" if dry_run else port or "")
    if remote is None:
        raise TargetError(f"{target.name} is not flashed through a serial port", help=FORMS)
    command = remote.push_command(program, project.model)
    if dry_run:
        text = f"{shlex.join(command)}\n{shlex.join(remote.run_command(project.model))}"
        return {"board": target.name, "command": list(command), "text": text}
    out.step(f"copying the program to {port}")
    remote.push(program, project.model)
    with Device(open_link(str(port), 0, project.model)) as device:
        device.expect(project.model, project.sha256, directory=str(project.folder))
        return {"board": target.name, "command": list(command), **described(device.identity)}


def described(identity: Identity) -> dict[str, Any]:
    """What the firmware answered, for people and as values."""
    whose = f"{identity.model} (sha256 {identity.sha256[:16]}) for {identity.target}"
    text = f"flashed; the firmware says: {whose}, arena {size(identity.arena)}"
    return {"text": text, "firmware": {"model": identity.model, "sha256": identity.sha256, "target": identity.target}}
