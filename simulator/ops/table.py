"""Table in torch: a gather of 256 entries, or the real function that the table was computed from."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from edgec.ir import DType, Node
from edgec.ops.numbers import FULL_RANGE, dequantize
from edgec.ops.table import TableAttrs
from edgec.simulator.ops.activation import PLAIN
from edgec.simulator.ops.base import Constants, Function, bound, quant_of


def table_s8(node: Node, constants: Constants) -> Function:
    """table[q + 128] of every element; entries are centred when they are loaded."""
    _, x_zero_point = quant_of(node.inputs[0])
    _, y_zero_point = quant_of(node.output)
    table = constants.tensor(node.inputs[1].array.astype(np.int32) - y_zero_point)

    def run(inputs: Sequence[Tensor]) -> Tensor:
        index = (inputs[0] + (x_zero_point + 128)).to(torch.int32)
        return table.index_select(0, index.flatten()).reshape(index.shape)

    return run


def table_f32(node: Node, constants: Constants) -> Function:
    """The function that the table names; where it is no plain one, straight lines between the table's entries."""
    attrs: TableAttrs = node.attrs
    if attrs.function in PLAIN:
        function = PLAIN[attrs.function]
        return lambda inputs: bound(node.output, FULL_RANGE, function(inputs[0]))
    scale, zero_point = quant_of(node.inputs[0])
    real = node.inputs[1].array
    if node.output.type.dtype is DType.S8 and node.output.type.quant is not None:
        real = dequantize(real, node.output.type.quant)
    table = constants.tensor(real)

    def run(inputs: Sequence[Tensor]) -> Tensor:
        position = (inputs[0] / float(scale) + (zero_point + 128)).clamp(0, 255)
        lower = position.detach().floor().clamp(0, 254)
        index = lower.to(torch.int64)
        return table[index] + (table[index + 1] - table[index]) * (position - lower)

    return run


INT8 = {"Table": table_s8}
FLOAT = {"Table": table_f32}
