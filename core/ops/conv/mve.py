"""The kernels of Conv for Helium (Cortex-M55)."""

from __future__ import annotations

from dataclasses import dataclass

from edgec.ir import Node
from edgec.ops.base import Kernel
from edgec.ops.conv.attrs import ConvAttrs, conv_macs, pointwise
from edgec.ops.conv.mve_pack import has_zero_points, mve_data, needs_mve, output_way
from edgec.target import Core


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
    if attrs.kernel_shape != (1, 1) or any(attrs.pads) or attrs.group != 1:
        return "takes 1x1 convolutions without padding and groups only"
    return needs_mve(node, core)


def matmul_cost(node: Node, macs: int) -> float:
    """Of 1x1 and dense: two pixels by four channels are 14 instructions for 16 inputs, and 20 to requantise."""
    outputs = node.output.type.elements
    inputs = macs // outputs
    return outputs * (14.0 / 8 * -(-inputs // 16) + 3.5)


MVE: tuple[Kernel[ConvAttrs], ...] = (
    Kernel(
        name="ec_pointwise_conv_s8_mve",
        family="conv",
        why_not=pointwise_only,
        geometry=pointwise_geometry,
        data=mve_data,
        flat=pointwise,
        cost=lambda node, core: matmul_cost(node, conv_macs(node)),
        code=700,
    ),
)
