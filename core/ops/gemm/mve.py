"""The kernel of Gemm for Helium (Cortex-M55)."""

from __future__ import annotations

from edgec.ir import Node
from edgec.ops.base import Kernel
from edgec.ops.conv.mve import MatmulGeometry, matmul_cost, matmul_work
from edgec.ops.conv.mve_pack import has_zero_points, mve_data, needs_mve, output_way
from edgec.ops.gemm.attrs import GemmAttrs


def gemm_geometry(node: Node, rows: int) -> MatmulGeometry:
    out_c, in_c = node.inputs[1].type.shape
    return MatmulGeometry(
        count=node.output.type.row_elements * rows // out_c,
        step=in_c,
        in_c=in_c,
        out_c=out_c,
        zero_points=int(has_zero_points(node)),
        way=output_way(node),
    )


MVE: tuple[Kernel[GemmAttrs], ...] = (
    Kernel(
        name="ec_gemm_s8_mve",
        family="gemm",
        why_not=needs_mve,
        geometry=gemm_geometry,
        data=mve_data,
        flat=lambda node: True,
        cost=matmul_cost,
        work=matmul_work,
        stack=240,
        code=500,
    ),
)
