"""Boards, compilers, emulators, serial devices and flash tools."""

from edgec.targets.device import Device
from edgec.targets.emulator import Board, open_board
from edgec.targets.firmware import Firmware, read_firmware
from edgec.targets.host import HostModel
from edgec.targets.load import list_targets, load_target
from edgec.targets.port import port_files
from edgec.targets.serial_link import SerialLink
from edgec.targets.toolchain import Compiler, find_compiler

__all__ = [
    "Board",
    "Compiler",
    "Device",
    "Firmware",
    "HostModel",
    "SerialLink",
    "find_compiler",
    "list_targets",
    "load_target",
    "open_board",
    "port_files",
    "read_firmware",
]
