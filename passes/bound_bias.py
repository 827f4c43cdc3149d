"""BoundBias: biases so large that a sum could leave int32, though the output is the same for every input."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgec.ir import Array, Graph, Node
from edgec.ops.conv import conv_data, sum_bounds
from edgec.ops.numbers import requantize
from edgec.passes.base import Pass
from edgec.passes.wiring import Wiring, is_op
from edgec.target import Target

LARGEST = np.iinfo(np.int32).max


@dataclass(frozen=True)
class BoundBias(Pass):
    """Pull a channel's bias towards 0 until no sum can overflow.

    Conv(x, w, b), Gemm(x, w, b)  =>  the same with b' = clip(b, -M - (least - b), M - (largest - b)), M = 2^31 - 1
    Quantisers write such biases (often saturated at the ends of int32) for channels that are dead or nearly so: their
    weight scale is tiny, and the whole range of sums rounds to one output value.
    Not done when
    - no sum of the channel can leave int32;
    - some inputs give the channel another output than others: then it is left to the kernels to refuse.
    """

    def run(self, graph: Graph, target: Target) -> bool:
        wiring = Wiring(graph)
        changed = False
        for node in wiring.nodes():
            if is_op(node, "Conv", "Gemm") and len(node.inputs) == 3 and all(v.is_constant for v in node.inputs[1:]):
                changed |= bound(wiring, node)
        return changed


def bound(wiring: Wiring, node: Node) -> bool:
    """Replace the bias of a Conv or Gemm where channels can be bounded; True when it was."""
    lower, upper = sum_bounds(node)
    bias = node.inputs[2].array.astype(np.int64)
    bounded = np.clip(bias, -LARGEST - (lower - bias), LARGEST - (upper - bias))
    moved = bounded != bias
    shift = bounded - bias
    ends = [outputs(node, sums) for sums in (lower, upper, lower + shift, upper + shift)]
    moved &= np.logical_and.reduce([end == ends[0] for end in ends])
    if not moved.any():
        return False
    new = np.where(moved, bounded, bias).astype(np.int32)
    constant = wiring.constant(f"{node.inputs[2].name}_bounded", node.inputs[2].type, new)
    wiring.set_inputs(node, [*node.inputs[:2], constant])
    return True


def outputs(node: Node, sums: Array) -> Array:
    """What each channel's sum is requantised to."""
    data = conv_data(node)
    return requantize(sums, data.scale, data.output_zero_point, (data.clamp_min, data.clamp_max))
