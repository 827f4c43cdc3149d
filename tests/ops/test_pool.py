"""MaxPool, AveragePool, their global forms and ReduceMean."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from tests.ops.builders import Model
from tests.ops.runner import CHECKS, Case, Check


@dataclass(frozen=True)
class Pool:
    """MaxPool keeps the input's quantisation, AveragePool may change it."""

    op: str = "AveragePool"
    x: tuple[int, ...] = (1, 5, 9, 8)
    kernel: tuple[int, ...] = (3, 3)
    strides: tuple[int, ...] = (2, 2)
    pads: tuple[int, ...] = (0, 0, 0, 0)
    dilations: tuple[int, ...] | None = None
    ceil_mode: int = 0
    count_include_pad: int | None = None
    y_scale: float = 0.0173
    y_zero_point: int = 5
    relu: bool = False

    def __call__(self, model: Model) -> None:
        x = model.input("x", self.x, 0.0213, -3)
        extra = {"dilations": self.dilations, "count_include_pad": self.count_include_pad}
        y = model.node(
            self.op,
            [x],
            kernel_shape=self.kernel,
            strides=self.strides,
            pads=self.pads,
            ceil_mode=self.ceil_mode,
            **{name: value for name, value in extra.items() if value is not None},
        )
        y = model.node("Relu", [y]) if self.relu else y
        scale, zero_point = (0.0213, -3) if self.op == "MaxPool" else (self.y_scale, self.y_zero_point)
        model.output(y, scale, zero_point)


@dataclass(frozen=True)
class Whole:
    """Operators over whole planes or axes."""

    op: str
    axes: tuple[int, ...] = ()
    keepdims: int = 1
    same: bool = False
    x: tuple[int, ...] = (1, 5, 7, 6)

    def __call__(self, model: Model) -> None:
        x = model.input("x", self.x, 0.0213, -3)
        if self.op == "ReduceMean":
            axes = model.constant(np.asarray(self.axes, np.int64), "axes")
            y = model.node(self.op, [x, axes], keepdims=self.keepdims)
        else:
            y = model.node(self.op, [x])
        scale, zero_point = (0.0213, -3) if self.same else (0.0073, 5)
        model.output(y, scale, zero_point)


def mean(name: str, model: Pool | Whole) -> Case:
    return Case(name, model, opset=18)


CASES = [
    Case("max_pool", Pool("MaxPool")),
    Case("max_pool_pads", Pool("MaxPool", pads=(1, 0, 1, 2))),
    Case("max_pool_dilated", Pool("MaxPool", dilations=(2, 3), strides=(1, 1))),
    Case("max_pool_ceil", Pool("MaxPool", kernel=(2, 2), ceil_mode=1)),
    Case("max_pool_relu", Pool("MaxPool", relu=True)),
    Case("max_pool_one_channel", Pool("MaxPool", x=(1, 1, 9, 8))),
    Case("global_max_pool", Whole("GlobalMaxPool", same=True)),
    mean("average_pool", Pool()),
    mean("average_pool_same_scale", Pool(y_scale=0.0213, y_zero_point=-3)),
    mean("average_pool_pads", Pool(pads=(1, 1, 1, 1))),
    mean("average_pool_count_include_pad", Pool(pads=(1, 1, 1, 1), count_include_pad=1)),
    mean("average_pool_uneven", Pool(kernel=(2, 4), strides=(2, 1), pads=(0, 1, 1, 2))),
    mean("average_pool_ceil", Pool(kernel=(2, 2), ceil_mode=1)),
    mean("average_pool_relu", Pool(relu=True)),
    mean("global_average_pool", Whole("GlobalAveragePool")),
    mean("global_average_pool_same_scale", Whole("GlobalAveragePool", same=True)),
    mean("reduce_mean_spatial", Whole("ReduceMean", (2, 3))),
    mean("reduce_mean_channels", Whole("ReduceMean", (1,))),
    mean("reduce_mean_last_no_keepdims", Whole("ReduceMean", (3,), keepdims=0)),
]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_pool(case: Case, check: Check) -> None:
    check(case)
