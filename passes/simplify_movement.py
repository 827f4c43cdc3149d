"""SimplifyMovement: Transpose, Reshape, Slice, Pad and Concat that do nothing, or do together what one can."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgec.ir import Graph, Node
from edgec.ops.movement import PadAttrs, ReshapeAttrs, SliceAttrs, TransposeAttrs
from edgec.passes.base import Pass
from edgec.passes.wiring import Wiring, is_op
from edgec.target import Target


@dataclass(frozen=True)
class SimplifyMovement(Pass):
    """Remove movement without effect and merge chains.

    Reshape(Reshape(x))                     =>  Reshape(x)
    Transpose(Transpose(x, p), q)           =>  Transpose(x, p[q])
    Transpose that moves axes of size 1     =>  Reshape
    Reshape, Slice, Pad, Transpose, Concat of one that change nothing  =>  x
    Not done when
    - the first of two is read elsewhere too: it stays for the other readers;
    - a Reshape without effect leads from a graph input to an output: both must stay values of their own.
    """

    def run(self, graph: Graph, target: Target) -> bool:
        wiring = Wiring(graph)
        changed = False
        for node in wiring.nodes():
            changed |= any([merge_reshapes(wiring, node), merge_transposes(wiring, node)])
            changed |= reshape_of_transpose(wiring, node)
            if is_identity(node) and not (node.inputs[0] in graph.inputs and graph.is_output(node.output)):
                wiring.replace(node.output, node.inputs[0])
                changed = True
        return changed


def merge_reshapes(wiring: Wiring, node: Node) -> bool:
    """Reshape(Reshape(x)) => Reshape(x); True when it was done."""
    before = wiring.producer(node.inputs[0]) if is_op(node, "Reshape") else None
    if before is None or not is_op(before, "Reshape"):
        return False
    wiring.set_inputs(node, before.inputs)
    return True


def merge_transposes(wiring: Wiring, node: Node) -> bool:
    """Transpose(Transpose(x)) => Transpose(x); True when it was done."""
    before = wiring.producer(node.inputs[0]) if is_op(node, "Transpose") else None
    if before is None or not is_op(before, "Transpose"):
        return False
    node.attrs = TransposeAttrs(tuple(before.attrs.perm[axis] for axis in node.attrs.perm))
    wiring.set_inputs(node, before.inputs)
    return True


def reshape_of_transpose(wiring: Wiring, node: Node) -> bool:
    """Replace a Transpose that leaves the order of the elements in memory as it is."""
    if not is_op(node, "Transpose") or moves_data(node.inputs[0].type.shape, node.attrs.perm):
        return False
    if is_identity(node):
        return False
    shape = node.output.type.shape
    reshape = wiring.make("Reshape", node.inputs, node.output.type, attrs=ReshapeAttrs(shape), like=node)
    wiring.replace(node.output, wiring.insert_before(node, reshape))
    merge_reshapes(wiring, reshape)
    return True


def moves_data(shape: Sequence[int], perm: Sequence[int]) -> bool:
    """False where the permutation only moves axes of size 1."""
    axes = [axis for axis in perm if shape[axis] != 1]
    return axes != sorted(axes)


def is_identity(node: Node) -> bool:
    """The output is the input, element by element and shape by shape."""
    if len(node.inputs) == 0 or node.inputs[0].type.shape != node.output.type.shape:
        return False
    attrs = node.attrs
    if isinstance(attrs, TransposeAttrs):
        return attrs.perm == tuple(range(len(attrs.perm)))
    if isinstance(attrs, SliceAttrs):
        return not any(attrs.starts) and all(
            step == 1 or size == 1 for step, size in zip(attrs.steps, attrs.sizes, strict=True)
        )
    if isinstance(attrs, PadAttrs):
        return not any((*attrs.before, *attrs.after))
    return isinstance(attrs, ReshapeAttrs) or (node.op.name == "Concat" and len(node.inputs) == 1)
