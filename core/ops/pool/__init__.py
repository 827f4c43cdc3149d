"""MaxPool, AveragePool and ReduceMean (GlobalAveragePool is a ReduceMean over height and width)."""

from __future__ import annotations

from edgec.ops import backward
from edgec.ops.base import OpDef, QuantRule
from edgec.ops.conv import cut_window
from edgec.ops.pool import dsp, mve, neon, portable
from edgec.ops.pool.attrs import PoolAttrs, ReduceAttrs, infer_pool, infer_reduce, pool_rows
from edgec.ops.pool.portable import mean_scale, quants

MAX_POOL = OpDef(
    name="MaxPool",
    attrs=PoolAttrs,
    infer=infer_pool,
    rows=pool_rows,
    cut=cut_window,
    quant=QuantRule.SAME,
    summary="any window, stride, padding and dilation",
    extra=("GlobalMaxPool",),
    kernels=(neon.MAX_POOL, mve.MAX_POOL, dsp.MAX_POOL, portable.MAX_POOL),
)
AVERAGE_POOL = OpDef(
    name="AveragePool",
    attrs=PoolAttrs,
    infer=infer_pool,
    rows=pool_rows,
    cut=cut_window,
    summary="any window, stride and padding",
    extra=("QLinearAveragePool",),
    kernels=(neon.AVERAGE_POOL, mve.AVERAGE_POOL, dsp.AVERAGE_POOL, portable.AVERAGE_POOL),
)
REDUCE_MEAN = OpDef(
    name="ReduceMean",
    attrs=ReduceAttrs,
    infer=infer_reduce,
    grad=backward.reduce_mean,
    summary="neighbouring axes",
    extra=("GlobalAveragePool", "QLinearGlobalAveragePool"),
    kernels=(neon.MEAN, mve.MEAN, dsp.MEAN, portable.MEAN),
)

OPS = (MAX_POOL, AVERAGE_POOL, REDUCE_MEAN)

__all__ = ["AVERAGE_POOL", "MAX_POOL", "OPS", "REDUCE_MEAN", "PoolAttrs", "ReduceAttrs", "mean_scale"]
__all__ += ["quants"]
