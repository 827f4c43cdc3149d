"""Add, Sub, Mul, Div of two tensors with broadcasting."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from edgec.ir import Array
from edgec.ops import backward
from edgec.ops.base import Grad, OpDef
from edgec.ops.elementwise.attrs import BinaryAttrs, binary_rows, infer_binary
from edgec.ops.elementwise.dsp import DSP
from edgec.ops.elementwise.mve import MVE
from edgec.ops.elementwise.neon import NEON
from edgec.ops.elementwise.nodsp import NODSP
from edgec.ops.elementwise.portable import AXES, binary_s8, broadcast_loops, portable


def binary(name: str, function: Callable[[Array, Array], Array], grad: Grad) -> OpDef[BinaryAttrs]:
    """An operator with a portable kernel of its own name; `function` is in float32."""
    return OpDef(
        name=name,
        attrs=BinaryAttrs,
        infer=infer_binary,
        rows=binary_rows,
        grad=grad,
        evaluate=lambda attrs, a, b: function(a, b),
        summary="two tensors or a tensor and a constant, broadcast",
        extra=("QLinearAdd",) if name == "Add" else ("QLinearMul",) if name == "Mul" else (),
        kernels=(
            *(kernel for variants in (NEON, MVE, DSP, NODSP) for kernel in variants.get(name, ())),
            portable(name),
        ),
    )


ADD = binary("Add", np.add, backward.add)
SUB = binary("Sub", np.subtract, backward.sub)
MUL = binary("Mul", np.multiply, backward.mul)
DIV = binary("Div", np.divide, backward.div)

OPS = (ADD, SUB, MUL, DIV)

__all__ = ["ADD", "AXES", "DIV", "MUL", "OPS", "SUB", "BinaryAttrs", "binary_rows", "binary_s8", "broadcast_loops"]
