"""Bring a model to a recent opset; where the converter of onnx can't, it stays as it is."""

from __future__ import annotations

import onnx
import onnx.checker
import onnx.version_converter

from edgec.frontend.load import Model

# From here on Softmax has one axis, and axes and pads are inputs: the importers know this and what came later.
RECENT_OPSET = 13
# onnx's converter gives these other coordinates than they had ("half_pixel" for "asymmetric").
WRONGLY_CONVERTED = ("Upsample", "Resize")


def convert_opset(model: Model) -> None:
    """Convert opsets 7 to 12 to 13. The importers understand the old forms too, so a failure is no error."""
    version = opset_of(model.proto)
    if version >= RECENT_OPSET or not version:
        return
    if any(node.op_type in WRONGLY_CONVERTED for node in model.proto.graph.node):
        return
    with_inputs = onnx.ModelProto()
    with_inputs.CopyFrom(model.proto)
    try:
        converted = onnx.version_converter.convert_version(with_inputs, RECENT_OPSET)
        onnx.checker.check_model(converted)
    except (RuntimeError, ValueError, onnx.checker.ValidationError, onnx.version_converter.ConvertError):
        return
    model.proto = converted


def opset_of(proto: onnx.ModelProto) -> int:
    """Version of the standard operators."""
    return next((o.version for o in proto.opset_import if o.domain in ("", "ai.onnx")), 0)
