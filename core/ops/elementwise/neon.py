"""The kernels of Add, Sub and Mul for AArch64."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from edgec.ir import Node
from edgec.ops.base import Kernel
from edgec.ops.conv.mve_pack import way_of
from edgec.ops.elementwise.attrs import BinaryAttrs
from edgec.ops.elementwise.mve import FUNCTIONS, LARGEST, near, real_results
from edgec.ops.elementwise.portable import BinaryData, BinaryGeometry, binary_data, binary_geometry, binary_s8
from edgec.ops.elementwise.small_products import SmallProducts, fit
from edgec.target import Core

INTEGERS, PRODUCT, QUOTIENT = range(3)  # ec_binary_neon_method of ec_binary_neon.h
LEAST_RUN = 8  # elements side by side
NONE = SmallProducts(0, 0, 0, 0, 0, 0, 0, 8)
COSTS = {"Add": 1.7, "Sub": 1.7, "Mul": 1.6}  # instructions an element
COST_REAL = 3.2


@dataclass(frozen=True)
class BinaryNeonGeometry(BinaryGeometry):
    """Mirrors ec_binary_neon_geometry."""

    method: int
    shift: int
    way: int


@dataclass(frozen=True)
class BinaryNeonData(BinaryData):
    """Mirrors ec_binary_neon_data."""

    factor: float
    a_first: int
    b_first: int
    first: int
    a_second: int
    b_second: int
    second: int
    offset: int


def integers(node: Node) -> SmallProducts | None:
    """The integers that compute the operator, proved for every pair of inputs."""
    return fit(node.op.name, replace(binary_data(node), constant=None))


def division(node: Node) -> tuple[int, np.float32]:
    """(method, factor): the product with a number near the reciprocal where it gives the same integers as dividing.

    Never fused with an addition: see core/ops/elementwise/mve.py, where that pays.
    """
    x, scale = real_results(node), np.float32(binary_data(node).y_scale)
    with np.errstate(over="ignore"):
        wanted = np.rint(x / scale)
        for factor in near(np.float32(1.0) / scale):
            if np.array_equal(np.rint(x * factor), wanted):
                return PRODUCT, factor
    return QUOTIENT, scale


def neon_geometry(node: Node, rows: int) -> BinaryNeonGeometry:
    found = integers(node)
    method = division(node)[0] if found is None else INTEGERS
    return BinaryNeonGeometry(
        **vars(binary_geometry(node, rows)),
        method=method,
        shift=(found or NONE).shift,
        # Results within LARGEST, which binary_neon asks for, fit int16 with their zero point.
        way=way_of(0.0, binary_data(node).y_zero_point, node.attrs.clamp),
    )


def neon_data(node: Node) -> BinaryNeonData:
    found = integers(node)
    of = vars(found or NONE)
    return BinaryNeonData(
        **vars(binary_data(node)),
        factor=float(division(node)[1]) if found is None else 0.0,
        **{name: value for name, value in of.items() if name != "shift"},
    )


def binary_neon(node: Node, core: Core) -> str | None:
    """why_not: NEON, eight elements side by side, and results that fit int16 before they are clamped."""
    if not core.neon:
        return f"needs NEON, {core.name} has none"
    reason = binary_s8(node, core)
    if reason is not None:
        return reason
    run = min(binary_geometry(node, rows).size[-1] for rows in (1, node.output.type.rows))
    if run < LEAST_RUN:
        return f"takes {LEAST_RUN} elements side by side or more, here are {run}"
    with np.errstate(over="ignore"):
        largest = float(np.abs(real_results(node) / np.float32(binary_data(node).y_scale)).max())
    if not largest <= LARGEST:
        return f"takes results of up to {LARGEST} steps of the output's scale, here are {largest:.6g}"
    return None


def neon_cost(node: Node, core: Core) -> float:
    """Instructions: of an element, of beginning and ending a run."""
    elements, run = node.output.type.elements, binary_geometry(node, node.output.type.rows).size[-1]
    each = COST_REAL if integers(node) is None else COSTS[node.op.name]
    return (each + 20.0 / run) * elements


def neon(name: str) -> Kernel[BinaryAttrs]:
    """The kernel of the operator `name`."""
    return Kernel(
        name=f"ec_{name.lower()}_s8_neon",
        family="elementwise",
        why_not=binary_neon,
        geometry=neon_geometry,
        data=neon_data,
        flat=lambda node: True,
        inplace=True,
        cost=neon_cost,
        code=600,
    )


NEON: Mapping[str, tuple[Kernel[BinaryAttrs], ...]] = {name: (neon(name),) for name in FUNCTIONS}
