"""Add, Sub, Mul, Div of two activations or an activation and a constant."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from tests.ops.builders import Model
from tests.ops.runner import CHECKS, Case, Check, host_c_equals_simulator, simulator_equals_integer_session

# ONNX: dequantise both, add, divide by the output's scale. onnxruntime's QLinearAdd folds that into two multiply-adds
# of q with s_a/s_y and s_b/s_y (another form on each kind of processor): where the exact sum is half a step, or within
# 2^-22 of it, the two may round apart.
QLINEAR_ADD = "QLinearAdd of onnxruntime multiplies by quotients of scales: other roundings at halves"


@dataclass(frozen=True)
class Binary:
    """op(a, b) with shapes that broadcast; these scales seldom bring a sum to half a step."""

    op: str = "Add"
    a: tuple[int, ...] = (1, 5, 4, 3)
    b: tuple[int, ...] = (1, 5, 4, 3)
    a_scale: float = 0.0213
    a_zero_point: int = -3
    b_scale: float = 0.0317
    b_zero_point: int = 17
    y_scale: float = 0.0487
    y_zero_point: int = 5
    relu: bool = False
    same: bool = False

    def __call__(self, model: Model) -> None:
        a = model.input("a", self.a, self.a_scale, self.a_zero_point)
        b = a if self.same else model.input("b", self.b, self.b_scale, self.b_zero_point)
        y = model.node(self.op, [a, b])
        y = model.node("Relu", [y]) if self.relu else y
        model.output(y, self.y_scale, self.y_zero_point)


@dataclass(frozen=True)
class WithConstant:
    """op(x, c) with an int8 constant, or op(c, x)."""

    op: str
    c: tuple[int, ...]
    first: bool = False
    positive: bool = False

    def __call__(self, model: Model) -> None:
        x = model.input("x", (1, 5, 4, 3), 0.0213, -3)
        low = 20 if self.positive else -128
        q = model.constant(model.rng.integers(low, 128, self.c).astype(np.int8))
        c = model.dequantize(q, 0.0131, np.asarray(4, np.int8))
        y = model.node(self.op, [c, x] if self.first else [x, c])
        model.output(y, 0.0411, 5)


CASES = [
    Case("add", Binary()),
    Case("add_relu", Binary(relu=True, y_zero_point=-128)),
    Case("add_saturating", Binary(y_scale=0.0113)),
    Case(
        "add_halves",
        Binary(a_scale=0.02, b_scale=0.03, y_scale=0.04),
        default=QLINEAR_ADD,
        integer=QLINEAR_ADD,
    ),
    Case("add_to_itself", Binary(same=True)),
    Case("sub", Binary("Sub")),
    Case("mul", Binary("Mul")),
    Case("mul_relu", Binary("Mul", relu=True, y_zero_point=-20)),
    Case("square", Binary("Mul", same=True)),
    Case("add_broadcast_channels", Binary(b=(1, 1, 1, 3))),
    Case("add_broadcast_spatial", Binary(b=(1, 5, 4, 1))),
    Case("mul_broadcast_both", Binary("Mul", a=(1, 5, 1, 3), b=(1, 1, 4, 3))),
    Case("mul_squeeze_excite", Binary("Mul", b=(1, 5, 1, 1))),
    Case("add_constant", WithConstant("Add", (1, 5, 4, 3))),
    Case("add_constant_channels", WithConstant("Add", (1, 5, 1, 1))),
    Case("mul_constant_lower_rank", WithConstant("Mul", (4, 3))),
    Case("sub_from_constant", WithConstant("Sub", (1, 5, 1, 1), first=True)),
    Case("div", Binary("Div"), gradient=False),
    Case("div_by_constant", WithConstant("Div", (1, 5, 1, 1), positive=True)),
]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_elementwise(case: Case, check: Check) -> None:
    check(case)


@pytest.mark.parametrize("check", [simulator_equals_integer_session, host_c_equals_simulator], ids=lambda c: c.__name__)
def test_zero_divided_by_zero(check: Check) -> None:
    """It is the lower end of int8, as in onnxruntime; the first sample has nothing else."""
    check(Case("div_zeros", Binary("Div", a_zero_point=-128, b_zero_point=-128)))
