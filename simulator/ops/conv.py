"""Conv in torch: NHWC tensors seen as channels-last NCHW, so that no data moves."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from torch import Tensor
from torch.nn import functional as F

from edgec.ir import DType, Node, QuantParams
from edgec.ops.conv import ConvAttrs, quant_of
from edgec.simulator.ops.base import Constants, Function, bound
from edgec.simulator.sums import layer_s8


def channels_first(x: Tensor) -> Tensor:
    """(N, H, W, C) -> (N, C, H, W), a view.

    With one channel "channels last" is ambiguous, and torch's CPU convolution then reads beyond the rows of some
    strided shapes: such tensors get the strides of plain NCHW.
    """
    return x.squeeze(3).unsqueeze(1) if x.shape[3] == 1 else x.permute(0, 3, 1, 2)


def flat_batch(x: Tensor) -> Tensor:
    """(B, N, H, W, C) -> (B * N, C, H, W), a view with channels last in memory."""
    return channels_first(x.reshape(-1, *x.shape[2:]))


def split_batch(y: Tensor, samples: int) -> Tensor:
    """(B * N, C, H, W) -> (B, N, H, W, C), contiguous where `y` has channels last."""
    y = y.permute(0, 2, 3, 1)
    return y.reshape(samples, -1, *y.shape[1:])


def pad_rows_columns(x: Tensor, pads: tuple[int, int, int, int], value: float = 0.0) -> Tensor:
    """(B * N, C, H, W) with (top, left, bottom, right) more pixels, channels last kept."""
    top, left, bottom, right = pads
    padded = F.pad(x.permute(0, 2, 3, 1), (0, 0, left, right, top, bottom), value=value)
    return channels_first(padded)


def convolution(attrs: ConvAttrs) -> Callable[[Tensor, Tensor, Tensor | None], Tensor]:
    """x: (B * N, C, H, W), w: (O, C / group, KH, KW), bias: (O) -> (B * N, O, H', W')."""
    top, left, bottom, right = attrs.pads
    even = top == bottom and left == right

    def run(x: Tensor, w: Tensor, bias: Tensor | None) -> Tensor:
        padding = (top, left) if even else (0, 0)
        x = x if even else pad_rows_columns(x, attrs.pads)
        return F.conv2d(x, w, bias, attrs.strides, padding, attrs.dilations, attrs.group)

    return run


def conv_s8(node: Node, constants: Constants) -> Function:
    """weights: (O, KH, KW, C / group) -> (O, C / group, KH, KW)."""
    function = convolution(node.attrs)

    def product(x: Tensor, w: Tensor, bias: Tensor | None) -> Tensor:
        return split_batch(function(flat_batch(x), w, bias), len(x))

    return layer_s8(node, constants, product, channels_first)


def bias_quant(node: Node) -> QuantParams | None:
    """Scale of the int32 bias of a quantised Conv or Gemm: s_x * s_w of each channel."""
    if node.output.type.quant is None:
        return None
    x, w, _ = quant_of(node)
    scales = (x.scalar[0] * np.asarray(w.scale, np.float32)).astype(np.float32)
    return QuantParams(tuple(map(float, scales)), (0,) * len(scales), None if w.axis is None else 0)


def real_bias(node: Node, constants: Constants) -> Tensor | None:
    """The bias parameter of an int8 layer; None where there is no bias or it is a float32 value of the Graph."""
    if len(node.inputs) < 3 or node.inputs[2].type.dtype is not DType.S32:
        return None
    return constants.parameter(node.inputs[2], node.inputs[2].type.quant or bias_quant(node))


def conv_f32(node: Node, constants: Constants) -> Function:
    """weights: (O, KH, KW, C / group) real, a parameter or computed from one by the Graph."""
    attrs: ConvAttrs = node.attrs
    function = convolution(attrs)
    fixed = real_bias(node, constants)
    constants.read(*(value for value in node.inputs[1:] if value.type.dtype is not DType.S32))

    def run(inputs: Sequence[Tensor]) -> Tensor:
        bias = inputs[2][0] if fixed is None and len(inputs) > 2 else fixed
        y = function(flat_batch(inputs[0]), channels_first(inputs[1][0]), bias)
        return bound(node.output, attrs.clamp, split_batch(y, len(inputs[0])))

    return run


INT8 = {"Conv": conv_s8}
FLOAT = {"Conv": conv_f32}
