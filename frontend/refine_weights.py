"""Chooses the scales of int8 weights anew: per output channel the one with the least squared error.

onnxruntime's quantiser sets scale = max|w| / 127. Here the largest weight may be any k of 64..127, so weights that come
from a coarser grid (a model trained for int8 and exported as float) are met exactly.
"""

from __future__ import annotations

import numpy as np
import onnx
import onnx.numpy_helper

from edgec.ir import Array

LARGEST, SMALLEST = 127, 64
# A smaller k has to be better by this much: otherwise rounding noise decides.
CLEARLY_BETTER = 0.99


def best_scales(w: Array) -> Array:
    """Scale (float32) of every row of w: (channels, elements), largest weight = k * scale, k in 64..127."""
    largest = np.abs(w).max(axis=1)
    largest = np.where(largest > 0, largest, 1.0)
    chosen = (largest / LARGEST).astype(np.float32)
    least = _squared_error(w, chosen)
    for k in range(LARGEST - 1, SMALLEST - 1, -1):
        scale = (largest / k).astype(np.float32)
        error = _squared_error(w, scale)
        better = error < CLEARLY_BETTER * least
        chosen, least = np.where(better, scale, chosen), np.where(better, error, least)
    return chosen.astype(np.float32)


def _squared_error(w: Array, scale: Array) -> Array:
    column = scale[:, np.newaxis].astype(np.float64)
    return np.asarray(((np.rint(w / column) * column - w) ** 2).sum(axis=1))


def refine_weights(quantized: onnx.ModelProto, real: onnx.ModelProto) -> None:
    """Quantise the weights and biases of Conv, Gemm and MatMul anew, in place.

    `real` is the float model that `quantized` was made from: its nodes have the same names.
    """
    tensors = {tensor.name: tensor for tensor in quantized.graph.initializer}
    floats = {tensor.name: tensor for tensor in real.graph.initializer}
    originals = {node.name: node for node in real.graph.node}
    makers = {output: node for node in quantized.graph.node for output in node.output}
    for node in quantized.graph.node:
        original = originals.get(node.name)
        if node.op_type not in ("Conv", "Gemm", "MatMul") or original is None or original.input[1] not in floats:
            continue
        x, w = makers.get(node.input[0]), makers.get(node.input[1])
        if x is None or w is None or x.op_type != "DequantizeLinear" or w.input[0] not in tensors:
            continue
        scales = _store_weights(tensors, w, onnx.numpy_helper.to_array(floats[original.input[1]]))
        bias = makers.get(node.input[2]) if len(node.input) > 2 else None
        if scales is not None and bias is not None and original.input[2] in floats:
            x_scale = onnx.numpy_helper.to_array(tensors[x.input[1]])
            _store_bias(tensors, bias, onnx.numpy_helper.to_array(floats[original.input[2]]), x_scale * scales)


def _store_weights(tensors: dict[str, onnx.TensorProto], node: onnx.NodeProto, w: Array) -> Array | None:
    """New integers and scales of the DequantizeLinear `node`; None where its scale is not one a channel."""
    axis = next((attribute.i for attribute in node.attribute if attribute.name == "axis"), 1)
    old = onnx.numpy_helper.to_array(tensors[node.input[1]])
    if old.size != w.shape[axis] or tensors[node.input[0]].data_type != onnx.TensorProto.INT8:
        return None
    rows = np.moveaxis(w, axis, 0).astype(np.float64)
    flat = rows.reshape(len(rows), -1)
    # Never below the quantiser's own scale: it may have raised it so that the bias fits int32.
    raised = old > np.abs(flat).max(axis=1) / LARGEST * 1.001
    scales = np.where(raised, old, best_scales(flat)).astype(np.float32)
    integers = np.clip(np.rint(flat / scales[:, np.newaxis].astype(np.float64)), -LARGEST, LARGEST).astype(np.int8)
    _replace(tensors[node.input[0]], np.moveaxis(integers.reshape(rows.shape), 0, axis))
    _replace(tensors[node.input[1]], scales)
    return scales


def _store_bias(tensors: dict[str, onnx.TensorProto], node: onnx.NodeProto, bias: Array, scales: Array) -> None:
    """int32 bias with the scale of the products."""
    limits = np.iinfo(np.int32)
    stored = scales.astype(np.float32)
    integers = np.clip(np.rint(bias.astype(np.float64) / stored.astype(np.float64)), limits.min, limits.max)
    _replace(tensors[node.input[0]], integers.astype(np.int32))
    _replace(tensors[node.input[1]], stored)


def _replace(tensor: onnx.TensorProto, array: Array) -> None:
    tensor.CopyFrom(onnx.numpy_helper.from_array(np.ascontiguousarray(array), tensor.name))
