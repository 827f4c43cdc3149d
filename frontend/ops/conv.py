"""Conv, 1-D and 2-D: 1-D as 2-D with a height of 1."""

from __future__ import annotations

from edgec.errors import UnsupportedError
from edgec.frontend.context import Context
from edgec.frontend.node import OnnxNode
from edgec.frontend.window import read_window
from edgec.ops.conv import ConvAttrs


def import_conv(ctx: Context, node: OnnxNode) -> None:
    """x: (N, C, H, W) or (N, C, W), w: (O, C / group, KH, KW), bias: (O)."""
    x, w = ctx.real(node, 0), ctx.weights(node, 1)
    rank, shape = len(x.type.shape), w.type.shape
    if rank not in (3, 4):
        raise UnsupportedError(f"takes 1-D and 2-D feature maps, input is {list(x.type.shape)}")
    window = read_window(node, x.type.shape[2:], shape[2:])
    if rank == 3:
        w = ctx.reshape(node, w, (shape[0], shape[1], 1, shape[2]), hint="weights_2d")
    inputs = [ctx.to_nhwc(node, x), ctx.transpose(node, w, (0, 2, 3, 1), hint="weights")]
    if node.has_input(2):
        inputs.append(ctx.weights(node, 2))
    group = node.integer("group", 1)
    attrs = ConvAttrs(window.kernel_shape, window.strides, window.pads, window.dilations, group)
    y = ctx.emit(node, "Conv", inputs, attrs, hint="conv")
    ctx.from_nhwc(node, y, rank, output=node.output)


IMPORTERS = {"Conv": import_conv}
