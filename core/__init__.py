"""edgec: ONNX networks to C for microcontrollers and phones."""

from __future__ import annotations

from edgec.api import CompiledModel, compile_model
from edgec.api import compile_model as compile

__version__ = "0.1.0"

__all__ = ["CompiledModel", "__version__", "compile", "compile_model"]
