"""What a linker says when a project is too big, as a DoesNotFitError."""

from __future__ import annotations

import re

from edgec.errors import DoesNotFitError
from edgec.target import Target

GNU_OVERFLOW = re.compile(r"region [`'](\w+)' overflowed by (\d+) bytes")
LLD_OVERFLOW = re.compile(r"will not fit in region '(\w+)': overflowed by (\d+) bytes")
NO_STACK = re.compile(r"region [`'](\w+)' has no room for a stack of (\d+) bytes")


def link_error(output: str, target: Target) -> DoesNotFitError | None:
    """The overflow that the linker's output tells of; None where it tells of something else."""
    sizes = {region.name: region for region in target.regions}
    overflows: dict[str, int] = {}
    for pattern in (GNU_OVERFLOW, LLD_OVERFLOW):
        for name, count in pattern.findall(output):
            overflows[name] = max(overflows.get(name, 0), int(count))
    places = [
        f"{name} ({sizes[name].kind}): {sizes[name].size + over} bytes needed, {sizes[name].size} there"
        for name, over in sorted(overflows.items())
        if name in sizes
    ]
    for name, reserve in set(NO_STACK.findall(output)) if not places else ():
        places.append(f"{name} (ram): less than {reserve} bytes are left for the stack")
    if not places:
        return None
    return DoesNotFitError(
        f"the firmware does not fit into {target.name}",
        where="\n".join(places),
        help="a smaller model, or a board with more memory: edgec targets lists them with their sizes",
    )
