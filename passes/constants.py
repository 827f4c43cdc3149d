"""Constants as passes move and compute them: permuted, reshaped, evaluated, quantised."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from edgec.ir import Array, DType, Node, QuantParams, TensorType, Value
from edgec.ops.movement import ConcatAttrs, PadAttrs, ReshapeAttrs, SliceAttrs, TransposeAttrs
from edgec.ops.numbers import QMAX, QMIN, dequantize, quantize
from edgec.passes.wiring import Wiring, dequantized

LARGEST_RETAINED = 1 << 22  # elements; a folded constant that is bigger than its sources together would fill flash


def real_constant(wiring: Wiring, value: Value) -> Array | None:
    """The float32 data of a constant or of DequantizeLinear(constant); None for what is computed at run time."""
    if value.is_constant:
        return value.array if value.type.dtype is DType.F32 else None
    source = dequantized(wiring, value)
    if source is None or not source.is_constant or source.type.quant is None:
        return None
    return dequantize(source.array, source.type.quant)


def move_type(node: Node, type: TensorType) -> TensorType | None:
    """Type of what a Transpose, Reshape or Slice makes of a constant; None where the axis of its scales is lost."""
    shape = node.output.type.shape
    quant = type.quant
    if quant is None or quant.axis is None:
        return TensorType(type.dtype, shape, quant)
    axis: int | None = None
    if isinstance(node.attrs, TransposeAttrs):
        axis = node.attrs.perm.index(quant.axis)
    elif isinstance(node.attrs, ReshapeAttrs):
        axis = reshaped_axis(type.shape, shape, quant.axis)
    if axis is None:
        return None
    return TensorType(type.dtype, shape, QuantParams(quant.scale, quant.zero_point, axis))


def reshaped_axis(before: Sequence[int], after: Sequence[int], axis: int) -> int | None:
    """Where `axis` is after a reshape: the axis of equal size with as many elements in front of it."""
    leading = int(np.prod(before[:axis], dtype=np.int64))
    for position, size in enumerate(after):
        if size == before[axis] and int(np.prod(after[:position], dtype=np.int64)) == leading:
            return position
    return None


def move_data(node: Node, arrays: Sequence[Array]) -> Array | None:
    """What a movement node makes of constants (integers or reals); None for operators not known here."""
    x, attrs = arrays[0], node.attrs
    if isinstance(attrs, TransposeAttrs):
        return np.ascontiguousarray(x.transpose(attrs.perm))
    if isinstance(attrs, ReshapeAttrs):
        return x.reshape(attrs.shape)
    if isinstance(attrs, SliceAttrs):
        return x[slice_indices(attrs)].copy()
    if isinstance(attrs, ConcatAttrs):
        return np.concatenate(list(arrays), axis=attrs.axis)
    if isinstance(attrs, PadAttrs):
        return pad_data(attrs, x)
    return None


def slice_indices(attrs: SliceAttrs) -> tuple[Array, ...]:
    """numpy index of what a Slice takes: one vector an axis."""
    return np.ix_(
        *(
            start + step * np.arange(size)
            for start, step, size in zip(attrs.starts, attrs.steps, attrs.sizes, strict=True)
        )
    )


def pad_data(attrs: PadAttrs, x: Array) -> Array | None:
    """Padding of real constants; the value of an integer's padding would have to be quantised."""
    if x.dtype != np.float32:
        return None
    widths = list(zip(attrs.before, attrs.after, strict=True))
    if attrs.mode == "constant":
        return np.pad(x, widths, constant_values=np.float32(attrs.value))
    return np.pad(x, widths, mode="edge") if attrs.mode == "edge" else np.pad(x, widths, mode="reflect")


def transposed(wiring: Wiring, value: Value, perm: Sequence[int]) -> Value:
    """The constant `value` with its axes in the order `perm`, the axis of its scales with them."""
    quant = value.type.quant
    if quant is not None and quant.axis is not None:
        quant = replace(quant, axis=list(perm).index(quant.axis))
    data = np.ascontiguousarray(value.array.transpose(perm))
    return wiring.constant(value.name, TensorType(value.type.dtype, tuple(data.shape), quant), data)


def quantize_constant(x: Array, quant: QuantParams) -> Array:
    """numbers.quantize, also for one scale a slice along an axis."""
    if quant.axis is None:
        return quantize(x, quant)
    # x: (..., C, ...) f32, scales: (C)
    slices = [
        quantize(part, QuantParams((scale,), (zero_point,)))
        for part, scale, zero_point in zip(np.moveaxis(x, quant.axis, 0), quant.scale, quant.zero_point, strict=True)
    ]
    return np.moveaxis(np.stack(slices), 0, quant.axis)


def exact_int8(x: Array) -> tuple[Array, QuantParams] | None:
    """int8 values and a per-tensor scale that give the float32 `x` back to the bit; None where there are none.

    Tried are the scales max|x| / k for k = 1..128, with zero point 0.
    """
    largest = np.float32(np.max(np.abs(x), initial=0.0))
    if not np.isfinite(largest):
        return None
    if largest == 0.0:
        return np.zeros(x.shape, np.int8), QuantParams.per_tensor(1.0, 0)
    for divisor in range(1, -QMIN + 1):
        quant = QuantParams.per_tensor(float(largest / np.float32(divisor)), 0)
        q = np.rint(x / np.float32(quant.scale[0]))
        if np.all((q >= QMIN) & (q <= QMAX)) and np.array_equal(dequantize(q.astype(np.int8), quant), x):
            return q.astype(np.int8), quant
    return None


def is_movement_of_constants(node: Node) -> bool:
    return isinstance(node.attrs, TransposeAttrs | ReshapeAttrs | SliceAttrs | ConcatAttrs | PadAttrs)
