"""Small int8 graphs "as scheduled", built by hand, for tests that need no ONNX file."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from edgec.ir import DType, Graph, Node, Port, QuantParams, Source, TensorType, Value
from edgec.ops import get_op
from edgec.ops.conv import ConvAttrs
from edgec.target import Core, Target

HOST = Target("host", "host", Core("host", "host", True, False, False, True, (), "", "", None), (), 0, None, None)


def host_as(**features: Any) -> Target:
    """The host with a core that says it has other features: variants whose instructions C can stand in for."""
    return dataclasses.replace(HOST, core=dataclasses.replace(HOST.core, **features))


VARIANTS = (HOST, host_as(dsp=True), host_as(isa="armv6-m", fpu=False))


def s8(name: str, shape: tuple[int, ...], scale: float = 0.02, zero_point: int = -3) -> Value:
    return Value(name, TensorType(DType.S8, shape, QuantParams.per_tensor(scale, zero_point)))


def conv(name: str, x: Value, attrs: ConvAttrs, out_c: int, y: QuantParams, rng: np.random.Generator) -> Node:
    """A Conv with random per-channel weights and bias."""
    kh, kw = attrs.kernel_shape
    shape = (out_c, kh, kw, x.type.shape[3] // attrs.group)
    scales = tuple(float(s) for s in rng.uniform(0.01, 0.03, out_c).astype(np.float32))
    w = Value(f"{name}_w", TensorType(DType.S8, shape, QuantParams(scales, (0,) * out_c, 0)))
    w.data = rng.integers(-127, 128, shape).astype(np.int8)
    b = Value(f"{name}_b", TensorType(DType.S32, (out_c,)), rng.integers(-500, 500, out_c).astype(np.int32))
    node = Node(get_op("Conv"), name, [x, w, b], [], attrs, Source("Conv", name, 0))
    (inferred,) = node.op.infer(attrs, [value.type for value in node.inputs])
    node.outputs = [Value(f"{name}_y", inferred.with_quant(y))]
    return node


def wide_graph() -> Graph:
    """Three convolutions over 24 x 24, wide in between: row by row they need a fraction of the RAM."""
    rng = np.random.default_rng(1)
    y, pads = QuantParams.per_tensor(0.05, 5), (1, 1, 1, 1)
    x = s8("x", (1, 24, 24, 3))
    first = conv("first", x, ConvAttrs((3, 3), pads=pads), 16, y, rng)
    second = conv("second", first.output, ConvAttrs((3, 3), pads=pads), 16, y, rng)
    third = conv("third", second.output, ConvAttrs((3, 3), (2, 2), pads), 4, y, rng)
    ports = [Port("x", "int8", x.type.shape)], [Port("y", "int8", third.output.type.shape)]
    return Graph("wide", [x], [third.output], [first, second, third], *ports, 13, 3)


def tiny_graph() -> Graph:
    """Three convolutions: strided with padding, 1x1, depthwise."""
    rng = np.random.default_rng(0)
    y = QuantParams.per_tensor(0.05, 5)
    x = s8("x", (1, 9, 9, 3))
    stem = conv("stem", x, ConvAttrs((3, 3), (2, 2), (1, 1, 1, 1)), 8, y, rng)
    point = conv("point", stem.output, ConvAttrs((1, 1), clamp=(5, 127)), 6, y, rng)
    depth = conv("depth", point.output, ConvAttrs((3, 3), pads=(1, 1, 1, 1), group=6), 6, y, rng)
    last = depth.output
    return Graph(
        "tiny",
        [x],
        [last],
        [stem, point, depth],
        [Port("x", "int8", x.type.shape)],
        [Port("y", "int8", last.type.shape)],
        13,
        3,
    )
