"""The kernels of Add, Sub, Mul and Div in portable C: always there, what every variant must equal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edgec.errors import InternalError
from edgec.ir import Array, DType, Node, Value
from edgec.ops.base import Kernel
from edgec.ops.elementwise.attrs import BinaryAttrs
from edgec.target import Core

AXES = 4  # EC_BINARY_AXES of ec_binary.h


@dataclass(frozen=True)
class BinaryGeometry:
    """Mirrors ec_binary_geometry: AXES nested loops; a stride of 0 repeats the input along that axis."""

    size: tuple[int, ...]
    a_stride: tuple[int, ...]
    b_stride: tuple[int, ...]
    a_constant: bool
    b_constant: bool


@dataclass(frozen=True)
class BinaryData:
    """Mirrors ec_binary_data."""

    constant: Array | None
    a_scale: float
    b_scale: float
    y_scale: float
    a_zero_point: int
    b_zero_point: int
    y_zero_point: int
    clamp_min: int
    clamp_max: int


def broadcast_strides(shape: Sequence[int]) -> list[int]:
    """Elements from one index to the next along each axis of a dense array; 0 along axes of size 1."""
    strides, step = [0] * len(shape), 1
    for axis in reversed(range(len(shape))):
        if shape[axis] != 1:
            strides[axis] = step
        step *= shape[axis]
    return strides


def broadcast_loops(a: Sequence[int], b: Sequence[int]) -> list[tuple[int, int, int]]:
    """(size, stride of a, stride of b) of the fewest nested loops over the broadcast of two shapes of equal rank."""
    loops: list[tuple[int, int, int]] = []
    for loop in zip(np.broadcast_shapes(tuple(a), tuple(b)), broadcast_strides(a), broadcast_strides(b), strict=True):
        size, a_stride, b_stride = loop
        if size == 1:
            continue
        # The axis before continues into this one where neither input needs a step of its own between them.
        if loops and loops[-1][1] == a_stride * size and loops[-1][2] == b_stride * size:
            loops[-1] = (loops[-1][0] * size, a_stride, b_stride)
        else:
            loops.append(loop)
    return loops


def rows_of_call(shape: tuple[int, ...], rows: int, of: int) -> tuple[int, ...]:
    """The shape that one call sees of an input, when it computes `rows` of `of` rows."""
    return shape if rows == of else (1, min(rows, shape[1]), *shape[2:])


def binary_geometry(node: Node, rows: int) -> BinaryGeometry:
    a, b = node.inputs
    of = node.output.type.rows
    loops = broadcast_loops(*(rows_of_call(value.type.shape, rows, of) for value in (a, b)))
    size, a_stride, b_stride = zip(*[(1, 0, 0)] * (AXES - len(loops)), *loops, strict=True)
    return BinaryGeometry(size, a_stride, b_stride, a.is_constant, b.is_constant)


def binary_data(node: Node) -> BinaryData:
    attrs: BinaryAttrs = node.attrs
    a, b, y = (scalar_quant(value) for value in (*node.inputs, node.output))
    return BinaryData(
        constant=next((value.array for value in node.inputs if value.is_constant), None),
        a_scale=float(a[0]),
        b_scale=float(b[0]),
        y_scale=float(y[0]),
        a_zero_point=a[1],
        b_zero_point=b[1],
        y_zero_point=y[1],
        clamp_min=attrs.clamp[0],
        clamp_max=attrs.clamp[1],
    )


def scalar_quant(value: Value) -> tuple[np.float32, int]:
    """(scale, zero point) of a value with one scale."""
    if value.type.quant is None:
        raise InternalError(f"{value.name!r} is not quantised")
    return value.type.quant.scalar


def binary_s8(node: Node, core: Core) -> str | None:
    """why_not: three int8 tensors with one scale each, at most one of the inputs constant, AXES loops."""
    for value in (*node.inputs, node.output):
        if value.type.dtype is not DType.S8:
            return f"takes int8 only, {value.name!r} is {value.type.dtype.value}"
        if value.type.quant is None or value.type.quant.axis is not None:
            return f"takes one scale a tensor, {value.name!r} has not"
    if all(value.is_constant for value in node.inputs):
        return "takes one constant, both inputs are"
    loops = broadcast_loops(*(value.type.shape for value in node.inputs))
    if len(loops) > AXES:
        return f"broadcasts with {AXES} nested loops, {len(loops)} are needed"
    return None


def portable(name: str) -> Kernel[BinaryAttrs]:
    """The kernel of the operator `name`."""
    return Kernel(
        name=f"ec_{name.lower()}_s8",
        family="elementwise",
        why_not=binary_s8,
        geometry=binary_geometry,
        data=binary_data,
        flat=lambda node: True,
        inplace=True,
        # Four float32 operations an element; without an FPU each is a call.
        cost=lambda node, core: (24.0 if core.fpu else 240.0) * node.output.type.elements,
    )
