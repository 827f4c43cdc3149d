"""Which int8 values a node's result can hold, as far as clamps and tables say."""

from __future__ import annotations

from edgec.ir import Node, Value
from edgec.ops.numbers import FULL_RANGE
from edgec.passes.wiring import Wiring, is_op

KEEPS_RANGE = ("Transpose", "Reshape", "Slice", "MaxPool", "DepthToSpace")


def value_range(wiring: Wiring, value: Value) -> tuple[int, int]:
    """Least and largest int8 that `value` can hold; the full range where nothing bounds it."""
    node = wiring.producer(value)
    while node is not None and is_op(node, *KEEPS_RANGE):
        value = node.inputs[0]
        node = wiring.producer(value)
    if node is None:
        return FULL_RANGE
    if is_op(node, "Table"):
        return table_range(wiring, node)
    clamp: tuple[int, int] = getattr(node.attrs, "clamp", FULL_RANGE)
    return clamp


def lower_bound(wiring: Wiring, value: Value) -> int:
    return value_range(wiring, value)[0]


def table_range(wiring: Wiring, node: Node) -> tuple[int, int]:
    """Range of a Table's entries over the range of its input."""
    low, high = value_range(wiring, node.inputs[0])
    entries = node.inputs[1].array[low + 128 : high + 129]
    return int(entries.min()), int(entries.max())
