"""Kernels of Conv and Gemm for cores with DSP instructions and an FPU (Cortex-M4F, M7, M33)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgec.ir import Array, Node
from edgec.ops.base import Kernel, RowWindow
from edgec.ops.conv.attrs import ConvAttrs, RowGeometry, conv_macs, pointwise, row_geometry
from edgec.ops.conv.sums import ConvData, conv_data, sum_bounds, weighted_s8
from edgec.ops.numbers import QMIN
from edgec.target import Core

BLOCK = 4  # k elements that one word of weights holds
TILE = 3  # pixels at once
# The float32 product is converted to int32, then the zero point is added: far from both ends.
LARGEST_PRODUCT = 2.0**30
JOINED_LIMIT = 2**23


@dataclass(frozen=True)
class ConvDspGeometry(RowGeometry):
    """Mirrors ec_conv_s8_dsp_geometry: one output row of `out_w` pixels."""

    blocks: int
    padded: int
    tile: int
    joined: int
    clamp_min: int
    clamp_max: int


@dataclass(frozen=True)
class ConvDspData:
    """Mirrors ec_conv_s8_dsp_data."""

    weights: Array
    input_zero_point: int
    output_zero_point: int


def is_padded(node: Node) -> bool:
    """Some window of a Conv lies partly outside its input."""
    attrs: ConvAttrs = node.attrs
    x, y = node.inputs[0].type, node.output.type
    sides = (RowWindow(attrs.kernel_shape[i], attrs.strides[i], attrs.pads[i], attrs.dilations[i]) for i in range(2))
    return any(side.first(0) < 0 or side.last(y.shape[axis] - 1) >= x.shape[axis] for axis, side in enumerate(sides, 1))


def tile_of(pixels: int) -> int:
    """Pixels at once of a layer whose rows, or all of whose vectors, are so many."""
    return TILE if pixels > 1 else 1


def blocks_of(depth: int) -> int:
    return -(-depth // BLOCK)


def conv_geometry(node: Node, rows: int) -> ConvDspGeometry:
    attrs: ConvAttrs = node.attrs
    return ConvDspGeometry(
        **vars(row_geometry(node, rows)),
        blocks=blocks_of(int(np.prod(node.inputs[1].type.shape[1:]))),
        padded=int(is_padded(node)),
        tile=conv_tile(node),
        joined=int(can_join(node)),
        clamp_min=attrs.clamp[0],
        clamp_max=attrs.clamp[1],
    )


def conv_tile(node: Node) -> int:
    y = node.output.type
    return tile_of(y.shape[1] * y.shape[2] if pointwise(node) else y.shape[2])


def can_join(node: Node) -> bool:
    """Two channels' weights may share halfwords: 256 * w1 + w0 fits int16, and the sums of w1 stay within 2^23."""
    w = node.inputs[1].array.reshape(node.inputs[1].type.shape[0], -1)
    lower, upper = sum_bounds(node)
    small = (np.maximum(-lower, upper) < JOINED_LIMIT)[1::2].all()
    first, second = w[0 : len(w) // 2 * 2 : 2], w[1::2]
    return bool(small and not ((second == QMIN) & (first < 0)).any())


def packed(data: ConvData, tile: int, joined: bool) -> ConvDspData:
    """Weights (O, ...) as words, the channels of a group side by side (ec_dot_dsp.h); zero points in the bias."""
    group = 2 if tile > 1 else 4
    channels = len(data.bias)
    flat = data.weights.reshape(channels, -1)
    blocks, groups = blocks_of(flat.shape[1]), -(-channels // group)
    w = np.zeros((groups * group, blocks * BLOCK), np.int8)
    w[:channels, : flat.shape[1]] = flat
    bias, scale = np.zeros(len(w), np.int32), np.zeros(len(w), np.float32)
    bias[:channels] = folded_bias(data)
    scale[:channels] = data.scale
    words = w.reshape(groups, group, blocks, BLOCK).transpose(0, 2, 1, 3)
    if joined:
        bias[1::2] = (256 * bias[1::2].astype(np.int64) + bias[0::2]).astype(np.int32)  # modulo 2^32
        scale[1::2] /= 256
        words = joined_words(words)
    parts = (bias.view(np.uint32), scale.view(np.uint32), np.ascontiguousarray(words).view("<u4").astype(np.uint32))
    stream = np.concatenate([part.reshape(groups, -1) for part in parts], axis=1)
    return ConvDspData(stream.reshape(-1), data.input_zero_point, data.output_zero_point)


def joined_words(words: Array) -> Array:
    """(groups, blocks, channels, k) s8 -> as many bytes: halfwords 256 * w1 + w0 of k0, k2 and then k1, k3."""
    groups, blocks, channels, _ = words.shape
    pairs = words.reshape(groups, blocks, channels // 2, 2, BLOCK).astype(np.int16)
    halves = 256 * pairs[..., 1, :] + pairs[..., 0, :]
    return np.ascontiguousarray(halves[..., [0, 2, 1, 3]].astype("<i2")).view(np.int8)


def folded_bias(data: ConvData) -> Array:
    """bias - z_x * sum(w): what remains to be added to the sum of x * w, padding of zero points included."""
    w = data.weights.reshape(len(data.bias), -1).astype(np.int64)
    return np.asarray(data.bias - data.input_zero_point * w.sum(axis=1))


def conv_dsp_data(node: Node) -> ConvDspData:
    return packed(conv_data(node), conv_tile(node), can_join(node))


def conv_scratch(node: Node) -> int:
    """Columns of a tile, their bytes where they are gathered first, a pixel of padding."""
    in_c, depth = node.inputs[0].type.shape[3], int(np.prod(node.inputs[1].type.shape[1:]))
    if conv_tile(node) > 1:
        words = TILE * blocks_of(depth) * (2 if in_c % BLOCK == 0 else 3)
    else:
        words = 0 if depth == in_c and in_c % BLOCK == 0 and not is_padded(node) else blocks_of(depth)
    return BLOCK * words + (in_c if is_padded(node) else 0)


def weighted_dsp(node: Node, core: Core) -> str | None:
    """why_not of the DSP kernels with weights, beyond what the portable ones ask for."""
    if not (core.dsp and core.fpu):
        return f"needs DSP instructions and an FPU, {core.name} has not both"
    reason = weighted_s8(node, core)
    if reason is not None:
        return reason
    data = conv_data(node)
    if data.weight_zero_point is not None:
        return "takes weights with zero point 0 only"
    lower, upper = sum_bounds(node)
    if not np.abs(folded_bias(data)).max(initial=0) <= np.iinfo(np.int32).max:
        return "holds bias and input zero point in int32, they are larger together"
    if not (np.maximum(np.abs(lower), np.abs(upper)) * data.scale.astype(np.float64) < LARGEST_PRODUCT).all():
        return "takes outputs below 2^30 steps before the clamp only"
    return None


def conv_dsp(node: Node, core: Core) -> str | None:
    """why_not of ec_conv_s8_dsp."""
    if node.attrs.group != 1:
        return f"takes one group only, group is {node.attrs.group}"
    return weighted_dsp(node, core)


def conv_columns(node: Node) -> RowWindow:
    """The window along the row: pixels are read and written in order."""
    attrs: ConvAttrs = node.attrs
    return RowWindow(attrs.kernel_shape[1], attrs.strides[1], attrs.pads[1], attrs.dilations[1])


def conv_cost(node: Node, core: Core) -> float:
    """Instructions: of a tile's block, of an output, of a widened element."""
    macs, outputs = conv_macs(node), node.output.type.elements
    widened = macs / max(1, node.output.type.shape[-1])
    return (0.85 if conv_tile(node) > 1 else 1.2) * macs + 11.0 * outputs + 1.5 * widened


DSP: tuple[Kernel[ConvAttrs], ...] = (
    Kernel(
        name="ec_conv_s8_dsp",
        family="conv",
        why_not=conv_dsp,
        geometry=conv_geometry,
        data=conv_dsp_data,
        scratch=conv_scratch,
        flat=pointwise,
        columns=conv_columns,
        cost=conv_cost,
        code=1200,
    ),
)
