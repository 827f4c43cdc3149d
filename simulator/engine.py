"""Runs the nodes of a Graph one after the other on torch tensors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from edgec.errors import UnsupportedError
from edgec.ir import Array, DType, Graph, Node, Value
from edgec.simulator.ops import builders
from edgec.simulator.ops.base import Constants, Function
from edgec.simulator.simulator import batch_shape


@dataclass(frozen=True)
class Step:
    """One node's function: positions of its inputs and output, and of the values that nobody reads later."""

    function: Function
    inputs: tuple[int, ...]
    output: int
    dead: tuple[int, ...]


class Engine:
    """Functions of all nodes, built once. `real`: float32 values with gradients, else exact integers."""

    def __init__(self, graph: Graph, device: torch.device, *, real: bool) -> None:
        self.graph = graph
        self.device = device
        self.real = real
        self.constants = Constants(device, real=real)
        self._values = list(graph.values())
        self._index = {id(value): index for index, value in enumerate(self._values)}
        self._steps = self._prepare()

    def infer(self, inputs: Sequence[Array], wanted: Sequence[Value]) -> list[Array]:
        """Inputs (B, *shape), int8 or real -> the wanted values in the Graph's form, without gradients."""
        with torch.inference_mode():
            loaded = [self._load(x, value) for x, value in zip(inputs, self.graph.inputs, strict=True)]
            return [y.cpu().numpy() for y in self._execute(loaded, wanted)]

    def forward(self, inputs: Sequence[Tensor], wanted: Sequence[Value]) -> list[Tensor]:
        """As `infer` on real tensors, keeping what gradients need."""
        return self._execute([x.to(self.device) for x in inputs], wanted)

    def _prepare(self) -> list[Step]:
        """Build each node's function once; an UnsupportedError lists every node that has none."""
        table = builders(self.real)
        missing = [node for node in self.graph.nodes if node.op.name not in table]
        if missing:
            mode = "float" if self.real else "int8"
            raise UnsupportedError(
                f"the simulator has no {mode} function for {len(missing)} of the nodes of {self.graph.name!r}",
                where="\n".join(f"{node} from {node.source}" for node in missing),
                help="" if self.real else "run the passes first: mode 'int8' takes Graphs as scheduled",
            )
        nodes = self.graph.nodes
        last = {self._index[id(v)]: at for at, node in enumerate(nodes) for v in (*node.inputs, node.output)}
        self.constants.read(*self.graph.outputs)
        return [self._step(node, table[node.op.name](node, self.constants), at, last) for at, node in enumerate(nodes)]

    def _step(self, node: Node, function: Function, at: int, last: dict[int, int]) -> Step:
        inputs = tuple(self._index[id(value)] for value in node.inputs)
        output = self._index[id(node.output)]
        dead = tuple(sorted(i for i in {*inputs, output} if last[i] == at and not self._values[i].is_constant))
        return Step(function, inputs, output, dead)

    def _execute(self, inputs: Sequence[Tensor], wanted: Sequence[Value]) -> list[Tensor]:
        """Inputs (B, *shape) in the simulator's own form -> wanted values in the Graph's."""
        nothing = torch.empty(0)
        live = [nothing] * len(self._values)
        for index, value in enumerate(self._values):
            if value.is_constant and (tensor := self.constants.of(value)) is not None:
                live[index] = tensor.unsqueeze(0)
        for value, x in zip(self.graph.inputs, inputs, strict=True):
            live[self._index[id(value)]] = x
        keep = {self._index[id(value)] for value in wanted}
        for step in self._steps:
            live[step.output] = step.function([live[index] for index in step.inputs])
            for index in step.dead:
                if index not in keep:
                    live[index] = nothing
        samples = len(inputs[0]) if inputs else 1
        return [self._store(live[self._index[id(value)]], value, samples) for value in wanted]

    def _load(self, x: Array, value: Value) -> Tensor:
        """int8 or real numpy batch -> (B, *shape) float32, integers centred."""
        tensor = torch.from_numpy(np.ascontiguousarray(x)).to(self.device).to(torch.float32, copy=True)
        if not self.real and value.type.quant is not None:
            tensor.sub_(value.type.quant.scalar[1])
        return tensor

    def _store(self, x: Tensor, value: Value, samples: int) -> Tensor:
        """(B, *shape) -> batch in the Graph's form; what depends on no input is the same for every sample."""
        if not self.real and value.type.dtype is DType.S8 and value.type.quant is not None:
            x = x.add(value.type.quant.scalar[1]).to(torch.int8)
        return x.expand(samples, *value.type.shape).reshape(batch_shape(samples, value))
