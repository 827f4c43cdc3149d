"""Instructions by layer: exact, also where layers take turns, and the same with each way to count."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import pytest

from edgec.errors import TargetError
from edgec.targets import Device, SerialLink, load_target, open_board
from edgec.targets.emulator import Board
from edgec.targets.emulator.window import ROWS, Counts, Mark, Window
from tests.emulator.conftest import Build
from tests.targets.compilers import needs_qemu
from tests.targets.small_project import INPUT

pytest.importorskip("serial", reason="pyserial is not installed")
needs_unicorn = pytest.mark.skipif(find_spec("unicorn") is None, reason="unicorn is not installed")
EITHER = [pytest.param("qemu", marks=needs_qemu), pytest.param("unicorn", marks=needs_unicorn)]
MARKS = ("EC_PROFILE_MARKS",)
# Three layers: 0 and 1 take turns in one loop, 2 has marks in the middle of straight code. Each nop is one instruction.
TURNS = """
#include "small.h"
#include "edgec/ec_profile.h"
#define NOPS(count) __asm volatile(".rept " #count "\\n nop\\n .endr")
__attribute__((noinline)) static void work(uint32_t count) {
    for (uint32_t i = 0; i < count; i++) __asm volatile("nop");
}
void small_run(void *memory) {
    (void)memory;
    for (int row = 0; row < 7; row++) {
        EC_LAYER(0);
        NOPS(FIRST);
        EC_LAYER(1);
        work(10);
    }
    EC_LAYER(2);
    NOPS(5);
    EC_LAYER(0);
    NOPS(3);
    EC_LAYER(2);
    NOPS(4);
    EC_LAYERS_END();
}
"""


def run(board: Board) -> Counts:
    """The counts of a second run, so that what the first one left would show."""
    with Device(SerialLink(board.port)) as device:
        assert board.counts() is None, "nothing ran yet"
        for _ in range(2):
            device.run([bytes(INPUT)])
    counts = board.counts()
    assert counts is not None
    assert counts.total == board.instructions()
    return counts


def counted(name: str, emulator: str, build: Build, source: str, defines: tuple[str, ...] = MARKS) -> Counts:
    with open_board(load_target(name), build(name, source, defines).elf, emulator=emulator) as board:
        return run(board)


@pytest.mark.parametrize("emulator", EITHER)
@pytest.mark.parametrize("name", ["microbit", "mps2-an385", "mps2-an386", "mps2-an505"])
def test_layers_that_take_turns(name: str, emulator: str, build: Build) -> None:
    some, more = (counted(name, emulator, build, TURNS.replace("FIRST", number)) for number in ("20", "23"))
    for counts in (some, more):
        assert len(counts.instructions()) == 4
        assert sum(counts.instructions()) == counts.total
        assert min(counts.instructions()) > 0
    assert np.subtract(more.instructions(), some.instructions()).tolist() == [0, 7 * 3, 0, 0]
    assert some.instructions()[1] >= 7 * 20 + 3
    assert some.instructions()[3] == 5 + 4


@pytest.mark.parametrize("emulator", EITHER)
def test_marks_change_nothing(emulator: str, build: Build) -> None:
    source = TURNS.replace("FIRST", "20")
    with_marks, without = (counted("mps2-an386", emulator, build, source, defines) for defines in (MARKS, ()))
    assert with_marks.total == without.total
    assert without.instructions() == [without.total]


@needs_qemu
@needs_unicorn
def test_all_ways_to_count_agree(build: Build) -> None:
    """Also on every piece of code: how often it ran, and how often what follows it."""
    from edgec.targets.emulator.unicorn_board import UnicornBoard

    name, source = "mps2-an386", TURNS.replace("FIRST", "20")
    found = [counted(name, emulator, build, source) for emulator in ("qemu", "unicorn")]
    with UnicornBoard(load_target(name), count_in_python=True) as board:
        board.load(build(name, source, MARKS).elf)
        found.append(run(board))
    for counts in found[1:]:
        assert counts.instructions() == found[0].instructions()
        assert by_instruction(counts) == by_instruction(found[0])
    assert by_pieces(found[1]) == by_pieces(found[2])


def by_instruction(counts: Counts) -> dict[int, int]:
    """Halfword address -> executions, over all layers: emulators cut code into different pieces."""
    executed = counts.executed.sum(0)
    result: dict[int, int] = {}
    for address, size, count in zip(counts.addresses, counts.sizes, executed, strict=True):
        for place in range(int(address), int(address + size), 2):
            result[place] = result.get(place, 0) + int(count)
    return {place: count for place, count in result.items() if count}


def by_pieces(counts: Counts) -> list[tuple[int, ...]]:
    columns = zip(counts.addresses, counts.sizes, counts.executed.T, counts.fell.T, strict=True)
    return sorted((int(a), int(s), *map(int, e), *map(int, f)) for a, s, e, f in columns if e.any())


BRANCHES = """
#include "small.h"
#include "edgec/ec_profile.h"
void small_run(void *memory) {
    (void)memory;
    EC_LAYER(0);
    register uint32_t count __asm("r3") = 100;
    __asm volatile(".balign 4\\nloop: subs r3, #1\\n bne loop\\nbehind: nop" : "+r"(count) : : "cc");
    EC_LAYERS_END();
}
"""


@pytest.mark.parametrize("emulator", EITHER)
def test_branches_that_are_not_taken(emulator: str, build: Build) -> None:
    counts = counted("mps2-an386", emulator, build, BRANCHES)
    turns = [
        (int(executed), int(fell))
        for executed, fell in zip(counts.executed[1], counts.fell[1], strict=True)
        if executed >= 99
    ]
    # Which of the two emulators enters the loop with a piece of its own does not matter: 99 jumps back, one out.
    assert sum(executed for executed, _ in turns) in (99, 100)
    assert sum(fell for _, fell in turns) == 1


def test_more_layers_than_there_is_room_for() -> None:
    window = Window()
    window.watch(2, 4, None, [Mark(6, ROWS - 3)])
    assert window.counts() is None
    with pytest.raises(TargetError, match=f"{ROWS - 1} layers are more than can be counted"):
        window.watch(2, 4, None, [Mark(6, ROWS - 2)])
    window.close()
