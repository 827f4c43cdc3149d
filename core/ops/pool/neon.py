"""The kernels of MaxPool, AveragePool and ReduceMean for AArch64."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from edgec.ir import Node
from edgec.ops.base import Kernel, s8_only
from edgec.ops.conv.mve_pack import weighed
from edgec.ops.numbers import FULL_RANGE
from edgec.ops.pool import portable
from edgec.ops.pool.attrs import PoolAttrs, ReduceAttrs
from edgec.ops.pool.mve import mean_work, output_way, window_work
from edgec.target import Core

HALF, VECTOR = 8, 16  # channels at once, at least and at most
WIDEST_WINDOW = 256  # EC_POOL_NEON_MOST: columns whose sum an int16 holds


@dataclass(frozen=True)
class MaxPoolNeonGeometry(portable.MaxPoolGeometry):
    """Mirrors ec_max_pool_s8_neon_geometry."""

    clamped: int


@dataclass(frozen=True)
class AveragePoolNeonGeometry(portable.AveragePoolGeometry):
    """Mirrors ec_average_pool_s8_neon_geometry."""

    way: int


@dataclass(frozen=True)
class MeanNeonGeometry(portable.MeanGeometry):
    """Mirrors ec_mean_s8_neon_geometry."""

    way: int


@dataclass(frozen=True)
class MeanRowsNeonGeometry(portable.MeanRowsGeometry):
    """Mirrors ec_mean_rows_s8_neon_geometry."""

    way: int


def max_pool_geometry(node: Node, rows: int) -> MaxPoolNeonGeometry:
    clamped = node.attrs.clamp != FULL_RANGE
    return MaxPoolNeonGeometry(**vars(portable.max_pool_geometry(node, rows)), clamped=int(clamped))


def average_pool_geometry(node: Node, rows: int) -> AveragePoolNeonGeometry:
    return AveragePoolNeonGeometry(**vars(portable.average_pool_geometry(node, rows)), way=output_way(node))


def mean_geometry(node: Node, rows: int) -> MeanNeonGeometry:
    return MeanNeonGeometry(**vars(portable.mean_geometry(node, rows)), way=output_way(node))


def mean_rows_geometry(node: Node, rows: int) -> MeanRowsNeonGeometry:
    return MeanRowsNeonGeometry(**vars(portable.mean_rows_geometry(node, rows)), way=output_way(node))


def needs_neon(core: Core) -> str | None:
    return None if core.neon else f"needs NEON, {core.name} has none"


def max_pool(node: Node, core: Core) -> str | None:
    """why_not: NEON, channels for half a vector."""
    reason = needs_neon(core) or portable.one_sample(node, core)
    if reason is None and node.inputs[0].type.shape[-1] < HALF:
        return f"takes {HALF} channels or more"
    return reason


def average_pool(node: Node, core: Core) -> str | None:
    """why_not: NEON, channels for half a vector, sums of columns that fit 16 bits."""
    reason = max_pool(node, core)
    if reason is None and node.attrs.kernel_shape[1] > WIDEST_WINDOW:
        return f"takes windows up to {WIDEST_WINDOW} wide"
    return reason


def mean(node: Node, core: Core) -> str | None:
    """why_not: NEON; means of what lies side by side, or of many elements side by side each."""
    reason = needs_neon(core) or portable.neighbouring(node, core)
    if reason is None and 1 < portable.mean_geometry(node, 1).inner < HALF:
        return f"takes one mean or {HALF} and more side by side"
    return reason


def by_rows(node: Node, plain: Kernel[Any] | None) -> Kernel[Any] | None:
    """The kernel of a mean by rows, where there is a plain one: that for NEON, if it can."""
    return MEAN_ROWS if plain is not None and node.output.type.elements >= VECTOR else plain


MAX_POOL: Kernel[PoolAttrs] = Kernel(
    name="ec_max_pool_s8_neon",
    family="pool",
    why_not=max_pool,
    geometry=max_pool_geometry,
    data=portable.max_pool_data,
    pad_value=portable.MAX_POOL.pad_value,
    cost=lambda node, core: weighed(window_work(node), (0.13, 0.7)),
    work=window_work,
)
AVERAGE_POOL: Kernel[PoolAttrs] = Kernel(
    name="ec_average_pool_s8_neon",
    family="pool",
    why_not=average_pool,
    geometry=average_pool_geometry,
    data=portable.average_pool_data,
    by_rows=lambda node: by_rows(node, portable.average_pool_by_rows(node)),
    cost=lambda node, core: weighed(window_work(node), (0.22, 2.5)),
    work=window_work,
    code=800,
)
MEAN: Kernel[ReduceAttrs] = Kernel(
    name="ec_mean_s8_neon",
    family="pool",
    why_not=mean,
    geometry=mean_geometry,
    data=portable.mean_data,
    by_rows=lambda node: by_rows(node, portable.mean_by_rows(node)),
    cost=lambda node, core: weighed(mean_work(node), (0.25, 2.0)),
    work=mean_work,
    code=700,
)
MEAN_ROWS: Kernel[Any] = Kernel(
    name="ec_mean_rows_s8_neon",
    family="pool",
    why_not=lambda node, core: needs_neon(core) or s8_only(node, core),
    geometry=mean_rows_geometry,
    data=portable.mean_rows_data,
    kept=portable.MEAN_ROWS.kept,
    sliding=portable.MEAN_ROWS.sliding,
    cost=lambda node, core: weighed(mean_work(node), (0.4, 2.0)),
    work=mean_work,
)
