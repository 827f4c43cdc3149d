"""Device against the firmware's own C code: exchanges, noise, repeats, silence."""

from __future__ import annotations

import random
import struct
import time
from pathlib import Path

import pytest

from edgec.errors import TargetError
from edgec.targets.device import Device
from edgec.targets.frames import decode_frame, encode_frame
from edgec.targets.messages import Command, Identity, RefusedError
from tests.protocol.links import PipeLink, firmware_link

SHA = "0123456789abcdef" * 4
INPUT, SECOND = 300, 5


def expected(run: int, x: bytes, second: bytes) -> bytes:
    return bytes((3 * value + run + second[i % SECOND]) & 255 for i, value in enumerate(x))


def random_inputs(source: random.Random) -> tuple[bytes, bytes]:
    return source.randbytes(INPUT), source.randbytes(SECOND)


def send(link: PipeLink, data: bytes) -> bytes | None:
    """Raw bytes there, one frame back, beside Device."""
    link.write(data)
    answer = b""
    while answer.count(b"\0") < 2:
        answer += link.read(5)
    return decode_frame(answer[1:-1])


def ask(link: PipeLink, body: bytes) -> bytes | None:
    return send(link, encode_frame(body))


def test_who_are_you(firmware: Path) -> None:
    with firmware_link(firmware) as link:
        identity = Device(link).identity
    assert identity == Identity("triple", SHA, "host", INPUT + SECOND, (INPUT, SECOND), (INPUT,))


def test_run_memory_and_cycles(firmware: Path) -> None:
    source = random.Random(1)
    with firmware_link(firmware) as link:
        device = Device(link)
        for run in range(1, 4):
            x, second = random_inputs(source)
            inference = device.run([x, second])
            assert inference.outputs == (expected(run, x, second),)
            assert inference.cycles == 1000
        memory = device.memory()
        assert device.retries == 0
    assert (memory.stack_used, memory.stack_size, memory.static) == (500, 1024, 2000)


def test_cycles_of_each_layer(profiling_firmware: Path) -> None:
    """More entries than one answer holds, layers that take turns, and none of the profile's own cycles."""
    with firmware_link(profiling_firmware) as link:
        device = Device(link)
        for run in range(1, 3):
            device.run(random_inputs(random.Random(run)))
            rest, *layers = device.layer_cycles()
            assert layers == [3 * (layer + run) for layer in range(40)]
            assert rest == 7 + 1000 + 2 * 3  # ec_protocol_run reads the clock twice


@pytest.mark.parametrize("rate", [0.0, 0.01])
def test_rows_are_pushed_one_by_one(pushed_firmware: Path, rate: float) -> None:
    """Each exactly once, whatever the line does to them; counts are those of the whole inference."""
    source = random.Random(1)
    with firmware_link(pushed_firmware, rate, seed=1) as link:
        device = Device(link)
        assert device.identity.rows == 12
        assert device.identity.inputs == (INPUT // 12, SECOND)
        for run in range(1, 4):
            x, second = random_inputs(source)
            assert device.run([x, second]).outputs == (expected(run, x, second),)
            assert device.layer_cycles()[1:] == [3 * (layer + run) for layer in range(40)]
        with pytest.raises(TargetError, match="takes inputs of"):
            device.run([x[:-1], second])


def test_only_a_pushed_input_begins(firmware: Path) -> None:
    with firmware_link(firmware) as link, pytest.raises(RefusedError):
        Device(link).ask(Command.BEGIN)


def test_only_a_profiling_firmware_has_cycles_of_layers(firmware: Path) -> None:
    with firmware_link(firmware) as link, pytest.raises(RefusedError):
        Device(link).layer_cycles()


@pytest.mark.parametrize(
    ("exchanges", "rate"),
    [(200, 0.01), pytest.param(1000, 0.01, marks=pytest.mark.exhaustive), (30, 0.03)],
)
def test_damaged_line_gives_right_results(firmware: Path, exchanges: int, rate: float) -> None:
    source = random.Random(exchanges)
    with firmware_link(firmware, rate, seed=exchanges) as link:
        device = Device(link)
        start, run = device.sequence, 0
        while (device.sequence - start) % 0xFFFF < exchanges:
            run += 1
            x, second = random_inputs(source)
            assert device.run([x, second]).outputs == (expected(run, x, second),)
        assert device.runs == run
        assert device.retries > 0
        assert link.damage.damaged > 0


def test_hopeless_line_is_an_error_in_time(firmware: Path) -> None:
    start = time.monotonic()
    with firmware_link(firmware, rate=0.6) as link, pytest.raises(TargetError):
        Device(link, timeout=0.5)
    assert time.monotonic() - start < 5


def test_repeated_request_runs_once(firmware: Path) -> None:
    with firmware_link(firmware) as link:
        request = struct.pack("<HB", 7, Command.RUN)
        first, second = ask(link, request), ask(link, request)
        assert first == second == struct.pack("<HBI", 7, 0, 1)
        assert ask(link, struct.pack("<HB", 8, Command.COUNTERS)) == struct.pack("<HBII", 8, 0, 1, 1000)


def test_damaged_frame_is_said_so_and_keeps_the_answer(firmware: Path) -> None:
    with firmware_link(firmware) as link:
        request = struct.pack("<HB", 7, Command.RUN)
        answer = ask(link, request)
        assert send(link, b"\0\x05rubbish\0") == struct.pack("<HB", 0, 1)
        assert ask(link, request) == answer


@pytest.mark.parametrize(
    "request_body",
    [
        struct.pack("<HB", 1, 99),
        struct.pack("<HBB", 1, Command.WHO, 0),
        struct.pack("<HBBH", 1, Command.TEXT, 4, 0),
        struct.pack("<HBBH", 1, Command.TEXT, 0, 7),
        struct.pack("<HBBH", 1, Command.TENSOR, 0, 2),
        struct.pack("<HBHI", 1, Command.WRITE, 0, INPUT) + b"x",
        struct.pack("<HBHI", 1, Command.WRITE, 0, 2**32 - 1) + b"xy",
        struct.pack("<HBHI", 1, Command.WRITE, 2, 0) + b"x",
        struct.pack("<HBHIB", 1, Command.READ, 0, 0, 129),
        struct.pack("<HBHIB", 1, Command.READ, 0, INPUT - 1, 2),
        struct.pack("<HBB", 1, Command.RUN, 1),
    ],
)
def test_wrong_requests_are_refused(firmware: Path, request_body: bytes) -> None:
    with firmware_link(firmware) as link:
        assert ask(link, request_body) == struct.pack("<HB", 1, 2)
        assert ask(link, struct.pack("<HB", 2, Command.COUNTERS)) == struct.pack("<HBII", 2, 0, 0, 0)


def test_entries_beyond_the_last_are_refused(profiling_firmware: Path) -> None:
    with firmware_link(profiling_firmware) as link:
        assert ask(link, struct.pack("<HBH", 1, Command.PROFILE, 42)) == struct.pack("<HB", 1, 2)
        assert ask(link, struct.pack("<HBH", 2, Command.PROFILE, 41)) == struct.pack("<HBH", 2, 0, 41)


def test_too_long_frame_does_no_harm(firmware: Path) -> None:
    with firmware_link(firmware) as link:
        assert send(link, b"\0" + b"\xff" * 2000 + b"\0") == struct.pack("<HB", 0, 1)
        Device(link)


def test_second_host_starts_afresh(firmware: Path) -> None:
    with firmware_link(firmware) as link:
        x, second = random_inputs(random.Random(2))
        Device(link).run([x, second])
        assert Device(link).run([x, second]).outputs == (expected(2, x, second),)


def test_what_is_known_of_a_dead_board_ends_the_wait(firmware: Path) -> None:
    def crashed() -> None:
        raise TargetError("the firmware crashed")

    with firmware_link(firmware) as link:
        device = Device(link, run_timeout=60, check_alive=crashed)
        link.damage.rate = 1.0
        start = time.monotonic()
        with pytest.raises(TargetError, match="the firmware crashed"):
            device.memory()
    assert time.monotonic() - start < 3
