"""Float ONNX model + samples -> int8 QDQ ONNX model, by onnxruntime's static quantiser.

What is decided here is which nodes are quantised: chains of functions of one value stay real in between, so that
each becomes a single table, and a final Softmax gives real probabilities.
"""

from __future__ import annotations

import logging
import pathlib
import tempfile
from collections.abc import Iterator, Mapping

import numpy as np
import onnx

from edgec.errors import InternalError, ModelError
from edgec.frontend.importer import prepare
from edgec.frontend.load import Model, Path, first_line, load_model
from edgec.frontend.ops import activation
from edgec.frontend.oracle import model_ports
from edgec.frontend.qoperators import REWRITES
from edgec.frontend.samples import Samples
from edgec.frontend.tidy_float import flatten_gemm_biases, hoist_batch_norms, name_nodes, replace_batch_norms
from edgec.ir import Array, Port

WEIGHTED = ("Conv", "Gemm", "MatMul")
INTEGER_ONLY = {op for _, op in REWRITES} | {"ConvInteger", "MatMulInteger", "DynamicQuantizeLinear"}
# onnxruntime takes these into the range of the convolution before them.
FUSED = ("Relu", "Clip")
FUNCTIONS = {*activation.IMPORTERS, "Pow"}
BINARY = ("Add", "Sub", "Mul", "Div")
ENDS = ("Softmax", "LogSoftmax")
NEVER = ("QuantizeLinear", "DequantizeLinear", "Cast", "ArgMax", "Identity")


def is_quantized(path: Path) -> bool:
    """Whether a file holds integer weights (QDQ or QOperator form) rather than float ones."""
    proto = load_model(path).proto
    constants = {tensor.name for tensor in proto.graph.initializer}
    constants |= {node.output[0] for node in proto.graph.node if node.op_type == "Constant"}
    nodes = list(proto.graph.node)
    # Weights that are quantised in the file: QuantizeLinear of a constant.
    constants |= {n.output[0] for n in nodes if n.op_type == "QuantizeLinear" and n.input[0] in constants}
    if any(node.op_type in INTEGER_ONLY for node in nodes):
        return True
    dequantized = [node.input[0] for node in nodes if node.op_type == "DequantizeLinear"]
    if any(node.op_type in WEIGHTED for node in nodes):
        return any(name in constants for name in dequantized)
    return bool(dequantized)


def quantize_model(path: Path, samples: Samples, *, shapes: Mapping[str, int] | None = None) -> bytes:
    """The bytes of an int8 ONNX file: QDQ, weights per channel, ranges from the smallest and largest values seen.

    `samples`: 100 or more typical inputs in the model's own form. Raises ModelError where they do not fit the model.
    """
    model = prepare(load_model(path), shapes or {})
    inputs, _ = model_ports(model)
    batches = samples.inputs(inputs)
    with tempfile.TemporaryDirectory(prefix="edgec-quantize-") as folder:
        return _quantize(model, inputs, batches, pathlib.Path(folder))


def _quantize(model: Model, inputs: list[Port], batches: list[Array], folder: pathlib.Path) -> bytes:
    from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    given, before, after = (folder / f"{name}.onnx" for name in ("float", "prepared", "quantized"))
    hoist_batch_norms(model.proto)
    # Given by path: from a ModelProto quant_pre_process takes the weights away.
    onnx.save_model(model.proto, str(given))
    logger = logging.getLogger()
    level = logger.level
    logger.setLevel(logging.ERROR)  # the quantiser advises its programmer through the root logger
    try:
        quant_pre_process(str(given), str(before), skip_symbolic_shape=True)
        proto = onnx.load(str(before))
        replace_batch_norms(proto)
        flatten_gemm_biases(proto)
        name_nodes(proto)
        chosen = nodes_to_quantize(proto)
        if not chosen:
            raise ModelError(f"{model.file} has nothing to quantise")
        quantize_static(
            proto,
            str(after),
            _Reader(inputs, batches),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=sorted({node.op_type for node in proto.graph.node if node.name in chosen}),
            nodes_to_quantize=chosen,
            per_channel=True,
            activation_type=QuantType.QInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.MinMax,
            extra_options={"ForceQuantizeNoInputCheck": True},
        )
    except ModelError:
        raise
    except Exception as error:  # onnxruntime's quantiser raises kinds of its own
        raise InternalError(f"onnxruntime's quantiser fails on {model.file}: {first_line(error)}") from error
    finally:
        logger.setLevel(level)
    return after.read_bytes()


class _Reader:
    """Gives the quantiser one sample after another (its CalibrationDataReader, by structure)."""

    def __init__(self, inputs: list[Port], batches: list[Array]) -> None:
        self.feeds = self._feeds(inputs, batches)

    def _feeds(self, inputs: list[Port], batches: list[Array]) -> Iterator[dict[str, Array]]:
        for sample in zip(*batches, strict=True):
            yield {port.name: x.reshape(port.shape) for port, x in zip(inputs, sample, strict=True)}

    def get_next(self) -> dict[str, Array] | None:
        return next(self.feeds, None)


def nodes_to_quantize(proto: onnx.ModelProto) -> list[str]:
    """Names of the nodes whose inputs and results become int8.

    Left real: a function of one value (or of several that are functions of the same value) whose result another node
    reads; a Softmax that is an output. Their int8 ends are those of the nodes around them.
    """
    roots = _roots(proto)
    outputs = {value.name for value in proto.graph.output}
    inputs = {value.name for value in proto.graph.input}
    producers = {output: node for node in proto.graph.node for output in node.output}
    chosen = []
    for node in proto.graph.node:
        result = node.output[0]
        if node.op_type in NEVER or (node.op_type in ENDS and result in outputs):
            continue
        inner = result in roots and result not in outputs and not inputs.intersection(node.input)
        upstream = producers.get(node.input[0])
        fused = node.op_type in FUSED and upstream is not None and upstream.output[0] not in roots
        if not inner or fused:
            chosen.append(node.name)
    return chosen


def _roots(proto: onnx.ModelProto) -> dict[str, str]:
    """Value -> the value that it is a function of, element by element, for results of such functions."""
    single = {tensor.name for tensor in proto.graph.initializer if int(np.prod(tensor.dims)) == 1}
    constants = {tensor.name for tensor in proto.graph.initializer}
    roots: dict[str, str] = {}
    for node in proto.graph.node:
        if node.op_type not in FUNCTIONS and node.op_type not in BINARY:
            continue
        names = [name for name in node.input if name and name not in single]
        if any(name in constants for name in names) or not names:
            continue
        sources = {roots.get(name, name) for name in names}
        if len(sources) == 1:
            roots[node.output[0]] = sources.pop()
    return roots
