"""MaxPool, AveragePool, global pools and reductions over axes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from edgec.errors import UnsupportedError
from edgec.frontend.context import Context
from edgec.frontend.node import OnnxNode
from edgec.frontend.window import read_window
from edgec.ir import Value
from edgec.ops.elementwise import BinaryAttrs
from edgec.ops.pool import PoolAttrs, ReduceAttrs


def import_pool(ctx: Context, node: OnnxNode) -> None:
    """x: (N, C, H, W) or (N, C, W); MaxPool takes int8 as well."""
    x = ctx.value(node, 0) if node.op_type == "MaxPool" else ctx.real(node, 0)
    if len([output for output in node.proto.output if output]) > 1:
        raise UnsupportedError("gives the indices of its maxima")
    rank = len(x.type.shape)
    window = read_window(node, x.type.shape[2:], node.ints("kernel_shape", ()))
    include = bool(node.integer("count_include_pad", 0))
    if include and any(window.ceil_extra):
        raise UnsupportedError("counts padding in an average that ceil_mode extends")
    attrs = PoolAttrs(window.kernel_shape, window.strides, window.pads, window.dilations, include)
    y = ctx.emit(node, node.op_type, [ctx.to_nhwc(node, x)], attrs, hint="pool")
    ctx.from_nhwc(node, y, rank, output=node.output)


def import_global_average_pool(ctx: Context, node: OnnxNode) -> None:
    x = ctx.real(node, 0)
    y = ctx.emit(node, "ReduceMean", [ctx.to_nhwc(node, x)], ReduceAttrs((1, 2)), hint="mean")
    ctx.from_nhwc(node, y, len(x.type.shape), output=node.output)


def import_global_max_pool(ctx: Context, node: OnnxNode) -> None:
    _max_of_map(ctx, node, ctx.value(node, 0), node.output)


def _max_of_map(ctx: Context, node: OnnxNode, x: Value, output: str) -> None:
    nhwc = ctx.to_nhwc(node, x)
    attrs = PoolAttrs((nhwc.type.shape[1], nhwc.type.shape[2]))
    y = ctx.emit(node, "MaxPool", [nhwc], attrs, hint="pool")
    ctx.from_nhwc(node, y, len(x.type.shape), output=output)


def read_axes(ctx: Context, node: OnnxNode, rank: int) -> tuple[int, ...]:
    """Axes of a reduction, ascending: an attribute in old opsets, an input in new ones; none given means all."""
    axes = node.ints("axes", ())
    if node.has_input(1):
        axes = tuple(int(axis) for axis in ctx.constant_input(node, 1, "has its axes").reshape(-1))
    if not axes and node.integer("noop_with_empty_axes", 0):
        return ()
    return tuple(sorted(axis % rank for axis in axes)) or tuple(range(rank))


def import_reduce_mean(ctx: Context, node: OnnxNode) -> None:
    x = ctx.real(node, 0)
    _mean(ctx, node, x, node.output)


def import_reduce_sum(ctx: Context, node: OnnxNode) -> None:
    """sum(x) = mean(x) * count"""
    x = ctx.real(node, 0)
    axes = read_axes(ctx, node, len(x.type.shape))
    mean = _mean(ctx, node, x, "")
    count = np.float32(np.prod([x.type.shape[axis] for axis in axes]))
    factor = ctx.constant(f"{node.output}/count", np.full((1,) * len(mean.type.shape), count, np.float32))
    ctx.emit(node, "Mul", [mean, factor], BinaryAttrs(), output=node.output)


def _mean(ctx: Context, node: OnnxNode, x: Value, output: str) -> Value:
    """ReduceMean; axes that are not neighbours are brought to the end first."""
    rank = len(x.type.shape)
    axes = read_axes(ctx, node, rank)
    keep = bool(node.integer("keepdims", 1))
    if not axes:
        ctx.bind(output, x)
        return x
    if axes == tuple(range(axes[0], axes[-1] + 1)):
        return ctx.emit(node, "ReduceMean", [x], ReduceAttrs(axes, keep), output=output, hint="mean")
    rest = [axis for axis in range(rank) if axis not in axes]
    moved = ctx.transpose(node, x, (*rest, *axes), hint="axes")
    mean = ctx.emit(node, "ReduceMean", [moved], ReduceAttrs(tuple(range(len(rest), rank)), False), hint="mean")
    return ctx.reshape(node, mean, _reduced(x.type.shape, axes, keep), output=output, hint="shape")


def _reduced(shape: Sequence[int], axes: Sequence[int], keep: bool) -> list[int]:
    kept = [1 if axis in axes else size for axis, size in enumerate(shape)]
    return kept if keep else [size for axis, size in enumerate(kept) if axis not in axes]


def import_reduce_max(ctx: Context, node: OnnxNode) -> None:
    """The maximum over a whole feature map is a MaxPool."""
    x = ctx.value(node, 0)
    rank = len(x.type.shape)
    axes = read_axes(ctx, node, rank)
    if rank not in (3, 4) or axes != tuple(range(2, rank)):
        raise UnsupportedError(f"takes the maximum over axes {list(axes)}; height and width are taken")
    if node.integer("keepdims", 1):
        _max_of_map(ctx, node, x, node.output)
        return
    kept = f"{node.output}/kept"
    _max_of_map(ctx, node, x, kept)
    ctx.reshape(node, ctx.values[kept], x.type.shape[:2], output=node.output)


IMPORTERS: dict[str, Callable[[Context, OnnxNode], None]] = {
    "MaxPool": import_pool,
    "AveragePool": import_pool,
    "GlobalAveragePool": import_global_average_pool,
    "GlobalMaxPool": import_global_max_pool,
    "ReduceMean": import_reduce_mean,
    "ReduceSum": import_reduce_sum,
    "ReduceMax": import_reduce_max,
}
