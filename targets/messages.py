"""What edgec's firmware is asked and what it answers, as runtime_c/port/ec_protocol.h has it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from edgec.errors import TargetError

PROTOCOL_VERSION = 2


class Command(IntEnum):
    """The requests, as runtime_c/port/ec_protocol.h numbers them."""

    WHO = 1
    TEXT = 2
    TENSOR = 3
    WRITE = 4
    RUN = 5
    READ = 6
    COUNTERS = 7
    MEMORY = 8
    PROFILE = 9
    BEGIN = 10


class Status(IntEnum):
    """First byte of every response after the sequence number."""

    OK = 0
    DAMAGED = 1
    REFUSED = 2


@dataclass(frozen=True)
class Identity:
    """What the firmware says about itself; sizes in bytes.

    rows: how many of the first input are pushed one by one; its size is that of a row then. 0: none.
    """

    model: str
    sha256: str
    target: str
    arena: int
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    rows: int = 0


@dataclass(frozen=True)
class Inference:
    """Outputs as raw bytes; `cycles` is None where the core cannot count."""

    outputs: tuple[bytes, ...]
    cycles: int | None


@dataclass(frozen=True)
class Memory:
    """Bytes: deepest use of the stack since reset, room for it, and .data + .bss with the arena."""

    stack_used: int
    stack_size: int
    static: int


class RefusedError(TargetError):
    """The firmware does not know a request, or does not take its arguments."""
