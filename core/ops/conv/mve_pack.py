"""What the Helium kernels with weights share: packed weights, folded biases, the way sums become int8."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgec.ir import Array, Node
from edgec.ops.conv.sums import conv_data, sum_bounds, weighted_s8
from edgec.ops.numbers import FULL_RANGE
from edgec.target import Core

VECTOR = 16  # bytes of a vector: EC_MVE_BYTES
GROUP = 4  # output channels whose sums are computed together: EC_MVE_GROUP
ANY, SATURATE, EVEN = range(3)  # ec_mve_way of ec_mve.h
LARGEST = 32000  # results within this fit int16, whatever float32 rounds


@dataclass(frozen=True)
class MveData:
    """Mirrors ec_matmul_mve_data; bias, scale and weight_zero_point hold a multiple of GROUP entries."""

    weights: Array
    bias: Array
    scale: Array
    weight_zero_point: Array | None
    output_zero_point: int
    clamp_min: int
    clamp_max: int


def needs_mve(node: Node, core: Core) -> str | None:
    """why_not of the Helium kernels with weights."""
    if not core.mve:
        return f"needs Helium, {core.name} has none"
    return weighted_s8(node, core)


def has_zero_points(node: Node) -> bool:
    """Weights with zero points cost a sum of the inputs."""
    quant = node.inputs[1].type.quant
    return quant is not None and any(quant.zero_point)


def output_way(node: Node) -> int:
    """The cheapest way from sums to int8 that is exact for every sum that the node can have."""
    data = conv_data(node)
    if (data.clamp_min, data.clamp_max) != FULL_RANGE:
        return ANY
    scale = data.scale.astype(np.float64)
    largest = max(float(np.abs(bound * scale).max(initial=0)) for bound in sum_bounds(node))
    if largest + abs(data.output_zero_point) > LARGEST:
        return ANY
    return SATURATE if data.output_zero_point % 2 else EVEN


def in_groups(values: Array) -> Array:
    """Zeros behind the values up to a multiple of GROUP."""
    return np.concatenate([values, np.zeros(-len(values) % GROUP, values.dtype)])


def pack_runs(weights: Array, runs: int) -> Array:
    """Weights in the order in which ec_mve_run reads them.

    weights: (O, K) s8, each row `runs` runs of K / runs adjacent inputs. For each GROUP of output channels, for each
    run: vectors of every channel in turn, then what is left of each channel. VECTOR bytes at the end may be read.
    """
    parts = []
    for first in range(0, len(weights), GROUP):
        group = weights[first : first + GROUP]
        for run in np.split(group, runs, axis=1):
            whole = run.shape[1] // VECTOR * VECTOR
            blocks = run[:, :whole].reshape(len(group), -1, VECTOR)
            parts += [blocks.transpose(1, 0, 2).ravel(), run[:, whole:].ravel()]
    return np.concatenate([*parts, np.zeros(VECTOR, np.int8)]).astype(np.int8)


def mve_data(node: Node, runs: int = 1) -> MveData:
    """Constants of a Conv or Gemm; the input's zero point goes into the bias.

    sum((x - z_x) * (w - z_w)) = sum(x * w) - z_w * sum(x) - z_x * sum(w - z_w)
    """
    data = conv_data(node)
    channels = len(data.bias)
    weights = data.weights.reshape(channels, -1)
    zeros = data.weight_zero_point
    centred = weights.astype(np.int64) - (zeros[:, None] if zeros is not None else 0)
    # Sums may wrap around on the way: what they end as fits (see weighted_s8).
    bias = (data.bias - data.input_zero_point * centred.sum(axis=1)).astype(np.int32)
    return MveData(
        weights=pack_runs(weights, runs),
        bias=in_groups(bias),
        scale=in_groups(data.scale),
        weight_zero_point=in_groups(-zeros) if zeros is not None else None,
        output_zero_point=data.output_zero_point,
        clamp_min=data.clamp_min,
        clamp_max=data.clamp_max,
    )
