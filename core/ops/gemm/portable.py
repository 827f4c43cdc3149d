"""The kernel of Gemm in portable C: always there, what every variant must equal."""

from __future__ import annotations

from dataclasses import dataclass

from edgec.ir import Node
from edgec.ops.base import Kernel
from edgec.ops.conv.sums import conv_data, weighted_s8
from edgec.ops.gemm.attrs import GemmAttrs, gemm_macs


@dataclass(frozen=True)
class GemmGeometry:
    """Mirrors ec_gemm_s8_geometry: `count` vectors of in_c elements, each to one of out_c."""

    count: int
    in_c: int
    out_c: int


def gemm_geometry(node: Node, rows: int) -> GemmGeometry:
    out_c, in_c = node.inputs[1].type.shape
    return GemmGeometry(count=node.output.type.row_elements * rows // out_c, in_c=in_c, out_c=out_c)


PORTABLE: tuple[Kernel[GemmAttrs], ...] = (
    Kernel(
        name="ec_gemm_s8",
        family="gemm",
        why_not=weighted_s8,
        geometry=gemm_geometry,
        data=conv_data,
        flat=lambda node: True,
        cost=lambda node, core: 8.0 * gemm_macs(node),
    ),
)
