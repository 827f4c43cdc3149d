"""FuseQdq: DequantizeLinear, operator, QuantizeLinear become the integer operator."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgec.ir import DType, Graph, Node, TensorType
from edgec.ops.numbers import FULL_RANGE, QMAX, QMIN
from edgec.ops.table import TableAttrs
from edgec.passes.base import Pass
from edgec.passes.integer_inputs import (
    BINARY,
    UNARY,
    WEIGHTED,
    clamped,
    end_of_chain,
    integer_clamp,
    integer_inputs,
)
from edgec.passes.wiring import Wiring, is_op
from edgec.target import Target


@dataclass(frozen=True)
class FuseQdq(Pass):
    """Let operators read and give int8 instead of reals.

    QuantizeLinear(Relu | Clip*(op(DequantizeLinear(x), ...)))  =>  op(x, ...) with attrs.clamp
    Softmax | LogSoftmax(DequantizeLinear(x)) as a graph output  =>  the same of x, float32 out
    ArgMax(DequantizeLinear(x))                                  =>  ArgMax(x)

    op is Conv, Gemm (bias as s32 with scale s_x * s_w), Add, Sub, Mul, Div, AveragePool, ReduceMean, Softmax,
    LogSoftmax or Resize. Not done when
    - an input is not quantised, or the weights are float32;
    - the result, or that of a Relu or Clip behind, has readers besides the one that follows;
    - a constant of Add, Sub, Mul or Div has no exact int8 form.
    `check-int8` reports what is left.
    """

    def run(self, graph: Graph, target: Target) -> bool:
        wiring = Wiring(graph)
        changed = False
        for node in wiring.nodes():
            if node.op.name in (*UNARY, *BINARY, *WEIGHTED) and node.inputs[0].type.dtype is DType.F32:
                changed |= fuse(wiring, node)
        return changed


def fuse(wiring: Wiring, node: Node) -> bool:
    """Make one operator with its clamps and QuantizeLinear an integer one; True when it was done."""
    chain, last = end_of_chain(wiring, node)
    ends_real = is_op(node, "Softmax", "LogSoftmax") and wiring.is_output(node.output) and not wiring.users(node.output)
    if last is None and not ends_real and not is_op(node, "ArgMax"):
        return False
    inputs = integer_inputs(wiring, node)
    quant = last.output.type.quant if last is not None else None
    if isinstance(inputs, str) or (quant is not None and quant.axis is not None):
        return False
    wiring.set_inputs(node, inputs)
    if last is None or quant is None:
        return True
    clamp = integer_clamp(chain, quant)
    attrs = clamped(node.attrs, clamp)
    if attrs is not None:
        node.attrs = attrs
        wiring.take_over(node, last)
    elif clamp == FULL_RANGE:
        wiring.take_over(node, last)
    else:
        clamp_behind(wiring, node, last, clamp)
    return True


def clamp_behind(wiring: Wiring, node: Node, last: Node, clamp: tuple[int, int]) -> None:
    """For operators without a clamp of their own: a Table that bounds the int8 result."""
    y = last.output.type
    entries = np.clip(np.arange(QMIN, QMAX + 1), *clamp).astype(np.int8)
    table = wiring.constant(f"{last.output.name}_table", TensorType(DType.S8, (256,), y.quant), entries)
    unclamped = wiring.make("QuantizeLinear", [node.output], y, like=node)
    wiring.insert_after(node, unclamped)
    new = wiring.make("Table", [unclamped.output, table], y, attrs=TableAttrs("Clip"), like=node)
    wiring.insert_before(last, new)
    wiring.take_over(new, last)
    wiring.take_over(node, unclamped)
