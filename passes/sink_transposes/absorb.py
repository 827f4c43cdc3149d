"""AbsorbTransposes: a Transpose before flattening becomes a new order of the dense layer's columns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgec.ir import Array, Graph, Node, Value
from edgec.ops.conv import ConvAttrs
from edgec.passes.base import Pass
from edgec.passes.wiring import Wiring, dequantized, is_op
from edgec.target import Target


@dataclass(frozen=True)
class AbsorbTransposes(Pass):
    """Permute weights instead of data.

    Gemm(f(Reshape(Transpose(x))), w)  =>  Gemm(f(Reshape(x)), w with its columns in the order of x)

    f is any chain of functions of one element; a 1x1 Conv of one pixel counts as a Gemm. Not done when
    - the Reshape does not end in a single vector;
    - one of the readers is not such a dense layer with constant weights.
    """

    def run(self, graph: Graph, target: Target) -> bool:
        wiring = Wiring(graph)
        changed = False
        for node in wiring.nodes():
            if is_op(node, "Transpose") and absorbs(wiring, node.output):
                absorb(wiring, node)
                changed = True
        return changed


def absorbs(wiring: Wiring, value: Value) -> bool:
    """Every reader of `value` flattens it for dense layers, so that any order of its elements will do."""
    return bool(wiring.users(value)) and dense_readers(wiring, value) is not None


def dense_readers(wiring: Wiring, value: Value) -> list[Node] | None:
    """The dense layers behind the flattening of `value`; None where something else reads it."""
    found: list[Node] = []
    if wiring.is_output(value):
        return None
    for user in wiring.users(value):
        if not is_op(user, "Reshape") or user.output.type.shape[-1:] != (user.output.type.elements,):
            return None
        behind = dense_behind(wiring, user.output)
        if behind is None:
            return None
        found += behind
    return found


def dense_behind(wiring: Wiring, value: Value) -> list[Node] | None:
    """The dense layers that read `value` through functions of one element."""
    found: list[Node] = []
    if wiring.is_output(value):
        return None
    for user in wiring.users(value):
        if is_dense(wiring, user, value):
            found.append(user)
            continue
        behind = dense_behind(wiring, user.output) if is_function_of_one(user) else None
        if behind is None:
            return None
        found += behind
    return found


def is_function_of_one(node: Node) -> bool:
    return is_op(node, "QuantizeLinear", "DequantizeLinear", "Table") or (
        node.op.evaluate is not None and len(node.inputs) == 1
    )


def is_dense(wiring: Wiring, node: Node, value: Value) -> bool:
    """A Gemm, or a 1x1 Conv of one pixel, that reads `value` with constant weights used nowhere else."""
    attrs = node.attrs
    if isinstance(attrs, ConvAttrs):
        if attrs.kernel_shape != (1, 1) or attrs.group != 1 or any(attrs.pads) or node.output.type.shape[1:3] != (1, 1):
            return False
    elif not is_op(node, "Gemm"):
        return False
    return node.inputs[0] is value and constant_weights(wiring, node) is not None


def constant_weights(wiring: Wiring, node: Node) -> Value | None:
    """The constant behind the weights, DequantizeLinear or not; its scales may vary along the outputs only."""
    weights = node.inputs[1]
    source = weights if weights.is_constant else dequantized(wiring, weights)
    if source is None or not source.is_constant:
        return None
    quant = source.type.quant
    return source if quant is None or quant.axis in (None, 0) else None


def absorb(wiring: Wiring, node: Node) -> None:
    """Take a Transpose away and permute its dense readers' weights instead."""
    x = node.inputs[0]
    # order[k]: the place in x (flat) of element k of the transposed (flat)
    order = np.arange(x.type.elements).reshape(x.type.shape).transpose(node.attrs.perm).reshape(-1)
    for dense in dense_readers(wiring, node.output) or []:
        permute_columns(wiring, dense, order)
    wiring.replace(node.output, x)


def permute_columns(wiring: Wiring, dense: Node, order: Array) -> None:
    """Let w'[n, order[k]] = w[n, k]: w' reads x where w read its transposed."""
    source = constant_weights(wiring, dense)
    assert source is not None  # dense_readers gives such nodes only
    data = np.empty_like(source.array)
    data[..., order] = source.array
    weights = wiring.constant(source.name, source.type, data)
    if source is not dense.inputs[1]:
        old = wiring.producer(dense.inputs[1])
        assert old is not None  # the DequantizeLinear that constant_weights looked through
        new = wiring.make("DequantizeLinear", [weights], old.output.type, like=old, name=old.name)
        weights = wiring.insert_before(dense, new)
    wiring.set_inputs(dense, [dense.inputs[0], weights, *dense.inputs[2:]])
