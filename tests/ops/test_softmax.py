"""Softmax, LogSoftmax and ArgMax."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from onnx import TensorProto

from tests.ops.builders import Model
from tests.ops.runner import CHECKS, Case, Check


@dataclass(frozen=True)
class Normalize:
    """Softmax or LogSoftmax; `quantized`: int8 out, else the model's own float32."""

    op: str = "Softmax"
    x: tuple[int, ...] = (1, 10)
    axis: int = -1
    x_scale: float = 0.0613
    quantized: bool = True

    def __call__(self, model: Model) -> None:
        y = model.node(self.op, [model.input("x", self.x, self.x_scale, -3)], axis=self.axis)
        if self.quantized:
            scale, zero_point = (1 / 256, -128) if self.op == "Softmax" else (0.0713, 127)
            model.output(y, scale, zero_point)
        else:
            model.raw_output(y)


@dataclass(frozen=True)
class ArgMax:
    """int64 indices of the model, int32 of the Graph."""

    axis: int = -1
    keepdims: int = 0
    last: int = 0
    x: tuple[int, ...] = (1, 4, 3, 5)

    def __call__(self, model: Model) -> None:
        x = model.input("x", self.x)
        y = model.node("ArgMax", [x], axis=self.axis, keepdims=self.keepdims, select_last_index=self.last)
        model.raw_output(y, TensorProto.INT64)


def normalize(name: str, model: Normalize) -> Case:
    return Case(name, model, steps=0.51 if model.quantized else 2e-5)


CASES = [
    normalize("softmax", Normalize()),
    normalize("softmax_sharp", Normalize(x_scale=0.5)),
    normalize("softmax_channels", Normalize(x=(1, 6, 4, 3), axis=1)),
    normalize("softmax_float", Normalize(quantized=False)),
    normalize("log_softmax", Normalize("LogSoftmax")),
    normalize("log_softmax_float", Normalize("LogSoftmax", quantized=False)),
    Case("argmax", ArgMax(), gradient=False),
    Case("argmax_channels", ArgMax(axis=1, keepdims=1), gradient=False),
    Case("argmax_last", ArgMax(last=1), gradient=False),
]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_softmax(case: Case, check: Check) -> None:
    check(case)
