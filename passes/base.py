"""What a pass is: one rewrite of a Graph, named after its class."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from dataclasses import dataclass

from edgec.ir import Graph
from edgec.target import Target


@dataclass(frozen=True)
class Pass(ABC):
    """One rewrite; the fields of a subclass are its options, its docstring gives the formula."""

    @property
    def name(self) -> str:
        """FoldPad -> "fold-pad": the name in error texts and dump files."""
        return re.sub(r"(?<!^)(?=[A-Z])", "-", type(self).__name__).lower()

    @abstractmethod
    def run(self, graph: Graph, target: Target) -> bool:
        """Rewrite the graph in place; True when something changed."""
