"""MoveQuantization: data is moved as int8, not as float32."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from edgec.ir import Array, DType, Graph, Node, QuantParams, TensorType, Value
from edgec.ops.movement import PadAttrs
from edgec.ops.numbers import dequantize, quantize
from edgec.ops.resize import ResizeAttrs
from edgec.passes.base import Pass
from edgec.passes.wiring import Wiring, dequantized, is_op
from edgec.target import Target

MOVEMENT = ("Transpose", "Reshape", "Slice", "Concat", "Pad", "MaxPool", "DepthToSpace", "Resize")
MONOTONE = ("QuantizeLinear", "Relu", "Clip")  # functions of one element that never swap two values


@dataclass(frozen=True)
class MoveQuantization(Pass):
    """Bring DequantizeLinear behind movement, QuantizeLinear, Relu and Clip before it.

    move(DequantizeLinear(x))            =>  DequantizeLinear(move(x))
    f(move(x)), f = Quantize, Relu, Clip =>  move(f(x))

    move is Transpose, Reshape, Slice, Concat, Pad, MaxPool, DepthToSpace or nearest Resize. Not done when
    - a Concat joins values of different quantisations (the first rule; the second makes them equal);
    - a Pad's value is not a multiple of the scale (first rule);
    - the moved reals are also read by something that is neither QuantizeLinear, Relu nor Clip (second rule);
    - a Resize interpolates.
    """

    def run(self, graph: Graph, target: Target) -> bool:
        wiring = Wiring(graph)
        changed = False
        for node in wiring.nodes():
            changed |= sink_dequantize(wiring, node)
        # In order, so that the movement that one function rose over is in front of the next; the copies at once, as
        # there may be more movement in front of them.
        waiting = list(reversed(graph.nodes))
        while waiting:
            node = waiting.pop()
            copies = lift_function(wiring, node) if wiring.alive(node) else []
            waiting += copies
            changed |= bool(copies)
        return changed


def is_movement(node: Node) -> bool:
    return node.op.name in MOVEMENT and not (isinstance(node.attrs, ResizeAttrs) and node.attrs.mode != "nearest")


def sink_dequantize(wiring: Wiring, node: Node) -> bool:
    """First rule for one movement node of reals."""
    if not is_movement(node) or node.output.type.dtype is not DType.F32:
        return False
    integers = movable_integers(wiring, node)
    if integers is None:
        return False
    quant = integers[0].type.quant
    assert quant is not None  # movable_integers gives quantised values
    if not pad_is_exact(node, quant):
        return False
    old = node.output
    moved_type = TensorType(integers[0].type.dtype, old.type.shape, quant)
    moved = wiring.make(node.op.name, integers, moved_type, attrs=node.attrs, like=node, name=f"{node.name}_int8")
    real = wiring.make("DequantizeLinear", [moved.output], old.type, like=node, name=f"{node.name}_dequantize")
    wiring.insert_before(node, moved)
    wiring.insert_before(node, real)
    wiring.take_over(real, node)
    return True


def movable_integers(wiring: Wiring, node: Node) -> list[Value] | None:
    """The int8 values behind all inputs, if they have one quantisation in common and one is not constant."""
    sources = [dequantized(wiring, value) for value in node.inputs]
    known = [source for source in sources if source is not None]
    activations = [source for source in known if not source.is_constant]
    if not activations:
        return None
    quant = activations[0].type.quant
    if quant is None or quant.axis is not None or activations[0].type.dtype is not DType.S8:
        return None
    integers: list[Value] = []
    for value, source in zip(node.inputs, sources, strict=True):
        if source is None and value.is_constant and (constant := as_integers(wiring, value, quant)) is not None:
            integers.append(constant)
        elif source is not None and source.type.quant == quant and source.type.dtype is DType.S8:
            integers.append(source)
        else:
            return None
    return integers


def as_integers(wiring: Wiring, value: Value, quant: QuantParams) -> Value | None:
    """A float constant as int8 under `quant`, where that loses nothing."""
    data = quantize(value.array, quant)
    if not np.array_equal(dequantize(data, quant), value.array):
        return None
    return wiring.constant(value.name, TensorType(DType.S8, value.type.shape, quant), data)


def pad_is_exact(node: Node, quant: QuantParams) -> bool:
    """Whether a Pad's value is one that int8 holds exactly."""
    if not isinstance(node.attrs, PadAttrs) or node.attrs.mode != "constant":
        return True
    value = np.float32(node.attrs.value)
    return bool(dequantize(quantize(np.asarray(value), quant), quant) == value)


def lift_function(wiring: Wiring, node: Node) -> list[Node]:
    """Second rule: the copies of function `node` in front of the movement that fed it; none where it stays."""
    move = wiring.producer(node.inputs[0]) if is_op(node, *MONOTONE) else None
    if move is None or not is_movement(move) or wiring.is_output(move.output):
        return []
    if move.output.type.dtype is not DType.F32 or not all(is_op(u, *MONOTONE) for u in wiring.users(move.output)):
        return []
    if node.output.type.quant is not None and node.output.type.quant.axis is not None:
        return []
    copies: list[Node] = []
    for value in move.inputs:
        lifted_type = node.output.type.with_shape(value.type.shape)
        copy = wiring.make(node.op.name, [value], lifted_type, attrs=node.attrs, like=node, name=node.name)
        wiring.insert_before(move, copy)
        copies.append(copy)
    attrs = with_pad_value(move, lambda x: apply(node, x))
    outputs = [copy.output for copy in copies]
    moved = wiring.make(move.op.name, outputs, node.output.type, attrs=attrs, like=move, name=move.name)
    wiring.insert_before(move, moved)
    wiring.take_over(moved, node)
    if is_op(move, "Transpose", "Reshape"):
        # The movement is likely to vanish; the model's name belongs to the integers that stay, in whatever layout.
        first, last = copies[0].output, moved.output
        first.name, last.name = last.name, first.name
    return copies


def apply(node: Node, x: Array) -> Array:
    """What QuantizeLinear (as reals again), Relu or Clip makes of `x`."""
    if node.output.type.quant is not None:
        return dequantize(quantize(x, node.output.type.quant), node.output.type.quant)
    assert node.op.evaluate is not None  # Relu and Clip are elementwise
    return np.asarray(node.op.evaluate(node.attrs, x))


def with_pad_value(move: Node, function: Callable[[Array], Array]) -> object:
    """The attributes of `move`; those of a Pad with the function applied to its value."""
    if isinstance(move.attrs, PadAttrs) and move.attrs.mode == "constant":
        return replace(move.attrs, value=float(function(np.asarray(move.attrs.value, np.float32))))
    return move.attrs
