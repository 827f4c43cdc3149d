"""Kernels of depthwise convolutions for cores with DSP instructions and an FPU (Cortex-M4F, M7, M33)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgec.ir import Array, Node
from edgec.ops.base import Kernel
from edgec.ops.conv.attrs import ConvAttrs, conv_macs, is_depthwise
from edgec.ops.conv.dsp import folded_bias, weighted_dsp
from edgec.ops.conv.fixed import INT32_MAX, SUM_SCALE, FixedPoint, fixed_point
from edgec.ops.conv.sums import conv_data, sum_bounds
from edgec.ops.numbers import requantize
from edgec.target import Core

GROUP = 4  # channels that one word of a row holds
WIDEST_KERNEL = 16  # EC_DEPTHWISE_WIDTH
# What the offsets in the instructions of the 3x3 kernel reach.
MOST_CHANNELS, WIDEST_3X3 = 2047, 226
UNIT = 1 << 30  # multiplier of channels whose outputs are all the same


@dataclass(frozen=True)
class DepthwiseDspGeometry:
    """Mirrors ec_depthwise_dsp_geometry: one output row of `out_w` pixels."""

    in_w: int
    in_c: int
    out_w: int
    kernel_h: int
    kernel_w: int
    stride_w: int
    pad_w: int
    group: int
    shift: int
    clamp_min: int
    clamp_max: int


@dataclass(frozen=True)
class DepthwiseDspData:
    """Mirrors ec_depthwise_dsp_data."""

    channels: Array
    input_zero_point: int
    output_zero_point: int


@dataclass(frozen=True)
class Channels:
    """Constants of each channel: int8 weights (C, KH, KW), int64 offset and multiplier, and their shift."""

    weights: Array
    offset: Array
    multiplier: Array
    shift: int


def fixed_channels(node: Node) -> Channels:
    """Weights and requantising of a depthwise Conv; the sums are SUM_SCALE times those of the definition."""
    data = conv_data(node)
    clamp = (data.clamp_min, data.clamp_max)
    lower, upper = sum_bounds(node)
    fixed: FixedPoint = fixed_point(data.scale, data.output_zero_point, clamp, lower, upper)
    weights = data.weights[..., 0].copy()
    offset = SUM_SCALE * folded_bias(data) + np.where(fixed.exact, fixed.offset, 0)
    # Where no multiplier is exact the kernel takes the float32 scale: - (its bits).
    multiplier = np.where(fixed.exact, fixed.multiplier, data.scale.view(np.int32).astype(np.int64) - 2**31)
    # A channel whose least and largest sums give one output needs no sums, and they may be out of all bounds.
    ends = [
        requantize(end, data.scale, data.output_zero_point, clamp).astype(np.int64)
        for end in (lower.astype(np.int32), upper.astype(np.int32))
    ]
    same = ends[0] == ends[1]
    weights[same], multiplier[same] = 0, UNIT
    offset[same] = (2 * ends[0][same] + 1) << (fixed.shift + 1)
    return Channels(weights, offset, multiplier, fixed.shift)


def weight_pairs(weights: Array) -> Array:
    """(C, KH, KW) -> (C, bytes): what the kernel reads, two pairs in a word: (first, first, second, second)."""
    channels, height, width = weights.shape
    sections = [weights[:, row : row + 2] for row in range(0, height - 1, 2)]  # (C, 2, KW): a pair a column
    if height % 2:
        last = np.pad(weights[:, -1], ((0, 0), (0, int(width == 1))))
        pairs = [last[:, k : k + 2] for start in (0, 1) for k in range(start, last.shape[1] - 1, 2)]
        sections.append(np.stack(pairs, axis=2))
    packed = []
    for section in sections:
        words = np.pad(section, ((0, 0), (0, 0), (0, section.shape[2] % 2)))
        # (C, 2, words, 2): SXTB16 takes bytes 0 and 2 of a word, rotated by 8 bytes 1 and 3.
        packed.append(words.reshape(channels, 2, -1, 2).transpose(0, 2, 1, 3).reshape(channels, -1))
    return np.concatenate(packed, axis=1)


def depthwise_dsp_data(node: Node) -> DepthwiseDspData:
    data, channels = conv_data(node), fixed_channels(node)
    weights = np.ascontiguousarray(weight_pairs(channels.weights)).view("<u4").astype(np.uint32)
    numbers = np.stack([channels.offset, channels.multiplier], axis=1).astype(np.int32).view(np.uint32)
    return DepthwiseDspData(
        channels=np.concatenate([weights, numbers], axis=1).reshape(-1),
        input_zero_point=data.input_zero_point,
        output_zero_point=data.output_zero_point,
    )


def depthwise_dsp_geometry(node: Node, rows: int) -> DepthwiseDspGeometry:
    attrs: ConvAttrs = node.attrs
    x, y = node.inputs[0].type, node.output.type
    return DepthwiseDspGeometry(
        in_w=x.shape[2] * rows,
        in_c=x.shape[3],
        out_w=y.shape[2] * rows,
        kernel_h=attrs.kernel_shape[0],
        kernel_w=attrs.kernel_shape[1],
        stride_w=attrs.strides[1],
        pad_w=attrs.pads[1],
        group=group(node),
        shift=fixed_channels(node).shift,
        clamp_min=attrs.clamp[0],
        clamp_max=attrs.clamp[1],
    )


def columns(node: Node) -> int:
    """Of an output row: what its windows read, padding included, rounded up to an even number."""
    attrs: ConvAttrs = node.attrs
    reach = (node.output.type.shape[2] - 1) * attrs.strides[1] + attrs.kernel_shape[1]
    return reach + reach % 2


def plane(node: Node) -> int:
    """Bytes of a channel of the window's rows in scratch: an int16 for each column and row."""
    return 2 * columns(node) * int(node.attrs.kernel_shape[0])


def group(node: Node) -> int:
    """Channels taken apart at once; wide rows of few channels would need more scratch than a row of padding."""
    x = node.inputs[0].type
    return GROUP if GROUP * plane(node) <= x.row_elements and x.shape[3] >= GROUP else GROUP // 2


def depthwise_dsp_scratch(node: Node) -> int:
    return group(node) * plane(node)


def depthwise_dsp(node: Node, core: Core) -> str | None:
    """why_not of ec_depthwise_conv_s8_dsp."""
    attrs: ConvAttrs = node.attrs
    x, y = node.inputs[0].type, node.output.type
    if not is_depthwise(node) or x.shape[3] != y.shape[3]:
        return f"takes one output channel an input channel, group is {attrs.group}"
    if x.shape[3] < GROUP // 2:
        return f"takes {GROUP // 2} channels or more, there is one"
    if attrs.kernel_shape[1] > WIDEST_KERNEL:
        return f"takes kernels up to {WIDEST_KERNEL} wide, it is {attrs.kernel_shape[1]}"
    if attrs.dilations[1] != 1:
        return f"takes dilation 1 along the row, it is {attrs.dilations[1]}"
    reason = weighted_dsp(node, core)
    if reason is not None:
        return reason
    channels = fixed_channels(node)
    sums = SUM_SCALE * 128 * np.abs(channels.weights.astype(np.int64)).sum(axis=(1, 2)) + np.abs(channels.offset)
    if sums.max() > INT32_MAX:
        return f"sums {SUM_SCALE} times in int32, sums of {sums.max() // SUM_SCALE} are possible"
    return None


def depthwise_3x3_dsp(node: Node, core: Core) -> str | None:
    """why_not of ec_depthwise_conv_3x3_s8_dsp."""
    attrs: ConvAttrs = node.attrs
    if attrs.kernel_shape != (3, 3) or attrs.strides[1] > 2:
        return f"takes windows of 3x3 with stride 1 or 2, not {attrs.kernel_shape} with {attrs.strides[1]}"
    if is_depthwise(node) and (node.inputs[0].type.shape[3] > MOST_CHANNELS or columns(node) > WIDEST_3X3):
        return f"takes up to {MOST_CHANNELS} channels and {WIDEST_3X3} columns"
    return depthwise_dsp(node, core)


def depthwise_3x3_cost(node: Node, core: Core) -> float:
    """Instructions: of an output, of a widened element of the window, of a channel's row."""
    y = node.output.type
    widened = y.elements * 3 * columns(node) / y.shape[2]
    return 9.0 * y.elements + 1.5 * widened + 25.0 * y.elements / y.shape[2]


def depthwise_cost(node: Node, core: Core) -> float:
    """Instructions: of the sums, of an output, of a widened element of the window."""
    attrs: ConvAttrs = node.attrs
    outputs = node.output.type.elements
    widened = outputs * attrs.kernel_shape[0] * columns(node) / node.output.type.shape[2]
    return 0.9 * conv_macs(node) + 10.0 * outputs + 1.8 * widened


DEPTHWISE_DSP: tuple[Kernel[ConvAttrs], ...] = (
    Kernel(
        name="ec_depthwise_conv_3x3_s8_dsp",
        family="conv",
        why_not=depthwise_3x3_dsp,
        geometry=depthwise_dsp_geometry,
        data=depthwise_dsp_data,
        scratch=depthwise_dsp_scratch,
        cost=depthwise_3x3_cost,
        code=900,
    ),
    Kernel(
        name="ec_depthwise_conv_s8_dsp",
        family="conv",
        why_not=depthwise_dsp,
        geometry=depthwise_dsp_geometry,
        data=depthwise_dsp_data,
        scratch=depthwise_dsp_scratch,
        cost=depthwise_cost,
        code=1200,
    ),
)
