"""Sliding windows of Conv and pools as ONNX's attributes give them, in two dimensions and with explicit padding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgec.errors import UnsupportedError
from edgec.frontend.node import OnnxNode


@dataclass(frozen=True)
class Window:
    """Height and width; pads are (top, left, bottom, right). `ceil_extra`: rows and columns that ceil_mode added."""

    kernel_shape: tuple[int, int]
    strides: tuple[int, int]
    pads: tuple[int, int, int, int]
    dilations: tuple[int, int]
    ceil_extra: tuple[int, int] = (0, 0)


def read_window(node: OnnxNode, sizes: Sequence[int], kernel: Sequence[int]) -> Window:
    """The window over feature maps of `sizes` ((H, W) or (W,)); 1-D becomes 2-D with height 1.

    auto_pad and ceil_mode are resolved into pads as onnxruntime does.
    """
    rank = len(kernel)
    strides = node.ints("strides", [1] * rank)
    dilations = node.ints("dilations", [1] * rank)
    pads = node.ints("pads", [0] * (2 * rank))
    before, after, extra = list(pads[:rank]), list(pads[rank:]), [0] * rank
    if min(*before, *after, 0) < 0:
        raise UnsupportedError(f"has negative pads {list(pads)}")
    mode = node.text("auto_pad", "NOTSET")
    for axis in range(rank):
        size, stride = sizes[axis], strides[axis]
        reach = (kernel[axis] - 1) * dilations[axis] + 1
        if mode in ("SAME_UPPER", "SAME_LOWER"):
            total = max((-(-size // stride) - 1) * stride + reach - size, 0)
            small, large = total // 2, total - total // 2
            before[axis], after[axis] = (small, large) if mode == "SAME_UPPER" else (large, small)
        elif mode == "VALID":
            before[axis] = after[axis] = 0
        if node.integer("ceil_mode", 0):
            extra[axis] = _ceil_extra(size, before[axis], after[axis], reach, stride)
            after[axis] += extra[axis]
        if size + before[axis] + after[axis] < reach:
            raise UnsupportedError(f"has a window of {reach} over {size} elements")
    return Window(
        kernel_shape=_two(kernel, 1),
        strides=_two(strides, 1),
        pads=(*_two(before, 0), *_two(after, 0)),
        dilations=_two(dilations, 1),
        ceil_extra=_two(extra, 0),
    )


def _ceil_extra(size: int, before: int, after: int, reach: int, stride: int) -> int:
    """Elements that ceil_mode adds behind the padding; a window must still begin inside the input or before it."""
    outputs = -(-(size + before + after - reach) // stride) + 1
    if (outputs - 1) * stride >= size + before:
        outputs -= 1
    return max((outputs - 1) * stride + reach - (size + before + after), 0)


def _two(values: Sequence[int], missing: int) -> tuple[int, int]:
    """(H, W) from one or two numbers."""
    if len(values) > 2:
        raise UnsupportedError(f"has {len(values)} spatial dimensions; one and two are taken")
    padded = (missing, *values)
    return padded[-2], padded[-1]
