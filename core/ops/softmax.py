"""Softmax, LogSoftmax and ArgMax along one axis."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from edgec.errors import InternalError
from edgec.ir import Array, DType, Node, QuantParams, TensorType
from edgec.ops.base import Kernel, NoData, OpDef, QuantRule, RowWindow, s8_only
from edgec.ops.exponentials import exp_bits, exp_table
from edgec.target import Core


@dataclass(frozen=True)
class SoftmaxAttrs:
    """`axis` is not negative. int8 in; int8 or, where the model leaves its end unquantised, float32 out."""

    axis: int


@dataclass(frozen=True)
class ArgMaxAttrs:
    axis: int
    keepdims: bool = True
    select_last_index: bool = False


def infer_softmax(attrs: SoftmaxAttrs, types: Sequence[TensorType]) -> tuple[TensorType, ...]:
    return (TensorType(types[0].dtype, types[0].shape),)


def infer_argmax(attrs: ArgMaxAttrs, types: Sequence[TensorType]) -> tuple[TensorType, ...]:
    shape = list(types[0].shape)
    shape[attrs.axis] = 1
    if not attrs.keepdims:
        del shape[attrs.axis]
    return (TensorType(DType.S32, tuple(shape)),)


@dataclass(frozen=True)
class AxisGeometry:
    """Mirrors the geometries of this family: (outer, n, inner) of which n is the operator's axis."""

    outer: int
    n: int
    inner: int


@dataclass(frozen=True)
class SoftmaxData:
    """Mirrors ec_softmax_s8_data."""

    exp_table: Array
    entries: int
    output_scale: float
    output_zero_point: int


@dataclass(frozen=True)
class SoftmaxF32Data:
    """Mirrors ec_softmax_s8_f32_data."""

    exp_table: Array
    entries: int


@dataclass(frozen=True)
class LogSoftmaxF32Data:
    """Mirrors ec_log_softmax_s8_f32_data; `unit` is 2^-k."""

    exp_table: Array
    entries: int
    input_scale: float
    unit: float


@dataclass(frozen=True)
class LogSoftmaxData:
    """Mirrors ec_log_softmax_s8_data."""

    exp_table: Array
    entries: int
    input_scale: float
    unit: float
    output_scale: float
    output_zero_point: int


@dataclass(frozen=True)
class ArgMaxGeometry:
    """Mirrors ec_argmax_s8_geometry."""

    outer: int
    n: int
    inner: int
    select_last_index: int


def axis_rows(node: Node) -> tuple[RowWindow, ...] | None:
    """One row at a time where the axis lies within a row and the output has the input's rows."""
    x = node.inputs[0].type
    if node.output.type.rows != x.rows or (len(x.shape) > 2 and node.attrs.axis <= 1):
        return None
    return (RowWindow(),)


def axis_geometry(node: Node, rows: int) -> AxisGeometry:
    x = node.inputs[0].type
    axis = node.attrs.axis
    # All of the tensor or `rows` of its x.rows rows: the axes before the operator's own are cut accordingly.
    parts = x.rows // rows if node.op.rows(node) else 1
    return AxisGeometry(math.prod(x.shape[:axis]) // parts, x.shape[axis], math.prod(x.shape[axis + 1 :]))


def argmax_geometry(node: Node, rows: int) -> ArgMaxGeometry:
    g = axis_geometry(node, rows)
    return ArgMaxGeometry(g.outer, g.n, g.inner, int(node.attrs.select_last_index))


def quant_of(type: TensorType) -> QuantParams:
    if type.quant is None:
        raise InternalError(f"{type} is not quantised")
    return type.quant


def used_table(node: Node) -> Array:
    """The table of exp without the zeros at its end."""
    x = node.inputs[0].type
    table = exp_table(float(quant_of(x).scalar[0]), x.shape[node.attrs.axis])
    return table[: int(np.flatnonzero(table)[-1]) + 1]


def softmax_data(node: Node) -> SoftmaxData:
    table = used_table(node)
    scale, zero_point = quant_of(node.output.type).scalar
    return SoftmaxData(table, len(table), float(scale), zero_point)


def softmax_f32_data(node: Node) -> SoftmaxF32Data:
    table = used_table(node)
    return SoftmaxF32Data(table, len(table))


def log_softmax_f32_data(node: Node) -> LogSoftmaxF32Data:
    x = node.inputs[0].type
    table = used_table(node)
    unit = 2.0 ** -exp_bits(x.shape[node.attrs.axis])
    return LogSoftmaxF32Data(table, len(table), float(quant_of(x).scalar[0]), unit)


def log_softmax_data(node: Node) -> LogSoftmaxData:
    of = log_softmax_f32_data(node)
    scale, zero_point = quant_of(node.output.type).scalar
    return LogSoftmaxData(of.exp_table, of.entries, of.input_scale, of.unit, float(scale), zero_point)


def s8_to(dtype: DType, node: Node, core: Core) -> str | None:
    """why_not of kernels from int8 to `dtype`."""
    x, y = node.inputs[0], node.output
    if x.type.dtype is not DType.S8:
        return f"takes int8 only, {x.name!r} is {x.type.dtype.value}"
    if y.type.dtype is not dtype:
        return f"gives {dtype.value} only, {y.name!r} is {y.type.dtype.value}"
    return None


def s8_to_f32(node: Node, core: Core) -> str | None:
    return s8_to(DType.F32, node, core)


def s8_to_s32(node: Node, core: Core) -> str | None:
    return s8_to(DType.S32, node, core)


def per_element(instructions: float, soft_float: float) -> Callable[[Node, Core], float]:
    """Cost of so many instructions an input element, with an FPU and without."""
    return lambda node, core: (instructions if core.fpu else soft_float) * node.inputs[0].type.elements


def inside_rows(node: Node) -> bool:
    return True


SOFTMAX = OpDef(
    "Softmax",
    SoftmaxAttrs,
    infer_softmax,
    rows=axis_rows,
    summary="any axis; int8 or float32 out",
    extra=("QLinearSoftmax",),
    kernels=(
        Kernel(
            name="ec_softmax_s8",
            family="softmax",
            why_not=s8_only,
            geometry=axis_geometry,
            data=softmax_data,
            flat=inside_rows,
            cost=per_element(60, 500),
        ),
        Kernel(
            name="ec_softmax_s8_f32",
            family="softmax",
            why_not=s8_to_f32,
            geometry=axis_geometry,
            data=softmax_f32_data,
            flat=inside_rows,
            cost=per_element(40, 300),
        ),
    ),
)
LOG_SOFTMAX = OpDef(
    "LogSoftmax",
    SoftmaxAttrs,
    infer_softmax,
    rows=axis_rows,
    summary="any axis; int8 or float32 out",
    kernels=(
        Kernel(
            name="ec_log_softmax_s8",
            family="softmax",
            why_not=s8_only,
            geometry=axis_geometry,
            data=log_softmax_data,
            flat=inside_rows,
            cost=per_element(50, 500),
        ),
        Kernel(
            name="ec_log_softmax_s8_f32",
            family="softmax",
            why_not=s8_to_f32,
            geometry=axis_geometry,
            data=log_softmax_f32_data,
            flat=inside_rows,
            cost=per_element(35, 300),
        ),
    ),
)
ARG_MAX = OpDef(
    "ArgMax",
    ArgMaxAttrs,
    infer_argmax,
    QuantRule.NONE,
    rows=axis_rows,
    summary="any axis; int32 out",
    kernels=(
        Kernel(
            name="ec_argmax_s8",
            family="softmax",
            why_not=s8_to_s32,
            geometry=argmax_geometry,
            data=lambda node: NoData(),
            flat=inside_rows,
            cost=per_element(8, 8),
        ),
    ),
)

OPS = (SOFTMAX, LOG_SOFTMAX, ARG_MAX)
