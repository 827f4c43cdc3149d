"""What a Program takes to run, before anything runs: multiplications, calls, instructions."""

from __future__ import annotations

from edgec.ops.base import instructions
from edgec.program import Program
from edgec.step import Step

# What a row costs in the loop of a group, beyond what its kernel does: the call with its pointers into rings, and the
# conditions of the steps behind it, which are asked first. Of the instructions that --ram min adds on a Cortex-M4 this
# gives 84 % (ResNet-8, one group of 8), 98 % (MobileNet v1, a group of 2) and 128 % (MobileNetV2, groups of 3 and 2).
ROW = 20
CONDITION = 12


def executed_macs(program: Program) -> int:
    """Multiply-accumulates of one inference."""
    return sum(step.macs for group in program.groups for step in group.steps)


def kernel_calls(program: Program) -> int:
    """Calls of kernels in one inference."""
    return sum(calls(step) for group in program.groups for step in group.steps)


def calls(step: Step) -> int:
    """Calls of kernels of a step."""
    if step.chain is None:
        return step.calls
    strips = sum(strip.count for strip in step.chain.strips)
    return step.calls * strips * sum(need.size for need in step.chain.needs)


def instructions_estimate(program: Program) -> int:
    """Instructions of one inference, an estimate: the kernels', fitted to counts where there are such, and the loops'.

    Good for comparing Programs of one Graph with each other; `edgec run` counts exactly.
    """
    core = program.target.core
    total = 0.0
    for group in program.groups:
        for step in group.steps:
            once = sum(instructions(part.kernel, part.node, core) for part in step.parts)
            total += once * step.macs / max(1, sum(part.macs for part in step.parts)) if step.chain else once
        if group.by_rows:
            total += sum(map(calls, group.steps)) * (ROW + CONDITION * len(group.steps))
    return round(total)
