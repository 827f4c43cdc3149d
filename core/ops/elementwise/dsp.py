"""The kernels of Add, Sub and Mul for cores with DSP instructions: integers, proved on every pair of int8 values.

Add, Sub:  y = clamp(((256 * a * a_multiplier) >> 16) + ((256 * b * b_multiplier) >> 16) + offset >> shift)
Mul:       y = clamp((((a - z_a) * (b - z_b) * 2^14 * a_multiplier) >> 32) + offset >> shift)
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from edgec.errors import InternalError
from edgec.ir import Array, Node
from edgec.ops.base import Kernel
from edgec.ops.elementwise.attrs import BinaryAttrs
from edgec.ops.elementwise.portable import BinaryData, BinaryGeometry, binary_data, binary_geometry, binary_s8
from edgec.ops.numbers import QMAX, QMIN
from edgec.target import Core

SHIFTS = (20, 18, 16, 14, 12, 10, 8, 6, 4)
# Multipliers are tried on a grid around the real ones: so many steps each way, of this size.
NEARBY, STEP = 4, 8
FAR = 1 << 22  # beyond all of int8
MOST_MULTIPLIER, MOST_SUM = 2**31 - 1, 2**30
Q = np.arange(QMIN, QMAX + 1)
FUNCTIONS = {"Add": np.add, "Sub": np.subtract, "Mul": np.multiply}


@dataclass(frozen=True)
class FixedPair:
    """The integers of the formulas above; Mul has no b_multiplier."""

    a_multiplier: int
    b_multiplier: int
    offset: int
    shift: int


@dataclass(frozen=True)
class BinaryDspGeometry(BinaryGeometry):
    """Mirrors ec_binary_dsp_geometry."""

    shift: int
    clamp_min: int
    clamp_max: int


@dataclass(frozen=True)
class BinaryDspData:
    """Mirrors ec_binary_dsp_data."""

    constant: Array | None
    a_multiplier: int
    b_multiplier: int
    offset: int
    a_zero_point: int
    b_zero_point: int


def results(name: str, data: BinaryData) -> Array:
    """(256, 256) int64: what the definition gives for each a and b before the clamp, cut off at +-FAR."""
    a = (Q - data.a_zero_point).astype(np.float32) * np.float32(data.a_scale)
    b = (Q - data.b_zero_point).astype(np.float32) * np.float32(data.b_scale)
    real = FUNCTIONS[name](a[:, None], b[None, :]) / np.float32(data.y_scale)
    return np.asarray(np.clip(np.rint(real), -FAR, FAR).astype(np.int64) + data.y_zero_point)


def multiplied(name: str, multipliers: tuple[int, int], data: BinaryData) -> Array:
    """(256, 256) int64: the formula up to the offset."""
    if name == "Mul":
        product = (Q - data.a_zero_point)[:, None] * (Q - data.b_zero_point)[None, :] << 14
        return np.asarray(product * multipliers[0] >> 32)
    a, b = (256 * Q * multiplier >> 16 for multiplier in multipliers)
    return np.asarray(a[:, None] + b[None, :])


def candidates(name: str, data: BinaryData, shift: int) -> Iterator[tuple[int, int]]:
    """Multipliers on a grid around the real ones, the nearest first."""
    a, b = data.a_scale / data.y_scale, data.b_scale / data.y_scale
    grid = sorted(itertools.product(range(-NEARBY, NEARBY + 1), repeat=2), key=lambda pair: pair[0] ** 2 + pair[1] ** 2)
    if name == "Mul":
        real = round(data.a_scale * b * 2.0 ** (shift + 18))
        yield from ((real + STEP * i, 0) for i, j in grid if j == 0)
    else:
        unit, sign = 2.0 ** (shift + 8), -1 if name == "Sub" else 1
        yield from ((round(a * unit) + STEP * i, sign * round(b * unit) + STEP * j) for i, j in grid)


@functools.lru_cache(maxsize=64)
def search(name: str, data: BinaryData) -> FixedPair | None:
    """The integers for an operator with these quantisations (data.constant is not read); None where none were found.

    An offset is right that lifts each pair's sum to the lower end of its result, and none to the end above, as far as
    these lie within the clamp.
    """
    wanted = results(name, data)
    up, down = wanted > data.clamp_min, wanted < data.clamp_max
    for shift in SHIFTS:
        least = np.clip(wanted, data.clamp_min, data.clamp_max) << shift
        for multipliers in candidates(name, data, shift):
            if max(map(abs, multipliers)) > MOST_MULTIPLIER:
                break
            x = multiplied(name, multipliers, data)
            if np.abs(x).max() > MOST_SUM:
                break
            low = (least - x).max(where=up, initial=-MOST_SUM)
            high = (least + (1 << shift) - 1 - x).min(where=down, initial=MOST_SUM)
            if low <= high:
                return FixedPair(*multipliers, int(low + high) // 2, shift)
    return None


def fixed_pair(node: Node) -> FixedPair | None:
    """The integers of an Add, Sub or Mul."""
    return search(node.op.name, replace(binary_data(node), constant=None))


def proved(node: Node) -> FixedPair:
    """The same for a node that binary_dsp takes."""
    fixed = fixed_pair(node)
    if fixed is None:
        raise InternalError(f"{node}: no integers")
    return fixed


def dsp_geometry(node: Node, rows: int) -> BinaryDspGeometry:
    clamp = node.attrs.clamp
    return BinaryDspGeometry(
        **vars(binary_geometry(node, rows)), shift=proved(node).shift, clamp_min=clamp[0], clamp_max=clamp[1]
    )


def dsp_data(node: Node) -> BinaryDspData:
    data, fixed = binary_data(node), proved(node)
    return BinaryDspData(
        data.constant, fixed.a_multiplier, fixed.b_multiplier, fixed.offset, data.a_zero_point, data.b_zero_point
    )


def binary_dsp(node: Node, core: Core) -> str | None:
    """why_not: DSP instructions, runs of elements side by side, and integers that are right for every pair."""
    if not core.dsp:
        return f"needs DSP instructions, {core.name} has none"
    reason = binary_s8(node, core)
    if reason is not None:
        return reason
    geometry = binary_geometry(node, node.output.type.rows)
    if geometry.size[-1] > 1 and (geometry.a_stride[-1], geometry.b_stride[-1]) != (1, 1):
        return "takes inputs that both go on along the last axis"
    if fixed_pair(node) is None:
        return "takes scales for which integers round every pair right, there are none for these"
    return None


def dsp(name: str) -> Kernel[BinaryAttrs]:
    """The kernel of the operator `name`."""
    return Kernel(
        name=f"ec_{name.lower()}_s8_dsp",
        family="elementwise",
        why_not=binary_dsp,
        geometry=dsp_geometry,
        data=dsp_data,
        flat=lambda node: True,
        inplace=True,
        cost=lambda node, core: 6.5 * node.output.type.elements,
        code=200,
    )


DSP: Mapping[str, tuple[Kernel[BinaryAttrs], ...]] = {name: (dsp(name),) for name in FUNCTIONS}
