"""CleanTables: chains of Tables become one, Tables without effect go away, clamps go into the producer."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from edgec.ir import Array, Graph, Node, TensorType
from edgec.ops.movement import PadAttrs
from edgec.ops.numbers import QMIN, dequantize, quantize
from edgec.ops.table import TableAttrs
from edgec.passes.base import Pass
from edgec.passes.integer_inputs import clamped
from edgec.passes.ranges import KEEPS_RANGE, value_range
from edgec.passes.wiring import Wiring, is_op
from edgec.target import Target


@dataclass(frozen=True)
class CleanTables(Pass):
    """Remove the Tables that nothing needs. Ranges are those that clamps and tables bound.

    Table(Table(x, s), t)                        =>  Table(x, t[s])
    Table(x, t), t[q] = q for all q that x can be =>  x
    Table(op(...), t), t[q] = clip(q, lo, hi)    =>  op(...) with attrs.clamp, also with movement in between
    Table(Pad(x, v), t)                          =>  Pad(Table(x, t), t[v]), so that fold-pad finds the Pad
    Not done when
    - the quantisations of x and the result differ (second and third rule);
    - op, the movement behind it or the Pad is read elsewhere too (the first rule leaves the inner Table to others);
    - op has no clamp.
    """

    def run(self, graph: Graph, target: Target) -> bool:
        wiring = Wiring(graph)
        changed = False
        for node in wiring.nodes():
            if not is_op(node, "Table"):
                continue
            lifted = lift_over_pad(wiring, node)
            table = lifted or node
            composed = compose(wiring, table)
            changed |= drop_identity(wiring, table) or merge_clamp(wiring, table) or composed or lifted is not None
        return changed


def lift_over_pad(wiring: Wiring, node: Node) -> Node | None:
    """Fourth rule: the new Table in front of the Pad, or None."""
    pad = wiring.producer(node.inputs[0])
    if pad is None or not is_op(pad, "Pad") or wiring.only_user(pad.output) is not node:
        return None
    x, y = pad.inputs[0], node.output.type
    attrs: PadAttrs = pad.attrs
    if x.type.quant is None or y.quant is None:
        return None
    code = int(quantize(np.asarray(attrs.value, np.float32), x.type.quant))
    padding = dequantize(node.inputs[1].array[code - QMIN], y.quant)
    table = wiring.make(
        "Table", [x, node.inputs[1]], y.with_shape(x.type.shape), attrs=node.attrs, like=node, name=node.name
    )
    moved = wiring.make("Pad", [table.output], y, attrs=replace(attrs, value=float(padding)), like=pad, name=pad.name)
    wiring.insert_before(node, table)
    wiring.insert_before(node, moved)
    wiring.take_over(moved, node)
    return table


def compose(wiring: Wiring, outer: Node) -> bool:
    """Table(Table(x)) => Table(x); True when it was done."""
    inner = wiring.producer(outer.inputs[0])
    if inner is None or not is_op(inner, "Table"):
        return False
    first, second = inner.inputs[1].array, outer.inputs[1]
    entries: Array = second.array[first.astype(np.int64) - QMIN]
    table = wiring.constant(second.name, TensorType(second.type.dtype, (256,), second.type.quant), entries)
    outer.attrs = TableAttrs(f"{inner.attrs.function}+{outer.attrs.function}")
    wiring.set_inputs(outer, [inner.inputs[0], table])
    return True


def drop_identity(wiring: Wiring, node: Node) -> bool:
    """Let readers of a Table that changes nothing read its input; True when it was done."""
    codes, entries = effect(wiring, node)
    x, y = node.inputs[0], node.output
    if x.type.quant != y.type.quant or not np.array_equal(codes, entries):
        return False
    if wiring.graph.is_output(y) and x in wiring.graph.inputs:
        return False
    wiring.replace(y, x)
    return True


def effect(wiring: Wiring, node: Node) -> tuple[Array, Array]:
    """The codes that the input can hold, ascending, and what the Table makes of them."""
    low, high = value_range(wiring, node.inputs[0])
    return np.arange(low, high + 1), node.inputs[1].array[low - QMIN : high - QMIN + 1]


def merge_clamp(wiring: Wiring, node: Node) -> bool:
    """Move a Table that only bounds into its producer's clamp; True when it was done."""
    codes, entries = effect(wiring, node)
    if node.inputs[0].type.quant != node.output.type.quant:
        return False
    low, high = int(entries.min()), int(entries.max())
    if not np.array_equal(np.clip(codes, low, high), entries):
        return False
    producer = clampable(wiring, node)
    attrs = clamped(producer.attrs, (low, high)) if producer is not None else None
    if producer is None or attrs is None:
        return False
    producer.attrs = attrs
    wiring.replace(node.output, node.inputs[0])
    return True


def clampable(wiring: Wiring, node: Node) -> Node | None:
    """The operator whose result reaches `node` through movement alone, with no other reader on the way."""
    reader, producer = node, wiring.producer(node.inputs[0])
    while producer is not None and wiring.only_user(producer.output) is reader:
        if not is_op(producer, *KEEPS_RANGE):
            return producer
        reader, producer = producer, wiring.producer(producer.inputs[0])
    return None
