"""ONNX in and out: import, export, quantise, samples, and the onnxruntime session that results are compared with."""

from __future__ import annotations

from edgec.frontend.export import export_model
from edgec.frontend.importer import import_model
from edgec.frontend.oracle import Oracle
from edgec.frontend.quantize import is_quantized, quantize_model
from edgec.frontend.samples import Samples, load_samples

__all__ = ["Oracle", "Samples", "export_model", "import_model", "is_quantized", "load_samples", "quantize_model"]
