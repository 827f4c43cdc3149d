"""How values look inside the simulator, and what all operators share.

Every tensor carries a batch axis in front of its Graph shape: (B, *shape); constants, and what is computed from them
alone, have B = 1.

- mode "int8": float32 tensors that hold the integers q - zero_point. Zero padding is then plain zero, no product needs
  a correction, and Relu-like clamps start at 0. Outputs of type s32 are int32 tensors, those of type f32 real values.
- mode "float": float32 tensors of real values; what is int8 in the Graph is neither rounded nor stored as integers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor

from edgec.errors import InternalError
from edgec.ir import Array, DType, Node, QuantParams, Value
from edgec.ops.numbers import QMAX, QMIN, Clamp, dequantize

# All inputs of the node in order -> its output. Entries of constants that the builder has not asked for by
# `Constants.read` are empty: it has prepared them in a form of its own.
Function: TypeAlias = Callable[[Sequence[Tensor]], Tensor]
Builder: TypeAlias = "Callable[[Node, Constants], Function]"

# float32 holds every integer up to here: sums that stay below it are exact in any order.
EXACT = 2**24


class Constants:
    """Brings constants to the device in the form of the mode: centred integers, or parameters of real values."""

    def __init__(self, device: torch.device, *, real: bool) -> None:
        self.device = device
        self.real = real
        self.tensors: dict[str, Tensor] = {}
        self._keys: dict[tuple[int, QuantParams | None], str] = {}

    def tensor(self, data: Array, dtype: torch.dtype = torch.float32) -> Tensor:
        return torch.as_tensor(np.array(data), device=self.device).to(dtype)

    def read(self, *values: Value) -> None:
        """Bring those values that are constants to the device, so that they are passed to the function."""
        for value in values:
            if value.is_constant:
                self.parameter(value)

    def of(self, value: Value) -> Tensor | None:
        """The tensor of a constant, without batch axis; None where nobody has asked for it."""
        name = self._keys.get((id(value), value.type.quant))
        return None if name is None else self.tensors[name]

    def parameter(self, value: Value, quant: QuantParams | None = None) -> Tensor:
        """The tensor of a constant, made once; `quant` is for biases, whose scale only their reader knows."""
        quant = quant or value.type.quant
        key = (id(value), quant)
        if key not in self._keys:
            # One bias read by two layers of other scales is two parameters.
            name = value.name if value.name not in self.tensors else f"{value.name}_{len(self.tensors)}"
            self._keys[key] = name
            if quant is None:
                self.tensors[name] = self.tensor(value.array)
            elif self.real:
                self.tensors[name] = self.tensor(dequantize(value.array, quant))
            else:
                self.tensors[name] = self.tensor(value.array.astype(np.int32) - quant.scalar[1])
        return self.tensors[self._keys[key]]


def quant_of(value: Value) -> tuple[np.float32, int]:
    """(scale, zero point) of an int8 value."""
    if value.type.quant is None:
        raise InternalError(f"value {value.name!r} is not quantised")
    return value.type.quant.scalar


def centred_clamp(clamp: Clamp, y: Value) -> tuple[int, int]:
    """Bounds of q - zero_point."""
    _, zero_point = quant_of(y)
    return max(clamp[0], QMIN) - zero_point, min(clamp[1], QMAX) - zero_point


def requantizer(scale: Tensor | float, clamp: Clamp, y: Value) -> Callable[[Tensor], Tensor]:
    """Sums -> centred int8, in place: clamp(round_half_even(float32(acc) * scale)), as numbers.requantize does."""
    low, high = centred_clamp(clamp, y)

    def run(acc: Tensor) -> Tensor:
        # acc: (..., C) float32 of the int32 sum. torch.round rounds half to even.
        return acc.mul_(scale).round_().clamp_(low, high)

    return run


def bound(y: Value, clamp: Clamp, x: Tensor) -> Tensor:
    """Real values limited to what the int8 output can hold and its fused activation lets through."""
    if y.type.dtype is not DType.S8:
        return x
    scale, _ = quant_of(y)
    low, high = centred_clamp(clamp, y)
    return x.clamp(float(low * scale), float(high * scale))
