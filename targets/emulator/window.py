"""What a run of the model executed, by layer and by piece of code: the memory of window.h and what is in it."""

from __future__ import annotations

import mmap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edgec.errors import TargetError

Array = npt.NDArray[Any]
MARKS, PIECES, ROWS = 2048, 1 << 15, 512
NO_LAYER = 1  # the row of what is inside the window but in no layer; layer n has row n + 2
NOWHERE = 1  # an address that no function has

MARK = np.dtype([("address", "u8"), ("row", "u8")])
PIECE = np.dtype([("address", "u8"), *((name, "u4") for name in ("bytes", "instructions", "row", "unused"))])
TALLY = np.dtype([("executed", "u4"), ("fell", "u4")])
STATE = (
    "begin",
    "end",
    "resume",
    "rows",
    "marks_used",
    "last",
    "windows",
    "pieces_used",
    "lost",
    "executed",
    "row",
    "next",
)
WINDOW = np.dtype(
    [
        *((name, "u8") for name in (*STATE, "previous")),
        ("marks", MARK, MARKS),
        ("pieces", PIECE, PIECES),
        ("tallies", TALLY, (ROWS, PIECES)),
    ]
)


@dataclass(frozen=True)
class Mark:
    """Where a layer begins in the code; `layer` is None where the last one ends."""

    address: int
    layer: int | None


@dataclass(frozen=True)
class Counts:
    """What one run of the model executed; exact.

    Piece p is `sizes[p]` bytes of code at `addresses[p]`, which are `lengths[p]` instructions. executed[r, p] is how
    often row r ran it: row 0 is what no layer took, row n + 1 is layer n. fell[r, p] is how often the code right
    behind it came next. total: instructions, counted on a way of its own.
    """

    total: int
    addresses: Array
    sizes: Array
    lengths: Array
    executed: Array
    fell: Array

    def instructions(self) -> list[int]:
        """Instructions of each row; their sum is `total`."""
        return [int(count) for count in self.executed.astype(np.uint64) @ self.lengths.astype(np.uint64)]


class Window:
    """The memory that a helper counts in: that of a file, or of this process alone."""

    def __init__(self, file: int = -1) -> None:
        self.memory = mmap.mmap(file, WINDOW.itemsize)
        array = np.frombuffer(self.memory, WINDOW, 1)
        self.address = int(array.ctypes.data)
        self.state: Any = array[0]  # a view, not a copy

    def watch(self, begin: int | None, end: int | None, resume: int | None, marks: Sequence[Mark]) -> None:
        """Count from one of these functions to the next, by layers; `resume` goes on counting. None: there is none.

        TargetError where there are more layers, or more copies of them in the code, than the memory has room for.
        """
        rows = 2 + max((mark.layer + 1 for mark in marks if mark.layer is not None), default=0)
        if rows > ROWS or len(marks) > MARKS:
            raise TargetError(f"{rows - 2} layers are more than can be counted one by one ({ROWS - 2})")
        for name in (*STATE, "previous"):
            self.state[name] = 0
        for index, mark in enumerate(marks):
            self.state["marks"][index] = (mark.address, NO_LAYER if mark.layer is None else mark.layer + 2)
        self.state["begin"] = NOWHERE if begin is None else begin
        self.state["end"] = NOWHERE if end is None else end
        self.state["resume"] = NOWHERE if resume is None else resume
        self.state["rows"], self.state["marks_used"] = rows, len(marks)

    def total(self) -> int | None:
        """Instructions of the last complete window, None before the first."""
        if self.state["lost"]:
            raise TargetError("the firmware has more code than edgec can count the instructions of")
        return int(self.state["last"]) if self.state["windows"] else None

    def counts(self) -> Counts | None:
        """All of the last complete window, None before the first."""
        total = self.total()
        if total is None:
            return None
        used = int(self.state["pieces_used"])
        pieces = self.state["pieces"][:used].copy()
        tallies = self.state["tallies"][NO_LAYER : int(self.state["rows"]), :used].copy()
        lengths = pieces["instructions"]
        return Counts(total, pieces["address"], pieces["bytes"], lengths, tallies["executed"], tallies["fell"])

    def close(self) -> None:
        self.state = None  # the array would keep the memory open
        self.memory.close()
