"""edgec: ONNX networks to C for microcontrollers and phones."""

from __future__ import annotations

__version__ = "0.1.0"
