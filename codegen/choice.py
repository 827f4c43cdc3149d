"""Why a layer has the kernel that it has: the faster ones that decline it."""

from __future__ import annotations

from edgec.program import Program, Step
from edgec.target import Core

MATTERS = 0.01  # share of the MACs from which on a layer without a fast kernel is worth a warning


def declined(step: Step, core: Core) -> list[tuple[str, str]]:
    """(name, reason) of every kernel for instructions of the core that is listed before the chosen one and declines."""
    result = []
    for kernel in step.node.op.kernels:
        if kernel is step.kernel:
            break
        reason = kernel.why_not(step.node, core) if kernel.isa and core.has(kernel.isa) else None
        if reason is not None:
            result.append((kernel.name, reason))
    return result


def plain_layers(program: Program) -> list[str]:
    """A warning for each layer that matters and runs in plain C because no fast kernel takes it; the largest first."""
    macs = {step.node: step.node.op.macs(step.node) for step in program.steps}
    total = sum(macs.values())
    found = []
    for step in program.steps:
        reasons = [] if step.kernel.isa else declined(step, program.target.core)
        share = macs[step.node] / total if total else 0.0
        if reasons and share > MATTERS:
            why = "; ".join(f"{name} {reason}" for name, reason in reasons)
            name = (step.node.source.name or step.node.name).split(";", maxsplit=1)[0]  # of nodes that were fused
            layer = f"{step.node.op.name} {name!r}"
            found.append((share, f"{layer} with {100 * share:.0f} % of the MACs runs in plain C: {why}"))
    return [text for _, text in sorted(found, key=lambda item: -item[0])]
