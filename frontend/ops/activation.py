"""Unary functions; Clip, Min and Max with constant bounds, PRelu with a single slope."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from edgec.errors import UnsupportedError
from edgec.frontend.context import UINT8_SHIFT, Context, quant_of
from edgec.frontend.node import OnnxNode
from edgec.ir import Array, DType, TensorType
from edgec.ops.activation import PLAIN, AlphaAttrs, AlphaBetaAttrs, ClipAttrs, GeluAttrs
from edgec.ops.base import NoAttrs


def unary(op: str, attrs: Callable[[OnnxNode], Any] = lambda node: NoAttrs()) -> Callable[[Context, OnnxNode], None]:
    """Importer of a function of one float32 value."""

    def write(ctx: Context, node: OnnxNode) -> None:
        ctx.emit(node, op, [ctx.real(node, 0)], attrs(node), output=node.output)

    return write


def alpha(default: float) -> Callable[[OnnxNode], AlphaAttrs]:
    return lambda node: AlphaAttrs(node.number("alpha", default))


def alpha_beta(first: float, name: str, second: float) -> Callable[[OnnxNode], AlphaBetaAttrs]:
    return lambda node: AlphaBetaAttrs(node.number("alpha", first), node.number(name, second))


def import_relu(ctx: Context, node: OnnxNode) -> None:
    if ctx.value(node, 0).type.dtype is DType.S8:
        clip_integers(ctx, node, 0.0, math.inf)
    else:
        ctx.emit(node, "Relu", [ctx.real(node, 0)], output=node.output)


def import_clip(ctx: Context, node: OnnxNode) -> None:
    """Bounds are attributes before opset 11, inputs since."""
    bounds = [node.number("min", -math.inf), node.number("max", math.inf)]
    for index, name in enumerate(("min", "max")):
        if node.has_input(index + 1):
            bounds[index] = scalar(ctx.constant_input(node, index + 1, f"has its {name}"), name)
    clip(ctx, node, 0, bounds[0], bounds[1])


def import_bound(low: bool) -> Callable[[Context, OnnxNode], None]:
    """Max(x, c) and Min(x, c) are Clip; which of the inputs is the constant does not matter."""

    def write(ctx: Context, node: OnnxNode) -> None:
        if len(node.proto.input) == 1:
            ctx.bind(node.output, ctx.value(node, 0))
            return
        constants = [ctx.array(node, index) for index in range(len(node.proto.input))]
        varying = [index for index, array in enumerate(constants) if array is None]
        if len(varying) != 1:
            raise UnsupportedError("compares two activations; one side has to be a constant number")
        bounds = [scalar(array, "bound") for array in constants if array is not None]
        limits = (max(bounds), math.inf) if low else (-math.inf, min(bounds))
        clip(ctx, node, varying[0], *limits)

    return write


def clip(ctx: Context, node: OnnxNode, index: int, low: float, high: float) -> None:
    """Clip of input `index`, which may be int8 or uint8: then the bounds are such integers."""
    if ctx.value(node, index).type.dtype is DType.S8:
        clip_integers(ctx, node, low, high, index)
    else:
        ctx.emit(node, "Clip", [ctx.real(node, index)], ClipAttrs(low, high), output=node.output)


def clip_integers(ctx: Context, node: OnnxNode, low: float, high: float, index: int = 0) -> None:
    """Clip of stored integers: q = clip(q, low, high) is a Clip of the reals that they stand for."""
    x = ctx.value(node, index)
    quant = quant_of(x)
    scale, zero_point = quant.scalar
    shift = UINT8_SHIFT if ctx.is_uint8(node.input(index)) else 0
    limits = [float(np.float32(bound - shift - zero_point) * scale) for bound in (low, high)]
    real = ctx.emit(node, "DequantizeLinear", [x], hint="real", type=TensorType(DType.F32, x.type.shape))
    clipped = ctx.emit(node, "Clip", [real], ClipAttrs(limits[0], limits[1]), hint="clip")
    ctx.emit(node, "QuantizeLinear", [clipped], output=node.output, quant=quant)


def import_prelu(ctx: Context, node: OnnxNode) -> None:
    slope = ctx.constant_input(node, 1, "has its slope")
    if slope.size > 1 and np.ptp(slope) != 0:
        raise UnsupportedError("has a slope for each channel; one slope for all is taken")
    ctx.emit(node, "LeakyRelu", [ctx.real(node, 0)], AlphaAttrs(float(slope.reshape(-1)[0])), output=node.output)


def scalar(array: Array, what: str) -> float:
    """The single number of a constant."""
    if array.size != 1:
        raise UnsupportedError(f"has a {what} of shape {list(array.shape)}; a single number is taken")
    return float(array.reshape(-1)[0])


# Defaults are those of the ONNX operators.
IMPORTERS = {
    **{op: unary(op) for op in PLAIN},
    "Relu": import_relu,
    "Clip": import_clip,
    "Max": import_bound(low=True),
    "Min": import_bound(low=False),
    "PRelu": import_prelu,
    "LeakyRelu": unary("LeakyRelu", alpha(0.01)),
    "Elu": unary("Elu", alpha(1.0)),
    "Celu": unary("Celu", alpha(1.0)),
    "ThresholdedRelu": unary("ThresholdedRelu", alpha(1.0)),
    "Selu": unary("Selu", alpha_beta(1.67326319217681884765625, "gamma", 1.05070102214813232421875)),
    "HardSigmoid": unary("HardSigmoid", alpha_beta(0.2, "beta", 0.5)),
    "Gelu": unary("Gelu", lambda node: GeluAttrs(node.text("approximate", "none"))),
}
