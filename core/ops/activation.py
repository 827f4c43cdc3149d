"""Unary functions of ONNX; in an int8 graph they become tables or clamps."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from edgec.ir import Array, TensorType
from edgec.ops import backward
from edgec.ops.base import NoAttrs, OpDef, each_row

Function = Callable[[Array], Array]


@dataclass(frozen=True)
class ClipAttrs:
    min: float = -math.inf
    max: float = math.inf


@dataclass(frozen=True)
class AlphaAttrs:
    """One parameter, under ONNX's name."""

    alpha: float


@dataclass(frozen=True)
class AlphaBetaAttrs:
    alpha: float
    beta: float


@dataclass(frozen=True)
class GeluAttrs:
    approximate: str = "none"  # none, tanh


def infer_unary(attrs: object, types: Sequence[TensorType]) -> tuple[TensorType, ...]:
    return (TensorType(types[0].dtype, types[0].shape),)


def sigmoid(x: Array) -> Array:
    return np.asarray(1.0 / (1.0 + np.exp(-x)))


def softplus(x: Array) -> Array:
    return np.asarray(np.logaddexp(x, 0.0))


def erf(x: Array) -> Array:
    return np.asarray(np.vectorize(math.erf, otypes=[np.float64])(x))


def gelu(attrs: GeluAttrs, x: Array) -> Array:
    if attrs.approximate == "tanh":
        return np.asarray(0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))))
    return np.asarray(0.5 * x * (1 + erf(x / math.sqrt(2))))


def hard_sigmoid(attrs: AlphaBetaAttrs, x: Array) -> Array:
    return np.clip(attrs.alpha * x + attrs.beta, 0, 1)


def elu(attrs: AlphaAttrs, x: Array) -> Array:
    return np.where(x > 0, x, attrs.alpha * np.expm1(np.minimum(x, 0)))


def selu(attrs: AlphaBetaAttrs, x: Array) -> Array:
    """`beta` is ONNX's gamma."""
    return attrs.beta * np.where(x > 0, x, attrs.alpha * np.expm1(np.minimum(x, 0)))


def unary(name: str, function: Function) -> OpDef[NoAttrs]:
    """An operator of one plain function; it has a gradient where GRADIENTS names one."""
    return OpDef(
        name,
        NoAttrs,
        infer_unary,
        rows=each_row,
        summary="as a table",
        evaluate=lambda attrs, x: function(x),
        grad=GRADIENTS.get(name),
    )


GRADIENTS = {"Relu": backward.relu, "Sigmoid": backward.sigmoid, "Tanh": backward.tanh}


# Name -> function of one real array, in float64: the caller rounds once, when it quantises.
PLAIN: dict[str, Function] = {
    "Relu": lambda x: np.maximum(x, 0),
    "Sigmoid": sigmoid,
    "Tanh": np.tanh,
    "HardSwish": lambda x: x * np.clip(x / 6 + 0.5, 0, 1),
    "Softplus": softplus,
    "Softsign": lambda x: x / (1 + np.abs(x)),
    "Mish": lambda x: x * np.tanh(softplus(x)),
    "Exp": np.exp,
    "Log": np.log,
    "Sqrt": np.sqrt,
    "Reciprocal": lambda x: 1 / x,
    "Abs": np.abs,
    "Neg": np.negative,
    "Sign": np.sign,
    "Floor": np.floor,
    "Ceil": np.ceil,
    "Round": np.rint,
    "Erf": erf,
    "Sin": np.sin,
    "Cos": np.cos,
    "Tan": np.tan,
    "Atan": np.arctan,
    "Sinh": np.sinh,
    "Cosh": np.cosh,
    "Asinh": np.arcsinh,
}

CLIP = OpDef(
    "Clip",
    ClipAttrs,
    infer_unary,
    rows=each_row,
    summary="as a clamp or a table",
    grad=backward.clip,
    evaluate=lambda attrs, x: np.clip(x, attrs.min, attrs.max),
)
LEAKY_RELU = OpDef(
    "LeakyRelu",
    AlphaAttrs,
    infer_unary,
    rows=each_row,
    summary="as a table",
    evaluate=lambda attrs, x: np.where(x >= 0, x, attrs.alpha * x),
)
ELU = OpDef("Elu", AlphaAttrs, infer_unary, rows=each_row, summary="as a table", evaluate=elu)
SELU = OpDef("Selu", AlphaBetaAttrs, infer_unary, rows=each_row, summary="as a table", evaluate=selu)
HARD_SIGMOID = OpDef(
    "HardSigmoid", AlphaBetaAttrs, infer_unary, rows=each_row, summary="as a table", evaluate=hard_sigmoid
)
CELU = OpDef(
    "Celu",
    AlphaAttrs,
    infer_unary,
    rows=each_row,
    summary="as a table",
    evaluate=lambda attrs, x: np.maximum(x, 0) + np.minimum(0, attrs.alpha * np.expm1(x / attrs.alpha)),
)
THRESHOLDED_RELU = OpDef(
    "ThresholdedRelu",
    AlphaAttrs,
    infer_unary,
    rows=each_row,
    summary="as a table",
    evaluate=lambda attrs, x: np.where(x > attrs.alpha, x, 0.0),
)
GELU = OpDef("Gelu", GeluAttrs, infer_unary, rows=each_row, summary="as a table", evaluate=gelu)

OPS = (
    *(unary(name, function) for name, function in PLAIN.items()),
    CLIP,
    LEAKY_RELU,
    ELU,
    SELU,
    HARD_SIGMOID,
    CELU,
    THRESHOLDED_RELU,
    GELU,
)
