"""A firmware as the files that flash tools take: a flat binary, and UF2 for boards that show up as a drive."""

from __future__ import annotations

import struct
from pathlib import Path

from edgec.errors import TargetError
from edgec.target import Target
from edgec.targets.emulator.board import read_image

UF2_BLOCK = struct.Struct("<8I476sI")
UF2_START = (0x0A324655, 0x9E5D5157)
UF2_END = 0x0AB16F30
UF2_HAS_FAMILY = 0x2000
UF2_PAYLOAD = 256


def flat_binary(elf: Path, target: Target) -> tuple[int, bytes]:
    """Address and content of the flash that a firmware fills; gaps are 0xFF, as in erased flash."""
    segments = read_image(elf, target).segments
    region = target.region("code")
    for address, data in segments:
        if not region.origin <= address <= address + len(data) <= region.origin + region.size:
            raise TargetError(f"{len(data)} bytes at {address:#x} are outside region {region.name!r} of {target.name}")
    start = min(address for address, _ in segments)
    content = bytearray(b"\xff" * (max(address + len(data) for address, data in segments) - start))
    for address, data in segments:
        content[address - start : address - start + len(data)] = data
    return start, bytes(content)


def uf2_file(start: int, content: bytes, family: int) -> bytes:
    """The content as UF2: blocks of 256 bytes, each with its address and the chip's family."""
    count = -(-len(content) // UF2_PAYLOAD)
    blocks = []
    for number in range(count):
        payload = content[number * UF2_PAYLOAD : (number + 1) * UF2_PAYLOAD].ljust(UF2_PAYLOAD, b"\xff")
        address = start + number * UF2_PAYLOAD
        head = (*UF2_START, UF2_HAS_FAMILY, address, UF2_PAYLOAD, number, count, family)
        blocks.append(UF2_BLOCK.pack(*head, payload, UF2_END))
    return b"".join(blocks)
