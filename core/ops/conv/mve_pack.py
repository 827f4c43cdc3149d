"""What the Helium kernels with weights share: packed weights, folded biases, the way sums become int8."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edgec.ir import Array, Node
from edgec.ops.conv.sums import conv_data, sum_bounds, weighted_s8
from edgec.ops.numbers import FULL_RANGE, Clamp
from edgec.target import Core

VECTOR = 16  # bytes of a vector: EC_MVE_BYTES
GROUP = 4  # output channels whose sums are computed together: EC_MVE_GROUP
FITS, ODD, CLAMPED = 1, 2, 4  # EC_MVE_FITS ... of ec_mve.h
LARGEST = 32000  # results within this fit int16, whatever float32 rounds


@dataclass(frozen=True)
class MveData:
    """Mirrors ec_matmul_mve_data. weights: s8, all constants of a group of channels together."""

    weights: Array
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


def way_of(largest: float, zero_point: int, clamp: Clamp) -> int:
    """The cheapest way to int8 of results that are at most so large before the zero point is added."""
    if not largest + abs(zero_point) <= LARGEST:
        return 0
    return FITS | (ODD if zero_point % 2 else 0) | (CLAMPED if clamp != FULL_RANGE else 0)


def output_way(node: Node) -> int:
    """The cheapest way from sums to int8 that is exact for every sum that the Conv or Gemm can have."""
    data = conv_data(node)
    scale = data.scale.astype(np.float64)
    largest = max(float(np.abs(bound * scale).max(initial=0)) for bound in sum_bounds(node))
    return way_of(largest, data.output_zero_point, node.attrs.clamp)


def run_order(weights: Array, runs: int) -> list[Array]:
    """The weights of each GROUP of output channels in the order in which ec_mve_multiply reads them.

    weights: (O, K) s8, each row `runs` runs of K / runs adjacent inputs. First the vectors of each run, of every
    channel in turn; then what is left of each run.
    """
    groups = []
    for first in range(0, len(weights), GROUP):
        group = np.split(weights[first : first + GROUP], runs, axis=1)
        whole = group[0].shape[1] // VECTOR * VECTOR
        blocks = [run[:, :whole].reshape(len(run), -1, VECTOR).transpose(1, 0, 2) for run in group]
        groups.append(np.concatenate([part.ravel() for part in (*blocks, *(run[:, whole:] for run in group))]))
    return groups


def folded_bias(node: Node) -> Array:
    """int32 bias of each output channel with the input's zero point in it.

    sum((x - z_x) * (w - z_w)) = sum(x * w) - z_w * sum(x) - z_x * sum(w - z_w)
    """
    data = conv_data(node)
    weights = data.weights.reshape(len(data.bias), -1).astype(np.int64)
    if data.weight_zero_point is not None:
        weights -= data.weight_zero_point[:, None]
    # Sums may wrap around on the way: what they end as fits (see weighted_s8).
    return np.asarray(data.bias - data.input_zero_point * weights.sum(axis=1)).astype(np.int32)


def pack_groups(node: Node, groups: list[Array]) -> Array:
    """For each GROUP of output channels bias, scale and negative zero points (where there are any), then its weights.

    Each constant is GROUP entries of 4 bytes, little-endian. VECTOR bytes at the end may be read.
    """
    data = conv_data(node)
    constants = [folded_bias(node).astype("<i4"), data.scale.astype("<f4")]
    if data.weight_zero_point is not None:
        constants.append((-data.weight_zero_point).astype("<i4"))
    parts = []
    for index, group in enumerate(groups):
        for constant in constants:
            entries = np.zeros(GROUP, constant.dtype)
            own = constant[index * GROUP : (index + 1) * GROUP]
            entries[: len(own)] = own
            parts.append(entries.view(np.int8))
        parts.append(group.ravel())
    return np.concatenate([*parts, np.zeros(VECTOR, np.int8)]).astype(np.int8)


def mve_data(node: Node, groups: list[Array] | None = None) -> MveData:
    """Constants of a Conv or Gemm; `groups` are the weights in another order than that of one run."""
    data = conv_data(node)
    weights = groups if groups is not None else run_order(data.weights.reshape(len(data.bias), -1), 1)
    return MveData(pack_groups(node, weights), data.output_zero_point, data.clamp_min, data.clamp_max)


def vectors(count: int) -> int:
    """Vectors that hold so many bytes."""
    return -(-count // VECTOR)


def weighed(work: Sequence[float], factors: Sequence[float]) -> float:
    """The sum of the parts of a work, each times its instructions."""
    return sum(part * factor for part, factor in zip(work, factors, strict=True))
