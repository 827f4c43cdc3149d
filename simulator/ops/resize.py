"""Resize in torch: rows and columns gathered, or mixed in pairs."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from edgec.ops.resize import ResizeAttrs, nearest_indices
from edgec.simulator.ops.base import Constants


def nearest(attrs: ResizeAttrs, height: int, width: int, constants: Constants) -> Callable[[Tensor], Tensor]:
    """x: (B, N, H, W, C) -> (B, N, H', W', C), elements moved."""
    rows = constants.tensor(nearest_indices(attrs, 0, height), torch.int64)
    columns = constants.tensor(nearest_indices(attrs, 1, width), torch.int64)
    return lambda x: x.index_select(2, rows).index_select(3, columns)
