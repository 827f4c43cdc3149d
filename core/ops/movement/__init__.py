"""Operators that move integers without changing them: Concat, Slice, Pad, Transpose, Reshape, DepthToSpace."""

from __future__ import annotations

from collections.abc import Callable

from edgec.ir import Node
from edgec.ops import backward
from edgec.ops.base import Kernel, NoData, OpDef, QuantRule, s8_only
from edgec.ops.movement import neon
from edgec.ops.movement.attrs import (
    ConcatAttrs,
    DepthToSpaceAttrs,
    PadAttrs,
    ReshapeAttrs,
    SliceAttrs,
    TransposeAttrs,
    concat_rows,
    infer_concat,
    infer_depth_to_space,
    infer_pad,
    infer_reshape,
    infer_slice,
    infer_transpose,
    pad_rows,
    slice_rows,
)
from edgec.ops.movement.concat import concat_data, concat_geometry, same_quantisation
from edgec.ops.movement.pad import pad_data, pad_geometry, pad_why_not
from edgec.ops.movement.views import (
    depth_to_space_geometry,
    merged_view,
    slice_geometry,
    sliced,
    too_many_axes,
    transpose_geometry,
    transposed,
)
from edgec.target import Core


def all_rows(node: Node) -> bool:
    """The output has every row of the input and no other, so rows may be joined."""
    return node.inputs[0].type.rows == node.output.type.rows


def moved(instructions: float) -> Callable[[Node, Core], float]:
    """Cost of so many instructions an output element."""
    return lambda node, core: instructions * node.output.type.elements


CONCAT = OpDef(
    "Concat",
    ConcatAttrs,
    infer_concat,
    QuantRule.SAME,
    rows=concat_rows,
    grad=backward.concat,
    summary="any axis",
    extra=("QLinearConcat",),
    kernels=(
        Kernel(
            name="ec_concat_s8",
            family="movement",
            why_not=same_quantisation,
            geometry=concat_geometry,
            data=concat_data,
            flat=lambda node: True,
            cost=moved(2),
        ),
    ),
)
SLICE = OpDef(
    "Slice",
    SliceAttrs,
    infer_slice,
    QuantRule.SAME,
    rows=slice_rows,
    summary="any steps",
    extra=("Split",),
    kernels=(
        Kernel(
            name="ec_slice_s8",
            family="movement",
            why_not=lambda node, core: too_many_axes(*sliced(node, 1)[1:]) or s8_only(node, core),
            geometry=slice_geometry,
            data=lambda node: NoData(),
            flat=all_rows,
            cost=moved(4),
        ),
    ),
)
PAD = OpDef(
    "Pad",
    PadAttrs,
    infer_pad,
    QuantRule.SAME,
    rows=pad_rows,
    summary="constant, reflect, edge",
    kernels=(
        Kernel(
            name="ec_pad_s8",
            family="movement",
            why_not=pad_why_not,
            geometry=pad_geometry,
            data=pad_data,
            flat=all_rows,
            cost=moved(3),
        ),
    ),
)
TRANSPOSE = OpDef(
    "Transpose",
    TransposeAttrs,
    infer_transpose,
    QuantRule.SAME,
    grad=backward.transpose,
    summary="any permutation",
    kernels=(
        neon.TRANSPOSE,
        Kernel(
            name="ec_transpose_s8",
            family="movement",
            why_not=lambda node, core: too_many_axes(*transposed(node)) or s8_only(node, core),
            geometry=transpose_geometry,
            data=lambda node: NoData(),
            cost=moved(5),
        ),
    ),
)
RESHAPE = OpDef(
    "Reshape",
    ReshapeAttrs,
    infer_reshape,
    QuantRule.SAME,
    grad=backward.same_shape,
    summary="costs nothing: the same memory",
    extra=("Flatten", "Squeeze", "Unsqueeze", "Identity", "Dropout"),
)
DEPTH_TO_SPACE = OpDef(
    "DepthToSpace",
    DepthToSpaceAttrs,
    infer_depth_to_space,
    QuantRule.SAME,
    summary="DCR and CRD",
    kernels=(
        Kernel(
            name="ec_depth_to_space_s8",
            family="movement",
            why_not=s8_only,
            geometry=depth_to_space_geometry,
            data=lambda node: NoData(),
            cost=moved(5),
        ),
    ),
)

OPS = (CONCAT, SLICE, PAD, TRANSPOSE, RESHAPE, DEPTH_TO_SPACE)

__all__ = [
    "OPS",
    "ConcatAttrs",
    "DepthToSpaceAttrs",
    "PadAttrs",
    "ReshapeAttrs",
    "SliceAttrs",
    "TransposeAttrs",
    "merged_view",
    "pad_data",
]
