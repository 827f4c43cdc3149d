"""Softmax, LogSoftmax and ArgMax."""

from __future__ import annotations

import math

from edgec.frontend.context import Context
from edgec.frontend.node import OnnxNode
from edgec.ops.softmax import ArgMaxAttrs, SoftmaxAttrs

ONE_AXIS_SINCE = 13  # before, Softmax ran over all axes from `axis` on


def import_softmax(ctx: Context, node: OnnxNode) -> None:
    x = ctx.real(node, 0)
    shape = x.type.shape
    if node.opset >= ONE_AXIS_SINCE:
        axis = node.integer("axis", -1) % len(shape)
        ctx.emit(node, node.op_type, [x], SoftmaxAttrs(axis), output=node.output)
        return
    axis = node.integer("axis", 1) % len(shape)
    if axis == len(shape) - 1:
        ctx.emit(node, node.op_type, [x], SoftmaxAttrs(axis), output=node.output)
        return
    flat = ctx.reshape(node, x, (math.prod(shape[:axis]), math.prod(shape[axis:])), hint="flat")
    y = ctx.emit(node, node.op_type, [flat], SoftmaxAttrs(1), hint="rows")
    ctx.reshape(node, y, shape, output=node.output)


def import_arg_max(ctx: Context, node: OnnxNode) -> None:
    x = ctx.value(node, 0)
    attrs = ArgMaxAttrs(
        axis=node.integer("axis", 0) % len(x.type.shape),
        keepdims=bool(node.integer("keepdims", 1)),
        select_last_index=bool(node.integer("select_last_index", 0)),
    )
    ctx.emit(node, "ArgMax", [x], attrs, output=node.output)


IMPORTERS = {"Softmax": import_softmax, "LogSoftmax": import_softmax, "ArgMax": import_arg_max}
