"""Counts the instructions that unicorn executes between two functions: in C, or in Python without a compiler."""

from __future__ import annotations

import ctypes
from importlib import import_module
from pathlib import Path
from typing import Any

from edgec.errors import TargetError
from edgec.targets.emulator.counter import build_helper

unicorn: Any = import_module("unicorn")  # its own annotations are partial
KNOWN_BLOCKS = 1 << 14
WIDE = 0x1D  # upper five bits of a halfword from which on a Thumb instruction has 32 bits


class CounterState(ctypes.Structure):
    """block_counter of block_counter.c."""

    _fields_ = (
        ("begin", ctypes.c_uint64),
        ("end", ctypes.c_uint64),
        ("last", ctypes.c_uint64),
        ("windows", ctypes.c_uint64),
        ("executed", ctypes.c_uint64),
        ("read", ctypes.c_void_p),
        ("known", ctypes.c_uint64 * 2 * KNOWN_BLOCKS),
    )


class BlockCounter:
    """Attached to an engine; `count` is the number of instructions of the last complete window."""

    def __init__(self, engine: Any, begin: int, end: int, *, plain_python: bool = False) -> None:
        self.state = CounterState(begin=begin, end=end)
        self.sizes: dict[tuple[int, int], int] = {}
        helper = None if plain_python else load_helper()
        # The Python binding takes Python callbacks only; its C library takes ours.
        library = next(Path(unicorn.__file__).parent.glob("lib/libunicorn.[sd]*"), None)
        if helper is None or library is None:
            engine.hook_add(unicorn.UC_HOOK_BLOCK, self.on_block)
            return
        functions = ctypes.CDLL(str(library))
        self.state.read = ctypes.cast(functions.uc_mem_read, ctypes.c_void_p).value
        self.helper = helper
        self.hook = ctypes.c_size_t()
        functions.uc_hook_add(
            engine._uch,
            ctypes.byref(self.hook),
            ctypes.c_int(unicorn.UC_HOOK_BLOCK),
            ctypes.cast(helper.on_block, ctypes.c_void_p),
            ctypes.byref(self.state),
            ctypes.c_uint64(1),  # from above to: every address
            ctypes.c_uint64(0),
        )

    def on_block(self, engine: Any, address: int, size: int, _: object) -> None:
        state = self.state
        if address == state.begin:
            state.executed = 0
        if address == state.end:
            state.last = state.executed
            state.windows += 1
        key = (address, size)
        if key not in self.sizes:
            self.sizes[key] = count_instructions(bytes(engine.mem_read(address, size)))
        state.executed += self.sizes[key]

    def count(self) -> int | None:
        """None before the first complete window."""
        return int(self.state.last) if self.state.windows else None


def count_instructions(code: bytes) -> int:
    """Number of Thumb instructions in a piece of code."""
    at = count = 0
    while at < len(code):
        at += 4 if code[at + 1] >> 3 >= WIDE else 2
        count += 1
    return count


def load_helper() -> ctypes.CDLL | None:
    """The C callback; None where no compiler is there to build it."""
    try:
        return ctypes.CDLL(str(build_helper("block_counter.c", "")))
    except (TargetError, OSError):
        return None
