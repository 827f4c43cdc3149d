"""Why a layer has the kernel that it has: the faster ones that decline it."""

from __future__ import annotations

from edgec.program import Step
from edgec.target import Core


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
