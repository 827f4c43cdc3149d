"""FuseBias: a constant added behind a Conv or Gemm becomes its bias."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgec.ir import Array, DType, Graph, Node, TensorType, Value
from edgec.passes.base import Pass
from edgec.passes.constants import real_constant, reshaped_axis
from edgec.passes.wiring import Wiring, dequantized, is_op
from edgec.target import Target


@dataclass(frozen=True)
class FuseBias(Pass):
    """Make the constant that is added to a Conv or Gemm its bias.

    Add(Conv | Gemm(x, w), c)     =>  Conv | Gemm(x, w, c)
    Add(Conv | Gemm(x, w, b), c)  =>  Conv | Gemm(x, w, b + c)

    Not done when
    - something else reads the result of the Conv or Gemm;
    - c varies along another axis than the output channels.
    """

    def run(self, graph: Graph, target: Target) -> bool:
        wiring = Wiring(graph)
        changed = False
        for node in wiring.nodes():
            if is_op(node, "Add"):
                changed |= fuse(wiring, node)
        return changed


def fuse(wiring: Wiring, add: Node) -> bool:
    """Add a constant vector to the bias of the Conv or Gemm before; True when it was done."""
    for position in (0, 1):
        producer = wiring.producer(add.inputs[position])
        if not is_op(producer, "Conv", "Gemm") or producer is None:
            continue
        if wiring.only_user(producer.output) is not add or producer.output.type.shape != add.output.type.shape:
            continue
        channels = producer.output.type.shape[-1]
        bias = channel_vector(wiring, add.inputs[1 - position], channels)
        if bias is None:
            continue
        previous = real_constant(wiring, producer.inputs[2]) if len(producer.inputs) > 2 else None
        if len(producer.inputs) > 2 and previous is None:
            continue
        if previous is not None and np.any(previous):
            bias = summed(wiring, producer, previous, bias)
        wiring.set_inputs(producer, [*producer.inputs[:2], bias])
        wiring.take_over(producer, add)
        return True
    return False


def summed(wiring: Wiring, producer: Node, previous: Array, added: Value) -> Value:
    """previous + added, as float32."""
    vector = real_constant(wiring, added)
    assert vector is not None  # channel_vector gives constants only
    data = (previous.astype(np.float64) + vector).astype(np.float32)
    return wiring.constant(f"{producer.name}_bias", TensorType(DType.F32, data.shape), data)


def channel_vector(wiring: Wiring, value: Value, channels: int) -> Value | None:
    """A constant that varies along the last axis at most, as (channels): reals, or DequantizeLinear(integers)."""
    shape = value.type.shape
    if value.type.elements != (shape[-1] if shape else 1) or (shape and shape[-1] not in (1, channels)):
        return None
    if value.is_constant:
        if value.type.dtype is not DType.F32:
            return None
        data = np.broadcast_to(value.array.reshape(-1), (channels,)).copy()
        return wiring.constant(value.name, TensorType(DType.F32, (channels,)), data)
    return dequantized_vector(wiring, value, channels)


def dequantized_vector(wiring: Wiring, value: Value, channels: int) -> Value | None:
    """DequantizeLinear(constant) as DequantizeLinear of a vector: a bias of s32 must not pass through float32."""
    source = dequantized(wiring, value)
    if source is None or not source.is_constant or source.type.quant is None:
        return None
    if value.type.shape == (channels,):
        return value
    quant = source.type.quant
    if value.type.elements != channels:
        data = real_constant(wiring, value)
        assert data is not None  # checked above: DequantizeLinear of a constant
        vector = np.broadcast_to(data.reshape(-1), (channels,)).copy()
        return wiring.constant(value.name, TensorType(DType.F32, (channels,)), vector)
    if quant.axis is not None:
        axis = reshaped_axis(source.type.shape, (channels,), quant.axis)
        if axis is None:
            return None
        quant = type(quant)(quant.scale, quant.zero_point, axis)
    constant = wiring.constant(source.name, TensorType(source.type.dtype, (channels,), quant), source.array.reshape(-1))
    node = wiring.producer(value)
    assert node is not None  # the DequantizeLinear that `dequantized` looked through
    vector_type = TensorType(DType.F32, (channels,))
    new = wiring.make("DequantizeLinear", [constant], vector_type, like=node, name=f"{node.name}_vector")
    return wiring.insert_first(new)
