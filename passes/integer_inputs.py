"""What an operator reads once it computes in integers: activations, weights, bias, constants - or why it can't."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from edgec.ir import Array, DType, Node, QuantParams, TensorType, Value
from edgec.ops.activation import ClipAttrs
from edgec.ops.numbers import QMAX, QMIN, quantize
from edgec.ops.resize import ResizeAttrs
from edgec.passes.constants import exact_int8, real_constant
from edgec.passes.wiring import Wiring, dequantized, is_op

Inputs = list[Value] | str  # a string is the reason, as the end of the sentence "<node> <reason>"
UNARY = ("AveragePool", "ReduceMean", "Softmax", "LogSoftmax", "Resize", "ArgMax")
BINARY = ("Add", "Sub", "Mul", "Div")
WEIGHTED = ("Conv", "Gemm")
BIAS_SCALE_TOLERANCE = 1e-4  # relative; exporters round the product of two scales differently
INT32_MIN, INT32_MAX = -(2**31), 2**31 - 1


def integer_inputs(wiring: Wiring, node: Node) -> Inputs:
    """The integer values that `node` reads instead of its float32 ones, or the reason why there are none."""
    if node.op.name in WEIGHTED:
        return weighted_inputs(wiring, node)
    if node.op.name in BINARY:
        return binary_inputs(wiring, node)
    if node.op.name not in UNARY:
        return "has no integer form"
    if isinstance(node.attrs, ResizeAttrs) and node.attrs.mode not in ("nearest", "linear"):
        return f"has mode {node.attrs.mode!r}"
    x = activation(wiring, node.inputs[0])
    return x if isinstance(x, str) else [x]


def activation(wiring: Wiring, value: Value) -> Value | str:
    """The int8 value behind DequantizeLinear."""
    x = dequantized(wiring, value)
    if x is None:
        producer = wiring.producer(value)
        origin = f"comes from {producer.source}" if producer is not None else "is an input of the model"
        return f"reads {value.name!r}, which is not quantised: it {origin}"
    if x.type.dtype is not DType.S8 or x.type.quant is None:
        return f"reads {x.name!r} of type {x.type}, int8 is needed"
    if x.type.quant.axis is not None:
        return f"reads {x.name!r}, an activation with one scale a channel"
    return x


def weighted_inputs(wiring: Wiring, node: Node) -> Inputs:
    """x, w and bias of a Conv or Gemm."""
    x = activation(wiring, node.inputs[0])
    if isinstance(x, str):
        return x
    w = dequantized(wiring, node.inputs[1])
    if w is None or not w.is_constant:
        kind = "float32 weights" if node.inputs[1].is_constant else "weights that are computed at run time"
        return f"has {kind} ({node.inputs[1].name!r}) next to int8 activations"
    if w.type.dtype is not DType.S8 or w.type.quant is None:
        return f"has weights {w.name!r} of type {w.type}, int8 is needed"
    if w.type.quant.axis not in (None, 0):
        return f"has weights {w.name!r} with one scale for each index of axis {w.type.quant.axis}; output channels only"
    bias = integer_bias(wiring, node, x, w)
    return bias if isinstance(bias, str) else [x, w, bias]


def integer_bias(wiring: Wiring, node: Node, x: Value, w: Value) -> Value | str:
    """The bias as s32 with scale s_x * s_w: as the model has it, or the nearest integers to its reals."""
    channels = w.type.shape[0]
    target = TensorType(DType.S32, (channels,))
    if len(node.inputs) < 3:
        return wiring.constant(f"{node.name}_bias", target, np.zeros(channels, np.int32))
    assert x.type.quant is not None  # checked by weighted_inputs
    assert w.type.quant is not None
    unit = np.broadcast_to(np.float64(x.type.quant.scale[0]) * np.asarray(w.type.quant.scale), (channels,))
    source = dequantized(wiring, node.inputs[2])
    if source is not None and source.is_constant and source.type.quant is not None:
        quant = source.type.quant
        if matches(quant, unit) and not any(quant.zero_point):
            return wiring.constant(source.name, target, source.array.astype(np.int32))
        exact = source.array.astype(np.float64) - np.asarray(quant.zero_point, np.float64)
        real = exact * np.asarray(quant.scale)
    else:
        constant = real_constant(wiring, node.inputs[2])
        if constant is None:
            return f"has a bias {node.inputs[2].name!r} that is computed at run time"
        real = constant.astype(np.float64)
    data = np.clip(np.rint(real / unit), INT32_MIN, INT32_MAX).astype(np.int32)
    return wiring.constant((source or node.inputs[2]).name, target, data)


def matches(quant: QuantParams, unit: Array) -> bool:
    scales = np.broadcast_to(np.asarray(quant.scale), unit.shape)
    return bool(np.all(np.abs(scales - unit) <= BIAS_SCALE_TOLERANCE * unit))


def binary_inputs(wiring: Wiring, node: Node) -> Inputs:
    """Both inputs of Add, Sub, Mul, Div; one may be a constant."""
    inputs: list[Value] = []
    for value in node.inputs:
        found = binary_constant(wiring, value) or activation(wiring, value)
        if isinstance(found, str):
            return found
        inputs.append(found)
    return inputs


def binary_constant(wiring: Wiring, value: Value) -> Value | str | None:
    """A constant as int8: as the model has it, or under a scale that gives its reals exactly; None for no constant."""
    source = dequantized(wiring, value)
    if source is not None and source.is_constant and source.type.dtype is DType.S8:
        quant = source.type.quant
        if quant is not None and quant.axis is None:
            return source
    real = real_constant(wiring, value)
    if real is None:
        return None
    found = exact_int8(real)
    if found is None:
        return (
            f"has a float32 constant {value.name!r} of shape {list(real.shape)} that int8 with one scale "
            "can't hold exactly; quantise it in the model"
        )
    data, quant = found
    return wiring.constant(value.name, TensorType(DType.S8, real.shape, quant), data)


def integer_clamp(chain: list[Node], quant: QuantParams) -> tuple[int, int]:
    """Bounds on int8 of a chain of Relu and Clip: [Q(lo), Q(hi)], exact because Q is monotone."""
    low, high = QMIN, QMAX
    for node in chain:
        bounds = node.attrs if isinstance(node.attrs, ClipAttrs) else ClipAttrs(min=0.0)
        at_least, at_most = (int(q) for q in quantize(np.asarray([bounds.min, bounds.max], np.float32), quant))
        # Clip gives its maximum where both bounds contradict: min(max(x, lo), hi).
        low, high = (min(max(bound, at_least), at_most) for bound in (low, high))
    return low, high


def clamped(attrs: object, clamp: tuple[int, int]) -> object | None:
    """`attrs` with the clamp applied after its own, or None where the operator has none."""
    own = getattr(attrs, "clamp", None)
    if own is None:
        return None
    low, high = (min(max(bound, clamp[0]), clamp[1]) for bound in own)
    return replace(attrs, clamp=(low, high))  # type: ignore[type-var]


def end_of_chain(wiring: Wiring, node: Node) -> tuple[list[Node], Node | None]:
    """The Relu and Clip nodes behind `node`, each the only reader of the one before, and the QuantizeLinear behind."""
    chain: list[Node] = []
    last = wiring.only_user(node.output)
    while last is not None and is_op(last, "Relu", "Clip"):
        chain.append(last)
        last = wiring.only_user(last.output)
    return chain, last if is_op(last, "QuantizeLinear") else None
