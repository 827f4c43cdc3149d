"""FoldBatchNorm: what is left of a BatchNormalization goes into the float weights before it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgec.ir import Array, DType, Graph, Node, TensorType, Value
from edgec.passes.base import Pass
from edgec.passes.constants import real_constant
from edgec.passes.wiring import Wiring, is_op
from edgec.target import Target


@dataclass(frozen=True)
class FoldBatchNorm(Pass):
    """Fold a factor for each output channel into a Conv or Gemm with float weights.

    Mul(Conv | Gemm(x, w, b), c)  =>  Conv | Gemm(x, w * c, b * c)

    A BatchNormalization is imported as this Mul and an Add, which fuse-bias takes.
    Not done when
    - the weights are int8: the factor would have to be quantised with them;
    - something else reads the result of the Conv or Gemm;
    - c varies along another axis than the output channels.
    """

    def run(self, graph: Graph, target: Target) -> bool:
        wiring = Wiring(graph)
        changed = False
        for node in wiring.nodes():
            if is_op(node, "Mul"):
                changed |= fold(wiring, node)
        return changed


def fold(wiring: Wiring, mul: Node) -> bool:
    """Multiply a float producer's weights and bias by a Mul's factors; True when it was done."""
    for position in (0, 1):
        producer = wiring.producer(mul.inputs[position])
        factor = mul.inputs[1 - position]
        if producer is None or not is_op(producer, "Conv", "Gemm") or not factor.is_constant:
            continue
        if wiring.only_user(producer.output) is not mul or producer.output.type.shape != mul.output.type.shape:
            continue
        scale = channel_factors(factor, producer.output.type.shape[-1])
        weights = producer.inputs[1]
        if scale is None or not weights.is_constant or weights.type.dtype is not DType.F32:
            continue
        # weights: (O, ...), scale: (O)
        scaled = weights.array * scale.reshape(-1, *[1] * (len(weights.type.shape) - 1))
        inputs = [producer.inputs[0], wiring.constant(weights.name, weights.type, scaled.astype(np.float32))]
        if len(producer.inputs) > 2:
            bias = real_constant(wiring, producer.inputs[2])
            if bias is None:
                continue
            data = (bias * scale).astype(np.float32)
            inputs.append(wiring.constant(f"{producer.name}_bias", TensorType(DType.F32, data.shape), data))
        wiring.set_inputs(producer, inputs)
        wiring.take_over(producer, mul)
        return True
    return False


def channel_factors(value: Value, channels: int) -> Array | None:
    """The constant as (channels), or None where it varies along another axis than the last."""
    shape = value.type.shape
    if value.type.dtype is not DType.F32 or value.type.elements not in (1, channels):
        return None
    if value.type.elements != (shape[-1] if shape else 1):
        return None
    return np.broadcast_to(value.array.reshape(-1), (channels,))
