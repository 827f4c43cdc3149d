"""The passes that every Graph goes through, in order."""

from __future__ import annotations

from pathlib import Path

from edgec.ir import Graph
from edgec.passes.base import Pass
from edgec.passes.check_int8 import CheckInt8
from edgec.passes.clean_tables import CleanTables
from edgec.passes.constant_channels import ConstantChannels
from edgec.passes.dead_channels import DeadChannels
from edgec.passes.fold_batch_norm import FoldBatchNorm
from edgec.passes.fold_constants import FoldConstants
from edgec.passes.fold_pad import FoldPad
from edgec.passes.fuse_bias import FuseBias
from edgec.passes.fuse_qdq import FuseQdq
from edgec.passes.fuse_tables import FuseTables
from edgec.passes.manager import run_passes
from edgec.passes.merge_duplicates import MergeDuplicates
from edgec.passes.move_quantization import MoveQuantization
from edgec.passes.quantize_borders import QuantizeBorders
from edgec.passes.remove_dead import RemoveDead
from edgec.passes.reshape_borders import ReshapeBorders
from edgec.passes.simplify_movement import SimplifyMovement
from edgec.passes.sink_transposes import AbsorbTransposes, SinkTransposes
from edgec.target import Target

# Until the last of these every value holds what the model's value of the same name holds, channel by channel.
AS_MODEL: tuple[Pass, ...] = (
    # Wiring drops what dies on the way; this drops what was dead from the start.
    RemoveDead(),
    # On reals. Constants first: everything after looks for DequantizeLinear(constant) weights.
    FoldConstants(),
    SimplifyMovement(),
    # Before the fusions: a Transpose between a Conv and its Add, Relu or QuantizeLinear would hide them.
    SinkTransposes(),
    FoldConstants(),
    FoldBatchNorm(),
    FuseBias(),
    # From reals to int8. Movement first, so that operators and their QuantizeLinear meet; a second FoldConstants for
    # the constants that got a QuantizeLinear of their own on the way.
    MoveQuantization(),
    FoldConstants(),
    MergeDuplicates(),
    QuantizeBorders(),
    # Tables before operators: x * 2 and x * sigmoid(x) are tables, the Mul of two tensors is not.
    FuseTables(),
    FuseQdq(),
    # On int8.
    MergeDuplicates(),
    SimplifyMovement(),
    SinkTransposes(),
    AbsorbTransposes(),
    SimplifyMovement(),
    # Clamps before pads: a MaxPool takes a Pad of zeros when it is known that no value is less.
    CleanTables(),
    FoldPad(),
    MergeDuplicates(),
    # Reshapes that had a Table or Pad between them until now merge; only then is one left at a border.
    SimplifyMovement(),
    ReshapeBorders(),
    CheckInt8(),
)
PASSES: tuple[Pass, ...] = (
    *AS_MODEL,
    # Weights of constant channels become zero: fewer inputs are needed. Then movement may have nothing left to do.
    ConstantChannels(),
    DeadChannels(),
    SimplifyMovement(),
)


def optimize(graph: Graph, target: Target, *, dump_ir: Path | None = None) -> None:
    """Turn a Graph "as imported" into one "as scheduled" (docs/architecture.md), in place.

    `dump_ir` names a folder for the texts of the graph after each pass that changed it. Raises UnsupportedError that
    lists every place that is not int8.
    """
    run_passes(PASSES, graph, target, dump_ir=dump_ir)
