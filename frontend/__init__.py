"""ONNX in and out: import, export, quantise, samples, and the onnxruntime session that results are compared with."""

from __future__ import annotations

from edgec.frontend.importer import import_model

__all__ = ["import_model"]
