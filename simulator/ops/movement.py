"""Operators that move elements: the same functions on integers and on real values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from edgec.ir import Node
from edgec.ops.movement import ConcatAttrs, DepthToSpaceAttrs, PadAttrs, ReshapeAttrs, SliceAttrs, TransposeAttrs
from edgec.ops.numbers import quantize
from edgec.simulator.ops.base import Constants, Function, quant_of


def concat(node: Node, constants: Constants) -> Function:
    attrs: ConcatAttrs = node.attrs
    constants.read(*node.inputs)

    def run(inputs: Sequence[Tensor]) -> Tensor:
        samples = max(len(part) for part in inputs)
        return torch.cat([part.expand(samples, *part.shape[1:]) for part in inputs], dim=attrs.axis + 1)

    return run


def slice_(node: Node, constants: Constants) -> Function:
    """torch has no negative steps: those axes are gathered by index."""
    attrs: SliceAttrs = node.attrs
    constants.read(*node.inputs)
    gathered: list[tuple[int, Tensor]] = []
    ranges = [slice(None)]
    for axis, (start, step, size) in enumerate(zip(attrs.starts, attrs.steps, attrs.sizes, strict=True)):
        if step > 0:
            ranges.append(slice(start, start + (size - 1) * step + 1, step))
        else:
            ranges.append(slice(None))
            gathered.append((axis + 1, constants.tensor(start + step * np.arange(size), torch.int64)))

    def run(inputs: Sequence[Tensor]) -> Tensor:
        x = inputs[0][tuple(ranges)]
        for axis, index in gathered:
            x = x.index_select(axis, index)
        return x

    return run


def padded_indices(size: int, before: int, after: int, mode: str) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Input index of every output index of an axis; "reflect" leaves out the border element, "edge" repeats it."""
    index = np.arange(-before, size + after)
    if mode == "edge" or size == 1:
        return np.clip(index, 0, size - 1)
    index = np.abs(index) % (2 * (size - 1))
    return np.minimum(index, 2 * (size - 1) - index)


def pad(node: Node, constants: Constants) -> Function:
    """Constant padding writes into a filled tensor, the other modes gather."""
    attrs: PadAttrs = node.attrs
    source = node.inputs[0]
    constants.read(source)
    sides = list(zip(source.type.shape, attrs.before, attrs.after, strict=True))
    if attrs.mode != "constant":
        indices = {
            axis + 1: constants.tensor(padded_indices(size, before, after, attrs.mode), torch.int64)
            for axis, (size, before, after) in enumerate(sides)
            if before or after
        }

        def gather(inputs: Sequence[Tensor]) -> Tensor:
            x = inputs[0]
            for axis, index in indices.items():
                x = x.index_select(axis, index)
            return x

        return gather
    value = attrs.value
    if not constants.real and source.type.quant is not None:
        value = float(quantize(np.asarray(attrs.value), source.type.quant)) - quant_of(source)[1]
    # torch wants the last axis first; the batch axis stays as it is. Negative numbers crop, in ONNX too.
    widths = [width for _, before, after in reversed(sides) for width in (before, after)]
    return lambda inputs: torch.nn.functional.pad(inputs[0], widths, value=value)


def depth_to_space(attrs: DepthToSpaceAttrs) -> Callable[[Tensor], Tensor]:
    """x: (B, N, H, W, C * b * b) -> (B, N, H * b, W * b, C)."""
    b = attrs.blocksize

    def run(x: Tensor) -> Tensor:
        s, n, h, w, c = x.shape
        if attrs.mode == "DCR":
            y = x.reshape(s, n, h, w, b, b, c // (b * b)).permute(0, 1, 2, 4, 3, 5, 6)
        else:
            y = x.reshape(s, n, h, w, c // (b * b), b, b).permute(0, 1, 2, 5, 3, 6, 4)
        return y.reshape(s, n, h * b, w * b, c // (b * b))

    return run


def transpose(attrs: TransposeAttrs) -> Callable[[Tensor], Tensor]:
    perm = (0, *(axis + 1 for axis in attrs.perm))
    return lambda x: x.permute(perm)


def reshape(attrs: ReshapeAttrs) -> Callable[[Tensor], Tensor]:
    return lambda x: x.reshape(len(x), *attrs.shape)


def moved(function: Callable[[Any], Callable[[Tensor], Tensor]], node: Node, constants: Constants) -> Function:
    """Builder of the operators that only look at their attributes."""
    constants.read(*node.inputs)
    run = function(node.attrs)
    return lambda inputs: run(inputs[0])


INT8 = {
    "Concat": concat,
    "Slice": slice_,
    "Pad": pad,
    "Transpose": partial(moved, transpose),
    "Reshape": partial(moved, reshape),
    "DepthToSpace": partial(moved, depth_to_space),
}
FLOAT = INT8
