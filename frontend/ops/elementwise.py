"""Add, Sub, Mul, Div and what comes down to them: Sum, BatchNormalization, Pow."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from edgec.errors import UnsupportedError
from edgec.frontend.context import Context
from edgec.frontend.node import OnnxNode
from edgec.ir import Value
from edgec.ops.elementwise import BinaryAttrs


def of_equal_rank(ctx: Context, node: OnnxNode, inputs: list[Value]) -> list[Value]:
    """The same values with axes of size 1 in front of those of smaller rank."""
    rank = max(len(value.type.shape) for value in inputs)
    shapes = [(1,) * (rank - len(value.type.shape)) + value.type.shape for value in inputs]
    return [ctx.reshape(node, v, s, hint=f"rank{i}") for i, (v, s) in enumerate(zip(inputs, shapes, strict=True))]


def binary(op: str) -> Callable[[Context, OnnxNode], None]:
    """Importer of an operator with two inputs."""

    def write(ctx: Context, node: OnnxNode) -> None:
        inputs = of_equal_rank(ctx, node, [ctx.real(node, 0), ctx.real(node, 1)])
        ctx.emit(node, op, inputs, BinaryAttrs(), output=node.output)

    return write


def import_sum(ctx: Context, node: OnnxNode) -> None:
    """Sum of n values as n - 1 additions."""
    total, *rest = (ctx.real(node, index) for index in range(len(node.proto.input)))
    if not rest:
        ctx.bind(node.output, total)
    for index, value in enumerate(rest):
        last = index == len(rest) - 1
        pair = of_equal_rank(ctx, node, [total, value])
        total = ctx.emit(node, "Add", pair, BinaryAttrs(), output=node.output if last else "", hint=f"sum{index}")


def import_batch_normalization(ctx: Context, node: OnnxNode) -> None:
    """y = x * a + b with a = scale / sqrt(var + epsilon), b = bias - mean * a, one a channel (axis 1)."""
    if node.integer("training_mode", 0):
        raise UnsupportedError("is in training mode; export the model for inference")
    x = ctx.real(node, 0)
    names = ("scale", "bias", "mean", "variance")
    scale, bias, mean, variance = (
        ctx.constant_input(node, index + 1, f"has its {name}").astype(np.float64) for index, name in enumerate(names)
    )
    a = scale / np.sqrt(variance + node.number("epsilon", 1e-5))
    shape = (1, -1) + (1,) * (len(x.type.shape) - 2)
    factor = ctx.constant(f"{node.output}/factor", a.astype(np.float32).reshape(shape))
    offset = ctx.constant(f"{node.output}/offset", (bias - mean * a).astype(np.float32).reshape(shape))
    product = ctx.emit(node, "Mul", [x, factor], BinaryAttrs(), hint="scaled")
    ctx.emit(node, "Add", [product, offset], BinaryAttrs(), output=node.output)


def import_pow(ctx: Context, node: OnnxNode) -> None:
    """x ** c for the constants that need no new operator: 1, 2, 3, 0.5, -1."""
    exponent = ctx.constant_input(node, 1, "has its exponent")
    power = float(exponent.reshape(-1)[0]) if exponent.size == 1 else 0.0
    x = ctx.real(node, 0)
    if power == 1.0:
        ctx.bind(node.output, x)
    elif power == 2.0:
        ctx.emit(node, "Mul", [x, x], BinaryAttrs(), output=node.output)
    elif power == 3.0:
        square = ctx.emit(node, "Mul", [x, x], BinaryAttrs(), hint="square")
        ctx.emit(node, "Mul", [square, x], BinaryAttrs(), output=node.output)
    elif power == 0.5:
        ctx.emit(node, "Sqrt", [x], output=node.output)
    elif power == -1.0:
        ctx.emit(node, "Reciprocal", [x], output=node.output)
    else:
        raise UnsupportedError(f"has exponent {exponent.tolist()}; 1, 2, 3, 0.5 and -1 are taken")


IMPORTERS = {
    **{op: binary(op) for op in ("Add", "Sub", "Mul", "Div")},
    "Sum": import_sum,
    "BatchNormalization": import_batch_normalization,
    "Pow": import_pow,
}
