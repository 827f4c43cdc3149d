"""Puts a firmware on a real board with the tools that exist for it."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edgec.errors import TargetError
from edgec.target import FlashTool, Target
from edgec.targets.image import flat_binary, uf2_file

SECONDS = 300
MOUNTS = ("/media/*", "/run/media/*", "/media", "/mnt", "/Volumes")


@dataclass(frozen=True)
class FlashPlan:
    """How a firmware gets on a board: the tool, and its command line or (UF2) the copy that stands for it."""

    tool: FlashTool
    command: tuple[str, ...]

    def __str__(self) -> str:
        return shlex.join(self.command)


def find_volume(tool: FlashTool, mounts: Sequence[str] = MOUNTS) -> Path | None:
    """Where the board's drive is mounted; None where it is not."""
    root = Path("/")
    folders = (folder for pattern in mounts for folder in root.glob(f"{pattern.lstrip('/')}/{tool.volume}"))
    return next((folder for folder in folders if (folder / "INFO_UF2.TXT").exists()), None)


def is_there(tool: FlashTool) -> bool:
    """Whether a tool can be used right now."""
    return find_volume(tool) is not None if tool.volume else shutil.which(tool.command[0]) is not None


def plan_flash(target: Target, elf: Path, *, tool: str | None = None) -> FlashPlan:
    """The command that flashes `elf`: with the tool named, else the first that is there, else the first of all.

    Nothing is run or written; this is what --dry-run prints.
    """
    if not target.flash_tools:
        raise TargetError(
            f"edgec knows no way to flash {target.name}",
            help="an emulated board is flashed when it is opened; for your own board add [[flash_tools]] to its file",
        )
    tools = [item for item in target.flash_tools if tool in (None, item.name)]
    if not tools:
        known = ", ".join(item.name for item in target.flash_tools)
        raise TargetError(f"{target.name} is not flashed with {tool!r}; allowed: {known}")
    chosen = next((item for item in tools if is_there(item)), tools[0])
    if chosen.volume:
        volume = find_volume(chosen) or Path("/media") / "USER" / chosen.volume
        return FlashPlan(chosen, ("cp", str(elf.with_suffix(".uf2")), f"{volume}/"))
    values = {"elf": str(elf), "bin": str(elf.with_suffix(".bin")), "uf2": str(elf.with_suffix(".uf2"))}
    words = list(chosen.command)
    for name, value in values.items():
        words = [word.replace(f"{{{name}}}", value) for word in words]
    return FlashPlan(chosen, tuple(words))


def flash(target: Target, elf: Path, *, tool: str | None = None) -> FlashPlan:
    """Flash `elf` on the connected board; TargetError with what to install, or with what the tool said."""
    plan = plan_flash(target, elf, tool=tool)
    if not is_there(plan.tool):
        choices = [item for item in target.flash_tools if tool in (None, item.name)]
        raise TargetError(
            f"no tool to flash {target.name} is there" if not tool else f"{tool} cannot flash {target.name} now",
            where="\n".join(f"{item.name}: {item.help}" for item in choices),
            help=f"--dry-run prints the command: {plan}",
        )
    start, content = flat_binary(elf, target)
    if any(part.endswith(".bin") for part in plan.command):
        elf.with_suffix(".bin").write_bytes(content)
    if plan.tool.uf2_family:
        elf.with_suffix(".uf2").write_bytes(uf2_file(start, content, plan.tool.uf2_family))
    if plan.tool.volume:
        copy_uf2(plan, elf.with_suffix(".uf2"))
    else:
        run_tool(plan, target)
    return plan


def copy_uf2(plan: FlashPlan, file: Path) -> None:
    """The board writes the file into its flash and restarts when the copy is complete."""
    try:
        shutil.copy(file, plan.command[-1])
    except OSError as error:
        raise TargetError(f"cannot copy {file.name} to {plan.command[-1]}: {error.strerror}") from None


def run_tool(plan: FlashPlan, target: Target) -> None:
    """Run the tool; TargetError with its last words where it fails or does not end."""
    try:
        result = subprocess.run(
            plan.command, capture_output=True, text=True, errors="replace", timeout=SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise TargetError(f"{plan.tool.name} did not finish within {SECONDS} s", where=str(plan)) from None
    if result.returncode != 0:
        lines = (result.stderr + result.stdout).strip().splitlines()[-8:]
        raise TargetError(
            f"{plan.tool.name} could not flash {target.name}",
            where="\n".join([str(plan), *lines]),
            help=f"is the board connected and powered? ({plan.tool.help})",
        )
