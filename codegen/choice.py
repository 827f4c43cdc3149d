"""Why a layer has the kernel that it has: the faster ones that decline it."""

from __future__ import annotations

from edgec.ops.base import ISAS
from edgec.program import Program
from edgec.step import Step
from edgec.target import Core

MATTERS = 0.01  # share of the MACs from which on a layer without a fast kernel is worth a warning
RUNS = {"": "in plain C", "dsp": "with DSP instructions only"}


def declined(step: Step, core: Core) -> list[tuple[str, str]]:
    """(name, reason) of every kernel for better instructions of the core than the chosen one's.

    Nothing where one of them takes the layer: then the goal chose another.
    """
    order = ("", *ISAS)
    better = [
        kernel
        for kernel in step.node.op.kernels
        if core.has(kernel.isa) and order.index(kernel.isa) > order.index(step.kernel.isa)
    ]
    reasons = [(kernel.name, kernel.why_not(step.node, core)) for kernel in better]
    found = [(name, reason) for name, reason in reasons if reason is not None]
    return found if len(found) == len(better) else []


def slow_layers(program: Program) -> list[str]:
    """A warning for each layer that matters and that the best kernels of the core do not take; the largest first."""
    macs = {step.node: step.node.op.macs(step.node) for step in program.steps}
    total = sum(macs.values())
    found = []
    for step in program.steps:
        share = macs[step.node] / total if total else 0.0
        reasons = declined(step, program.target.core) if share > MATTERS else []
        if reasons:
            why = "; ".join(f"{name} {reason}" for name, reason in reasons)
            name = (step.node.source.name or step.node.name).split(";", maxsplit=1)[0]  # of nodes that were fused
            how = RUNS.get(step.kernel.isa, f"as {step.kernel.name}")
            found.append(
                (share, f"{step.node.op.name} {name!r} with {100 * share:.0f} % of the MACs runs {how}: {why}")
            )
    return [text for _, text in sorted(found, key=lambda item: -item[0])]
