"""The kernels of MaxPool, AveragePool and ReduceMean for Helium (Cortex-M55)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from edgec.ir import Node
from edgec.ops.base import Kernel
from edgec.ops.conv.mve_pack import way_of, weighed
from edgec.ops.pool import portable
from edgec.ops.pool.attrs import PoolAttrs, ReduceAttrs
from edgec.target import Core

ALL_VALUES = 256  # that an input may be away from its zero point, at most


@dataclass(frozen=True)
class AveragePoolMveGeometry(portable.AveragePoolGeometry):
    """Mirrors ec_average_pool_s8_mve_geometry."""

    way: int


@dataclass(frozen=True)
class MeanMveGeometry(portable.MeanGeometry):
    """Mirrors ec_mean_s8_mve_geometry."""

    way: int


def with_helium(why_not: Callable[[Node, Core], str | None]) -> Callable[[Node, Core], str | None]:
    """The why_not of a portable kernel, on a core that has Helium."""
    return lambda node, core: why_not(node, core) if core.mve else f"needs Helium, {core.name} has none"


def output_way(node: Node) -> int:
    """A mean is no further from its zero point than an element."""
    x, y = portable.quants(node)
    (s_x, _), (s_y, z_y) = x.scalar, y.scalar
    return way_of(ALL_VALUES * float(s_x) / float(s_y), z_y, node.attrs.clamp)


def average_pool_geometry(node: Node, rows: int) -> AveragePoolMveGeometry:
    return AveragePoolMveGeometry(**vars(portable.average_pool_geometry(node, rows)), way=output_way(node))


def mean_geometry(node: Node, rows: int) -> MeanMveGeometry:
    return MeanMveGeometry(**vars(portable.mean_geometry(node, rows)), way=output_way(node))


def window_work(node: Node) -> tuple[float, ...]:
    """Elements of all windows, outputs."""
    attrs: PoolAttrs = node.attrs
    return float(math.prod(attrs.kernel_shape) * node.output.type.elements), float(node.output.type.elements)


def mean_work(node: Node) -> tuple[float, ...]:
    """Inputs, outputs."""
    return float(node.inputs[0].type.elements), float(node.output.type.elements)


MAX_POOL: Kernel[PoolAttrs] = Kernel(
    name="ec_max_pool_s8_mve",
    family="pool",
    why_not=with_helium(portable.one_sample),
    geometry=portable.max_pool_geometry,
    data=portable.max_pool_data,
    pad_value=portable.MAX_POOL.pad_value,
    cost=lambda node, core: weighed(window_work(node), (0.3, 1.0)),
    work=window_work,
)
AVERAGE_POOL: Kernel[PoolAttrs] = Kernel(
    name="ec_average_pool_s8_mve",
    family="pool",
    why_not=with_helium(portable.one_sample),
    geometry=average_pool_geometry,
    data=portable.average_pool_data,
    by_rows=portable.average_pool_by_rows,
    cost=lambda node, core: weighed(window_work(node), (0.9, 5.0)),
    work=window_work,
)
MEAN: Kernel[ReduceAttrs] = Kernel(
    name="ec_mean_s8_mve",
    family="pool",
    why_not=with_helium(portable.neighbouring),
    geometry=mean_geometry,
    data=portable.mean_data,
    by_rows=portable.mean_by_rows,
    cost=lambda node, core: weighed(mean_work(node), (0.8, 5.0)),
    work=mean_work,
)
