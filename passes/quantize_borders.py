"""QuantizeBorders: inputs and outputs of the graph are the int8 values behind the model's float32 ones."""

from __future__ import annotations

from dataclasses import dataclass

from edgec.ir import DType, Graph, TensorType, Value
from edgec.passes.base import Pass
from edgec.passes.wiring import Wiring, dequantized, is_op
from edgec.target import Target


@dataclass(frozen=True)
class QuantizeBorders(Pass):
    """Let the graph take and give int8; the ports keep what the model's file says.

    input x: f32 -> QuantizeLinear           =>  input x: s8
    DequantizeLinear(y) -> output            =>  y -> output
    Not done when
    - something else than one QuantizeLinear, or several equal ones, reads the input;
    - the quantisation is per axis.
    """

    def run(self, graph: Graph, target: Target) -> bool:
        wiring = Wiring(graph)
        changed = sum(quantize_input(wiring, position) for position in range(len(graph.inputs))) > 0
        outputs = [real_to_int8(wiring, value) for value in graph.outputs]
        if outputs != graph.outputs:
            wiring.set_outputs_of_graph(outputs)
            changed = True
        return changed


def quantize_input(wiring: Wiring, position: int) -> bool:
    """Let a float input be int8 where all readers quantise it alike; True when it was done."""
    graph = wiring.graph
    value = graph.inputs[position]
    readers = wiring.users(value)
    if value.type.dtype is not DType.F32 or not readers or wiring.is_output(value):
        return False
    quants = {reader.output.type.quant for reader in readers}
    (quant,) = quants if len(quants) == 1 else (None,)
    if not all(is_op(reader, "QuantizeLinear") for reader in readers) or quant is None or quant.axis is not None:
        return False
    graph.inputs[position] = Value(value.name, TensorType(DType.S8, value.type.shape, quant))
    for reader in readers:
        wiring.replace(reader.output, graph.inputs[position])
    return True


def real_to_int8(wiring: Wiring, value: Value) -> Value:
    """The int8 value behind an output; the output itself where it is none."""
    source = dequantized(wiring, value)
    if source is None or source.type.dtype is not DType.S8:
        return value
    return source if source.type.quant is not None and source.type.quant.axis is None else value
