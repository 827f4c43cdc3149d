"""Comparing what different ways to compute a network give: differing values, and accuracy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

from edgec.errors import ModelError
from edgec.ir import Array, DType, Port, Value
from edgec.ops.numbers import dequantize, quantize
from edgec.ports import from_graph_output

HALF = 0.5  # a single output is the probability of class 1


@dataclass(frozen=True)
class Difference:
    """How many of `of` values differ, and by how much at most: in steps of int8 outputs, else in their own unit."""

    differing: int
    of: int
    max: float

    def json(self) -> dict[str, float]:
        return asdict(self)


def compare(first: Sequence[Array], second: Sequence[Array]) -> Difference:
    """The differences of two lists of outputs; each pair is of one shape."""
    differing, count, most = 0, 0, 0.0
    for a, b in zip(first, second, strict=True):
        apart = np.abs(np.asarray(a, np.float64) - np.asarray(b, np.float64))
        # NaN is no number to compare: it differs from everything, itself included.
        differing += int(np.count_nonzero(~(apart == 0)))
        count += apart.size
        most = max(most, float(np.nanmax(apart, initial=0.0)))
    return Difference(differing, count, int(most) if most.is_integer() else most)


def as_steps(port: Port, value: Value, y: Array) -> Array:
    """Results in the model's form, as the integers behind them where the Graph computes int8."""
    if value.type.dtype is DType.S8 and port.dtype == "float32" and value.type.quant is not None:
        return quantize(y, value.type.quant)
    return y


def model_form(ports: Sequence[Port], values: Sequence[Value], outputs: Sequence[Array]) -> list[Array]:
    """Outputs in the Graph's form -> in the model's."""
    return [from_graph_output(port, value, y) for port, value, y in zip(ports, values, outputs, strict=True)]


def real_values(port: Port, value: Value, y: Array) -> Array:
    """Results in the model's form as the reals that they stand for."""
    if value.type.dtype is DType.S8 and port.dtype != "float32" and value.type.quant is not None:
        return dequantize((y.astype(np.int16) + port.offset).astype(np.int8), value.type.quant)
    return y


def classes(port: Port, value: Value, y: Array) -> Array:
    """The predicted class of each sample, from the first output in the model's form."""
    flat = real_values(port, value, y).reshape(len(y), -1)
    if flat.shape[1] > 1:
        return np.asarray(flat.argmax(1))
    if value.type.dtype is DType.S32:  # ArgMax is part of the model
        return flat[:, 0].astype(np.int64)
    return (flat[:, 0] >= HALF).astype(np.int64)


def check_labels(labels: Array, value: Value, file: str) -> None:
    """ModelError where a label is no class of the model."""
    count = value.type.elements if value.type.elements > 1 else 2
    low, high = int(labels.min()), int(labels.max())
    if value.type.dtype is not DType.S32 and (low < 0 or high >= count):
        raise ModelError(
            f"the labels of {file} go from {low} to {high}, the model has {count} classes",
            help="--label-offset K is added to every label",
        )


def accuracy(predicted: Array, labels: Array) -> float:
    """Share of right predictions."""
    return float((predicted == labels[: len(predicted)]).mean()) if len(predicted) else 0.0
