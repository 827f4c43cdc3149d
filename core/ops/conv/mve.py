"""The kernels of Conv for Helium (Cortex-M55)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from edgec.ir import Node
from edgec.ops.base import Kernel
from edgec.ops.conv.attrs import ConvAttrs, RowGeometry, conv_rows, pointwise, row_geometry
from edgec.ops.conv.mve_pack import (
    GROUP,
    VECTOR,
    MveData,
    has_zero_points,
    mve_data,
    needs_mve,
    output_way,
    run_order,
    vectors,
    weighed,
)
from edgec.ops.conv.sums import input_zero_point
from edgec.step import round_up
from edgec.target import Core

STEP = 14.0 / 8  # instructions of an output for each vector of its inputs: a tile of 2 pixels and 4 channels
MOST_STEPS = 9  # EC_MVE_MOST_STEPS
MOST_PIECES = 9  # EC_CONV_S8_MVE_PIECES


@dataclass(frozen=True)
class MatmulGeometry:
    """Mirrors ec_matmul_mve_geometry: `count` vectors, `step` bytes from one to the next."""

    count: int
    step: int
    in_c: int
    out_c: int
    zero_points: int
    way: int


def pointwise_geometry(node: Node, rows: int) -> MatmulGeometry:
    attrs: ConvAttrs = node.attrs
    x, y = node.inputs[0].type, node.output.type
    return MatmulGeometry(
        count=y.shape[2] * rows,
        step=x.shape[3] * attrs.strides[1],
        in_c=x.shape[3],
        out_c=y.shape[3],
        zero_points=int(has_zero_points(node)),
        way=output_way(node),
    )


def pointwise_only(node: Node, core: Core) -> str | None:
    """why_not of the 1x1 kernel: every pixel is a vector of the input."""
    attrs: ConvAttrs = node.attrs
    if core.mve and (attrs.kernel_shape != (1, 1) or any(attrs.pads) or attrs.group != 1):
        return "takes 1x1 convolutions without padding and groups only"
    return needs_mve(node, core)


def matmul_work(node: Node) -> tuple[float, ...]:
    """Of 1x1 and dense: vectors of inputs times channels, of several pixels and of a single one; outputs."""
    outputs = node.output.type.elements
    steps = float(outputs * vectors(node.op.macs(node) // outputs))
    single = outputs == node.output.type.shape[-1]
    return (0.0, steps, float(outputs)) if single else (steps, 0.0, float(outputs))


def matmul_cost(node: Node, core: Core) -> float:
    """Two pixels by four channels are 14 instructions for 16 inputs, one pixel 9; requantising is 20 for 8 outputs."""
    return weighed(matmul_work(node), (STEP, 9.0 / 4, 3.9))


@dataclass(frozen=True)
class ConvMveGeometry(RowGeometry):
    """Mirrors ec_conv_s8_mve_geometry: one output row of `out_w` pixels."""

    columns: int
    inside: int
    zeros: int
    apart: int
    zero_points: int
    way: int


@dataclass(frozen=True)
class ConvMveData(MveData):
    """Mirrors ec_conv_s8_mve_data."""

    input_zero_point: int


def pieces(run: int) -> int:
    """Pieces of a run of so many bytes, each of the same number of vectors: ec_mve_pieces."""
    whole = run // VECTOR
    return next((whole // steps for steps in range(MOST_STEPS, 0, -1) if whole and whole % steps == 0), 1)


def in_columns(node: Node) -> bool:
    """Gather the inputs of every pixel: where rows cannot be read as they lie, or where that costs less.

    Compared are instructions of two pixels, as fitted to counts: a step of a tile takes 14, what is left of a run 24.
    """
    attrs: ConvAttrs = node.attrs
    (kh, kw), in_c, out_c = attrs.kernel_shape, node.inputs[0].type.shape[3], node.output.type.shape[3]
    run = kw * in_c
    if kh * pieces(run) > MOST_PIECES or (attrs.dilations[1] > 1 and kw > 1):
        return True
    groups = -(-out_c // GROUP)
    as_they_lie = groups * kh * (14 * (run // VECTOR) + (24 if run % VECTOR else 0) + 3)
    gathered = groups * 14 * vectors(kh * run) + 2 * kh * (2 * vectors(run) + 2) + 10
    return gathered < as_they_lie


def at_border(node: Node, out_x: int) -> bool:
    """The window of an output pixel leaves its row to the left or right."""
    attrs: ConvAttrs = node.attrs
    origin = out_x * attrs.strides[1] - attrs.pads[1]
    return origin < 0 or origin + (attrs.kernel_shape[1] - 1) * attrs.dilations[1] >= node.inputs[0].type.shape[2]


def border(node: Node) -> list[bool]:
    """at_border of every output pixel of a row."""
    return [at_border(node, out_x) for out_x in range(node.output.type.shape[2])]


def zeros_bytes(node: Node) -> int:
    """What stands for a row of padding, of the size of a row of the window; 0 where no row lies outside."""
    attrs: ConvAttrs = node.attrs
    (window,), x, y = conv_rows(node), node.inputs[0].type, node.output.type
    if window.first(0) >= 0 and window.last(y.rows - 1) < x.rows:
        return 0
    return round_up(attrs.kernel_shape[1] * x.shape[3])


def column_bytes(node: Node) -> int:
    """The gathered inputs of a pixel; as one run it fills whole vectors, and one behind it is written."""
    size = math.prod(node.inputs[1].type.shape[1:])
    return (vectors(size) + 1) * VECTOR if in_columns(node) else size


def apart_bytes(node: Node) -> int:
    """column_bytes where both pixels that are computed together can be gathered, else 0."""
    outside = border(node)
    both = any(outside[out_x] and outside[out_x + 1] for out_x in range(0, len(outside) - 1, 2))
    return column_bytes(node) if both or in_columns(node) else 0


def conv_geometry(node: Node, rows: int) -> ConvMveGeometry:
    return ConvMveGeometry(
        **vars(row_geometry(node, 1)),
        columns=int(in_columns(node)),
        inside=int(not any(border(node))),
        zeros=zeros_bytes(node),
        apart=apart_bytes(node),
        zero_points=int(has_zero_points(node)),
        way=output_way(node),
    )


def conv_mve_data(node: Node) -> ConvMveData:
    weights = node.inputs[1].array.reshape(node.output.type.shape[3], -1)
    if in_columns(node):
        unused = 0 if has_zero_points(node) else -weights.shape[1] % VECTOR
        groups = run_order(np.pad(weights, ((0, 0), (0, unused))), 1)
    else:
        groups = run_order(weights, node.attrs.kernel_shape[0])
    return ConvMveData(**vars(mve_data(node, groups)), input_zero_point=input_zero_point(node))


def conv_scratch(node: Node) -> int:
    """Zero points for a row of padding, then the columns of one or two pixels."""
    gathered = in_columns(node) or any(border(node))
    return zeros_bytes(node) + apart_bytes(node) + (column_bytes(node) if gathered else 0)


def ungrouped(node: Node, core: Core) -> str | None:
    """why_not of the kernel for any window."""
    if core.mve and node.attrs.group != 1:
        return f"takes no groups, here are {node.attrs.group}"
    return needs_mve(node, core)


def conv_work(node: Node) -> tuple[float, ...]:
    """Vectors of inputs times channels, outputs, pixels, vectors and rows that are gathered."""
    out_c, kh, kw, in_c = node.inputs[1].type.shape
    pixels, columns = node.output.type.elements // out_c, in_columns(node)
    steps = vectors(kh * kw * in_c) if columns else kh * vectors(kw * in_c)
    gathered = float(pixels * kh * (vectors(kw * in_c) + 1)) if columns else 0.0
    return float(pixels * out_c * steps), float(pixels * out_c), float(pixels * kh), gathered


def conv_cost(node: Node, core: Core) -> float:
    return weighed(conv_work(node), (STEP, 4.0, 6.0, 2.0))


MVE: tuple[Kernel[ConvAttrs], ...] = (
    Kernel(
        name="ec_pointwise_conv_s8_mve",
        family="conv",
        why_not=pointwise_only,
        geometry=pointwise_geometry,
        data=mve_data,
        flat=pointwise,
        cost=matmul_cost,
        work=matmul_work,
        stack=240,
        code=500,
    ),
    Kernel(
        name="ec_conv_s8_mve",
        family="conv",
        why_not=ungrouped,
        geometry=conv_geometry,
        data=conv_mve_data,
        scratch=conv_scratch,
        cost=conv_cost,
        work=conv_work,
        stack=420,
        code=1200,
    ),
)
