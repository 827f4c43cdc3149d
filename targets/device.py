"""A board with edgec's firmware at the other end of a serial line: who it is, run it, read its counters."""

from __future__ import annotations

import itertools
import random
import struct
import time
from collections.abc import Callable, Sequence

from edgec.errors import InternalError, TargetError
from edgec.targets.frames import FrameReader, encode_frame
from edgec.targets.messages import PROTOCOL_VERSION, Command, Identity, Inference, Memory, RefusedError, Status
from edgec.targets.serial_link import Link

SMALLEST_CHUNK = 16
TRIES_OF_LONG = 4  # before a long frame is cut in two
FIRST_WAIT = 0.1  # seconds until a request is repeated the first time, beside the time on the wire
LONGEST_WAIT = 1.0
QUIET = 0.01
HEAD = 3  # sequence and status
BITS_PER_BYTE = 10  # start bit, 8 data bits, stop bit


class Device:
    """Host side of the protocol: each call returns the right answer or raises TargetError within its time.

    `timeout` is how many seconds the board may stay silent on a request, `run_timeout` on one inference. While it is
    silent, `check_alive` may raise what is known to be wrong with it, such as an emulator's crash.
    """

    def __init__(
        self,
        link: Link,
        *,
        timeout: float = 5.0,
        run_timeout: float = 60.0,
        check_alive: Callable[[], None] = lambda: None,
    ) -> None:
        self.link = link
        self.check_alive = check_alive
        self.timeout = timeout
        self.run_timeout = run_timeout
        self.reader = FrameReader()
        self.sequence = random.randrange(1 << 16)
        self.heard_answer = False  # then it is our firmware
        self.largest_chunk = SMALLEST_CHUNK
        self.chunk = SMALLEST_CHUNK
        self.retries = 0
        self.runs = 0
        self.identity = self.ask_identity()

    def ask_identity(self) -> Identity:
        """Greet the firmware; TargetError where nobody, or something else, answers."""
        head = self.ask(Command.WHO)
        if head[0] != PROTOCOL_VERSION:
            raise TargetError(
                f"the firmware on {self.link.name} speaks version {head[0]} of the protocol, edgec {PROTOCOL_VERSION}",
                help="compile and flash the project again with this edgec",
            )
        _, self.largest_chunk, inputs, outputs, arena, self.runs, rows = struct.unpack("<BBHHIIH", head)
        self.chunk = self.largest_chunk
        return Identity(
            model=self.text(0),
            sha256=self.text(1),
            target=self.text(2),
            arena=arena,
            inputs=tuple(self.tensor_bytes(0, index) for index in range(inputs)),
            outputs=tuple(self.tensor_bytes(1, index) for index in range(outputs)),
            rows=rows,
        )

    def text(self, which: int) -> str:
        """One of the firmware's strings, in as many pieces as it takes."""
        whole = b""
        while True:
            piece = self.ask(Command.TEXT, struct.pack("<BH", which, len(whole)))
            whole += piece
            if len(piece) < self.largest_chunk:
                return whole.decode("ascii", "replace")

    def kernels(self) -> str | None:
        """Which of a project's kernels a program picked when it started; None where there was no choice."""
        try:
            return self.text(3) or None
        except RefusedError:
            return None

    def tensor_bytes(self, output: int, index: int) -> int:
        (size,) = struct.unpack("<I", self.ask(Command.TENSOR, struct.pack("<BH", output, index)))
        return int(size)

    def expect(self, model: str, sha256: str, *, directory: str = "DIR") -> None:
        """TargetError that says what is on the board, unless it is the model of that name and SHA-256."""
        there = self.identity
        if (there.model, there.sha256) == (model, sha256):
            return
        what = f"model: {there.model!r} instead of {model!r}" if there.model != model else f"version of {model!r}"
        raise TargetError(
            f"the board runs another {what}",
            where=f"on {self.link.name}: {there.model} (sha256 {there.sha256[:16]}, compiled for {there.target})\n"
            f"wanted: {model} (sha256 {sha256[:16]})",
            help=f"edgec flash {directory} puts the wanted model on the board",
        )

    def run(self, inputs: Sequence[bytes]) -> Inference:
        """One inference. `inputs` are the bytes of every input in turn, in the layout of the Graph."""
        there, rows = self.identity, self.identity.rows
        wanted = (there.inputs[0] * max(1, rows), *there.inputs[1:]) if there.inputs else ()
        sizes = tuple(len(data) for data in inputs)
        if sizes != wanted:
            raise TargetError(f"the firmware takes inputs of {list(wanted)} bytes, not {list(sizes)}")
        for index, data in enumerate(inputs):
            if index > 0 or rows == 0:
                self.write_input(index, data)
        if rows:
            self.ask(Command.BEGIN)
        size = there.inputs[0] if there.inputs else 0
        cycles = 0 if rows else self.compute()
        for row in range(rows):
            cycles = self.push_row(inputs[0][row * size : (row + 1) * size])
        outputs = tuple(self.read_output(index, size) for index, size in enumerate(there.outputs))
        return Inference(outputs, cycles or None)

    def push_row(self, row: bytes) -> int:
        """Let the model take the next row of its first input; the cycles since the first row."""
        self.write_input(0, row)
        return self.compute()

    def compute(self) -> int:
        """Run the model, or let it take the row that is there; the cycles since the inference began."""
        (number,) = struct.unpack("<I", self.ask(Command.RUN))
        self.check_restart(number, self.runs + 1)
        finished, cycles = struct.unpack("<II", self.ask(Command.COUNTERS, patience=self.run_timeout))
        self.check_restart(finished, number)
        self.runs = finished
        return int(cycles)

    def check_restart(self, number: int, expected: int) -> None:
        if number != expected:
            raise TargetError(
                f"the board on {self.link.name} restarted (its run counter is {number} where {expected} was expected)",
                help="a crash, a watchdog or a weak power supply does this; try again with another cable or supply",
            )

    def write_input(self, index: int, data: bytes) -> None:
        offset = 0
        while offset < len(data):
            piece = data[offset : offset + self.chunk]
            if self.sized(Command.WRITE, struct.pack("<HI", index, offset) + piece) is not None:
                offset += len(piece)

    def read_output(self, index: int, size: int) -> bytes:
        data = b""
        while len(data) < size:
            length = min(self.chunk, size - len(data))
            data += self.sized(Command.READ, struct.pack("<HIB", index, len(data), length)) or b""
        return data

    def sized(self, command: Command, payload: bytes) -> bytes | None:
        """An exchange whose size follows the line, as short frames survive noise better; None: ask for less."""
        retries = self.retries
        attempts = TRIES_OF_LONG if self.chunk > SMALLEST_CHUNK else None
        answer = self.exchange(command, payload, attempts=attempts)
        if self.retries > retries:
            self.chunk = max(SMALLEST_CHUNK, self.chunk // 2)
        else:
            self.chunk = min(self.largest_chunk, self.chunk + 4)
        return answer

    def memory(self) -> Memory:
        """Stack high-water mark and static memory as the firmware measures them."""
        return Memory(*struct.unpack("<III", self.ask(Command.MEMORY)))

    def layer_cycles(self) -> list[int]:
        """Cycles of the last run: first those that no layer took, then those of each layer.

        RefusedError where the firmware was not built to be profiled.
        """
        cycles: list[int] = []
        while True:
            answer = self.ask(Command.PROFILE, struct.pack("<H", len(cycles)))
            (entries,) = struct.unpack_from("<H", answer)
            cycles += struct.unpack_from(f"<{len(answer) // 4}I", answer, 2)
            if len(cycles) >= entries:
                return cycles

    def ask(self, command: Command, payload: bytes = b"", *, patience: float | None = None) -> bytes:
        """The payload of the answer to a request, repeated for at most `patience` seconds."""
        answer = self.exchange(command, payload, patience=patience)
        if answer is None:
            raise InternalError("an exchange without a limit of attempts ended without an answer")
        return answer

    def exchange(
        self, command: Command, payload: bytes = b"", *, patience: float | None = None, attempts: int | None = None
    ) -> bytes | None:
        """Send a request until its answer comes; None after so many `attempts`, TargetError when time is up."""
        self.sequence = self.sequence % 0xFFFF + 1  # 0 is what the firmware calls a damaged frame
        frame = encode_frame(struct.pack("<HB", self.sequence, command) + payload)
        patience = self.timeout if patience is None else patience
        deadline = time.monotonic() + patience
        wait = FIRST_WAIT + 2 * len(frame) * BITS_PER_BYTE / self.link.baud
        for attempt in itertools.count(1):
            self.link.write(frame)
            answer = self.await_answer(min(deadline, time.monotonic() + wait))
            if answer is not None:
                return answer
            self.check_alive()
            if time.monotonic() >= deadline:
                raise self.silence(command, patience)
            self.retries += 1
            if attempt == attempts:
                return None
            wait = min(1.5 * wait, max(wait, LONGEST_WAIT))
        return None

    def await_answer(self, until: float) -> bytes | None:
        """The payload of the answer to the present request; None: time to repeat it."""
        while (left := until - time.monotonic()) > 0:
            for body in self.reader.feed(self.link.read(left)):
                if body is not None and len(body) >= HEAD:
                    sequence, status = struct.unpack_from("<HB", body)
                    self.heard_answer |= status == Status.OK or (sequence, status) == (0, Status.DAMAGED)
                    if sequence == self.sequence and status != Status.DAMAGED:
                        return self.payload(body)
                if body is None or body[HEAD - 1 : HEAD] == bytes([Status.DAMAGED]):
                    # The request or its answer was damaged: repeat it soon, but let the line fall quiet first.
                    until = min(until, time.monotonic() + QUIET)
                # Else it is a second answer to an earlier request that was repeated.
        return None

    def payload(self, body: bytes) -> bytes:
        if body[2] == Status.OK:
            return body[HEAD:]
        raise RefusedError(
            f"the firmware on {self.link.name} refuses a request",
            help="it may be of another version of edgec: compile and flash the project again",
        )

    def silence(self, command: Command, patience: float) -> TargetError:
        """Why no answer came, as far as can be told from what was heard."""
        port = self.link.name
        if self.heard_answer:
            doing = "during an inference" if command is Command.COUNTERS else f"on request {command.name}"
            help_text = "reset the board and try again; for a slow board or a large model give --timeout SECONDS"
            return TargetError(f"the board on {port} stopped answering {doing} (waited {patience:g} s)", help=help_text)
        if self.reader.bytes_seen:
            return TargetError(
                f"what answers on {port} is not edgec's firmware: no answer in {self.reader.bytes_seen} bytes",
                help=f"is it the right port, at {self.link.baud} baud? edgec flash DIR writes the firmware",
            )
        return TargetError(
            f"no answer on {port} within {patience:g} s",
            help="is the board powered and flashed (edgec flash DIR), and is this its port?",
        )

    def close(self) -> None:
        self.link.close()

    def __enter__(self) -> Device:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
