"""Counts what unicorn executes between two functions: in C, or in Python without a compiler."""

from __future__ import annotations

import ctypes
from importlib import import_module
from pathlib import Path
from typing import Any

from edgec.errors import TargetError
from edgec.targets.emulator.counter import build_helper
from edgec.targets.emulator.plain_counter import PlainCounter
from edgec.targets.emulator.window import PIECES, Window

unicorn: Any = import_module("unicorn")  # its own annotations are partial


class CounterState(ctypes.Structure):
    """block_counter of block_counter.c."""

    _fields_ = (
        ("window", ctypes.c_void_p),
        ("read", ctypes.c_void_p),
        ("known", ctypes.c_uint64 * 3 * (2 * PIECES)),
    )


class BlockCounter:
    """Attached to an engine; it counts in `window`, which says where."""

    def __init__(self, engine: Any, window: Window, *, plain_python: bool = False) -> None:
        helper = None if plain_python else load_helper()
        # The Python binding takes Python callbacks only; its C library takes ours.
        library = next(Path(unicorn.__file__).parent.glob("lib/libunicorn.[sd]*"), None)
        if helper is None or library is None:
            self.plain = PlainCounter(window)
            engine.hook_add(unicorn.UC_HOOK_BLOCK, self.plain.on_block)
            return
        functions = ctypes.CDLL(str(library))
        self.state = CounterState()
        self.state.window = window.address
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


def load_helper() -> ctypes.CDLL | None:
    """The C callback; None where no compiler is there to build it."""
    try:
        return ctypes.CDLL(str(build_helper("block_counter.c", "")))
    except (TargetError, OSError):
        return None
