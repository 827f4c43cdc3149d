"""Gemm and MatMul with constant weights, brought to (N, K)."""

from __future__ import annotations

import numpy as np

from edgec.errors import UnsupportedError
from edgec.frontend.context import Context
from edgec.frontend.node import OnnxNode
from edgec.ir import Value
from edgec.ops.elementwise import BinaryAttrs
from edgec.ops.gemm import GemmAttrs


def import_gemm(ctx: Context, node: OnnxNode) -> None:
    """y = alpha * x w + beta * c with x: (M, K), w: (K, N), c broadcast to (M, N)."""
    x = ctx.real(node, 0)
    w = _scaled(ctx, ctx.weights(node, 1), node.number("alpha", 1.0), "alpha")
    if node.integer("transA", 0):
        x = ctx.transpose(node, x, (1, 0), hint="transposed")
    if not node.integer("transB", 0):
        w = ctx.transpose(node, w, (1, 0), hint="weights")
    beta = node.number("beta", 1.0)
    if not node.has_input(2) or beta == 0:
        ctx.emit(node, "Gemm", [x, w], GemmAttrs(), output=node.output)
        return
    c = _scaled(ctx, ctx.real(node, 2), beta, "beta")
    bias = _as_bias(ctx, node, c, w.type.shape[0])
    if bias is not None:
        ctx.emit(node, "Gemm", [x, w, bias], GemmAttrs(), output=node.output)
        return
    product = ctx.emit(node, "Gemm", [x, w], GemmAttrs(), hint="product")
    c = ctx.reshape(node, c, (1,) * (2 - len(c.type.shape)) + c.type.shape, hint="c")
    ctx.emit(node, "Add", [product, c], BinaryAttrs(), output=node.output)


def _scaled(ctx: Context, value: Value, factor: float, name: str) -> Value:
    """A float constant times alpha or beta."""
    if factor == 1.0:
        return value
    if value.data is None:
        raise UnsupportedError(f"has {name} {factor:g} on values that are no float constants")
    return ctx.constant(f"{value.name}_{name}", (value.data * np.float32(factor)).astype(np.float32))


def _as_bias(ctx: Context, node: OnnxNode, c: Value, outputs: int) -> Value | None:
    """`c` as one number an output; None where it varies otherwise or is computed at run time."""
    if len(c.type.shape) == 2 and c.type.shape[0] != 1:
        return None
    if c.data is not None:
        bias = np.broadcast_to(c.data.reshape(-1), (outputs,))
        return c if c.type.shape == (outputs,) else ctx.constant(f"{c.name}_bias", bias.copy())
    # DequantizeLinear of a constant keeps its integers; anything else is added at run time.
    fixed = node.input(2) in ctx.fixed and c.type.elements == outputs
    return ctx.reshape(node, c, (outputs,), hint="bias") if fixed else None


def import_matmul(ctx: Context, node: OnnxNode) -> None:
    """y = x w with x: (..., K), w: (K, N) constant."""
    if node.input(1) not in ctx.fixed and node.input(1) not in ctx.tensors:
        raise UnsupportedError("multiplies two activations; one side, the second, has to be constant")
    x, w = ctx.real(node, 0), ctx.weights(node, 1)
    if any(size != 1 for size in w.type.shape[:-2]) or len(w.type.shape) < 2:
        raise UnsupportedError(f"has weights of shape {list(w.type.shape)}; (K, N) is taken")
    w = ctx.reshape(node, w, w.type.shape[-2:], hint="weights_2d")
    w = ctx.transpose(node, w, (1, 0), hint="weights")
    rank = len(ctx.shape(node.input(1)))
    if rank > len(x.type.shape) > 1:
        y = ctx.emit(node, "Gemm", [x, w], GemmAttrs(), hint="product")
        ctx.reshape(node, y, (1,) * (rank - len(x.type.shape)) + y.type.shape, output=node.output)
        return
    ctx.emit(node, "Gemm", [x, w], GemmAttrs(), output=node.output)


IMPORTERS = {"Gemm": import_gemm, "MatMul": import_matmul}
