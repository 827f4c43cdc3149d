"""The five kinds of error a user can meet, each with the place, the reason and a way out."""

from __future__ import annotations

from collections.abc import Sequence


class EdgecError(Exception):
    """Base of all errors that are reported as text, never as a traceback.

    `message` says what is wrong, `where` names the place (file, node, key), `help` a way out.
    """

    exit_code = 2

    def __init__(self, message: str, *, where: str = "", help: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.help = help

    def __str__(self) -> str:
        lines = [self.message]
        if self.where:
            lines += [f"  {line}" for line in self.where.splitlines()]
        if self.help:
            lines.append(f"  help: {self.help}")
        return "\n".join(lines)


class ModelError(EdgecError):
    """The model or the sample file is wrong: not ONNX, truncated, bad shapes, NaN weights."""


class UnsupportedError(EdgecError):
    """The model is right, but edgec has no kernel or rule for part of it."""


class DoesNotFitError(EdgecError):
    """The compiled model needs more memory than the board or the budget has."""


class TargetError(EdgecError):
    """The board, its tools or its connection: unknown name, no emulator, port absent, no answer."""


class InternalError(EdgecError):
    """A broken invariant of edgec itself; please report it."""

    exit_code = 3


def did_you_mean(name: str, known: Sequence[str]) -> str:
    """The nearest known name as a question, or an empty string when none is near."""
    import difflib

    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f"did you mean {near[0]!r}?" if near else ""
