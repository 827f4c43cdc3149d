"""FoldPad: a Pad before a Conv or pool becomes its pads."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from edgec.ir import Graph, Node
from edgec.ops.conv import ConvAttrs
from edgec.ops.numbers import quantize
from edgec.ops.pool import PoolAttrs
from edgec.passes.base import Pass
from edgec.passes.ranges import lower_bound
from edgec.passes.wiring import Wiring, is_op
from edgec.target import Target


@dataclass(frozen=True)
class FoldPad(Pass):
    """Move the zeros (on int8: zero points) that a Pad puts around a feature map into the next node's pads.

    Conv(Pad(x, 0), pads)         =>  Conv(x, pads + Pad)
    AveragePool(Pad(x, 0), pads)  =>  AveragePool(x, pads + Pad) with count_include_pad
    MaxPool(Pad(x, v), pads)      =>  MaxPool(x, pads + Pad), v no larger than any element of x
    Not done when
    - something else reads the padded map;
    - the Pad's mode is not "constant" or its value not 0 (MaxPool: larger than an element may be);
    - batch or channels are padded, or something is cut off (a negative Pad);
    - an AveragePool has pads of its own that it does not count;
    - a MaxPool's window would lie outside the map altogether, or has dilations.
    """

    def run(self, graph: Graph, target: Target) -> bool:
        wiring = Wiring(graph)
        changed = False
        for node in wiring.nodes():
            if is_op(node, "Conv", "AveragePool", "MaxPool"):
                changed |= fold(wiring, node)
        return changed


def fold(wiring: Wiring, node: Node) -> bool:
    """Let `node` read what the Pad in front of it pads; False where it has to stay."""
    pad = wiring.producer(node.inputs[0])
    if pad is None or not is_op(pad, "Pad") or wiring.only_user(pad.output) is not node:
        return False
    before, after = pad.attrs.before, pad.attrs.after
    if pad.attrs.mode != "constant" or len(before) != 4 or min((*before, *after)) < 0:
        return False
    if before[0] or before[3] or after[0] or after[3]:
        return False
    own = node.attrs.pads
    pads = (own[0] + before[1], own[1] + before[2], own[2] + after[1], own[3] + after[2])
    attrs = padded_attrs(wiring, node, pad, pads)
    if attrs is None:
        return False
    node.attrs = attrs
    wiring.set_inputs(node, [*pad.inputs, *node.inputs[1:]])
    return True


def padded_attrs(wiring: Wiring, node: Node, pad: Node, pads: tuple[int, int, int, int]) -> object | None:
    """The attributes with the sum of both paddings, or None where the sum means something else."""
    attrs, value = node.attrs, pad.attrs.value
    if isinstance(attrs, ConvAttrs):
        return replace(attrs, pads=pads) if value == 0 else None
    if not isinstance(attrs, PoolAttrs):
        return None
    if is_op(node, "AveragePool"):
        counted = attrs.count_include_pad or not any(attrs.pads)
        return replace(attrs, pads=pads, count_include_pad=True) if value == 0 and counted else None
    height, width = ((size - 1) * step + 1 for size, step in zip(attrs.kernel_shape, attrs.dilations, strict=True))
    outside = pads[0] >= height or pads[2] >= height or pads[1] >= width or pads[3] >= width
    # A pool with dilation may meet only padding with each of its taps although its window reaches inside.
    dilated = any(step > 1 for step in attrs.dilations)
    return replace(attrs, pads=pads) if not outside and not dilated and is_least(wiring, pad) else None


def is_least(wiring: Wiring, pad: Node) -> bool:
    """The value of the Pad is no larger than any element of what it pads."""
    quant = pad.inputs[0].type.quant
    if quant is None:
        return bool(pad.attrs.value == -np.inf)
    value = int(quantize(np.asarray(pad.attrs.value, np.float32), quant))
    return value <= lower_bound(wiring, pad.inputs[0])
