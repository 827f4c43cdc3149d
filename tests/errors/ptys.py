"""Serial ports that behave badly, as pseudo-terminals."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import threading
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

Behaviour = Callable[[bytes], bytes | None]  # what came -> what goes back; None: hang up


@contextmanager
def port(behaviour: Behaviour) -> Iterator[str]:
    """A port whose other end answers everything it gets with `behaviour`."""
    board, computer = pty.openpty()
    tty.setraw(board)
    tty.setraw(computer)
    stop = threading.Event()

    def serve() -> None:
        while not stop.is_set():
            if select.select([board], [], [], 0.02)[0]:
                answer = behaviour(os.read(board, 4096))
                if answer is None:
                    return
                os.write(board, answer)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield os.ttyname(computer)
    finally:
        stop.set()
        thread.join()
        os.close(computer)
        os.close(board)


class Firmware:
    """The firmware's own C code as a behaviour; after `budget` bytes of requests it says nothing any more."""

    def __init__(self, program: Path, budget: int = 1 << 30) -> None:
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.budget = budget

    def __call__(self, data: bytes) -> bytes:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.budget -= len(data)
        if self.budget < 0:
            return b""
        self.process.stdin.write(data)
        self.process.stdin.flush()
        ready, _, _ = select.select([self.process.stdout], [], [], 0.1)
        return os.read(self.process.stdout.fileno(), 4096) if ready else b""

    def __enter__(self) -> Firmware:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()
