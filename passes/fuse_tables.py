"""FuseTables: functions of one element between int8 values become 256 bytes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgec.ir import Array, DType, Graph, Node, QuantParams, TensorType, Value
from edgec.ops.numbers import QMAX, QMIN, dequantize, saturate
from edgec.ops.table import TableAttrs
from edgec.passes.base import Pass
from edgec.passes.constants import real_constant
from edgec.passes.wiring import Wiring, is_op
from edgec.target import Target

CODES = np.arange(QMIN, QMAX + 1, dtype=np.int8)


@dataclass(frozen=True)
class FuseTables(Pass):
    """Compute every float32 function of one int8 element at compile time.

    QuantizeLinear(f(DequantizeLinear(x)))  =>  Table(x, t),  t[q + 128] = quantize(f(dequantize(q)))

    f is any tree of elementwise operators that reads x (once or often, as x * sigmoid(x)) and scalar constants;
    no f at all is a change of quantisation. Each operator's result is rounded to float32, as onnxruntime does.
    Not done when
    - f reads two different int8 values, or a constant that is not a scalar;
    - f contains an operator that looks at more than one element;
    - a quantisation is per axis.
    """

    def run(self, graph: Graph, target: Target) -> bool:
        wiring = Wiring(graph)
        changed = False
        for node in wiring.nodes():
            if is_op(node, "QuantizeLinear"):
                changed |= fuse(wiring, node)
        return changed


@dataclass(frozen=True)
class Region:
    """The float nodes before a QuantizeLinear, in execution order, and the int8 value they depend on."""

    nodes: tuple[Node, ...]
    source: Value


def fuse(wiring: Wiring, last: Node) -> bool:
    """Replace the elementwise region before a QuantizeLinear by a Table; True when it was done."""
    region = find_region(wiring, last.inputs[0])
    y = last.output.type
    if region is None or y.quant is None or y.quant.axis is not None or region.source.type.shape != y.shape:
        return False
    entries = quantize_all(evaluate_region(wiring, region, last.inputs[0]), y.quant)
    table = wiring.constant(f"{last.output.name}_table", TensorType(DType.S8, (256,), y.quant), entries)
    named = region.nodes[-1] if region.nodes else last
    function = "+".join(node.op.name for node in region.nodes) or "Requantize"
    new = wiring.make("Table", [region.source, table], y, attrs=TableAttrs(function), like=named, name=named.name)
    wiring.insert_before(last, new)
    wiring.take_over(new, last)
    return True


def find_region(wiring: Wiring, value: Value) -> Region | None:
    """The elementwise nodes that `value` comes from, if one per-tensor int8 value and scalars are all they read."""
    nodes: dict[Node, None] = {}
    sources: dict[Value, None] = {}

    def visit(value: Value) -> bool:
        node = wiring.producer(value)
        if is_scalar_constant(wiring, value) or (node is not None and node in nodes):
            return True
        if node is None:
            return False
        if is_op(node, "DequantizeLinear"):
            sources[node.inputs[0]] = None
            return len(sources) == 1
        if node.op.evaluate is None or not all(visit(source) for source in node.inputs):
            return False
        nodes[node] = None
        return True

    if not visit(value) or len(sources) != 1:
        return None
    (source,) = sources
    quant = source.type.quant
    if source.is_constant or source.type.dtype is not DType.S8 or quant is None or quant.axis is not None:
        return None
    return Region(tuple(nodes), source)


def is_scalar_constant(wiring: Wiring, value: Value) -> bool:
    """A constant whose elements are all equal and that broadcasts (elementwise: to what it is read with)."""
    if value.type.elements != 1:
        return False
    return real_constant(wiring, value) is not None


def evaluate_region(wiring: Wiring, region: Region, result: Value) -> Array:
    """The float32 results for the 256 codes of the region's int8 value."""
    quant = region.source.type.quant
    assert quant is not None  # find_region gives quantised sources
    x = dequantize(CODES, quant)
    known: dict[Value, Array] = {}

    def real(value: Value) -> Array:
        if value in known:
            return known[value]
        constant = real_constant(wiring, value)
        return x if constant is None else constant.reshape(())

    with np.errstate(all="ignore"):  # log(-1), 1/0: NaN and infinities are quantised below
        for node in region.nodes:
            known[node.output] = evaluate_float32(node, [real(value) for value in node.inputs])
    return np.broadcast_to(real(result), x.shape)


def evaluate_float32(node: Node, arrays: list[Array]) -> Array:
    """One operator: in float64, rounded once to float32, as a correctly rounded float32 function would be.

    Add, Sub, Mul and Div are the same either way: float64 holds 24-bit products and quotients exactly enough.
    """
    assert node.op.evaluate is not None  # find_region takes elementwise operators only
    return np.asarray(node.op.evaluate(node.attrs, *(a.astype(np.float64) for a in arrays)), np.float32)


def quantize_all(x: Array, quant: QuantParams) -> Array:
    """quantize, with NaN at the zero point: the integer of a NaN is not defined, but has to be the same each time."""
    scale, zero_point = quant.scalar
    with np.errstate(over="ignore", invalid="ignore"):
        return saturate(np.nan_to_num(np.rint(x / scale).astype(np.float64), nan=0.0) + zero_point)
