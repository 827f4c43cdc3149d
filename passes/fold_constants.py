"""FoldConstants: what depends on constants only is computed now."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgec.ir import Array, DType, Graph, Node, TensorType
from edgec.ops.movement import ReshapeAttrs, TransposeAttrs
from edgec.passes.base import Pass
from edgec.passes.constants import (
    LARGEST_RETAINED,
    move_data,
    move_type,
    quantize_constant,
    real_constant,
)
from edgec.passes.wiring import Wiring, dequantized
from edgec.target import Target


@dataclass(frozen=True)
class FoldConstants(Pass):
    """Compute nodes whose inputs are all constants.

    op(constants)                                =>  constant
    Transpose | Reshape(DequantizeLinear(q))     =>  DequantizeLinear(Transpose | Reshape(q)), q constant

    So the weights of a Conv or Gemm end as DequantizeLinear(constant), the axis of the scales moved along.
    Not done when
    - the node is a DequantizeLinear: int8 weights stay int8;
    - a Reshape merges or splits the axis of the scales;
    - the result has more than 4 Mi elements and is larger than its sources.
    """

    def run(self, graph: Graph, target: Target) -> bool:
        wiring = Wiring(graph)
        changed = False
        for node in wiring.nodes():
            if node.op.name == "DequantizeLinear" or not node.inputs:
                continue
            changed |= fold_behind_dequantize(wiring, node) or fold(wiring, node)
        return changed


def fold_behind_dequantize(wiring: Wiring, node: Node) -> bool:
    """Transpose or Reshape the integers of DequantizeLinear(constant) instead of the reals."""
    source = dequantized(wiring, node.inputs[0])
    if source is None or not source.is_constant or not isinstance(node.attrs, TransposeAttrs | ReshapeAttrs):
        return False
    type = move_type(node, source.type)
    data = move_data(node, [source.array])
    if type is None or data is None:
        return False
    constant = wiring.constant(source.name, type, data)
    moved = wiring.make("DequantizeLinear", [constant], node.output.type, like=node, name=f"{node.name}_dequantize")
    wiring.replace(node.output, wiring.insert_before(node, moved))
    return True


def fold(wiring: Wiring, node: Node) -> bool:
    """Replace a node by its value, unless that is much larger than its inputs; True when it was done."""
    if node.output.type.elements > LARGEST_RETAINED and node.output.type.elements > sum(
        value.type.elements for value in node.inputs
    ):
        return False
    result = computed(wiring, node)
    if result is None:
        return False
    type, data = result
    wiring.replace(node.output, wiring.constant(node.output.name, type, data))
    return True


def computed(wiring: Wiring, node: Node) -> tuple[TensorType, Array] | None:
    """Type and data of the result when all inputs are constant, else None."""
    out = node.output.type
    if all(value.is_constant and value.type.dtype is not DType.F32 for value in node.inputs):
        # Integers: moved only, and only where one quantisation holds for all.
        type = move_type(node, node.inputs[0].type)
        same = all(value.type.quant == node.inputs[0].type.quant for value in node.inputs)
        data = move_data(node, [value.array for value in node.inputs])
        return (type, data) if type is not None and same and data is not None else None
    arrays = [real_constant(wiring, value) for value in node.inputs]
    reals = [array for array in arrays if array is not None]
    if len(reals) != len(arrays):
        return None
    if node.op.name == "QuantizeLinear" and out.quant is not None:
        return out, quantize_constant(reals[0], out.quant)
    if node.op.evaluate is not None and out.dtype is DType.F32:
        with np.errstate(all="ignore"):  # log(0), 1/0: what the formula gives is what the network computes
            return out, np.asarray(node.op.evaluate(node.attrs, *reals)).astype(np.float32)
    data = move_data(node, reals)
    return (out, data) if data is not None else None
