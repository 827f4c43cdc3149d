"""The kernels of MaxPool, AveragePool and ReduceMean for cores with DSP instructions (Cortex-M4F, M7, M33)."""

from __future__ import annotations

import math
from dataclasses import dataclass

from edgec.ir import Node
from edgec.ops.base import Kernel, NoData, RowWindow
from edgec.ops.pool import portable
from edgec.ops.pool.attrs import PoolAttrs, ReduceAttrs
from edgec.target import Core

WORD = 4  # channels at once
MOST_COLUMNS = 256  # EC_POOL_MOST
VALUES, LARGEST_OUTPUT = 256.0, 2.0**30  # a mean of int8 lies within 256 of the zero point


@dataclass(frozen=True)
class MaxPoolDspGeometry(portable.MaxPoolGeometry):
    """Mirrors ec_max_pool_s8_dsp_geometry."""

    whole: int
    clamp_min: int
    clamp_max: int


@dataclass(frozen=True)
class AveragePoolDspGeometry(portable.AveragePoolGeometry):
    """Mirrors ec_average_pool_s8_dsp_geometry."""

    whole: int
    clamp_min: int
    clamp_max: int


@dataclass(frozen=True)
class AveragePoolDspData:
    """Mirrors ec_average_pool_s8_dsp_data."""

    input_scale: float
    output_scale: float
    input_zero_point: int
    output_zero_point: int


@dataclass(frozen=True)
class MeanDspGeometry(portable.MeanGeometry):
    """Mirrors ec_mean_s8_dsp_geometry."""

    clamp_min: int
    clamp_max: int


@dataclass(frozen=True)
class MeanDspData:
    """Mirrors ec_mean_s8_dsp_data."""

    scale: float
    input_zero_point: int
    output_zero_point: int


def is_whole(node: Node) -> bool:
    """No window is cut off at the left or right end of a row."""
    attrs: PoolAttrs = node.attrs
    side = RowWindow(attrs.kernel_shape[1], attrs.strides[1], attrs.pads[1], attrs.dilations[1])
    return side.first(0) >= 0 and side.last(node.output.type.shape[2] - 1) < node.inputs[0].type.shape[2]


def max_pool_geometry(node: Node, rows: int) -> MaxPoolDspGeometry:
    low, high = node.attrs.clamp
    return MaxPoolDspGeometry(
        **vars(portable.max_pool_geometry(node, rows)), whole=int(is_whole(node)), clamp_min=low, clamp_max=high
    )


def average_pool_geometry(node: Node, rows: int) -> AveragePoolDspGeometry:
    low, high = node.attrs.clamp
    return AveragePoolDspGeometry(
        **vars(portable.average_pool_geometry(node, rows)), whole=int(is_whole(node)), clamp_min=low, clamp_max=high
    )


def average_pool_data(node: Node) -> AveragePoolDspData:
    data = portable.average_pool_data(node)
    return AveragePoolDspData(data.input_scale, data.output_scale, data.input_zero_point, data.output_zero_point)


def mean_geometry(node: Node, rows: int) -> MeanDspGeometry:
    low, high = node.attrs.clamp
    return MeanDspGeometry(**vars(portable.mean_geometry(node, rows)), clamp_min=low, clamp_max=high)


def mean_data(node: Node) -> MeanDspData:
    data = portable.mean_data(node)
    return MeanDspData(data.scale, data.input_zero_point, data.output_zero_point)


def averaging(node: Node, core: Core) -> str | None:
    """why_not of what the means share: DSP instructions, an FPU, outputs that int32 holds before the clamp."""
    if not (core.dsp and core.fpu):
        return f"needs DSP instructions and an FPU, {core.name} has not both"
    x, y = portable.quants(node)
    if not VALUES * float(x.scalar[0]) / float(y.scalar[0]) < LARGEST_OUTPUT:
        return "takes outputs below 2^30 steps before the clamp only"
    return None


def max_pool(node: Node, core: Core) -> str | None:
    """why_not: DSP instructions, a word of channels."""
    if not core.dsp:
        return f"needs DSP instructions, {core.name} has none"
    if node.inputs[0].type.shape[-1] < WORD:
        return f"takes {WORD} channels or more"
    return portable.one_sample(node, core)


def average_pool(node: Node, core: Core) -> str | None:
    """why_not: DSP instructions and FPU, a word of channels, sums that fit 16 bits for a while."""
    if node.inputs[0].type.shape[-1] < WORD or node.attrs.kernel_shape[1] > MOST_COLUMNS:
        return f"takes {WORD} channels or more and windows up to {MOST_COLUMNS} wide"
    return averaging(node, core) or portable.one_sample(node, core)


def mean(node: Node, core: Core) -> str | None:
    """why_not: DSP instructions and FPU, a word of elements side by side."""
    reason = averaging(node, core) or portable.neighbouring(node, core)
    if reason is None and portable.mean_geometry(node, 1).inner < WORD:
        return f"takes {WORD} means side by side or more"
    return reason


def window_cost(node: Node, core: Core) -> float:
    """Instructions: of a window's element, of an output."""
    attrs: PoolAttrs = node.attrs
    return (1.3 * math.prod(attrs.kernel_shape) + 12.0) * node.output.type.elements


MAX_POOL: Kernel[PoolAttrs] = Kernel(
    name="ec_max_pool_s8_dsp",
    family="pool",
    why_not=max_pool,
    geometry=max_pool_geometry,
    data=lambda node: NoData(),
    cost=window_cost,
    code=250,
)
AVERAGE_POOL: Kernel[PoolAttrs] = Kernel(
    name="ec_average_pool_s8_dsp",
    family="pool",
    why_not=average_pool,
    geometry=average_pool_geometry,
    data=average_pool_data,
    by_rows=portable.average_pool_by_rows,
    cost=window_cost,
    code=400,
)
MEAN: Kernel[ReduceAttrs] = Kernel(
    name="ec_mean_s8_dsp",
    family="pool",
    why_not=mean,
    geometry=mean_geometry,
    data=mean_data,
    by_rows=portable.mean_by_rows,
    cost=lambda node, core: 1.3 * node.inputs[0].type.elements + 12.0 * node.output.type.elements,
    code=250,
)
