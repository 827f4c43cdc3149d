"""Make every shape static: the batch is 1, other symbolic dimensions come from the user."""

from __future__ import annotations

from collections.abc import Mapping

import onnx
import onnx.shape_inference

from edgec.errors import ModelError, did_you_mean
from edgec.frontend.load import Model, first_line


def graph_inputs(graph: onnx.GraphProto) -> list[onnx.ValueInfoProto]:
    """The inputs that a caller has to give: those that are not initializers too."""
    constants = {tensor.name for tensor in graph.initializer}
    return [value for value in graph.input if value.name not in constants]


def fix_shapes(model: Model, shapes: Mapping[str, int]) -> None:
    """Give every dimension of the inputs a number and infer all other shapes anew.

    `shapes` maps the name of a symbolic dimension, or `input.axis` for one without a name, to its size. A symbolic or
    negative first axis is the batch and becomes 1. Raises ModelError that lists what is still open.
    """
    sizes, used, asked = dict(shapes), set[str](), list[str]()
    inputs = graph_inputs(model.proto.graph)
    symbols = {dimension.dim_param for value in inputs for dimension in value.type.tensor_type.shape.dim} - {""}
    for value in inputs:
        _fix_batch(value, sizes)
    for value in inputs:
        tensor = value.type.tensor_type
        if not tensor.HasField("shape"):
            raise ModelError(f"input {value.name!r} of {model.file} has no shape", help="export it with one")
        for axis, dimension in enumerate(tensor.shape.dim):
            if dimension.dim_value > 0:
                continue
            keys = _names(value, axis)
            known = next((key for key in keys if key in sizes), None)
            if known is None:
                asked.append(keys[0])
            else:
                used.add(known)
                dimension.dim_value = sizes[known]
    _refuse_open(model, inputs, list(dict.fromkeys(asked)))
    _refuse_unknown(model, shapes, used | symbols)
    infer_shapes(model, strict=False)


def _fix_batch(value: onnx.ValueInfoProto, sizes: dict[str, int]) -> None:
    """A first axis without a number is the batch: 1, and so wherever else its name stands."""
    dimensions = value.type.tensor_type.shape.dim
    if not dimensions or dimensions[0].dim_value > 0:
        return
    names = _names(value, 0)
    if not any(name in sizes for name in names):
        if not names[0].startswith(f"{value.name}."):
            sizes[names[0]] = 1
        dimensions[0].dim_value = 1


def _names(value: onnx.ValueInfoProto, axis: int) -> list[str]:
    """What a dimension may be called on the command line, the best name first."""
    symbol = value.type.tensor_type.shape.dim[axis].dim_param
    by_axis = f"{value.name}.{axis}"
    # "?" and the like stand for different dimensions at once, so they are no names.
    return [symbol, by_axis] if symbol and symbol.replace("_", "a").isalnum() else [by_axis]


def _refuse_open(model: Model, inputs: list[onnx.ValueInfoProto], asked: list[str]) -> None:
    if not asked:
        return
    forms = []
    for value in inputs:
        sizes = [d.dim_value if d.dim_value > 0 else d.dim_param or "?" for d in value.type.tensor_type.shape.dim]
        forms.append(f"input {value.name!r}: [{', '.join(map(str, sizes))}]")
    raise ModelError(
        f"{model.file} has dimensions without a size: {', '.join(asked)}",
        where="\n".join(forms),
        help="give them: " + " ".join(f"--shape {name}=N" for name in asked),
    )


def _refuse_unknown(model: Model, shapes: Mapping[str, int], known: set[str]) -> None:
    for name, size in shapes.items():
        if size < 1:
            raise ModelError(f"--shape {name}={size}: a dimension is at least 1")
        if name not in known:
            raise ModelError(
                f"--shape {name}={size}: no input of {model.file} has an open dimension of that name",
                help=did_you_mean(name, sorted(known)),
            )


def infer_shapes(model: Model, *, strict: bool) -> None:
    """Infer every type and shape anew; with `strict` a ModelError where the file contradicts itself."""
    # What the exporter noted may still hold symbols, and is inferred again in any case.
    del model.proto.graph.value_info[:]
    for output in model.proto.graph.output:
        output.type.tensor_type.ClearField("shape")
    try:
        model.proto = onnx.shape_inference.infer_shapes(model.proto, strict_mode=strict, data_prop=True)
    except onnx.shape_inference.InferenceError as error:
        # The first line is a heading; the reason stands behind it.
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        reason = lines[-1] if lines else first_line(error)
        raise ModelError(f"the shapes of {model.file} contradict each other: {reason}") from None


def value_types(graph: onnx.GraphProto) -> dict[str, tuple[int, tuple[int, ...] | None]]:
    """Element type (onnx.TensorProto.*) and static shape, or None, of every value by name."""
    types: dict[str, tuple[int, tuple[int, ...] | None]] = {}
    for value in (*graph.input, *graph.value_info, *graph.output):
        tensor = value.type.tensor_type
        shape = None
        if tensor.HasField("shape") and all(d.HasField("dim_value") and d.dim_value >= 0 for d in tensor.shape.dim):
            shape = tuple(d.dim_value for d in tensor.shape.dim)
        types[value.name] = (tensor.elem_type, shape)
    for constant in graph.initializer:
        types[constant.name] = (constant.data_type, tuple(constant.dims))
    return types
