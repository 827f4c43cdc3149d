"""Kernels of Add and Sub for cores without FPU: integers that were tried on every pair of values."""

from __future__ import annotations

from dataclasses import dataclass

from edgec.errors import InternalError
from edgec.ir import Node
from edgec.ops.base import Kernel
from edgec.ops.elementwise.attrs import BinaryAttrs
from edgec.ops.elementwise.fixed_sum import FixedSum, fit_sum
from edgec.ops.elementwise.portable import (
    BinaryData,
    BinaryGeometry,
    binary_data,
    binary_geometry,
    binary_s8,
    scalar_quant,
)
from edgec.target import Core


@dataclass(frozen=True)
class FixedBinaryGeometry(BinaryGeometry):
    """Mirrors ec_binary_fixed_geometry."""

    shift: int
    doubtful: bool


@dataclass(frozen=True)
class FixedBinaryData(BinaryData):
    """Mirrors ec_binary_fixed_data."""

    a_multiplier: int
    b_multiplier: int
    addend: int
    doubt: int


def fitted(node: Node) -> FixedSum | None:
    """The integers of an Add or Sub."""
    a, b, y = (scalar_quant(value) for value in (*node.inputs, node.output))
    return fit_sum(a, b, y, -1 if node.op.name == "Sub" else 1, node.attrs.clamp)


def fixed_binary_s8(node: Node, core: Core) -> str | None:
    """why_not: without an FPU, and integers exist."""
    if core.fpu:
        return f"is for cores without FPU, {core.name} has one"
    reason = binary_s8(node, core)
    if reason is not None:
        return reason
    if fitted(node) is None:
        return "computes in 32-bit integers, no multipliers fit these scales"
    return None


def found(node: Node) -> FixedSum:
    """The integers of a node that fixed_binary_s8 takes."""
    result = fitted(node)
    if result is None:
        raise InternalError(f"{node} has no integers")
    return result


def fixed_binary_geometry(node: Node, rows: int) -> FixedBinaryGeometry:
    integers = found(node)
    return FixedBinaryGeometry(**vars(binary_geometry(node, rows)), shift=integers.shift, doubtful=integers.doubt > 0)


def fixed_binary_data(node: Node) -> FixedBinaryData:
    integers = found(node)
    return FixedBinaryData(
        **vars(binary_data(node)),
        a_multiplier=integers.multiplier_a,
        b_multiplier=integers.multiplier_b,
        addend=integers.addend,
        doubt=integers.doubt,
    )


def fixed(name: str) -> Kernel[BinaryAttrs]:
    """The kernel of the operator `name`."""
    return Kernel(
        name=f"ec_{name.lower()}_s8_nodsp",
        family="elementwise",
        why_not=fixed_binary_s8,
        geometry=fixed_binary_geometry,
        data=fixed_binary_data,
        flat=lambda node: True,
        inplace=True,
        cost=lambda node, core: 18.0 * node.output.type.elements,
    )


NODSP = {name: (fixed(name),) for name in ("Add", "Sub")}
