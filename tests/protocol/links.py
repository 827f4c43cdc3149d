"""The firmware's protocol as a program of the host, and lines to it that lose and flip bytes."""

from __future__ import annotations

import os
import random
import select
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PORT = Path(__file__).parents[2] / "runtime_c" / "port"
OF_PORT = ("main.c", "ec_protocol.c", "ec_crc.c", "ec_profile.c")
SOURCES = (*(PORT / name for name in OF_PORT), Path(__file__).parent / "host_port.c")
STRICT = ("-std=c11", "-O1", "-D_DEFAULT_SOURCE", "-Wall", "-Wextra", "-Werror", "-Wconversion")


def build_firmware(cc: str, directory: Path, *defines: str) -> Path:
    """Compile the protocol with a model that shows every run it makes."""
    program = directory / "firmware"
    includes = (f"-I{PORT}", f"-I{PORT.parent / 'include'}")
    sanitize = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all")
    options = (*STRICT, *sanitize, *includes, *(f"-D{item}" for item in defines))
    subprocess.run([cc, *options, *SOURCES, "-o", program], check=True)
    return program


class Damage:
    """Flips or drops each byte with probability `rate`."""

    def __init__(self, rate: float, seed: int) -> None:
        self.rate = rate
        self.random = random.Random(seed)
        self.damaged = 0

    def __call__(self, data: bytes) -> bytes:
        kept = bytearray()
        for byte in data:
            if self.random.random() >= self.rate:
                kept.append(byte)
                continue
            self.damaged += 1
            if self.random.random() < 0.5:
                kept.append(byte ^ (1 << self.random.randrange(8)))
        return bytes(kept)


class PipeLink:
    """A Link to a program over its stdin and stdout, with damage in both directions."""

    name = "pipe"
    baud = 1_000_000

    def __init__(self, process: subprocess.Popen[bytes], damage: Damage) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self.process = process
        self.damage = damage
        self.to_board, self.from_board = process.stdin.fileno(), process.stdout.fileno()

    def read(self, seconds: float) -> bytes:
        ready, _, _ = select.select([self.from_board], [], [], seconds)
        return self.damage(os.read(self.from_board, 4096)) if ready else b""

    def write(self, data: bytes) -> None:
        os.write(self.to_board, self.damage(data))

    def close(self) -> None:
        """Pipes are closed with the process."""


@contextmanager
def firmware_link(program: Path, rate: float = 0.0, seed: int = 0) -> Iterator[PipeLink]:
    """The firmware running, and a line to it that damages bytes at `rate`."""
    with subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            yield PipeLink(process, Damage(rate, seed))
        finally:
            process.kill()
