"""What a Program takes to run, before anything runs: multiplications, calls, instructions."""

from __future__ import annotations

from edgec.ops.base import instructions
from edgec.program import Program

# What a row costs in the loop of a group, beyond what its kernel does: the call with its pointers into rings, and the
# conditions of the steps behind it, which are asked first. Of the instructions that --ram min adds on a Cortex-M4 this
# gives 84 % (ResNet-8, one group of 8), 98 % (MobileNet v1, a group of 2) and 128 % (MobileNetV2, groups of 3 and 2).
ROW = 20
CONDITION = 12


def executed_macs(program: Program) -> int:
    """Multiply-accumulates of one inference."""
    return sum(step.node.op.macs(step.node) for step in program.steps)


def kernel_calls(program: Program) -> int:
    """Calls of kernels in one inference."""
    return sum(step.calls for step in program.steps)


def instructions_estimate(program: Program) -> int:
    """Instructions of one inference, an estimate: the kernels', fitted to counts where there are such, and the loops'.

    Good for comparing Programs of one Graph with each other; `edgec run` counts exactly.
    """
    core = program.target.core
    total = sum(instructions(step.kernel, step.node, core) for step in program.steps)
    for group in program.groups:
        if group.by_rows:
            total += sum(step.calls for step in group.steps) * (ROW + CONDITION * len(group.steps))
    return round(total)
