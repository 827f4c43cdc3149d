"""What TensorFlow Lite can say of an operator: activation functions, padding, and the error for the rest."""

from __future__ import annotations

import numpy as np

from edgec.errors import InternalError, UnsupportedError
from edgec.ir import Node, QuantParams, Value
from edgec.ops.numbers import Clamp, quantize

# Numbers of the schema: its module may be absent where this one is imported.
SAME, VALID = 0, 1
NONE, RELU, RELU_N1_TO_1, RELU6 = 0, 1, 2, 3
ACTIVATIONS = (NONE, -np.inf, np.inf), (RELU, 0.0, np.inf), (RELU_N1_TO_1, -1.0, 1.0), (RELU6, 0.0, 6.0)


def refuse(node: Node, reason: str) -> UnsupportedError:
    """The error for an operator that TensorFlow Lite can't express."""
    return UnsupportedError(f"operator {node.op.name}: {reason}", where=str(node.source))


def quant_of(value: Value) -> QuantParams:
    if value.type.quant is None:
        raise InternalError(f"value {value.name!r} has no quantisation")
    return value.type.quant


def activation(node: Node, clamp: Clamp) -> int:
    """The fused activation function that bounds the output so."""
    quant = quant_of(node.output)
    for number, *bounds in ACTIVATIONS:
        low, high = (int(q) for q in quantize(np.array(bounds, np.float32), quant))
        if (low, high) == clamp:
            return number
    raise refuse(node, f"its output is bounded to {clamp[0]}..{clamp[1]}, which is no activation function")


def same_pads(node: Node) -> tuple[int, int, int, int]:
    """What padding SAME is here, as pads: the odd one comes last."""
    attrs, shape = node.attrs, node.inputs[0].type.shape
    first, last = [], []
    for axis in (0, 1):
        size, stride = shape[1 + axis], attrs.strides[axis]
        window = (attrs.kernel_shape[axis] - 1) * attrs.dilations[axis] + 1
        total = max(0, (-(-size // stride) - 1) * stride + window - size)
        first.append(total // 2)
        last.append(total - total // 2)
    return (first[0], first[1], last[0], last[1])
