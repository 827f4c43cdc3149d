"""`edgec ops`: the operators that edgec takes."""

from __future__ import annotations

from edgec.ops import all_ops
from edgec.ops.base import OpDef
from edgec.tools.output import JsonOption, VerboseOption, reporting, table

Row = tuple[str, str, str, str]


def ops_command(as_json: JsonOption = False, verbose: VerboseOption = False) -> None:
    """List the operators: what of each is supported, the ONNX operators that become it, its kernels."""
    with reporting(as_json, verbose) as out:
        rows = [op_row(op) for op in sorted(all_ops().values(), key=lambda op: op.name)]
        keys = ("operator", "supported", "also", "kernels")
        out.result(
            {"ops": [dict(zip(keys, row, strict=True)) for row in rows]},
            lambda console: console.print(table("", keys, rows)),
        )


def op_row(op: OpDef[object]) -> Row:
    """Unary functions without a kernel of their own become tables of 256 bytes."""
    kernels = ", ".join(kernel.name for kernel in op.kernels)
    if not kernels and op.evaluate is not None:
        kernels = "ec_table_s8 (a table)"
    return op.name, op.summary, ", ".join(op.extra), kernels
