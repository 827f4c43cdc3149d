"""Resize in torch: rows and columns gathered, or four of them mixed; indices and weights from core/ops/resize.py."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from edgec.ir import Node
from edgec.ops.numbers import FULL_RANGE
from edgec.ops.resize import ResizeAttrs, linear_taps, nearest_indices
from edgec.simulator.ops.base import Constants, Function, bound, centred_clamp, quant_of


def nearest(node: Node, constants: Constants) -> Callable[[Tensor], Tensor]:
    """x: (B, N, H, W, C) -> (B, N, H', W', C), elements moved."""
    _, height, width, _ = node.inputs[0].type.shape
    rows = constants.tensor(nearest_indices(node.attrs, 0, height), torch.int64)
    columns = constants.tensor(nearest_indices(node.attrs, 1, width), torch.int64)
    return lambda x: x.index_select(2, rows).index_select(3, columns)


def linear(node: Node, constants: Constants) -> Callable[[Tensor], Tensor]:
    """Real values: four products summed in the order of core's `interpolate`, each step rounded once."""
    _, height, width, _ = node.inputs[0].type.shape
    rows, columns = linear_taps(node.attrs, 0, height), linear_taps(node.attrs, 1, width)
    top, bottom = constants.tensor(rows.lower, torch.int64), constants.tensor(rows.upper, torch.int64)
    left, right = constants.tensor(columns.lower, torch.int64), constants.tensor(columns.upper, torch.int64)
    # y0, y1: (H', 1, 1), x0, x1: (W', 1)
    y0, y1 = (constants.tensor(w[:, None, None]) for w in (rows.lower_weight, rows.upper_weight))
    x0, x1 = (constants.tensor(w[:, None]) for w in (columns.lower_weight, columns.upper_weight))

    def run(x: Tensor) -> Tensor:
        above, below = x.index_select(2, top), x.index_select(2, bottom)
        total = x0 * y0 * above.index_select(3, left) + x1 * y0 * above.index_select(3, right)
        total = total + x0 * y1 * below.index_select(3, left)
        return total + x1 * y1 * below.index_select(3, right)

    return run


def resize_s8(node: Node, constants: Constants) -> Function:
    """Nearest moves integers (requantised if the scales differ), linear mixes real values and quantises the result."""
    attrs: ResizeAttrs = node.attrs
    same = node.inputs[0].type.quant == node.output.type.quant
    mix = nearest(node, constants) if attrs.mode == "nearest" else linear(node, constants)
    if attrs.mode == "nearest" and same:
        return lambda inputs: mix(inputs[0])
    low, high = centred_clamp(FULL_RANGE, node.output)
    x_scale = float(quant_of(node.inputs[0])[0])
    # A tensor: torch may multiply by the reciprocal of a divisor that is a plain number.
    y_scale = constants.tensor(np.asarray(quant_of(node.output)[0]))

    def run(inputs: Sequence[Tensor]) -> Tensor:
        return mix(inputs[0] * x_scale).div_(y_scale).round_().clamp_(low, high)

    return run


def resize_f32(node: Node, constants: Constants) -> Function:
    attrs: ResizeAttrs = node.attrs
    constants.read(*node.inputs)
    function = nearest(node, constants) if attrs.mode == "nearest" else linear(node, constants)
    return lambda inputs: bound(node.output, FULL_RANGE, function(inputs[0]))


INT8 = {"Resize": resize_s8}
FLOAT = {"Resize": resize_f32}
