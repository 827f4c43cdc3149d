"""The kernels of Conv for AArch64: with matrix products (i8mm), with dot products, with neither."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from edgec.ir import Node
from edgec.ops.base import Kernel
from edgec.ops.conv.attrs import ConvAttrs, RowGeometry, pointwise, row_geometry
from edgec.ops.conv.dsp import conv_columns
from edgec.ops.conv.mve_pack import has_zero_points, output_way
from edgec.ops.conv.neon_pack import (
    I8MM,
    TILES,
    NeonMatmulData,
    Tile,
    depth_of,
    is_wide,
    needs_neon,
    neon_data,
    product_instructions,
    strip_of,
    sums_bytes,
)
from edgec.ops.conv.sums import input_zero_point
from edgec.step import round_up
from edgec.target import Core

BEHIND = 16  # bytes that are written behind columns


@dataclass(frozen=True)
class NeonMatmulGeometry:
    """Mirrors ec_neon_matmul_geometry: `count` pixels, `step` bytes from one to the next."""

    count: int
    step: int
    in_c: int
    out_c: int
    depth: int
    strip: int
    zero_points: int
    way: int
    wide: int


def matmul_geometry(tile: Tile, node: Node, count: int, step: int) -> NeonMatmulGeometry:
    """Of a 1x1 convolution or a dense layer."""
    depth = depth_of(tile, node)
    return NeonMatmulGeometry(
        count=count,
        step=step,
        in_c=node.inputs[0].type.shape[-1],
        out_c=node.output.type.shape[-1],
        depth=depth,
        strip=strip_of(tile, depth, count),
        zero_points=int(has_zero_points(node)),
        way=output_way(node),
        wide=int(is_wide(tile, node)),
    )


def in_place(tile: Tile, node: Node) -> bool:
    """The inputs of a 1x1 convolution or a dense layer are read where they lie."""
    return tile is not I8MM and depth_of(tile, node) == node.inputs[0].type.shape[-1]


def matmul_scratch(tile: Tile, node: Node) -> int:
    """Sums of inputs, inputs brought into place: of a strip of as many pixels as a call can have."""
    depth = depth_of(tile, node)
    strip = strip_of(tile, depth, node.output.type.elements // node.output.type.shape[-1])
    return sums_bytes(strip, has_zero_points(node)) + (0 if in_place(tile, node) else round_up(strip, 2) * depth)


def pixels_of(node: Node) -> int:
    return node.output.type.elements // node.output.type.shape[-1]


def matmul_cost(tile: Tile, node: Node, core: Core) -> float:
    return product_instructions(tile, node, core, pixels_of(node), not in_place(tile, node))


def several_pixels(tile: Tile, node: Node, core: Core) -> str | None:
    """why_not of dense layers."""
    if tile is I8MM and core.i8mm and pixels_of(node) == 1:
        return "takes two vectors and more, here is one"
    return needs_neon(tile, node, core)


def pointwise_only(tile: Tile, node: Node, core: Core) -> str | None:
    """why_not of the 1x1 kernel: the inputs of every pixel are adjacent."""
    attrs: ConvAttrs = node.attrs
    if core.has(tile.isa) and (attrs.kernel_shape != (1, 1) or any(attrs.pads) or attrs.group != 1):
        return "takes 1x1 convolutions without padding and groups only"
    return several_pixels(tile, node, core)


def pointwise_geometry(tile: Tile, node: Node, rows: int) -> NeonMatmulGeometry:
    attrs: ConvAttrs = node.attrs
    return matmul_geometry(
        tile, node, node.output.type.shape[2] * rows, node.inputs[0].type.shape[3] * attrs.strides[1]
    )


@dataclass(frozen=True)
class NeonWindowGeometry(RowGeometry):
    """Mirrors ec_neon_window_geometry: one output row of `out_w` pixels."""

    depth: int
    strip: int
    zero_points: int
    way: int
    wide: int
    direct: int


@dataclass(frozen=True)
class NeonWindowData(NeonMatmulData):
    """Mirrors ec_neon_window_data."""

    input_zero_point: int


def direct(tile: Tile, node: Node) -> bool:
    """Rows are brought into the order of matrix products as they lie: whole eights, whose sums are not needed."""
    attrs: ConvAttrs = node.attrs
    kw, in_c = attrs.kernel_shape[1], node.inputs[0].type.shape[3]
    gapless = attrs.dilations[1] == 1 or kw == 1
    return tile is I8MM and kw * in_c % tile.unit == 0 and gapless and not has_zero_points(node)


def window_geometry(tile: Tile, node: Node, rows: int) -> NeonWindowGeometry:
    depth = depth_of(tile, node)
    return NeonWindowGeometry(
        **vars(row_geometry(node, 1)),
        depth=depth,
        strip=strip_of(tile, depth, node.output.type.shape[2]),
        zero_points=int(has_zero_points(node)),
        way=output_way(node),
        wide=int(is_wide(tile, node)),
        direct=int(direct(tile, node)),
    )


def window_data(tile: Tile, node: Node) -> NeonWindowData:
    return NeonWindowData(**vars(neon_data(tile, node)), input_zero_point=input_zero_point(node))


def window_scratch(tile: Tile, node: Node) -> int:
    """Sums of inputs and columns of a strip; for matrix products what is made of two or all of them. 16 bytes more."""
    depth = depth_of(tile, node)
    strip = strip_of(tile, depth, node.output.type.shape[2])
    columns = strip if tile is not I8MM else round_up(strip, 2) + (2 if direct(tile, node) else strip)
    return sums_bytes(strip, has_zero_points(node)) + columns * depth + BEHIND


def window_cost(tile: Tile, node: Node, core: Core) -> float:
    width = node.output.type.shape[2]
    return pixels_of(node) / width * product_instructions(tile, node, core, width, True)


def ungrouped(tile: Tile, node: Node, core: Core) -> str | None:
    """why_not of the kernel for any window."""
    if core.has(tile.isa) and node.attrs.group != 1:
        return f"takes no groups, here are {node.attrs.group}"
    return several_pixels(tile, node, core)


def pointwise_kernel(tile: Tile) -> Kernel[ConvAttrs]:
    """1x1 without padding: pixels are read where they lie, but for matrix products."""
    return Kernel(
        name=f"ec_pointwise_conv_s8_{tile.isa}",
        family="conv",
        why_not=partial(pointwise_only, tile),
        geometry=partial(pointwise_geometry, tile),
        data=partial(neon_data, tile),
        scratch=partial(matmul_scratch, tile),
        flat=pointwise,
        cost=partial(matmul_cost, tile),
        stack=400,
        code=4000,
    )


def window_kernel(tile: Tile) -> Kernel[ConvAttrs]:
    """Any window: those of a strip of pixels are gathered, then multiplied."""
    return Kernel(
        name=f"ec_conv_s8_{tile.isa}",
        family="conv",
        why_not=partial(ungrouped, tile),
        geometry=partial(window_geometry, tile),
        data=partial(window_data, tile),
        scratch=partial(window_scratch, tile),
        columns=conv_columns,
        pad_value=input_zero_point,
        cost=partial(window_cost, tile),
        stack=400,
        code=5000,
    )


NEON: tuple[Kernel[ConvAttrs], ...] = tuple(make(tile) for tile in TILES for make in (pointwise_kernel, window_kernel))
