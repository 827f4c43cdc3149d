"""What the kernels with weights for cores without DSP instructions and FPU share: conditions, bias, requantising."""

from __future__ import annotations

import numpy as np

from edgec.ir import Array, Node
from edgec.ops.conv.sums import conv_data, sum_bounds, weighted_s8
from edgec.ops.fixed_point import FixedWords, fixed_words
from edgec.target import Core

LONGEST_FILTER = 1 << 14


def without_dsp(node: Node, core: Core) -> str | None:
    """why_not of kernels with weights for cores without DSP instructions and FPU: what they all leave out."""
    if not core.has("nodsp"):
        return f"is for Armv6-M and Armv7-M, {core.name} is {core.isa}"
    reason = weighted_s8(node, core)
    if reason is not None:
        return reason
    if conv_data(node).weight_zero_point is not None:
        return "takes weights with zero point 0 only"
    size = int(np.prod(node.inputs[1].type.shape[1:]))
    # Sums with zero points left in them, and the distance of any two sums, then stay far inside int32.
    return f"takes filters of up to {LONGEST_FILTER} weights, these have {size}" if size > LONGEST_FILTER else None


def node_words(node: Node) -> FixedWords:
    """Requantising of a Conv or Gemm in the words of ec_fixed_point.h."""
    data = conv_data(node)
    lower, upper = sum_bounds(node)
    return fixed_words(data.scale, data.output_zero_point, (data.clamp_min, data.clamp_max), lower, upper)


def folded_bias(node: Node, words: FixedWords, offset: int = 0) -> Array:
    """(O) int32: bias for sums of w * (x + offset) instead of w * (x - zero_point), less the channel's origin."""
    data = conv_data(node)
    w = data.weights.reshape(len(data.bias), -1).astype(np.int64)
    bias = data.bias - (data.input_zero_point + offset) * w.sum(axis=1) - words.origin
    return np.asarray(bias & 0xFFFFFFFF, np.uint32).view(np.int32)
