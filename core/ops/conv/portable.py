"""The kernels of Conv in portable C: always there, what every variant must equal."""

from __future__ import annotations

from dataclasses import dataclass

from edgec.ir import Node
from edgec.ops.base import Kernel
from edgec.ops.conv.attrs import ConvAttrs, conv_macs, is_depthwise, pointwise
from edgec.ops.conv.sums import conv_data, input_zero_point, weighted_s8
from edgec.target import Core


@dataclass(frozen=True)
class ConvGeometry:
    """Mirrors ec_conv_s8_geometry: one output row of `out_w` pixels."""

    in_w: int
    in_c: int
    out_w: int
    out_c: int
    kernel_h: int
    kernel_w: int
    stride_w: int
    pad_w: int
    dilation_w: int
    group: int


@dataclass(frozen=True)
class DepthwiseGeometry:
    """Mirrors ec_depthwise_conv_s8_geometry; out_c is a multiple of in_c."""

    in_w: int
    in_c: int
    out_w: int
    out_c: int
    kernel_h: int
    kernel_w: int
    stride_w: int
    pad_w: int
    dilation_w: int


def conv_geometry(node: Node, rows: int) -> ConvGeometry:
    attrs: ConvAttrs = node.attrs
    x, y = node.inputs[0].type, node.output.type
    return ConvGeometry(
        in_w=x.shape[2] * rows,
        in_c=x.shape[3],
        out_w=y.shape[2] * rows,
        out_c=y.shape[3],
        kernel_h=attrs.kernel_shape[0],
        kernel_w=attrs.kernel_shape[1],
        stride_w=attrs.strides[1],
        pad_w=attrs.pads[1],
        dilation_w=attrs.dilations[1],
        group=attrs.group,
    )


def depthwise_geometry(node: Node, rows: int) -> DepthwiseGeometry:
    g = conv_geometry(node, rows)
    return DepthwiseGeometry(
        g.in_w, g.in_c, g.out_w, g.out_c, g.kernel_h, g.kernel_w, g.stride_w, g.pad_w, g.dilation_w
    )


def depthwise_only(node: Node, core: Core) -> str | None:
    if not is_depthwise(node):
        return f"takes depthwise convolutions only, group is {node.attrs.group}"
    return weighted_s8(node, core)


PORTABLE: tuple[Kernel[ConvAttrs], ...] = (
    Kernel(
        name="ec_depthwise_conv_s8",
        family="conv",
        why_not=depthwise_only,
        geometry=depthwise_geometry,
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
