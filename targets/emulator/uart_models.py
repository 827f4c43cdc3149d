"""The registers of the serial ports that unicorn boards have, as far as edgec's drivers use them."""

from __future__ import annotations

import os
import pty
import select
import tty
from collections.abc import Callable

IDLE_POLLS = 16  # so many fruitless looks in a row, and the firmware is waiting for the host
IDLE_SECONDS = 0.005


class PtyLink:
    """The other end of a board's serial line: a pseudo-terminal whose path is `port`."""

    def __init__(self) -> None:
        self.master, self.slave = pty.openpty()
        tty.setraw(self.master)
        tty.setraw(self.slave)
        os.set_blocking(self.master, False)
        self.port = os.ttyname(self.slave)
        self.received = bytearray()
        self.polls = 0
        self.closed = False

    def ready(self) -> bool:
        """Whether a byte is there; waits a little when nothing came for a while, to leave the processor to others."""
        if self.received:
            return True
        self.polls += 1
        if self.polls > IDLE_POLLS and not select.select([self.master], [], [], IDLE_SECONDS)[0]:
            return False
        try:
            self.received += os.read(self.master, 4096)
        except (BlockingIOError, OSError):
            return False
        return bool(self.received)

    def get(self) -> int:
        self.polls = 0
        return self.received.pop(0) if self.received else 0

    def put(self, byte: int) -> None:
        """Send a byte to the host; one that nobody takes is lost, as on a wire."""
        self.polls = 0
        try:
            os.write(self.master, bytes([byte & 0xFF]))
        except OSError:
            return

    def close(self) -> None:
        """Hang up; whoever has the port open is told."""
        if not self.closed:
            self.closed = True
            os.close(self.slave)
            os.close(self.master)


class Registers:
    """A serial port: `read` and `write` by offset. Status bits, and where data goes, differ between the drivers."""

    def __init__(self, link: PtyLink, status: Callable[[int, bool], int], read_data: int, write_data: int) -> None:
        self.link = link
        self.status = status
        self.read_data = read_data
        self.write_data = write_data

    def read(self, offset: int) -> int:
        if offset == self.read_data:
            return self.link.get() if self.link.ready() else 0
        none_ready, one_ready = self.status(offset, False), self.status(offset, True)
        if none_ready == one_ready:  # a register that does not tell of received bytes
            return none_ready
        return one_ready if self.link.ready() else none_ready

    def write(self, offset: int, value: int) -> None:
        if offset == self.write_data:
            self.link.put(value)


def cmsdk(offset: int, ready: bool) -> int:
    return 2 * ready if offset == 0x04 else 0


def stm32_v1(offset: int, ready: bool) -> int:
    return 0xC0 | ready << 5 if offset == 0x00 else 0


def stm32_v2(offset: int, ready: bool) -> int:
    return 0xC0 | ready << 5 if offset == 0x1C else 0


def nrf(offset: int, ready: bool) -> int:
    return {0x108: int(ready), 0x11C: 1}.get(offset, 0)


def pl011(offset: int, ready: bool) -> int:
    return (not ready) << 4 if offset == 0x18 else 0


# driver -> status register, offset of the data to read, offset of the data to write
MODELS: dict[str, tuple[Callable[[int, bool], int], int, int]] = {
    "cmsdk": (cmsdk, 0x00, 0x00),
    "stm32_v1": (stm32_v1, 0x04, 0x04),
    "stm32_v2": (stm32_v2, 0x24, 0x28),
    "nrf": (nrf, 0x518, 0x51C),
    "pl011": (pl011, 0x00, 0x00),
}


def make_registers(driver: str, link: PtyLink) -> Registers:
    """The port that runtime_c/port/uart_<driver>.c expects."""
    return Registers(link, *MODELS[driver])
