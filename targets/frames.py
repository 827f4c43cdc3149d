"""Frames of the serial protocol: COBS between zero bytes, closed by a CRC-32 (docs/protocol.md)."""

from __future__ import annotations

import struct
import zlib

CRC_BYTES = 4


def encode_frame(body: bytes) -> bytes:
    """A body of up to 249 bytes as it goes over the line, delimiters included."""
    data = body + struct.pack("<I", zlib.crc32(body))
    blocks = data.split(b"\0")
    # A delimiter in front ends whatever noise or unfinished frame is on the line before this one.
    return b"\0" + b"".join(bytes([len(block) + 1]) + block for block in blocks) + b"\0"


def decode_frame(data: bytes) -> bytes | None:
    """The body of what stood between two delimiters; None when it is damaged."""
    blocks = []
    at = 0
    while at < len(data):
        end = at + data[at]
        if data[at] in (0, 0xFF) or end > len(data):  # our frames are shorter than a full COBS block
            return None
        blocks.append(data[at + 1 : end])
        at = end
    decoded = b"\0".join(blocks)
    body, crc = decoded[:-CRC_BYTES], decoded[-CRC_BYTES:]
    if len(crc) < CRC_BYTES or struct.unpack("<I", crc)[0] != zlib.crc32(body):
        return None
    return body


class FrameReader:
    """Cuts a stream of bytes at the delimiters; `bytes_seen` counts all, also those that make no frame."""

    LIMIT = 1024  # a line that never sends a zero must not fill the memory

    def __init__(self) -> None:
        self.buffer = bytearray()
        self.bytes_seen = 0

    def feed(self, data: bytes) -> list[bytes | None]:
        """The bodies of the frames that `data` completes; None for each damaged one."""
        self.bytes_seen += len(data)
        *complete, rest = bytes(self.buffer + data).split(b"\0")
        self.buffer = bytearray(rest[-self.LIMIT :])
        return [decode_frame(frame) for frame in complete if frame]
