"""The kernels of Conv in portable C: always there, what every variant must equal."""

from __future__ import annotations

from dataclasses import dataclass

from edgec.ir import Node
from edgec.ops.base import Kernel
from edgec.ops.conv.attrs import ConvAttrs, RowGeometry, conv_macs, is_depthwise, pointwise, row_geometry
from edgec.ops.conv.sums import conv_data, input_zero_point, weighted_s8
from edgec.target import Core


@dataclass(frozen=True)
class ConvGeometry(RowGeometry):
    """Mirrors ec_conv_s8_geometry."""

    group: int


def conv_geometry(node: Node, rows: int) -> ConvGeometry:
    return ConvGeometry(**vars(row_geometry(node, rows)), group=node.attrs.group)


def depthwise_only(node: Node, core: Core) -> str | None:
    if not is_depthwise(node):
        return f"takes depthwise convolutions only, group is {node.attrs.group}"
    return weighted_s8(node, core)


PORTABLE: tuple[Kernel[ConvAttrs], ...] = (
    Kernel(
        name="ec_depthwise_conv_s8",
        family="conv",
        why_not=depthwise_only,
        geometry=row_geometry,
        data=conv_data,
        flat=pointwise,
        pad_value=input_zero_point,
        cost=lambda node, core: 14.0 * conv_macs(node),
        code=500,
    ),
    Kernel(
        name="ec_conv_s8",
        family="conv",
        why_not=weighted_s8,
        geometry=conv_geometry,
        data=conv_data,
        flat=pointwise,
        pad_value=input_zero_point,
        cost=lambda node, core: 15.0 * conv_macs(node),
        code=500,
    ),
)
