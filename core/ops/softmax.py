"""Softmax, LogSoftmax and ArgMax along one axis.

exp is a table of integers, so that the sum is exact and the same in any order and on any machine:
t[d] = round(2^k * exp(-d * s_x)) for d = max - q = 0..255.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal
from functools import cache

import numpy as np

from edgec.errors import InternalError
from edgec.ir import Array, DType, Node, QuantParams, TensorType
from edgec.ops.base import Kernel, NoData, OpDef, QuantRule, RowWindow, s8_only
from edgec.target import Core

# ln(2) in two parts: the first has 16 bits, so that its product with an exponent is exact.
LN2_HIGH = np.float32(45426 / 65536)
LN2_LOW = np.float32(math.log(2) - 45426 / 65536)
SQRT_2 = np.float32(math.sqrt(2))


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


def exp_bits(n: int) -> int:
    """k of the table: the sum of n entries of at most 2^k fits uint32, and float32 holds each entry exactly."""
    return min(23, 31 - (n - 1).bit_length())


@cache
def exp_entries(scale: float, n: int) -> tuple[int, ...]:
    """The entries of `exp_table`; in decimal arithmetic, since exp of floats differs between machines."""
    context = Context(prec=40, rounding=ROUND_HALF_EVEN)
    unit = Decimal(2 ** exp_bits(n))
    step = -Decimal(scale)
    return tuple(
        int(context.multiply(unit, context.exp(context.multiply(step, Decimal(d)))).to_integral_value(ROUND_HALF_EVEN))
        for d in range(256)
    )


def exp_table(scale: float, n: int) -> Array:
    """(256) uint32: round_half_even(2^k * exp(-d * scale)) for d = 0..255, k = exp_bits(n).

    scale: float32 scale of the input; n: elements that are summed.
    """
    return np.array(exp_entries(float(np.float32(scale)), n), np.uint32)


def exp_and_sum(q: Array, axis: int, scale: float) -> tuple[Array, Array]:
    """int8 -> (uint32 table entries of every element, float32 of their exact sum along `axis`, kept as 1)."""
    high = q.max(axis=axis, keepdims=True).astype(np.int64)
    t = exp_table(scale, q.shape[axis])[high - q]
    return t, t.sum(axis=axis, keepdims=True, dtype=np.uint64).astype(np.float32)


def softmax(q: Array, axis: int, scale: float) -> Array:
    """int8 -> float32: float32(t) / float32(sum of t). Int8 outputs are this, quantised (numbers.quantize)."""
    t, total = exp_and_sum(q, axis, scale)
    return np.asarray(t.astype(np.float32) / total, np.float32)


def log_softmax(q: Array, axis: int, scale: float) -> Array:
    """int8 -> float32: -(float32(d) * scale) - log_f32(float32(sum of t) * 2^-k), d = max - q."""
    _, total = exp_and_sum(q, axis, scale)
    d = q.max(axis=axis, keepdims=True).astype(np.int32) - q
    unit = np.float32(2.0 ** -exp_bits(q.shape[axis]))
    return np.asarray(-(d.astype(np.float32) * np.float32(scale)) - log_f32(total * unit), np.float32)


def log_f32(x: Array) -> Array:
    """Natural logarithm of normal positive float32, the same bits wherever each step is rounded once; error < 3 ulp.

    x = m * 2^e with m in (sqrt(1/2), sqrt(2)]; log(m) = 2 * artanh(s) = 2s * (1 + s^2/3 + s^4/5 + ...) with
    s = (m - 1) / (m + 1), |s| < 0.172: the series (Gregory, 1668) up to s^9 leaves less than 2^-28.
    """
    one, half, two = np.float32(1), np.float32(0.5), np.float32(2)
    bits = np.asarray(x, np.float32).view(np.int32)
    m = ((bits & 0x7FFFFF) | 0x3F800000).view(np.float32)
    large = m > SQRT_2
    e = ((bits >> 23) - 127 + large).astype(np.float32)
    f = np.where(large, m * half, m) - one
    s = f / (f + two)
    z = s * s
    series = z * (np.float32(1 / 7) + z * np.float32(1 / 9))
    series = z * (np.float32(1 / 3) + z * (np.float32(1 / 5) + series))
    twice = s + s
    return np.asarray(e * LN2_HIGH + ((twice + twice * series) + e * LN2_LOW), np.float32)


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
