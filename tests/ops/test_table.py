"""Functions of one element: they become tables or clamps."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from tests.ops.builders import Model
from tests.ops.runner import CHECKS, Case, Check


def unary(op: str, x_scale: float = 0.0313, y_scale: float = 0.0213, **attributes: float) -> Callable[[Model], None]:
    """op(x) of int8 in and out; x from about -4 to 4."""

    def model_of(model: Model) -> None:
        x = model.input("x", (1, 7, 5, 4), x_scale, -3)
        model.output(model.node(op, [x], **attributes), y_scale, 5)

    return model_of


def positive(op: str) -> Callable[[Model], None]:
    """op(x) for x > 0."""

    def model_of(model: Model) -> None:
        model.output(model.node(op, [model.input("x", (1, 7, 5, 4), 0.0313, -128)]), 0.0513, -20)

    return model_of


def swish(model: Model) -> None:
    x = model.input("x", (1, 7, 5, 4), 0.0313, -3)
    gate = model.requantized(model.node("Sigmoid", [x]), 1 / 256, -128)
    model.output(model.node("Mul", [x, gate]), 0.0213, -100)


def swish_in_float(model: Model) -> None:
    x = model.input("x", (1, 7, 5, 4), 0.0313, -3)
    model.output(model.node("Mul", [x, model.node("Sigmoid", [x])]), 0.0213, -100)


def scale_and_shift(model: Model) -> None:
    x = model.input("x", (1, 7, 5, 4), 0.0313, -3)
    y = model.node("Mul", [x, model.constant(np.float32(0.37))])
    y = model.node("Add", [y, model.constant(np.float32(0.11))])
    model.output(y, 0.0213, 5)


def requantize(model: Model) -> None:
    model.output(model.input("x", (1, 7, 5, 4), 0.0313, -3), 0.0213, 5)


def clip(model: Model) -> None:
    x = model.input("x", (1, 7, 5, 4), 0.0313, -3)
    y = model.node("Clip", [x, model.constant(np.float32(-0.4)), model.constant(np.float32(1.3))])
    model.output(y, 0.0213, 5)


CASES = [
    Case("requantize", requantize),
    Case("scale_and_shift", scale_and_shift),
    Case("relu", unary("Relu")),
    Case("clip", clip),
    Case("leaky_relu", unary("LeakyRelu", alpha=0.1)),
    Case("sigmoid", unary("Sigmoid", y_scale=1 / 256)),
    Case("tanh", unary("Tanh", y_scale=1 / 128)),
    Case("hard_sigmoid", unary("HardSigmoid", y_scale=1 / 256)),
    Case("hard_swish", unary("HardSwish")),
    Case("elu", unary("Elu", alpha=0.7)),
    Case("selu", unary("Selu")),
    Case("softplus", unary("Softplus")),
    Case("softsign", unary("Softsign", y_scale=1 / 128)),
    Case("exp", unary("Exp", x_scale=0.0113)),
    Case("erf", unary("Erf", y_scale=1 / 128)),
    Case("abs", unary("Abs"), gradient=False),
    Case("neg", unary("Neg")),
    Case("floor", unary("Floor"), gradient=False, steps=50),
    Case("sqrt", positive("Sqrt"), gradient=False),
    Case("swish", swish, steps=1),
    Case("swish_in_float", swish_in_float),
]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_table(case: Case, check: Check) -> None:
    check(case)
