"""Unary functions in torch, for Graphs in float32; in int8 Graphs they are tables and clamps."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from edgec.ir import Node
from edgec.ops.activation import AlphaAttrs, AlphaBetaAttrs, ClipAttrs, GeluAttrs
from edgec.simulator.ops.base import Builder, Constants, Function

# ONNX name -> torch function, of the operators without attributes.
PLAIN: dict[str, Callable[[Tensor], Tensor]] = {
    "Relu": torch.relu,
    "Sigmoid": torch.sigmoid,
    "Tanh": torch.tanh,
    "HardSwish": lambda x: x * (x / 6 + 0.5).clamp(0, 1),
    "Softplus": lambda x: torch.logaddexp(x, torch.zeros_like(x)),
    "Softsign": F.softsign,
    "Mish": F.mish,
    "Exp": torch.exp,
    "Log": torch.log,
    "Sqrt": torch.sqrt,
    "Reciprocal": torch.reciprocal,
    "Abs": torch.abs,
    "Neg": torch.neg,
    "Sign": torch.sign,
    "Floor": torch.floor,
    "Ceil": torch.ceil,
    "Round": torch.round,
    "Erf": torch.erf,
    "Sin": torch.sin,
    "Cos": torch.cos,
    "Tan": torch.tan,
    "Atan": torch.atan,
    "Sinh": torch.sinh,
    "Cosh": torch.cosh,
    "Asinh": torch.asinh,
}


def clip(attrs: ClipAttrs, x: Tensor) -> Tensor:
    return x.clamp(attrs.min, attrs.max)


def leaky_relu(attrs: AlphaAttrs, x: Tensor) -> Tensor:
    return F.leaky_relu(x, attrs.alpha)


def elu(attrs: AlphaAttrs, x: Tensor) -> Tensor:
    return F.elu(x, attrs.alpha)


def selu(attrs: AlphaBetaAttrs, x: Tensor) -> Tensor:
    """`beta` is ONNX's gamma."""
    return attrs.beta * F.elu(x, attrs.alpha)


def celu(attrs: AlphaAttrs, x: Tensor) -> Tensor:
    return F.celu(x, attrs.alpha)


def hard_sigmoid(attrs: AlphaBetaAttrs, x: Tensor) -> Tensor:
    return (attrs.alpha * x + attrs.beta).clamp(0, 1)


def thresholded_relu(attrs: AlphaAttrs, x: Tensor) -> Tensor:
    return F.threshold(x, attrs.alpha, 0.0) if math.isfinite(attrs.alpha) else torch.zeros_like(x)


def gelu(attrs: GeluAttrs, x: Tensor) -> Tensor:
    return F.gelu(x, approximate=attrs.approximate)


WITH_ATTRS: dict[str, Callable[[Any, Tensor], Tensor]] = {
    "Clip": clip,
    "LeakyRelu": leaky_relu,
    "Elu": elu,
    "Selu": selu,
    "Celu": celu,
    "HardSigmoid": hard_sigmoid,
    "ThresholdedRelu": thresholded_relu,
    "Gelu": gelu,
}


def plain(function: Callable[[Tensor], Tensor], node: Node, constants: Constants) -> Function:
    constants.read(*node.inputs)
    return lambda inputs: function(inputs[0])


def with_attrs(function: Callable[[Any, Tensor], Tensor], node: Node, constants: Constants) -> Function:
    constants.read(*node.inputs)
    return lambda inputs: function(node.attrs, inputs[0])


INT8: dict[str, Builder] = {}
FLOAT: dict[str, Builder] = {
    **{name: partial(plain, function) for name, function in PLAIN.items()},
    **{name: partial(with_attrs, function) for name, function in WITH_ATTRS.items()},
}
