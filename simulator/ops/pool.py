"""MaxPool, AveragePool and ReduceMean in torch."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from edgec.ir import Array, Node
from edgec.ops.numbers import Clamp
from edgec.ops.pool import PoolAttrs, ReduceAttrs, mean_scale, quants
from edgec.simulator.ops.base import EXACT, Constants, Function, bound, centred_clamp, requantizer
from edgec.simulator.ops.conv import flat_batch, pad_rows_columns, split_batch


def max_pool(attrs: PoolAttrs) -> Callable[[Tensor], Tensor]:
    """x: (B, N, H, W, C) -> (B, N, H', W', C); padding never wins."""

    def run(x: Tensor) -> Tensor:
        padded = pad_rows_columns(flat_batch(x), attrs.pads, -math.inf) if any(attrs.pads) else flat_batch(x)
        y = F.max_pool2d(padded, attrs.kernel_shape, attrs.strides, 0, attrs.dilations)
        return split_batch(y, len(x))

    return run


def max_pool_s8(node: Node, constants: Constants) -> Function:
    attrs: PoolAttrs = node.attrs
    low, high = centred_clamp(attrs.clamp, node.output)
    pool = max_pool(attrs)
    return lambda inputs: pool(inputs[0]).clamp(low, high)


def max_pool_f32(node: Node, constants: Constants) -> Function:
    attrs: PoolAttrs = node.attrs
    pool = max_pool(attrs)
    return lambda inputs: bound(node.output, attrs.clamp, pool(inputs[0]))


def window_counts(attrs: PoolAttrs, height: int, width: int) -> Array:
    """(H', W') elements of each window that count: those inside, or all with count_include_pad."""
    padded = np.pad(
        np.ones((height, width), np.int64),
        ((attrs.pads[0], attrs.pads[2]), (attrs.pads[1], attrs.pads[3])),
        constant_values=int(attrs.count_include_pad),
    )
    (kh, kw), (dh, dw) = attrs.kernel_shape, attrs.dilations
    reach_h, reach_w = (kh - 1) * dh + 1, (kw - 1) * dw + 1
    windows = np.lib.stride_tricks.sliding_window_view(padded, (reach_h, reach_w))
    windows = windows[:: attrs.strides[0], :: attrs.strides[1], ::dh, ::dw]
    return np.asarray(windows.sum(axis=(2, 3)))


def sum_pool(attrs: PoolAttrs, channels: int, constants: Constants) -> Callable[[Tensor], Tensor]:
    """x: (B, N, H, W, C) -> sums of the windows; padding adds zero."""
    ones = constants.tensor(np.ones((channels, 1, *attrs.kernel_shape)))

    def run(x: Tensor) -> Tensor:
        padded = pad_rows_columns(flat_batch(x), attrs.pads) if any(attrs.pads) else flat_batch(x)
        if attrs.dilations == (1, 1):
            y = F.avg_pool2d(padded, attrs.kernel_shape, attrs.strides, divisor_override=1)
        else:  # avg_pool2d has no dilation
            y = F.conv2d(padded, ones.to(x.dtype), None, attrs.strides, 0, attrs.dilations, channels)
        return split_batch(y, len(x))

    return run


def average_pool_s8(node: Node, constants: Constants) -> Function:
    attrs: PoolAttrs = node.attrs
    _, height, width, channels = node.inputs[0].type.shape
    sums = sum_pool(attrs, channels, constants)
    # A window that lies in the padding alone sums to 0 whatever its scale: count it as 1.
    counts = np.maximum(window_counts(attrs, height, width), 1)
    by_count = np.asarray([mean_scale(*quants(node), max(count, 1)) for count in range(counts.max() + 1)])
    # scale: (H', W', 1)
    requantize = requantizer(constants.tensor(by_count[counts][:, :, None]), attrs.clamp, node.output)
    return lambda inputs: requantize(sums(inputs[0]))


def average_pool_f32(node: Node, constants: Constants) -> Function:
    attrs: PoolAttrs = node.attrs
    _, height, width, channels = node.inputs[0].type.shape
    sums = sum_pool(attrs, channels, constants)
    counts = constants.tensor(np.maximum(window_counts(attrs, height, width), 1)[:, :, None])
    return lambda inputs: bound(node.output, attrs.clamp, sums(inputs[0]) / counts)


def reduced(node: Node) -> tuple[list[int], bool, int, Clamp]:
    """Axes after the batch axis, keepdims, number of elements summed, clamp."""
    attrs: ReduceAttrs = node.attrs
    count = int(np.prod([node.inputs[0].type.shape[axis] for axis in attrs.axes]))
    return [axis + 1 for axis in attrs.axes], attrs.keepdims, count, attrs.clamp


def reduce_mean_s8(node: Node, constants: Constants) -> Function:
    axes, keepdims, count, clamp = reduced(node)
    requantize = requantizer(float(mean_scale(*quants(node), count)), clamp, node.output)
    # The largest sum of `count` integers of 255 at most.
    dtype = torch.float32 if 255 * count < EXACT else torch.float64
    return lambda inputs: requantize(inputs[0].sum(axes, keepdim=keepdims, dtype=dtype).to(torch.float32))


def reduce_mean_f32(node: Node, constants: Constants) -> Function:
    axes, keepdims, _, clamp = reduced(node)

    def run(inputs: Sequence[Tensor]) -> Tensor:
        return bound(node.output, clamp, inputs[0].mean(axes, keepdim=keepdims))

    return run


INT8 = {"MaxPool": max_pool_s8, "AveragePool": average_pool_s8, "ReduceMean": reduce_mean_s8}
FLOAT = {"MaxPool": max_pool_f32, "AveragePool": average_pool_f32, "ReduceMean": reduce_mean_f32}
