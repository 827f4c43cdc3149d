"""The kernels of Add, Sub and Mul for Helium (Cortex-M55)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from edgec.ir import Array, Node
from edgec.ops.base import Kernel
from edgec.ops.elementwise.attrs import BinaryAttrs
from edgec.ops.elementwise.portable import BinaryData, BinaryGeometry, binary_data, binary_geometry, binary_s8
from edgec.ops.numbers import FULL_RANGE, QMAX, QMIN
from edgec.target import Core

FUSED, PRODUCT, QUOTIENT = range(3)  # ec_binary_mve_way of ec_binary_mve.h
NEIGHBOURS = 4  # float32 numbers on each side of the reciprocal that are tried
LARGEST = 32000  # results within this fit int16
FUNCTIONS: Mapping[str, Callable[[Array, Array], Array]] = {"Add": np.add, "Sub": np.subtract, "Mul": np.multiply}


@dataclass(frozen=True)
class BinaryMveGeometry(BinaryGeometry):
    """Mirrors ec_binary_mve_geometry."""

    way: int
    odd: int
    clamped: int


@dataclass(frozen=True)
class BinaryMveData(BinaryData):
    """Mirrors ec_binary_mve_data: `factor` is what the real result is multiplied with, or divided by."""

    factor: float


def real_results(node: Node) -> Array:
    """Every float32 that the operator can give before it is divided by the output's scale; all pairs of int8 values."""
    data = binary_data(node)
    q = np.arange(QMIN, QMAX + 1)
    a, b = (
        (q - zero_point).astype(np.float32) * np.float32(scale)
        for zero_point, scale in ((data.a_zero_point, data.a_scale), (data.b_zero_point, data.b_scale))
    )
    return np.unique(FUNCTIONS[node.op.name](a[:, None], b[None, :]))


def division(node: Node) -> tuple[int, np.float32]:
    """(way, factor): how to divide by the output's scale without a division, proved on every result there can be.

    The kernels of a core divide, and round once; the product with a number near the reciprocal gives the same integers
    for most scales, rounded once or (fused with the addition that rounds to an integer) not at all.
    """
    x, scale = real_results(node), np.float32(binary_data(node).y_scale)
    with np.errstate(over="ignore"):
        wanted = np.rint((x / scale).astype(np.float64))
        for factor in near(np.float32(1.0) / scale):
            if np.array_equal(np.rint(x.astype(np.float64) * np.float64(factor)), wanted):
                return FUSED, factor
            if np.array_equal(np.rint((x * factor).astype(np.float64)), wanted):
                return PRODUCT, factor
    return QUOTIENT, scale


def near(value: np.float32) -> list[np.float32]:
    """The value and its NEIGHBOURS on each side, the nearest first."""
    bits = np.array(value).view(np.int32)
    steps = sorted(range(-NEIGHBOURS, NEIGHBOURS + 1), key=abs)
    numbers = [np.float32(np.array(bits + step, np.int32).view(np.float32).item()) for step in steps]
    return [number for number in numbers if np.isfinite(number) and number > 0]


def mve_geometry(node: Node, rows: int) -> BinaryMveGeometry:
    return BinaryMveGeometry(
        **vars(binary_geometry(node, rows)),
        way=division(node)[0],
        odd=binary_data(node).y_zero_point % 2,
        clamped=int(node.attrs.clamp != FULL_RANGE),
    )


def mve_data(node: Node) -> BinaryMveData:
    return BinaryMveData(**vars(binary_data(node)), factor=float(division(node)[1]))


def binary_mve(node: Node, core: Core) -> str | None:
    """why_not: Helium, and results that fit int16 before they are clamped."""
    if not core.mve:
        return f"needs Helium, {core.name} has none"
    reason = binary_s8(node, core)
    if reason is not None:
        return reason
    with np.errstate(over="ignore"):
        largest = float(np.abs(real_results(node) / np.float32(binary_data(node).y_scale)).max())
    if not largest <= LARGEST:
        return f"takes results of up to {LARGEST} steps of the output's scale, here are {largest:.6g}"
    return None


def mve(name: str) -> Kernel[BinaryAttrs]:
    """The kernel of the operator `name`."""
    return Kernel(
        name=f"ec_{name.lower()}_s8_mve",
        family="elementwise",
        why_not=binary_mve,
        geometry=mve_geometry,
        data=mve_data,
        flat=lambda node: True,
        inplace=True,
        cost=lambda node, core: 3.6 * node.output.type.elements,
    )


MVE: Mapping[str, tuple[Kernel[BinaryAttrs], ...]] = {name: (mve(name),) for name in FUNCTIONS}
