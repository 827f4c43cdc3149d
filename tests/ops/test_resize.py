"""Resize of height and width."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from tests.ops.builders import Model
from tests.ops.runner import CHECKS, Case, Check


@dataclass(frozen=True)
class Resize:
    """By scales or to sizes of (H, W)."""

    mode: str = "nearest"
    scales: tuple[float, float] | None = (2.0, 2.0)
    sizes: tuple[int, int] | None = None
    coordinates: str = "half_pixel"
    nearest_mode: str = "round_prefer_floor"

    def __call__(self, model: Model) -> None:
        x = model.input("x", (1, 3, 5, 4), 0.0213, -3)
        inputs = [x, "", model.constant(np.asarray((1, 1, *self.scales), np.float32))] if self.scales else [x, "", ""]
        if self.sizes:
            inputs.append(model.constant(np.asarray((1, 3, *self.sizes), np.int64)))
        y = model.node(
            "Resize",
            inputs,
            mode=self.mode,
            coordinate_transformation_mode=self.coordinates,
            nearest_mode=self.nearest_mode,
        )
        scale, zero_point = (0.0213, -3) if self.mode == "nearest" else (0.0187, 5)
        model.output(y, scale, zero_point)


CASES = [
    Case("nearest", Resize(coordinates="asymmetric", nearest_mode="floor")),
    Case("nearest_half_pixel", Resize()),
    Case("nearest_sizes", Resize(scales=None, sizes=(7, 9), nearest_mode="ceil")),
    Case("nearest_smaller", Resize(scales=(0.6, 0.5), nearest_mode="round_prefer_ceil")),
    Case("linear", Resize("linear")),
    Case("linear_align_corners", Resize("linear", None, (9, 7), "align_corners")),
    Case("linear_asymmetric", Resize("linear", (1.5, 3.0), coordinates="asymmetric")),
    Case("linear_smaller", Resize("linear", None, (3, 2), "pytorch_half_pixel")),
]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_resize(case: Case, check: Check) -> None:
    check(case)
