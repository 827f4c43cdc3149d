"""Stand-ins for ssh, scp and adb: the other machine is a folder here, its processor qemu-aarch64."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from edgec.targets.emulator.qemu_user import QEMU_USER

RUN = f"""[ -x "$BOX/$program" ] || {{ echo "$program: not found" >&2; exit 127; }}
exec {QEMU_USER} "$BOX/$program"
"""
TOOLS = {
    "scp": """
[ "$1" = -q ] && [ "${3%%:*}" = me@box ] || exit 9
cp "$2" "$BOX/${3#*:}"
""",
    "ssh": f"""
program=${{2#./}}
[ $# = 2 ] && [ "$1" = me@box ] && [ "$2" = "./$program" ] || exit 9
{RUN}""",
    "adb": f"""
folder=/data/local/tmp
if [ "$1" = -s ]; then echo "$2" >>"$BOX/serials"; shift 2; fi
if [ "$1" = push ]; then exec install -m 644 "$2" "$BOX/${{3#$folder/}}"; fi
program=${{3##*/}}
[ "$*" = "shell -T chmod 755 $folder/$program && $folder/$program" ] || exit 9
chmod 755 "$BOX/$program"
{RUN}""",
}


def stand_in(folder: Path, name: str, text: str) -> None:
    """A tool of that name in a folder, as a script of the shell."""
    folder.mkdir(exist_ok=True)
    script = folder / name
    script.write_text(f"#!/bin/sh\n{text}")
    script.chmod(0o755)


def make_box(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The other machine's folder, its tools first on PATH."""
    box, tools = folder / "box", folder / "tools"
    box.mkdir()
    for name, text in TOOLS.items():
        stand_in(tools, name, text)
    monkeypatch.setenv("BOX", str(box))
    monkeypatch.setenv("PATH", f"{tools}{os.pathsep}{os.environ['PATH']}")
    return box
