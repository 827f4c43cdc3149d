"""Between the model's own inputs and outputs and the Graph's: quantised, shifted, in the Graph's layout.

The model's form is what its ONNX file declares (`Port`); the Graph's is the type of the value at the same place.
Arrays hold many samples: the first axis is the sample, and the model's batch axis of 1 is left out.
"""

from __future__ import annotations

import numpy as np

from edgec.errors import InternalError
from edgec.ir import Array, DType, Port, Value
from edgec.ops.numbers import dequantize, quantize


def sample_shape(port: Port) -> tuple[int, ...]:
    """Shape of one sample: the model's shape without its batch axis of 1."""
    return port.shape[1:] if port.shape and port.shape[0] == 1 else port.shape


def to_graph_input(port: Port, value: Value, x: Array) -> Array:
    """Samples as the model takes them -> what the Graph's input `value` takes.

    x: (samples, *sample_shape(port)) of port.dtype; returns (samples, *value.type.shape[1:]), int8 for a quantised
    input. float32 is quantised as ONNX QuantizeLinear does, uint8 shifted by -128.
    """
    x = np.asarray(x)
    if x.shape[1:] != sample_shape(port):
        raise InternalError(f"samples of shape {x.shape[1:]} for input {port.name!r} of shape {sample_shape(port)}")
    x = _to_int8(port, value, x) if value.type.dtype is DType.S8 else x.astype(value.type.dtype.numpy)
    x = x.reshape(len(x), *port.shape)
    if port.perm is not None:
        x = x.transpose(0, *(axis + 1 for axis in port.perm))
    return np.ascontiguousarray(x.reshape(_batched(len(x), value)))


def from_graph_output(port: Port, value: Value, q: Array) -> Array:
    """What the Graph's output `value` holds -> results as the model gives them.

    q: (samples, *value.type.shape[1:]); returns (samples, *sample_shape(port)) of port.dtype. An int8 result is
    dequantised where the model gives float32, shifted back where it gives uint8.
    """
    q = np.asarray(q)
    count = q.size // max(1, value.type.elements)
    y = _from_int8(port, value, q) if value.type.dtype is DType.S8 else q.astype(port.dtype)
    if port.perm is not None:
        y = y.reshape(count, *(port.shape[axis] for axis in port.perm))
        y = y.transpose(0, *(int(axis) + 1 for axis in np.argsort(port.perm)))
    return np.ascontiguousarray(y.reshape(count, *sample_shape(port)))


def _to_int8(port: Port, value: Value, x: Array) -> Array:
    if port.dtype != "float32":
        return (x.astype(np.int16) + port.offset).astype(np.int8)
    if value.type.quant is None:
        raise InternalError(f"input {value.name!r} is int8 without a quantisation")
    return quantize(x, value.type.quant)


def _from_int8(port: Port, value: Value, q: Array) -> Array:
    if port.dtype != "float32":
        return (q.astype(np.int16) - port.offset).astype(port.dtype)
    if value.type.quant is None:
        raise InternalError(f"output {value.name!r} is int8 without a quantisation")
    return dequantize(q, value.type.quant)


def _batched(count: int, value: Value) -> tuple[int, ...]:
    shape = value.type.shape
    return (count * shape[0], *shape[1:]) if shape else (count,)
