"""Wiring: who computes and who reads each value, kept up to date while a pass rewrites the graph."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from edgec.errors import InternalError
from edgec.ir import Array, Graph, Node, TensorType, Value
from edgec.ops import get_op
from edgec.ops.base import NoAttrs


class Wiring:
    """Maps from values to their producer and readers, and the edits that keep them right.

    `Graph.users` looks at every node; a pass that asks for each of several hundred nodes wants a map.
    A node whose results nobody reads any more is removed by the edit that took the last reader away.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self._producer: dict[Value, Node] = {}
        self._users: dict[Value, list[Node]] = {}
        self._names = {value.name for value in graph.values()} | {node.name for node in graph.nodes}
        for node in graph.nodes:
            self._connect(node)

    def nodes(self) -> Iterator[Node]:
        """The nodes in execution order as they are now, without those that the loop's body removes."""
        for node in list(self.graph.nodes):
            if self.alive(node):
                yield node

    def alive(self, node: Node) -> bool:
        return self._producer.get(node.output) is node

    def producer(self, value: Value) -> Node | None:
        """The node that computes `value`, or None for inputs and constants."""
        return self._producer.get(value)

    def users(self, value: Value) -> list[Node]:
        """The nodes that read `value`, each once."""
        return list(self._users.get(value, ()))

    def is_output(self, value: Value) -> bool:
        return self.graph.is_output(value)

    def only_user(self, value: Value) -> Node | None:
        """The one reader of a value; None where there are several, none, or the graph gives it out."""
        users = self._users.get(value, [])
        return users[0] if len(users) == 1 and not self.is_output(value) else None

    def is_read(self, value: Value) -> bool:
        return bool(self._users.get(value)) or self.is_output(value)

    def unique_name(self, base: str) -> str:
        name, count = base, 0
        while name in self._names:
            count += 1
            name = f"{base}_{count}"
        self._names.add(name)
        return name

    def constant(self, name: str, type: TensorType, data: Array) -> Value:
        """A new constant under a free name."""
        return Value(self.unique_name(name), type, data)

    def make(
        self,
        op: str,
        inputs: Sequence[Value],
        type: TensorType,
        *,
        attrs: object = NoAttrs(),
        like: Node,
        name: str = "",
    ) -> Node:
        """A new node, not inserted yet, with the source of `like`; its output is named after `name` too."""
        base = name or f"{like.name}_{op.lower()}"
        output = Value(self.unique_name(f"{base}_out"), type)
        return Node(get_op(op), self.unique_name(base), list(inputs), [output], attrs, like.source)

    def insert_before(self, anchor: Node, node: Node) -> Value:
        """Put `node` in front of `anchor`; the first output of `node`."""
        self.graph.insert_before(anchor, node)
        self._connect(node)
        return node.output

    def insert_after(self, anchor: Node, node: Node) -> Value:
        self.graph.insert_after(anchor, node)
        self._connect(node)
        return node.output

    def insert_first(self, node: Node) -> Value:
        self.graph.nodes.insert(0, node)
        self._connect(node)
        return node.output

    def replace(self, old: Value, new: Value) -> None:
        """Let every reader of `old`, graph outputs included, read `new`."""
        for node in self.users(old):
            self._swap(node, [new if value is old else value for value in node.inputs])
        self.graph.outputs = [new if value is old else value for value in self.graph.outputs]
        self._prune(old)

    def set_inputs(self, node: Node, inputs: Sequence[Value]) -> None:
        """Let `node` read other values."""
        before = list(node.inputs)
        self._swap(node, list(inputs))
        for value in before:
            self._prune(value)

    def take_over(self, node: Node, last: Node) -> None:
        """Let `node` compute the output of `last`, the end of a chain that `node` begins; the chain goes away."""
        result, own = last.output, node.output
        self._producer.pop(own)
        self.graph.nodes.remove(last)
        for value in dict.fromkeys(last.inputs):
            self._users[value].remove(last)
        node.outputs = [result]
        self._producer[result] = node
        for value in dict.fromkeys(last.inputs):
            self._prune(value)

    def set_output(self, node: Node, value: Value) -> None:
        """Let `node` compute a new value in the place of its output; readers are moved to it."""
        old = node.output
        node.outputs = [value]
        self._producer[value] = node
        self._producer.pop(old, None)
        for user in self.users(old):
            self._swap(user, [value if v is old else v for v in user.inputs])
        self.graph.outputs = [value if v is old else v for v in self.graph.outputs]

    def set_outputs_of_graph(self, outputs: Sequence[Value]) -> None:
        before = list(self.graph.outputs)
        self.graph.outputs = list(outputs)
        for value in before:
            self._prune(value)

    def _connect(self, node: Node) -> None:
        for value in node.outputs:
            if value in self._producer:
                raise InternalError(f"{node} computes {value.name!r} a second time")
            self._producer[value] = node
        for value in dict.fromkeys(node.inputs):
            self._users.setdefault(value, []).append(node)

    def _swap(self, node: Node, inputs: list[Value]) -> None:
        for value in set(node.inputs) - set(inputs):
            self._users[value].remove(node)
        for value in dict.fromkeys(inputs):
            if value not in node.inputs:
                self._users.setdefault(value, []).append(node)
        node.inputs = inputs

    def _prune(self, value: Value) -> None:
        """Remove the producer of `value` when nobody reads any of its outputs, and so on upwards."""
        node = self._producer.get(value)
        if node is not None and not any(self.is_read(output) for output in node.outputs):
            self._remove(node)

    def _remove(self, node: Node) -> None:
        self.graph.nodes.remove(node)
        for value in node.outputs:
            self._producer.pop(value, None)
        for value in dict.fromkeys(node.inputs):
            self._users[value].remove(node)
        for value in dict.fromkeys(node.inputs):
            self._prune(value)


def dequantized(wiring: Wiring, value: Value) -> Value | None:
    """The integer value behind a real one: x where `value` = DequantizeLinear(x), else None."""
    node = wiring.producer(value)
    return node.inputs[0] if node is not None and node.op.name == "DequantizeLinear" else None


def is_op(node: Node | None, *names: str) -> bool:
    return node is not None and node.op.name in names
