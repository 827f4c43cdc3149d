"""The little of GDB's remote protocol that writes and verifies memory."""

from __future__ import annotations

import re
import socket
import time

from edgec.errors import TargetError

CHUNK = 2000  # bytes: a packet of QEMU holds 4096 characters
PACKET = re.compile(rb"\$([^#]*)#[0-9a-fA-F]{2}")
STOP_REPLIES = (b"T", b"S", b"W", b"X", b"O")  # what the stub says on its own ("OK" is told apart)


class GdbStub:
    """The debug port of an emulated board, over a connected socket."""

    def __init__(self, connection: socket.socket, timeout: float = 20.0) -> None:
        self.connection = connection
        self.timeout = timeout
        self.buffer = b""

    def command(self, text: bytes) -> bytes:
        """Send a command; its answer."""
        self.connection.sendall(b"$" + text + b"#%02x" % (sum(text) & 0xFF))
        deadline = time.monotonic() + self.timeout
        while True:
            match = PACKET.search(self.buffer)
            if match:
                self.buffer = self.buffer[match.end() :]
                self.connection.sendall(b"+")
                if match[1] == b"OK" or not match[1].startswith(STOP_REPLIES):
                    return match[1]
                continue
            self.connection.settimeout(max(0.001, deadline - time.monotonic()))
            try:
                received = self.connection.recv(1 << 16)
            except TimeoutError:
                raise TargetError(f"the emulator's debug port does not answer within {self.timeout:g} s") from None
            if not received:
                raise TargetError("the emulator closed its debug port")
            self.buffer += received

    def write(self, address: int, data: bytes) -> None:
        """Write memory and read it back; TargetError where it differs."""
        for offset in range(0, len(data), CHUNK):
            piece, at = data[offset : offset + CHUNK], address + offset
            answer = self.command(b"M%x,%x:%s" % (at, len(piece), piece.hex().encode()))
            if answer != b"OK":
                raise TargetError(f"the board refuses {len(piece)} bytes at {at:#x}: {answer.decode(errors='replace')}")
            if self.command(b"m%x,%x" % (at, len(piece))).lower() != piece.hex().encode():
                raise TargetError(f"what was written at {at:#x} does not read back: is there memory?")
