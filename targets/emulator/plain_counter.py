"""The counting of window.h in plain Python, for unicorn on computers without a C compiler."""

from __future__ import annotations

from typing import Any

from edgec.targets.emulator.window import NO_LAYER, PIECES, Window

WIDE = 0x1D  # upper five bits of a halfword from which on a Thumb instruction has 32 bits
OUTSIDE = 0


class PlainCounter:
    """What execute_piece and enter_function of window.h do; a finished window is written into `window`."""

    def __init__(self, window: Window) -> None:
        state = window.state
        self.window = window
        self.begin, self.end, self.resume = int(state["begin"]), int(state["end"]), int(state["resume"])
        marks = state["marks"][: int(state["marks_used"])]
        self.marks = {int(address): int(row) for address, row in marks}
        self.blocks: dict[tuple[int, int], list[int]] = {}
        self.pieces: list[tuple[int, int, int, int]] = []  # address, bytes, instructions, row
        self.executed: dict[tuple[int, int], int] = {}  # by row and piece
        self.fell: dict[tuple[int, int], int] = {}
        self.row, self.next, self.previous, self.total = OUTSIDE, 0, 0, 0

    def on_block(self, engine: Any, address: int, size: int, _: object) -> None:
        """The callback for unicorn."""
        if address == self.begin:
            self.executed, self.fell, self.total = {}, {}, 0
        if address in (self.begin, self.resume):
            self.row, self.next = NO_LAYER, 0
        if address == self.end and self.row != OUTSIDE:
            self.row = OUTSIDE
            self.write()
        key = (address, size)
        if key not in self.blocks:
            self.blocks[key] = self.cut(address, bytes(engine.mem_read(address, size)))
        for index in self.blocks[key]:
            self.execute(index)

    def execute(self, index: int) -> None:
        """One piece runs."""
        address, size, instructions, row = self.pieces[index]
        if self.row == OUTSIDE:
            return
        if self.next == address:
            place = (self.row, self.previous)
            self.fell[place] = self.fell.get(place, 0) + 1
        self.row = row or self.row
        self.executed[self.row, index] = self.executed.get((self.row, index), 0) + 1
        self.total += instructions
        self.next, self.previous = address + size, index

    def cut(self, address: int, code: bytes) -> list[int]:
        """The pieces of a block: it is cut where layers begin."""
        result, at = [], 0
        while at < len(code):
            start, count = at, 0
            while at < len(code) and (at == start or address + at not in self.marks):
                at += 4 if code[at + 1] >> 3 >= WIDE else 2
                count += 1
            result.append(len(self.pieces))
            self.pieces.append((address + start, at - start, count, self.marks.get(address + start, 0)))
        return result

    def write(self) -> None:
        """The finished window, where the C helper would have counted it."""
        state = self.window.state
        state["last"], state["windows"] = self.total, int(state["windows"]) + 1
        state["pieces_used"], state["lost"] = len(self.pieces), len(self.pieces) > PIECES
        if len(self.pieces) > PIECES:
            return
        for index, piece in enumerate(self.pieces):
            state["pieces"][index] = (*piece, 0)
        state["tallies"][NO_LAYER : int(state["rows"]), : len(self.pieces)] = 0
        for name, counts in (("executed", self.executed), ("fell", self.fell)):
            for (row, index), count in counts.items():
                state["tallies"][name][row, index] = count
