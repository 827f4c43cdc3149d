"""What the matrix products of AArch64 share: their tiles, packed weights, estimated instructions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgec.ir import Array, Node
from edgec.ops.conv.mve_pack import folded_bias
from edgec.ops.conv.sums import conv_data, weighted_s8
from edgec.step import round_up
from edgec.target import Core

LANES = 4  # sums in a vector
STRIP_BYTES = 8192  # of inputs that pass by all weights together: they stay in the first cache


@dataclass(frozen=True)
class Tile:
    """What is computed together in registers: so many pixels of so many channels, `step` inputs at once.

    depth is made a multiple of `unit`; what is left of whole steps are steps of `unit`, each with its own weights.
    """

    isa: str
    pixels: int
    channels: int
    step: int
    unit: int
    needs: str


NEON = Tile("neon", 2, 8, 16, 8, "NEON")
DOTPROD = Tile("dotprod", 4, 16, 4, 4, "dot products")
I8MM = Tile("i8mm", 8, 8, 8, 8, "matrix products of int8")
TILES = (I8MM, DOTPROD, NEON)


@dataclass(frozen=True)
class NeonMatmulData:
    """Mirrors ec_neon_matmul_data. weights: s8, all constants of a block of channels together."""

    weights: Array
    output_zero_point: int
    clamp_min: int
    clamp_max: int


def needs_neon(tile: Tile, node: Node, core: Core) -> str | None:
    """why_not of all of them."""
    if not core.has(tile.isa):
        return f"needs {tile.needs}, {core.name} has none"
    return weighted_s8(node, core)


def inputs_of(node: Node) -> int:
    """Inputs of one output element."""
    return int(np.prod(node.inputs[1].type.shape[1:]))


def depth_of(tile: Tile, node: Node) -> int:
    """The same as the tile takes them: inputs and weights of 0 are added."""
    return round_up(inputs_of(node), tile.unit)


def strip_of(tile: Tile, depth: int, count: int) -> int:
    """Of `count` pixels how many pass by all weights together: whole tiles, or all of them."""
    most = max(1, STRIP_BYTES // (depth * tile.pixels)) * tile.pixels
    return min(most, count)


def sums_bytes(strip: int, zero_points: bool) -> int:
    """Of scratch for the sums of the inputs of the pixels of a strip."""
    return round_up(4 * strip, 16) if zero_points else 0


def padded_weights(tile: Tile, node: Node) -> Array:
    """(O, K) s8, K what the tile takes."""
    weights = conv_data(node).weights.reshape(node.output.type.shape[-1], -1)
    return np.pad(weights, ((0, 0), (0, depth_of(tile, node) - weights.shape[1])))


def read_order(tile: Tile, weights: Array) -> Array:
    """(O, K) s8 of a block -> flat, in reading order: (K / step, O, step), then the same of units."""
    whole = weights.shape[1] // tile.step * tile.step
    parts = [
        part.reshape(len(weights), -1, size).transpose(1, 0, 2).ravel()
        for part, size in ((weights[:, :whole], tile.step), (weights[:, whole:], tile.unit))
        if part.size
    ]
    return np.concatenate(parts)


def is_wide(tile: Tile, node: Node) -> bool:
    """Without dot products: inputs k and k + 8 of a step may both meet -128, so that their products leave int16."""
    if tile.step != 2 * tile.unit:
        return False
    weights = padded_weights(tile, node)
    whole = weights.shape[1] // tile.step * tile.step
    pairs = weights[:, :whole].reshape(-1, 2, tile.unit)
    return bool((pairs == -128).all(axis=1).any())


def neon_data(tile: Tile, node: Node) -> NeonMatmulData:
    """For each block of channels bias, scale, negative zero points (where there are any), then its weights.

    Each constant is an entry of 4 bytes a channel, little-endian; channels beyond the last one fill vectors with 0.
    """
    data, weights = conv_data(node), padded_weights(tile, node)
    constants = [folded_bias(node).astype("<i4"), data.scale.astype("<f4")]
    if data.weight_zero_point is not None:
        constants.append((-data.weight_zero_point).astype("<i4"))
    parts = []
    for first in range(0, len(weights), tile.channels):
        block = weights[first : first + tile.channels]
        missing = -len(block) % LANES
        parts += [np.pad(c[first : first + tile.channels], (0, missing)).view(np.int8) for c in constants]
        parts.append(read_order(tile, np.pad(block, ((0, missing), (0, 0)))))
    return NeonMatmulData(np.concatenate(parts), data.output_zero_point, data.clamp_min, data.clamp_max)


def tile_instructions(tile: Tile, pixels: int, channels: int, depth: int, wide: bool, in_order: bool) -> float:
    """Of one tile: its products, its constants, int8 of its sums and their way to memory."""
    vectors = -(-channels // LANES)
    finish = 4.4 * pixels * vectors + 2.0 * pixels + 8
    steps, left = depth // 16, depth % 16
    if tile.isa == "dotprod":
        # In order, vectors of whole steps are loaded in halves, with addresses of their own (ec_dotprod_in_order.h).
        halves = steps * (46 + pixels) if in_order and vectors == LANES else 0
        sums = depth / LANES * (1 + pixels * vectors) + pixels * (steps + left // 8 + left // 4 % 2)
        return finish + pixels + sums + halves
    if tile.isa == "i8mm":
        pairs = -(-pixels // 2)
        return finish + pairs + depth / tile.unit * (2.2 + 2 * pairs * vectors)
    sums = 4 * pixels * vectors
    loads = pixels + 2 * vectors + 1
    products = steps * ((4 if wide else 3) * sums + loads) + left // 8 * (2 * sums + loads)
    return finish + products + sums


def product_instructions(tile: Tile, node: Node, core: Core, count: int, gathered: bool) -> float:
    """Of `count` adjacent pixels with all channels; bringing the inputs of one into place is some for each vector."""
    out_c, depth, wide = node.output.type.shape[-1], depth_of(tile, node), is_wide(tile, node)
    total = count * (depth / 16 * (2 * gathered + 4 * (tile.isa == "i8mm")) + 12 * gathered)
    for pixels, tiles in ((tile.pixels, count // tile.pixels), (count % tile.pixels, 1)):
        for channels, blocks in ((tile.channels, out_c // tile.channels), (out_c % tile.channels, 1)):
            if pixels and channels:
                total += tiles * blocks * tile_instructions(tile, pixels, channels, depth, wide, core.in_order)
    return total
