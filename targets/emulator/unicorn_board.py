"""A board emulated by unicorn in this process: pip alone, no QEMU. Cortex-M0 to M33, no Helium."""

from __future__ import annotations

import struct
import threading
from importlib import import_module
from pathlib import Path
from typing import Any

from edgec.errors import TargetError
from edgec.target import Target
from edgec.targets.emulator.block_counter import BlockCounter
from edgec.targets.emulator.board import BEGIN, END, RESUME, Board, read_image
from edgec.targets.emulator.uart_models import PtyLink, make_registers
from edgec.targets.emulator.window import Counts, Window

unicorn: Any = import_module("unicorn")  # its own annotations are partial
arm: Any = import_module("unicorn.arm_const")
PAGE = 0x1000
PRIVATE_PERIPHERALS = (0xE0000000, 0x100000)
NRF_GPIO = 0x50000000
BREAKPOINT = 7  # unicorn's number of the exception; others are faults
WRITE0, EXIT = 0x04, 0x20  # semihosting operations
STOP_SECONDS = 5.0


class UnicornBoard(Board):
    """One emulated core in a thread; a fresh engine for every load and reset."""

    def __init__(self, target: Target, *, count_in_python: bool = False) -> None:
        self.target = target
        self.count_in_python = count_in_python
        self.link = PtyLink()
        self.port = self.link.port
        self.engine: Any = None
        self.thread: threading.Thread | None = None
        self.window = Window()
        self.counter: BlockCounter | None = None
        self.output = ""
        self.crashed = False
        self.stopping = False

    def load(self, elf: Path) -> None:
        self.image = read_image(elf, self.target)
        self.reset()

    def reset(self) -> None:
        if self.image is None:
            raise TargetError(f"nothing is loaded on {self.target.name}")
        self.stop()
        if self.link.closed:
            raise TargetError(f"the firmware on {self.target.name} crashed; open the board anew")
        self.link.received.clear()
        self.output, self.crashed, self.stopping = "", False, False
        engine = self.engine = self.make_engine()
        begin, end, resume = (self.image.address(name) for name in (BEGIN, END, RESUME))
        self.window.watch(begin, end, resume, self.image.marks)
        self.counter = BlockCounter(engine, self.window, plain_python=self.count_in_python)
        stack, start = struct.unpack("<II", engine.mem_read(self.target.region("code").origin, 8))
        engine.reg_write(arm.UC_ARM_REG_SP, stack)
        self.thread = threading.Thread(target=self.run, args=(engine, start), daemon=True, name="edgec-unicorn")
        self.thread.start()

    def make_engine(self) -> Any:
        """Memory as the board has it, flash read-only, the firmware in it, and the serial port."""
        assert self.image is not None
        assert self.target.uart is not None
        engine = unicorn.Uc(unicorn.UC_ARCH_ARM, unicorn.UC_MODE_THUMB | unicorn.UC_MODE_MCLASS)
        engine.ctl_set_cpu_model(getattr(arm, f"UC_CPU_ARM_{self.target.core.unicorn_model}"))
        for region in self.target.regions:
            size = (region.size + PAGE - 1) // PAGE * PAGE
            engine.mem_map(
                region.origin,
                size,
                unicorn.UC_PROT_ALL if region.kind == "ram" else unicorn.UC_PROT_READ | unicorn.UC_PROT_EXEC,
            )
        engine.mem_map(*PRIVATE_PERIPHERALS)
        if self.target.uart.driver == "nrf":
            engine.mem_map(NRF_GPIO, PAGE)
        for address, data in self.image.segments:
            engine.mem_write(address, data)
        registers = make_registers(self.target.uart.driver, self.link)
        base = self.target.uart.base
        page = base & ~(PAGE - 1)

        def read(_: Any, offset: int, size: int, data: Any) -> int:
            if self.stopping:
                engine.emu_stop()
            return registers.read(page + offset - base)

        def write(_: Any, offset: int, size: int, value: int, data: Any) -> None:
            registers.write(page + offset - base, value)

        engine.mmio_map(page, PAGE, read, None, write, None)
        engine.hook_add(unicorn.UC_HOOK_INTR, self.on_exception)
        return engine

    def on_exception(self, engine: Any, number: int, _: Any) -> None:
        """Semihosting, by which the firmware tells of a fault; or a fault itself."""
        operation, argument = (engine.reg_read(register) for register in (arm.UC_ARM_REG_R0, arm.UC_ARM_REG_R1))
        if number == BREAKPOINT and operation == WRITE0:
            self.output += read_string(engine, argument)
            engine.reg_write(arm.UC_ARM_REG_PC, (engine.reg_read(arm.UC_ARM_REG_PC) + 2) | 1)
            return
        if number != BREAKPOINT or operation != EXIT:
            self.fault(engine, f"exception {number} of unicorn")
        self.crashed = True
        engine.emu_stop()

    def fault(self, engine: Any, reason: str) -> None:
        """The report that the firmware's own handler would give."""
        pc, lr = (engine.reg_read(register) for register in (arm.UC_ARM_REG_PC, arm.UC_ARM_REG_LR))
        self.output += f"edgec firmware: fault exception=00000003 pc={pc:08x} lr={lr:08x}\n{reason}\n"

    def run(self, engine: Any, start: int) -> None:
        """The thread: until the board is stopped or the firmware crashes."""
        try:
            engine.emu_start(start | 1, 0xFFFFFFFE)
        except unicorn.UcError as error:
            self.fault(engine, str(error))
            self.crashed = True
        if self.crashed and not self.stopping:
            self.link.close()  # whoever waits for an answer is told at once

    def stop(self) -> None:
        """End the thread."""
        self.stopping = True
        if self.thread is not None and self.thread.is_alive():
            self.engine.emu_stop()
            self.thread.join(STOP_SECONDS)
        self.thread = None

    def instructions(self) -> int | None:
        return self.window.total()

    def counts(self) -> Counts | None:
        return self.window.counts()

    def crash(self) -> str | None:
        if self.thread is not None and self.crashed:
            self.thread.join(STOP_SECONDS)
        return self.output if self.crashed else None

    def close(self) -> None:
        self.stop()
        self.link.close()
        self.window.close()


def read_string(engine: Any, address: int, most: int = 200) -> str:
    """A zero-ended string in the board's memory."""
    text = bytearray()
    while len(text) < most and (byte := engine.mem_read(address + len(text), 1)[0]) != 0:
        text.append(byte)
    return text.decode("ascii", "replace")
