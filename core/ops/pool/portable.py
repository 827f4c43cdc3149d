"""The kernels of MaxPool, AveragePool and ReduceMean in portable C: always there, what every variant must equal."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgec.errors import InternalError
from edgec.ir import Node, QuantParams
from edgec.ops.base import Kernel, s8_only
from edgec.ops.numbers import QMIN
from edgec.ops.pool.attrs import PoolAttrs, ReduceAttrs
from edgec.target import Core

WIDEST_WINDOW = 255  # pixels of a row whose sum an int16 holds


@dataclass(frozen=True)
class MaxPoolGeometry:
    """Mirrors ec_max_pool_s8_geometry: one output row of `out_w` pixels."""

    in_w: int
    out_w: int
    channels: int
    kernel_h: int
    kernel_w: int
    stride_w: int
    pad_w: int
    dilation_w: int


@dataclass(frozen=True)
class AveragePoolGeometry(MaxPoolGeometry):
    """Mirrors ec_average_pool_s8_geometry."""

    count_include_pad: int


@dataclass(frozen=True)
class MaxPoolData:
    """Mirrors ec_max_pool_s8_data."""

    clamp_min: int
    clamp_max: int


@dataclass(frozen=True)
class AveragePoolData:
    """Mirrors ec_average_pool_s8_data."""

    input_scale: float
    output_scale: float
    input_zero_point: int
    output_zero_point: int
    clamp_min: int
    clamp_max: int


@dataclass(frozen=True)
class MeanGeometry:
    """Mirrors ec_mean_s8_geometry."""

    outer: int
    reduce: int
    inner: int


@dataclass(frozen=True)
class MeanData:
    """Mirrors ec_mean_s8_data."""

    scale: float
    input_zero_point: int
    output_zero_point: int
    clamp_min: int
    clamp_max: int


def max_pool_geometry(node: Node, rows: int) -> MaxPoolGeometry:
    attrs: PoolAttrs = node.attrs
    x, y = node.inputs[0].type, node.output.type
    return MaxPoolGeometry(
        in_w=x.shape[2],
        out_w=y.shape[2],
        channels=x.shape[3],
        kernel_h=attrs.kernel_shape[0],
        kernel_w=attrs.kernel_shape[1],
        stride_w=attrs.strides[1],
        pad_w=attrs.pads[1],
        dilation_w=attrs.dilations[1],
    )


def average_pool_geometry(node: Node, rows: int) -> AveragePoolGeometry:
    shared = max_pool_geometry(node, rows)
    return AveragePoolGeometry(**vars(shared), count_include_pad=int(node.attrs.count_include_pad))


def max_pool_data(node: Node) -> MaxPoolData:
    return MaxPoolData(*node.attrs.clamp)


def quants(node: Node) -> tuple[QuantParams, QuantParams]:
    """Quantisations of input and output."""
    x, y = node.inputs[0].type.quant, node.output.type.quant
    if x is None or y is None:
        raise InternalError(f"{node} is not quantised")
    return x, y


def average_pool_data(node: Node) -> AveragePoolData:
    (s_x, z_x), (s_y, z_y) = (quant.scalar for quant in quants(node))
    return AveragePoolData(float(s_x), float(s_y), z_x, z_y, *node.attrs.clamp)


def mean_scale(x: QuantParams, y: QuantParams, count: int) -> np.float32:
    """float32(s_x / float32(s_y * float32(count))), as onnxruntime's integer pools compute it."""
    return np.float32(x.scalar[0] / np.float32(y.scalar[0] * np.float32(count)))


def mean_geometry(node: Node, rows: int) -> MeanGeometry:
    shape, axes = node.inputs[0].type.shape, node.attrs.axes
    first, end = axes[0], axes[-1] + 1
    return MeanGeometry(math.prod(shape[:first]), math.prod(shape[first:end]), math.prod(shape[end:]))


def mean_data(node: Node) -> MeanData:
    x, y = quants(node)
    scale = mean_scale(x, y, mean_geometry(node, 1).reduce)
    return MeanData(float(scale), x.scalar[1], y.scalar[1], *node.attrs.clamp)


@dataclass(frozen=True)
class MeanRowsGeometry:
    """Mirrors ec_mean_rows_s8_geometry."""

    rows: int
    reduce: int
    inner: int


def mean_rows_geometry(node: Node, rows: int) -> MeanRowsGeometry:
    x = node.inputs[0].type
    inner = node.output.type.elements
    return MeanRowsGeometry(x.rows, x.row_elements // inner, inner)


def mean_rows_data(node: Node) -> MeanData:
    x, y = quants(node)
    count = node.inputs[0].type.elements // node.output.type.elements
    return MeanData(float(mean_scale(x, y, count)), x.scalar[1], y.scalar[1], *node.attrs.clamp)


def mean_by_rows(node: Node) -> Kernel[Any] | None:
    """Of a mean over the rows of one sample, alone or with axes behind them."""
    shape, axes = node.inputs[0].type.shape, node.attrs.axes
    return MEAN_ROWS if len(shape) > 2 and shape[0] == 1 and axes[0] == 1 else None


def average_pool_by_rows(node: Node) -> Kernel[Any] | None:
    """Of a window over the whole map."""
    x, attrs = node.inputs[0].type.shape, node.attrs
    every = attrs.kernel_shape == x[1:3] and attrs.pads == (0, 0, 0, 0) and attrs.dilations == (1, 1)
    return MEAN_ROWS if every else None


def one_sample(node: Node, core: Core) -> str | None:
    """why_not of the pools: rows are those of a single feature map."""
    if node.inputs[0].type.shape[0] != 1:
        return f"takes batch 1 only, the input is {node.inputs[0].type}"
    return s8_only(node, core)


def neighbouring(node: Node, core: Core) -> str | None:
    """why_not of ec_mean_s8."""
    axes = node.attrs.axes
    if not axes or tuple(axes) != tuple(range(axes[0], axes[0] + len(axes))):
        return f"takes neighbouring axes only, these are {list(axes)}"
    return s8_only(node, core)


def window_cost(node: Node, core: Core) -> float:
    """Four instructions for each element of each window."""
    attrs: PoolAttrs = node.attrs
    return (4.0 * math.prod(attrs.kernel_shape) + 15.0) * node.output.type.elements


MAX_POOL: Kernel[PoolAttrs] = Kernel(
    name="ec_max_pool_s8",
    family="pool",
    why_not=one_sample,
    geometry=max_pool_geometry,
    data=max_pool_data,
    pad_value=lambda node: QMIN,
    cost=window_cost,
)
AVERAGE_POOL: Kernel[PoolAttrs] = Kernel(
    name="ec_average_pool_s8",
    family="pool",
    why_not=one_sample,
    geometry=average_pool_geometry,
    data=average_pool_data,
    by_rows=average_pool_by_rows,
    cost=window_cost,
)
MEAN: Kernel[ReduceAttrs] = Kernel(
    name="ec_mean_s8",
    family="pool",
    why_not=neighbouring,
    geometry=mean_geometry,
    data=mean_data,
    by_rows=mean_by_rows,
    cost=lambda node, core: 4.0 * node.inputs[0].type.elements + 20.0 * node.output.type.elements,
)
MEAN_WINDOW: Kernel[Any] = Kernel(
    name="ec_mean_window_s8",
    family="pool",
    why_not=s8_only,
    geometry=mean_rows_geometry,
    data=mean_rows_data,
    kept=lambda node: 4 + (4 + 2 * node.inputs[0].type.rows) * node.output.type.elements,
    cost=lambda node, core: 5.0 * node.inputs[0].type.elements + 20.0 * node.output.type.elements,
)
MEAN_ROWS: Kernel[Any] = Kernel(
    name="ec_mean_rows_s8",
    family="pool",
    why_not=s8_only,
    geometry=mean_rows_geometry,
    data=mean_rows_data,
    kept=lambda node: 4 * (1 + node.output.type.elements),
    sliding=lambda node: MEAN_WINDOW if mean_rows_geometry(node, 1).reduce <= WIDEST_WINDOW else None,
    cost=MEAN_WINDOW.cost,
)
