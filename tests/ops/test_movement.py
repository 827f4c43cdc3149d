"""Operators that move integers: Concat, Split, Slice, Pad, Transpose, Reshape and its relatives, DepthToSpace."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest

from tests.ops.builders import Model
from tests.ops.runner import CHECKS, Case, Check

SCALE, ZERO_POINT = 0.0213, -3


@dataclass(frozen=True)
class Move:
    """op(x, *constants): integers of int64 lists, or a float32 scalar; output with the input's quantisation."""

    op: str
    constants: Sequence[tuple[int, ...] | float] = ()
    x: tuple[int, ...] = (1, 4, 6, 5)
    attributes: tuple[tuple[str, object], ...] = ()

    def __call__(self, model: Model) -> None:
        x = model.input("x", self.x, SCALE, ZERO_POINT)
        constants = [
            model.constant(np.asarray(c, np.float32 if isinstance(c, float) else np.int64)) for c in self.constants
        ]
        model.output(model.node(self.op, [x, *constants], **dict(self.attributes)), SCALE, ZERO_POINT)


@dataclass(frozen=True)
class Concat:
    """Of two inputs along an axis; `scales` of them may be other than the output's."""

    axis: int
    b: tuple[int, ...]
    scales: tuple[float, float] = (SCALE, SCALE)

    def __call__(self, model: Model) -> None:
        a = model.input("a", (1, 4, 6, 5), self.scales[0], ZERO_POINT)
        b = model.input("b", self.b, self.scales[1], ZERO_POINT)
        model.output(model.node("Concat", [a, b], axis=self.axis), SCALE, ZERO_POINT)


def split(model: Model) -> None:
    """Both parts are outputs, of another size each."""
    x = model.input("x", (1, 6, 3, 5), SCALE, ZERO_POINT)
    first = model.node("Split", [x, model.constant(np.asarray([2, 4]))], outputs=2, axis=1)
    model.output(first, SCALE, ZERO_POINT)
    model.output(f"{first}_1", SCALE, ZERO_POINT)


def pad(mode: str, before_after: tuple[int, ...], value: float | None = None) -> Move:
    constants: tuple[tuple[int, ...] | float, ...] = (before_after,) if value is None else (before_after, value)
    return Move("Pad", constants, attributes=(("mode", mode),))


CASES = [
    Case("concat_channels", Concat(1, (1, 3, 6, 5))),
    Case("concat_rows", Concat(2, (1, 4, 2, 5))),
    Case("concat_columns", Concat(3, (1, 4, 6, 1))),
    Case("concat_other_scales", Concat(1, (1, 3, 6, 5), (0.0131, 0.0317))),
    Case("split", split),
    Case("slice_channels", Move("Slice", ((1,), (3,), (1,)))),
    Case("slice_steps", Move("Slice", ((0, 1), (5, 5), (2, 3), (2, 3)))),
    Case("slice_negative_steps", Move("Slice", ((-1, -1), (-100, -100), (2, 3), (-2, -1)))),
    Case("pad_constant", pad("constant", (0, 1, 2, 0, 0, 2, 0, 3))),
    Case("pad_constant_value", pad("constant", (0, 0, 2, 1, 0, 0, 0, 3), 0.731)),
    Case("pad_reflect", pad("reflect", (0, 0, 2, 1, 0, 0, 3, 4))),
    Case("pad_edge", pad("edge", (0, 1, 2, 1, 0, 0, 3, 4))),
    Case("transpose", Move("Transpose", attributes=(("perm", (0, 3, 1, 2)),))),
    Case("transpose_all", Move("Transpose", x=(1, 2, 3, 4, 5), attributes=(("perm", (0, 4, 2, 3, 1)),))),
    Case("reshape", Move("Reshape", ((1, 8, 15),))),
    Case("flatten", Move("Flatten")),
    Case("squeeze", Move("Squeeze", ((2,),), x=(1, 4, 1, 5))),
    Case("unsqueeze", Move("Unsqueeze", ((2,),), x=(1, 4, 5))),
    Case("depth_to_space_dcr", Move("DepthToSpace", x=(1, 12, 3, 2), attributes=(("blocksize", 2), ("mode", "DCR")))),
    Case("depth_to_space_crd", Move("DepthToSpace", x=(1, 18, 3, 2), attributes=(("blocksize", 3), ("mode", "CRD")))),
]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_movement(case: Case, check: Check) -> None:
    check(case)
