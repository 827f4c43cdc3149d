"""Gemm and MatMul with constant weights."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from tests.ops.builders import Model
from tests.ops.runner import CHECKS, Case, Check


@dataclass(frozen=True)
class Gemm:
    """x: (M, K) times w: (N, K) (transB) or (K, N)."""

    m: int = 1
    k: int = 20
    n: int = 7
    trans_b: bool = True
    bias: bool = True
    axis: bool = False
    zero_points: bool = False
    extreme: bool = False
    x_zero_point: int = -3
    y_scale: float = 0.25
    y_zero_point: int = 5
    relu: bool = False

    def __call__(self, model: Model) -> None:
        x = model.input("x", (self.m, self.k), 0.02, self.x_zero_point)
        shape = (self.n, self.k) if self.trans_b else (self.k, self.n)
        axis = (0 if self.trans_b else 1) if self.axis else None
        w = model.weights(shape, axis=axis, zero_points=self.zero_points, extreme=self.extreme)
        bias = [model.bias(self.n, x, w)] if self.bias else []
        y = model.node("Gemm", [x, w, *bias], transB=int(self.trans_b))
        y = model.node("Relu", [y]) if self.relu else y
        model.output(y, self.y_scale, self.y_zero_point)


@dataclass(frozen=True)
class MatMul:
    """x: (..., K) times w: (K, N), and perhaps Add of a bias behind it."""

    x: tuple[int, ...] = (1, 20)
    n: int = 7
    add: bool = False

    def __call__(self, model: Model) -> None:
        x = model.input("x", self.x, 0.02, 11)
        w = model.weights((self.x[-1], self.n), axis=None)
        y = model.node("MatMul", [x, w])
        if self.add:
            y = model.node("Add", [y, model.bias(self.n, x, w)])
        model.output(y, 0.25, -20)


CASES = [
    Case("gemm", Gemm()),
    Case("gemm_not_transposed", Gemm(trans_b=False)),
    Case("gemm_no_bias", Gemm(bias=False)),
    Case("gemm_per_channel", Gemm(axis=True)),
    Case("gemm_per_channel_not_transposed", Gemm(axis=True, trans_b=False)),
    Case("gemm_weight_zero_points", Gemm(zero_points=True)),
    Case("gemm_relu", Gemm(relu=True, y_zero_point=-128)),
    Case("gemm_extreme", Gemm(k=700, n=5, extreme=True, x_zero_point=-128, y_scale=20.0)),
    Case("gemm_more_than_24_bits", Gemm(k=3000, n=3, extreme=True, x_zero_point=127, y_scale=40.0)),
    Case("matmul", MatMul()),
    Case("matmul_rank_3", MatMul((1, 5, 16), 6)),
    Case("matmul_add", MatMul(add=True)),
]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_gemm(case: Case, check: Check) -> None:
    check(case)
