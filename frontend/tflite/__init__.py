"""Graph -> .tflite: the same int8 network as LiteRT takes it."""

from edgec.frontend.tflite.writer import TfliteModel, export_tflite

__all__ = ["TfliteModel", "export_tflite"]
