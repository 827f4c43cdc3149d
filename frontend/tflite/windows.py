"""Operators with a window: convolutions and pools, their padding as TensorFlow Lite knows it or in front of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from edgec.frontend.tflite.rules import SAME, VALID, activation, quant_of, refuse, same_pads
from edgec.ir import DType, Node, QuantParams
from edgec.ops.conv import ConvAttrs
from edgec.ops.numbers import FULL_RANGE, QMIN, Clamp
from edgec.ops.pool import PoolAttrs

if TYPE_CHECKING:
    from edgec.frontend.tflite.writer import Writer


def padding(writer: Writer, node: Node, value: int | None = None) -> tuple[int, int]:
    """(input, SAME or VALID) of an operator with a window; other pads become an operator of their own.

    value: what the padding holds, where that is not zero.
    """
    attrs, x = node.attrs, node.inputs[0]
    top, left, bottom, right = attrs.pads
    if not any(attrs.pads):
        return writer.tensor(x), VALID
    if same_pads(node) == attrs.pads:
        return writer.tensor(x), SAME
    before, after = (0, top, left, 0), (0, bottom, right, 0)
    shape = [size + first + last for size, first, last in zip(x.type.shape, before, after, strict=True)]
    padded = writer.between(node, "padded", shape, quant_of(x))
    add_pad(writer, node, padded, (before, after), value)
    return padded, VALID


def add_pad(
    writer: Writer, node: Node, output: int, pads: tuple[tuple[int, ...], tuple[int, ...]], value: int | None
) -> None:
    """PAD, which fills with zeros, or PADV2 with another int8 value."""
    x = node.inputs[0]
    inputs = [writer.tensor(x), writer.integers(node, "pads", np.array(pads).T)]
    if value is None or value == quant_of(x).scalar[1]:
        writer.add("PAD", inputs, output, "PadOptions")
        return
    fill = writer.stored(np.array([value], np.int8))
    inputs.append(writer.new(f"{node.name}/fill", (1,), DType.S8, quant_of(x), fill))
    writer.add("PADV2", inputs, output, "PadV2Options")


def write_conv(writer: Writer, node: Node) -> None:
    """CONV_2D, or DEPTHWISE_CONV_2D, whose weights are (1, KH, KW, O)."""
    attrs: ConvAttrs = node.attrs
    x, padded = padding(writer, node)
    options = {
        "padding": padded,
        "strideH": attrs.strides[0],
        "strideW": attrs.strides[1],
        "dilationHFactor": attrs.dilations[0],
        "dilationWFactor": attrs.dilations[1],
        "fusedActivationFunction": activation(node, attrs.clamp),
    }
    w, output = node.inputs[1], writer.tensor(node.output)
    if attrs.group == 1:
        writer.add("CONV_2D", [x, writer.tensor(w), bias(writer, node)], output, "Conv2DOptions", **options)
        return
    if w.type.shape[3] != 1:
        raise refuse(node, f"it has {attrs.group} groups of several channels")
    quant = quant_of(w)
    turned = QuantParams(quant.scale, quant.zero_point, None if quant.axis is None else 3)
    data = writer.stored(w.array.transpose(3, 1, 2, 0))
    weights = writer.new(w.name, data.shape, DType.S8, turned, data)
    options["depthMultiplier"] = w.type.shape[0] // attrs.group
    inputs = [x, weights, bias(writer, node)]
    writer.add("DEPTHWISE_CONV_2D", inputs, output, "DepthwiseConv2DOptions", **options)


def bias(writer: Writer, node: Node) -> int:
    """int32, in the scale of the products."""
    x, w, b = node.inputs
    quant = quant_of(w)
    scale = np.float32(quant_of(x).scale[0]) * np.array(quant.scale, np.float32)
    axis = None if quant.axis is None else 0
    products = QuantParams(tuple(float(s) for s in scale), (0,) * len(scale), axis)
    return writer.new(b.name, b.type.shape, DType.S32, products, b.array.astype(np.int32))


def write_max_pool(writer: Writer, node: Node) -> None:
    attrs: PoolAttrs = node.attrs
    x, padded = padding(writer, node, QMIN)
    write_pool(writer, node, "MAX_POOL_2D", x, padded, attrs.clamp)


def write_average_pool(writer: Writer, node: Node) -> None:
    """AVERAGE_POOL_2D has one scale: MEAN where all is averaged to another one, else QUANTIZE behind it."""
    attrs: PoolAttrs = node.attrs
    x, y = node.inputs[0], node.output
    same = quant_of(x) == quant_of(y)
    if not same and attrs.kernel_shape == x.type.shape[1:3] and not any(attrs.pads):
        write_mean(writer, node, (1, 2), keepdims=True)
        return
    if any(attrs.pads) and (attrs.count_include_pad or same_pads(node) != attrs.pads):
        raise refuse(node, f"pads {list(attrs.pads)} are not TensorFlow Lite's")
    source, padded = padding(writer, node)
    write_pool(writer, node, "AVERAGE_POOL_2D", source, padded, attrs.clamp)


def write_pool(writer: Writer, node: Node, name: str, x: int, padded: int, clamp: Clamp) -> None:
    """A pool of `x`, and QUANTIZE where the output has another scale."""
    attrs: PoolAttrs = node.attrs
    if attrs.dilations != (1, 1):
        raise refuse(node, f"it has dilations {list(attrs.dilations)}")
    quant, y = quant_of(node.inputs[0]), node.output
    same = quant == quant_of(y)
    if not same and clamp != FULL_RANGE:
        raise refuse(node, "it has bounds and another scale than its input")
    options = {
        "padding": padded,
        "strideH": attrs.strides[0],
        "strideW": attrs.strides[1],
        "filterHeight": attrs.kernel_shape[0],
        "filterWidth": attrs.kernel_shape[1],
        "fusedActivationFunction": activation(node, clamp),
    }
    pooled = writer.tensor(y) if same else writer.between(node, "pooled", y.type.shape, quant)
    writer.add(name, [x], pooled, "Pool2DOptions", **options)
    if not same:
        writer.add("QUANTIZE", [pooled], writer.tensor(y))


def write_mean(writer: Writer, node: Node, axes: tuple[int, ...], keepdims: bool) -> None:
    """MEAN, which changes the scale itself."""
    if node.attrs.clamp != FULL_RANGE:
        raise refuse(node, "it has bounds")
    inputs = [writer.tensor(node.inputs[0]), writer.integers(node, "axes", axes)]
    writer.add("MEAN", inputs, writer.tensor(node.output), "ReducerOptions", keepDims=keepdims)
