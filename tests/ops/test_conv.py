"""Conv: kernels, strides, dilations, groups, pads, per-channel weights, fused activations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from tests.ops.builders import Model
from tests.ops.runner import CHECKS, Case, Check


@dataclass(frozen=True)
class Conv:
    """Geometry of one Conv under ONNX's names, NCHW; `then`: (operator, constants) between it and its quantisation."""

    x: tuple[int, ...] = (1, 8, 9, 7)
    w: tuple[int, ...] = (6, 8, 3, 3)
    strides: tuple[int, ...] = (1, 1)
    pads: tuple[int, ...] = (0, 0, 0, 0)
    dilations: tuple[int, ...] = (1, 1)
    group: int = 1
    bias: bool = True
    axis: int | None = 0
    zero_points: bool = False
    extreme: bool = False
    x_zero_point: int = -3
    y_scale: float = 0.25
    y_zero_point: int = 5
    then: Sequence[tuple[Any, ...]] = ()

    def __call__(self, model: Model) -> None:
        x = model.input("x", self.x, 0.02, self.x_zero_point)
        w = model.weights(self.w, axis=self.axis, zero_points=self.zero_points, extreme=self.extreme)
        bias = [model.bias(self.w[0], x, w)] if self.bias else []
        y = model.node(
            "Conv",
            [x, w, *bias],
            kernel_shape=self.w[2:],
            strides=self.strides,
            pads=self.pads,
            dilations=self.dilations,
            group=self.group,
        )
        for op, *bounds in self.then:
            y = model.node(op, [y, *(model.constant(np.asarray(bound, np.float32)) for bound in bounds)])
        model.output(y, self.y_scale, self.y_zero_point)


CASES = [
    Case("conv_3x3", Conv()),
    Case("conv_3x3_no_bias", Conv(bias=False)),
    Case("conv_1x1", Conv(w=(6, 8, 1, 1))),
    Case("conv_1x1_strided", Conv(w=(6, 8, 1, 1), strides=(2, 2))),
    Case("conv_5x3_uneven_pads", Conv(w=(6, 8, 5, 3), pads=(2, 0, 1, 2), strides=(2, 1))),
    Case("conv_dilated", Conv(w=(4, 8, 3, 2), dilations=(2, 3), pads=(2, 1, 2, 1))),
    Case("conv_grouped", Conv(w=(6, 4, 3, 3), group=2, pads=(1, 1, 1, 1))),
    Case("conv_depthwise", Conv(w=(8, 1, 3, 3), group=8, pads=(1, 1, 1, 1))),
    Case("conv_depthwise_strided", Conv(w=(8, 1, 3, 3), group=8, pads=(0, 0, 1, 1), strides=(2, 2))),
    Case("conv_depthwise_multiplier", Conv(w=(16, 1, 3, 2), group=8)),
    Case("conv_per_tensor", Conv(axis=None)),
    Case("conv_weight_zero_points", Conv(zero_points=True, pads=(1, 1, 1, 1), axis=None)),
    Case("conv_zero_point_low", Conv(x_zero_point=-128, y_zero_point=-128, pads=(1, 1, 1, 1))),
    Case("conv_zero_point_high", Conv(x_zero_point=127, y_zero_point=127, pads=(1, 1, 1, 1))),
    Case("conv_relu", Conv(then=(("Relu",),), y_zero_point=-128)),
    Case("conv_relu_middle", Conv(then=(("Relu",),), y_zero_point=5)),
    Case("conv_relu6", Conv(then=(("Clip", 0, 6),), y_zero_point=-100, y_scale=0.03)),
    Case("conv_extreme", Conv(x=(1, 64, 6, 6), w=(4, 64, 3, 3), extreme=True, y_scale=4.0)),
    Case("conv_extreme_depthwise", Conv(w=(8, 1, 7, 7), group=8, extreme=True, y_scale=1.0, pads=(3, 3, 3, 3))),
    Case("conv_1d", Conv(x=(1, 6, 20), w=(5, 6, 4), strides=(2,), pads=(1, 2), dilations=(1,))),
]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_conv(case: Case, check: Check) -> None:
    check(case)
