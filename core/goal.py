"""What a project is to be good at: --optimize speed, size or balanced."""

from __future__ import annotations

import enum

from edgec.errors import TargetError

# What a byte of flash is worth to `balanced`, in instructions of one inference: a kernel that needs a KB more has to
# save 4096 instructions. Large layers then get the fast kernels, and a dense layer that reads each weight once does not
# double its weights to save a tenth of an instruction on each.
INSTRUCTIONS_PER_BYTE = 4.0


class Goal(enum.Enum):
    """What kernels are chosen by, and what the C compiler is told."""

    SPEED = "speed"  # fewest instructions
    SIZE = "size"  # least flash: code and constants
    BALANCED = "balanced"  # instructions and flash, at INSTRUCTIONS_PER_BYTE

    @property
    def flag(self) -> str:
        """The C compiler's optimisation level."""
        return "-Os" if self is Goal.SIZE else "-O2"

    @staticmethod
    def named(goal: str | Goal) -> Goal:
        """The goal of that name; TargetError where there is none."""
        allowed = [known.value for known in Goal]
        if isinstance(goal, str) and goal not in allowed:
            raise TargetError(f"cannot optimize for {goal!r}; allowed: {', '.join(allowed)}")
        return Goal(goal)

    def price(self, instructions: float, flash: float) -> tuple[float, float]:
        """What is least for the best kernel; flash in bytes."""
        if self is Goal.SIZE:
            return (flash, instructions)
        if self is Goal.SPEED:
            return (instructions, flash)
        return (instructions + INSTRUCTIONS_PER_BYTE * flash, flash)
