"""The kernels of Gemm for AArch64: with matrix products (i8mm), with dot products, with neither."""

from __future__ import annotations

from functools import partial

from edgec.ir import Node
from edgec.ops.base import Kernel
from edgec.ops.conv.neon import (
    NeonMatmulGeometry,
    matmul_cost,
    matmul_geometry,
    matmul_scratch,
    several_pixels,
)
from edgec.ops.conv.neon_pack import TILES, Tile, neon_data
from edgec.ops.gemm.attrs import GemmAttrs


def gemm_geometry(tile: Tile, node: Node, rows: int) -> NeonMatmulGeometry:
    out_c, in_c = node.inputs[1].type.shape
    return matmul_geometry(tile, node, node.output.type.row_elements * rows // out_c, in_c)


def gemm_kernel(tile: Tile) -> Kernel[GemmAttrs]:
    """Vectors in place of the pixels of a 1x1 convolution."""
    return Kernel(
        name=f"ec_gemm_s8_{tile.isa}",
        family="gemm",
        why_not=partial(several_pixels, tile),
        geometry=partial(gemm_geometry, tile),
        data=partial(neon_data, tile),
        scratch=partial(matmul_scratch, tile),
        flat=lambda node: True,
        cost=partial(matmul_cost, tile),
        stack=400,
        code=4000,
    )


NEON: tuple[Kernel[GemmAttrs], ...] = tuple(gemm_kernel(tile) for tile in TILES)
