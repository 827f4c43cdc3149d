"""Conv: any kernel, stride, dilation and group; depthwise is group == channels.

One file a set of kernels: `portable.py` is plain C, the others are variants for the instructions of a core.
"""

from __future__ import annotations

from edgec.ops import backward
from edgec.ops.base import OpDef
from edgec.ops.conv.attrs import ConvAttrs, conv_macs, conv_rows, cut_window, infer_conv, window_output
from edgec.ops.conv.depthwise_dsp import DEPTHWISE_DSP
from edgec.ops.conv.depthwise_mve import DEPTHWISE_MVE
from edgec.ops.conv.depthwise_neon import DEPTHWISE_NEON
from edgec.ops.conv.dsp import DSP
from edgec.ops.conv.mve import MVE
from edgec.ops.conv.neon import NEON
from edgec.ops.conv.nodsp import NODSP
from edgec.ops.conv.portable import PORTABLE
from edgec.ops.conv.sums import conv_data, largest_sum, quant_of, sum_bounds, weighted_s8

CONV = OpDef(
    name="Conv",
    attrs=ConvAttrs,
    infer=infer_conv,
    rows=conv_rows,
    macs=conv_macs,
    cut=cut_window,
    grad=backward.conv,
    summary="any kernel, stride, dilation and group, 1-D and 2-D; weights constant",
    extra=("QLinearConv",),
    kernels=(*NEON, *DEPTHWISE_NEON, *MVE, *DEPTHWISE_MVE, *DSP, *DEPTHWISE_DSP, *NODSP, *PORTABLE),
)

OPS = (CONV,)

__all__ = ["CONV", "OPS", "ConvAttrs", "conv_data", "largest_sum", "quant_of", "sum_bounds", "weighted_s8"]
__all__ += ["cut_window", "window_output"]
