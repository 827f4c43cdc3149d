"""Bring a model to a recent opset; where the converter of onnx can't, it stays as it is."""

from __future__ import annotations

import onnx
import onnx.checker
import onnx.helper
import onnx.version_converter

from edgec.frontend.load import Model

# From here on Softmax has one axis, axes and pads are inputs, scales may be one a channel.
RECENT_OPSET = 13
# Before this, Resize and Upsample had no modes: coordinates were "asymmetric", the nearest pixel the one below.
RESIZE_WITH_MODES = 11
OLD_RESIZE = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}


def convert_opset(model: Model) -> None:
    """Convert opsets 7 to 12 to 13. The importers understand the old forms too, so a failure is no error."""
    version = opset_of(model.proto)
    if version >= RECENT_OPSET or not version:
        return
    given = onnx.ModelProto.FromString(model.proto.SerializeToString())
    try:
        converted = onnx.version_converter.convert_version(given, RECENT_OPSET)
        if version < RESIZE_WITH_MODES:
            _keep_old_resize(converted.graph)
        _check(converted)
    except (RuntimeError, ValueError, onnx.checker.ValidationError, onnx.version_converter.ConvertError):
        return
    model.proto = converted


def _keep_old_resize(graph: onnx.GraphProto) -> None:
    """onnx's converter leaves the modes out, and the new defaults are others."""
    for node in graph.node:
        if node.op_type == "Resize":
            present = {attribute.name for attribute in node.attribute}
            missing = {name: mode for name, mode in OLD_RESIZE.items() if name not in present}
            node.attribute.extend(onnx.helper.make_attribute(name, mode) for name, mode in missing.items())


def _check(proto: onnx.ModelProto) -> None:
    """Raise ValidationError where the converter made something invalid; shapes are inferred later."""
    copy = onnx.ModelProto.FromString(proto.SerializeToString())
    for value in copy.graph.output:
        value.type.tensor_type.shape.SetInParent()
    onnx.checker.check_model(copy)


def opset_of(proto: onnx.ModelProto) -> int:
    """Version of the standard operators."""
    return next((o.version for o in proto.opset_import if o.domain in ("", "ai.onnx")), 0)
