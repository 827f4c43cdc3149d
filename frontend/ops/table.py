"""Table: what `edgec.frontend.tables` finds in files that edgec exported."""

from __future__ import annotations

import numpy as np

from edgec.frontend.context import Context
from edgec.frontend.node import OnnxNode
from edgec.frontend.ops.quantize import read_quant
from edgec.ops.numbers import quantize
from edgec.ops.table import TableAttrs


def import_table(ctx: Context, node: OnnxNode) -> None:
    """x: int8, entries: (256) float32 of its values -128..127, quantised with the output's scale."""
    x = ctx.value(node, 0)
    quant = read_quant(ctx, node, len(x.type.shape), ctx.types[node.output][0])
    entries = ctx.constant_input(node, 3, "has its entries")
    table = ctx.constant(f"{node.output}/table", quantize(entries.astype(np.float32), quant), quant)
    ctx.emit(node, "Table", [x, table], TableAttrs("Table"), output=node.output, quant=quant)


IMPORTERS = {"Table": import_table}
