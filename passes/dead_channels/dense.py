"""Dense layers: which inputs matter to which outputs, and the bias that takes the constant ones in."""

from __future__ import annotations

import numpy as np

from edgec.ir import Array, Node
from edgec.ops.conv import largest_sum
from edgec.passes.intervals import Interval, centred_weights, window_sets
from edgec.passes.wiring import is_op

LARGEST = np.iinfo(np.int32).max


def is_dense(node: Node) -> bool:
    """A Gemm, or a Conv of one group, whose weights and bias are known."""
    dense = is_op(node, "Gemm") or (is_op(node, "Conv") and node.attrs.group == 1)
    return dense and len(node.inputs) == 3 and all(value.is_constant for value in node.inputs[1:])


def matters(node: Node, x: Interval) -> Array:
    """(O, C) bool: output channel o needs input channel c.

    It does not where the weights of all taps that ever lie inside are 0, or where c is constant and adds the same to
    the sum at every pixel: padding adds nothing, so at a border constants other than the zero point usually differ.
    """
    w, (rows, columns) = centred_weights(node), window_sets(node)
    if largest_sum(node) > LARGEST:  # no kernel takes it; a bias could leave int32
        return np.ones((w.shape[0], w.shape[3]), bool)
    reached = np.outer(rows.any(axis=0), columns.any(axis=0))
    needed: Array = np.count_nonzero(w[:, reached], axis=1) > 0
    for channel in np.flatnonzero(x.constant & needed.any(axis=0)):
        added = constant_sums(node, x, w[..., channel : channel + 1], np.array([channel]))
        needed[:, channel] = (added != added[:, :1]).any(axis=1)
    return needed


def absorbed(node: Node, x: Interval, dropped: Array) -> Array:
    """(O) int64: what the dropped input channels, (C) bool, add to each output's sum, at any pixel the same."""
    channels = np.flatnonzero(dropped & x.constant)
    return np.asarray(constant_sums(node, x, centred_weights(node)[..., channels], channels)[:, 0])


def constant_sums(node: Node, x: Interval, w: Array, channels: Array) -> Array:
    """(O, sets) int64: what constant input channels add to each output's sum with each set of taps inside.

    w: (O, KH, KW, len(channels)), their weights.
    """
    rows, columns = (sets.astype(np.int64) for sets in window_sets(node))
    quant = node.inputs[0].type.quant
    zero_point = quant.scalar[1] if quant else 0
    taps = w @ (x.low[channels] - zero_point)
    return np.asarray(np.einsum("okl,rk,sl->ors", taps, rows, columns).reshape(len(w), -1))
