"""A serial port as a stream of bytes: a real one or the pseudo-terminal of an emulated board."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Protocol

from edgec.errors import TargetError

if TYPE_CHECKING:
    import serial


class Link(Protocol):
    """What Device talks through; a lost connection is a TargetError."""

    name: str
    baud: int

    def read(self, seconds: float) -> bytes:
        """What has arrived, at least one byte unless `seconds` pass without any."""

    def write(self, data: bytes) -> None:
        """Send all of `data`."""

    def close(self) -> None:
        """Give the port back."""


class SerialLink:
    """A port opened through pyserial: 8 data bits, no parity, 1 stop bit."""

    def __init__(self, port: str, baud: int = 115200) -> None:
        """Open `port`; TargetError where it is absent, busy or not permitted."""
        try:
            import serial
        except ModuleNotFoundError:
            raise TargetError("pyserial is not installed", help="pip install 'edgec[emulator]'") from None
        self.name = port
        self.baud = baud
        try:
            self.port: serial.Serial = serial.serial_for_url(port, baud, timeout=0, write_timeout=5)
        except (OSError, ValueError) as error:  # SerialException is an OSError
            raise TargetError(f"cannot open serial port {port!r}: {reason(error)}", help=ports_there()) from None
        self.port.reset_input_buffer()

    def read(self, seconds: float) -> bytes:
        try:
            self.port.timeout = seconds
            first: bytes = self.port.read(1)
            return first + self.port.read(self.port.in_waiting) if first else b""
        except (OSError, TypeError) as error:  # TypeError: pyserial when the port is closed under it
            raise self.lost(error) from None

    def write(self, data: bytes) -> None:
        try:
            self.port.write(data)
        except OSError as error:
            raise self.lost(error) from None

    def lost(self, error: Exception) -> TargetError:
        return TargetError(f"lost serial port {self.name!r}: {reason(error)}", help="is the board still plugged in?")

    def close(self) -> None:
        self.port.close()

    def __enter__(self) -> SerialLink:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def reason(error: Exception) -> str:
    """The system's own words, without pyserial's repetition of the port and the error number."""
    causes = (error, error.__cause__, error.__context__)
    number = next((cause.errno for cause in causes if isinstance(cause, OSError) and cause.errno is not None), None)
    return os.strerror(number) if number is not None else str(error)


def ports_there() -> str:
    """Which ports exist, as a help line."""
    from serial.tools import list_ports

    names = sorted(port.device for port in list_ports.comports())
    return f"ports of this machine: {', '.join(names)}" if names else "this machine has no serial ports at the moment"
