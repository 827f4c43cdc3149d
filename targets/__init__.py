"""Boards, compilers, emulators, serial devices and flash tools."""

from edgec.targets.device import Device
from edgec.targets.emulator import Board, open_board
from edgec.targets.firmware import Firmware, read_firmware
from edgec.targets.flash import FlashPlan, flash, plan_flash
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
    "FlashPlan",
    "HostModel",
    "SerialLink",
    "find_compiler",
    "flash",
    "list_targets",
    "load_target",
    "open_board",
    "plan_flash",
    "port_files",
    "read_firmware",
]
