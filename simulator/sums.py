"""Exact sums of products for Conv and Gemm: which numbers a layer adds, and in which element type."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from edgec.ir import Array, Node
from edgec.ops.conv import conv_data, sum_bounds
from edgec.ops.numbers import QMAX, QMIN, requantize
from edgec.simulator.ops.base import EXACT, Constants, Function, quant_of, requantizer

# x: (B, ...), weights, bias or None, in one element type -> sums with the output channel last
Product = Callable[[Tensor, Tensor, Tensor | None], Tensor]


@dataclass(frozen=True)
class Layer:
    """Constants of a Conv or Gemm. weights: (O, ...) less their zero points, bias: (O), scale: (O) float32."""

    weights: Array
    bias: Array
    scale: Array


def layer_of(node: Node) -> Layer:
    """The layer's integers; channels with one output for all inputs are reduced to it: weights 0, scale 1.

    Quantisers give such dead channels biases near 2^31, which alone would ask for sums beyond float32.
    """
    data = conv_data(node)
    weights, bias, scale = data.weights.astype(np.int32), data.bias.astype(np.int64), data.scale.copy()
    each_output = (-1, *[1] * (weights.ndim - 1))
    if data.weight_zero_point is not None:
        weights -= data.weight_zero_point.reshape(each_output)
    lower, upper = sum_bounds(node)
    ends = [requantize(end, scale, data.output_zero_point, node.attrs.clamp) for end in (lower, upper)]
    # A sum that can leave int32 is no sum that the kernels accept: nothing is known about it.
    same = (ends[0] == ends[1]) & (lower >= -(2**31)) & (upper < 2**31)
    bias = np.where(same, ends[0].astype(np.int64) - data.output_zero_point, bias)
    return Layer(np.where(same.reshape(each_output), 0, weights), bias, np.where(same, np.float32(1), scale))


def layer_s8(node: Node, constants: Constants, product: Product, arrange: Callable[[Tensor], Tensor]) -> Function:
    """product(x, weights, bias), then one requantisation; `arrange` puts the weights in the order `product` takes.

    float32 where no sum of products can leave the integers that it holds exactly, else float64. Where only the bias
    is too large, it alone is added in float64. float64 -> float32 rounds half to even, as int32 -> float32 does.
    """
    layer = layer_of(node)
    _, zero_point = quant_of(node.inputs[0])
    magnitudes = np.abs(layer.weights.astype(np.int64)).reshape(len(layer.bias), -1).sum(axis=1)
    products = magnitudes * max(QMAX - zero_point, zero_point - QMIN)
    dtype = torch.float32 if np.max(products, initial=0) < EXACT else torch.float64
    apart = dtype == torch.float32 and np.max(products + np.abs(layer.bias), initial=0) >= EXACT
    weights = arrange(constants.tensor(layer.weights, dtype))
    bias = constants.tensor(layer.bias, torch.float64 if apart else dtype)
    finish = requantizer(constants.tensor(layer.scale), node.attrs.clamp, node.output)
    if apart:
        return lambda inputs: finish((product(inputs[0], weights, None) + bias).to(torch.float32))
    return lambda inputs: finish(product(inputs[0].to(dtype), weights, bias).to(torch.float32))
