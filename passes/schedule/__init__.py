"""Graph -> Program: a kernel for each node, the loops over rows, an address for each value."""

from __future__ import annotations

from edgec.passes.schedule.front import front
from edgec.passes.schedule.lower import Scheduler, best_order, schedule

__all__ = ["Scheduler", "best_order", "front", "schedule"]
