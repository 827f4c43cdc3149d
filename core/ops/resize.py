"""Resize of height and width: nearest and linear, as ONNX Resize defines the coordinates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edgec.ir import Array, TensorType
from edgec.ops.base import OpDef


@dataclass(frozen=True)
class ResizeAttrs:
    """ONNX names; `sizes` and `scales` are for (H, W). Upsample is imported with "asymmetric" and "floor"."""

    sizes: tuple[int, int]
    scales: tuple[float, float]
    mode: str = "nearest"  # nearest, linear
    coordinate_transformation_mode: str = "half_pixel"
    nearest_mode: str = "round_prefer_floor"


def infer_resize(attrs: ResizeAttrs, types: Sequence[TensorType]) -> tuple[TensorType, ...]:
    n, _, _, c = types[0].shape
    return (TensorType(types[0].dtype, (n, *attrs.sizes, c)),)


def source_coordinates(attrs: ResizeAttrs, axis: int, size: int) -> Array:
    """Real input coordinate of every output index along `axis` (0: H, 1: W); float32 as onnxruntime computes it."""
    out, scale = attrs.sizes[axis], np.float32(attrs.scales[axis])
    index = np.arange(out, dtype=np.float32)
    half = np.float32(0.5)
    match attrs.coordinate_transformation_mode:
        case "half_pixel":
            return ((index + half) / scale - half).astype(np.float32)
        case "pytorch_half_pixel":
            return ((index + half) / scale - half).astype(np.float32) if out > 1 else np.zeros(1, np.float32)
        case "align_corners":
            last = np.float32(max(out - 1, 1))
            return (index * np.float32(size - 1) / last).astype(np.float32)
        case "asymmetric":
            return (index / scale).astype(np.float32)
        case mode:
            raise ValueError(mode)


def nearest_indices(attrs: ResizeAttrs, axis: int, size: int) -> Array:
    """int32 input index of every output index along `axis`."""
    x = source_coordinates(attrs, axis, size)
    rounded = {
        "round_prefer_floor": lambda: np.ceil(x - np.float32(0.5)),
        "round_prefer_ceil": lambda: np.floor(x + np.float32(0.5)),
        "floor": lambda: np.floor(x),
        "ceil": lambda: np.ceil(x),
    }[attrs.nearest_mode]()
    return np.clip(rounded, 0, size - 1).astype(np.int32)


def linear_taps(attrs: ResizeAttrs, axis: int, size: int) -> tuple[Array, Array, Array]:
    """(lower index int32, upper index int32, weight of the upper one float32) of every output index."""
    x = np.clip(source_coordinates(attrs, axis, size), 0, np.float32(size - 1)).astype(np.float32)
    lower = np.minimum(np.floor(x), size - 1).astype(np.int32)
    upper = np.minimum(lower + 1, size - 1).astype(np.int32)
    return lower, upper, (x - lower.astype(np.float32)).astype(np.float32)


RESIZE = OpDef("Resize", ResizeAttrs, infer_resize, summary="nearest and linear, height and width", extra=("Upsample",))

OPS = (RESIZE,)
