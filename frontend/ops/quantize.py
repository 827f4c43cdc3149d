"""QuantizeLinear, DequantizeLinear, and Cast between integers and reals."""

from __future__ import annotations

import numpy as np
import onnx

from edgec.errors import ModelError, UnsupportedError
from edgec.frontend.context import UINT8_SHIFT, Context
from edgec.frontend.node import OnnxNode
from edgec.ir import Array, DType, QuantParams, TensorType, Value

TENSOR = onnx.TensorProto
EIGHT_BITS = (TENSOR.INT8, TENSOR.UINT8)
REALS = (TENSOR.FLOAT, TENSOR.FLOAT16, TENSOR.DOUBLE, TENSOR.BFLOAT16)
INTEGERS = (TENSOR.INT32, TENSOR.INT64)
# A Cast of an integer to a real is DequantizeLinear with this scale.
UNIT = QuantParams.per_tensor(1.0, 0)
UNIT_UINT8 = QuantParams.per_tensor(1.0, -UINT8_SHIFT)


def read_quant(ctx: Context, node: OnnxNode, rank: int, stored: int) -> QuantParams:
    """Scale and zero point of a QuantizeLinear or DequantizeLinear; `stored` is the element type of the integers."""
    if node.integer("block_size", 0):
        raise UnsupportedError("is quantised in blocks; per tensor and per axis are taken")
    if stored not in (*EIGHT_BITS, TENSOR.INT32):
        raise UnsupportedError(f"stores {TENSOR.DataType.Name(stored).lower()}; int8 and uint8 are taken")
    scale = ctx.constant_input(node, 1, "has its scale").astype(np.float32)
    zero_point = np.zeros(scale.shape, np.int64)
    if node.has_input(2):
        zero_point = ctx.constant_input(node, 2, "has its zero point").astype(np.int64)
    if not np.all(np.isfinite(scale)):
        raise ModelError(f"{node.source} has a scale that is no number", where=ctx.model.place(node.source))
    if stored == TENSOR.UINT8:
        zero_point = zero_point - UINT8_SHIFT
    if scale.size == 1:
        return QuantParams.per_tensor(float(scale.reshape(-1)[0]), int(zero_point.reshape(-1)[0]))
    if scale.ndim != 1:
        raise UnsupportedError(f"has scales of shape {list(scale.shape)}; per tensor and per axis are taken")
    axis = node.integer("axis", 1)
    zero_points = np.broadcast_to(zero_point.reshape(-1), scale.shape)
    return QuantParams(tuple(map(float, scale)), tuple(map(int, zero_points)), axis % max(rank, 1))


def import_quantize(ctx: Context, node: OnnxNode) -> None:
    x = ctx.real(node, 0)
    stored = ctx.types[node.output][0]
    if stored not in EIGHT_BITS:
        raise UnsupportedError(f"stores {TENSOR.DataType.Name(stored).lower()}; int8 and uint8 are taken")
    quant = read_quant(ctx, node, len(x.type.shape), stored)
    if quant.axis is not None:
        raise UnsupportedError("quantises an activation per axis; per tensor is taken")
    _refuse_not_positive(ctx, node, quant)
    ctx.emit(node, "QuantizeLinear", [x], output=node.output, quant=quant)


def import_dequantize(ctx: Context, node: OnnxNode) -> None:
    stored = ctx.types[node.input(0)][0]
    quant = read_quant(ctx, node, len(ctx.shape(node.input(0))), stored)
    dequantize(ctx, node, quant)


def dequantize(ctx: Context, node: OnnxNode, quant: QuantParams) -> None:
    """Emit DequantizeLinear; the integers are read with `quant`, which has to be how they were written."""
    name = node.input(0)
    array = ctx.array(node, 0)
    if array is not None:
        x = ctx.constant(name, array)
        positive = with_positive_scales(x.array, quant)
        x = Value(x.name, x.type.with_quant(positive[1]), positive[0])
    else:
        x = ctx.value(node, 0)
        if quant.axis is not None:
            raise UnsupportedError("dequantises an activation per axis; per tensor is taken")
        if x.type.quant != quant:
            raise UnsupportedError(f"reads {name!r} as {quant}, it was written as {x.type.quant}")
        _refuse_not_positive(ctx, node, quant)
    ctx.emit(node, "DequantizeLinear", [x], output=node.output, type=TensorType(DType.F32, x.type.shape))


def _refuse_not_positive(ctx: Context, node: OnnxNode, quant: QuantParams) -> None:
    if min(quant.scale) <= 0:
        where = ctx.model.place(node.source)
        raise ModelError(f"{node.source} has a scale that is not positive: {min(quant.scale):g}", where=where)


def with_positive_scales(integers: Array, quant: QuantParams) -> tuple[Array, QuantParams]:
    """The same real numbers with positive scales: kernels need them, some exporters write others for weights.

    A slice of negative scale s becomes -q with scale -s and zero point -z; where -q would overflow, -1 - q with -1 - z.
    A slice of scale 0 is all zeros.
    """
    if min(quant.scale) > 0:
        return integers, quant
    axis = 0 if quant.axis is None else quant.axis
    slices = np.moveaxis(integers.copy(), axis, 0) if integers.ndim else integers.reshape(1).copy()
    scales, zero_points = list(quant.scale), list(quant.zero_point)
    for index, scale in enumerate(quant.scale):
        part = slice(None) if quant.axis is None else slice(index, index + 1)
        if scale < 0:
            lowest = np.iinfo(integers.dtype).min
            carry = 1 if (slices[part] == lowest).any() or zero_points[index] == lowest else 0
            slices[part] = -(slices[part].astype(np.int64)) - carry
            scales[index], zero_points[index] = -scale, -zero_points[index] - carry
        elif scale == 0:
            slices[part], scales[index] = zero_points[index], 1.0
    restored = np.moveaxis(slices, 0, axis) if integers.ndim else slices.reshape(())
    return np.ascontiguousarray(restored).reshape(integers.shape), QuantParams(
        tuple(scales), tuple(zero_points), quant.axis
    )


def import_cast(ctx: Context, node: OnnxNode) -> None:
    """Casts between reals, or between integers, change nothing here; int8 to real is DequantizeLinear by 1."""
    source, wanted = ctx.types[node.input(0)][0], node.integer("to", 0)
    if (source in REALS and wanted in REALS) or (source in INTEGERS and wanted in INTEGERS) or source == wanted:
        ctx.bind(node.output, ctx.value(node, 0))
    elif source in EIGHT_BITS and wanted in REALS:
        dequantize(ctx, node, UNIT_UINT8 if source == TENSOR.UINT8 else UNIT)
    else:
        names = TENSOR.DataType.Name(source).lower(), TENSOR.DataType.Name(wanted).lower()
        raise UnsupportedError(f"casts {names[0]} to {names[1]}")


IMPORTERS = {"QuantizeLinear": import_quantize, "DequantizeLinear": import_dequantize, "Cast": import_cast}
