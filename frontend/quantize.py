"""Float ONNX model + samples -> int8 QDQ ONNX model, by onnxruntime's static quantiser.

Decided here is which nodes are quantised (chains of functions of one value stay real in between, so that each becomes
a single table; a final Softmax gives real probabilities) and which of the quantiser's calibrations is taken: the
first that loses next to nothing on the samples, else the best.
"""

from __future__ import annotations

import contextlib
import io
import logging
import pathlib
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import onnx
import onnx.shape_inference

from edgec.errors import InternalError, ModelError, UnsupportedError
from edgec.frontend.choose_nodes import nodes_to_quantize
from edgec.frontend.importer import prepare
from edgec.frontend.load import Model, Path, first_line, load_model
from edgec.frontend.opset import RECENT_OPSET, opset_of
from edgec.frontend.oracle import Oracle, input_ports
from edgec.frontend.qoperators import REWRITES
from edgec.frontend.refine_weights import refine_weights
from edgec.frontend.samples import Samples
from edgec.frontend.shapes import value_types
from edgec.frontend.tidy_float import flatten_gemm_biases, hoist_over_moves, name_nodes, replace_batch_norms
from edgec.ir import Array, Port

WEIGHTED = ("Conv", "Gemm", "MatMul")
INTEGER_ONLY = {op for _, op in REWRITES} | {"ConvInteger", "MatMulInteger", "DynamicQuantizeLinear"}
MOST_CALIBRATED, MOST_SCORED = 128, 512  # samples, spread evenly over those given
FEWEST_CALIBRATED = 16
# The quantiser keeps every activation of every sample for a histogram: so many float32 numbers, 512 MB, are taken.
HISTOGRAM_ELEMENTS = 1 << 27

# Names of onnxruntime's calibration methods with their options, in the order in which they are tried.
CALIBRATIONS: tuple[tuple[str, dict[str, object]], ...] = (
    ("MinMax", {}),
    ("Percentile", {"CalibPercentile": 99.999}),
    ("Percentile", {"CalibPercentile": 99.99}),
    ("MinMax", {"CalibMovingAverage": True}),
)
# Good enough to try no further: share of right classes lost, or signal to noise of the outputs in dB.
LOSS_ACCEPTED, SIGNAL_ACCEPTED = 0.0025, 30.0
CLEAR_OF_CHANCE = 0.05  # labels count only where the float model is right more often than chance by this


def is_quantized(path: Path) -> bool:
    """Whether a file holds integer weights (QDQ or QOperator form) rather than float ones."""
    nodes = load_model(path).proto.graph
    constants = {tensor.name for tensor in nodes.initializer}
    constants |= {node.output[0] for node in nodes.node if node.op_type == "Constant"}
    # Weights that are quantised in the file: QuantizeLinear of a constant.
    constants |= {n.output[0] for n in nodes.node if n.op_type == "QuantizeLinear" and n.input[0] in constants}
    if any(node.op_type in INTEGER_ONLY for node in nodes.node):
        return True
    dequantized = [node.input[0] for node in nodes.node if node.op_type == "DequantizeLinear"]
    if any(node.op_type in WEIGHTED for node in nodes.node):
        return any(name in constants for name in dequantized)
    return bool(dequantized)


def quantize_model(
    path: Path,
    samples: Samples,
    *,
    shapes: Mapping[str, int] | None = None,
    step: Callable[[str], None] = lambda text: None,
) -> bytes:
    """The bytes of an int8 ONNX file: QDQ, weights per channel.

    `samples`: 100 or more typical inputs in the model's own form; with labels, the accuracy decides between
    calibrations, without, the error of the outputs. step: called with what begins, as text. Raises ModelError where
    the samples do not fit the model, UnsupportedError for an opset before 13 that can't be converted.
    """
    model = prepare(load_model(path), shapes or {})
    if opset_of(model.proto) < RECENT_OPSET:
        raise UnsupportedError(
            f"{model.file} is of opset {model.opset} and can't be converted; quantising needs {RECENT_OPSET} or later",
            help="export the model with a newer opset",
        )
    inputs = input_ports(model)
    batches = samples.inputs(inputs)
    with tempfile.TemporaryDirectory(prefix="edgec-quantize-") as name, _quiet():
        try:
            return _quantize(model, inputs, batches, samples.y, pathlib.Path(name), step)
        except ModelError:
            raise
        except Exception as error:  # onnxruntime's quantiser raises kinds of its own
            message = f"onnxruntime's quantiser fails on {model.file}: {first_line(error)}"
            raise InternalError(message) from error


def _quantize(
    model: Model,
    inputs: list[Port],
    batches: list[Array],
    labels: Array | None,
    folder: pathlib.Path,
    step: Callable[[str], None],
) -> bytes:
    real = _prepared(model, folder)
    chosen = nodes_to_quantize(real)
    if not chosen:
        raise ModelError(f"{model.file} has nothing to quantise")
    scored = spread(len(batches[0]), MOST_SCORED)
    judge = _Judge.of(real, [x[scored] for x in batches], None if labels is None else labels[scored])
    few = HISTOGRAM_ELEMENTS // max(1, activation_elements(real))
    few = min(max(few, FEWEST_CALIBRATED), MOST_CALIBRATED)
    best: tuple[Score, bytes] | None = None
    for index, (method, options) in enumerate(CALIBRATIONS):
        step(f"quantising: calibration {index + 1} of at most {len(CALIBRATIONS)}")
        most = MOST_CALIBRATED if method == "MinMax" else few
        reader = _Reader(inputs, [x[spread(len(x), most)] for x in batches])
        quantized = _calibrated(real, chosen, reader, method, options, folder)
        score = judge.score(quantized)
        if best is None or score > best[0]:
            best = (score, quantized)
        if judge.accepts(score):
            break
    if best is None:
        raise InternalError("no calibration was tried")
    return best[1]


def _prepared(model: Model, folder: pathlib.Path) -> onnx.ModelProto:
    """The float model with batch normalisation and constants folded by onnxruntime, every node named."""
    from onnxruntime.quantization.shape_inference import quant_pre_process

    given, after = folder / "float.onnx", folder / "prepared.onnx"
    hoist_over_moves(model.proto)
    # Given by path: from a ModelProto quant_pre_process takes the weights away.
    onnx.save_model(model.proto, str(given))
    quant_pre_process(str(given), str(after), skip_symbolic_shape=True)
    proto = onnx.load(str(after))
    replace_batch_norms(proto)
    flatten_gemm_biases(proto)
    name_nodes(proto)
    return proto


def _calibrated(
    real: onnx.ModelProto,
    chosen: list[str],
    reader: _Reader,
    method: str,
    options: dict[str, object],
    folder: pathlib.Path,
) -> bytes:
    """The int8 model by one calibration method."""
    from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static

    result = folder / "quantized.onnx"
    quantize_static(
        onnx.ModelProto.FromString(real.SerializeToString()),
        str(result),
        reader,
        quant_format=QuantFormat.QDQ,
        op_types_to_quantize=sorted({node.op_type for node in real.graph.node if node.name in chosen}),
        nodes_to_quantize=chosen,
        per_channel=True,
        activation_type=QuantType.QInt8,
        weight_type=QuantType.QInt8,
        calibrate_method=CalibrationMethod[method],
        extra_options={"ForceQuantizeNoInputCheck": True, **options},
    )
    quantized = onnx.load(str(result))
    refine_weights(quantized, real)
    return bytes(quantized.SerializeToString())


class _Reader:
    """Gives the quantiser one sample after another (its CalibrationDataReader, by structure)."""

    def __init__(self, inputs: list[Port], batches: list[Array]) -> None:
        self.feeds = self._feeds(inputs, batches)

    def _feeds(self, inputs: list[Port], batches: list[Array]) -> Iterator[dict[str, Array]]:
        for sample in zip(*batches, strict=True):
            yield {port.name: x.reshape(port.shape) for port, x in zip(inputs, sample, strict=True)}

    def get_next(self) -> dict[str, Array] | None:
        return next(self.feeds, None)


@dataclass(frozen=True, order=True)
class Score:
    """How good an int8 model is: share of right classes (0 without labels), then signal to noise in dB."""

    accuracy: float
    signal: float


@dataclass(frozen=True)
class _Judge:
    """Compares int8 models with the float one on the samples."""

    batches: list[Array]
    outputs: list[Array]
    labels: Array | None  # None: no labels, or none that fit the first output
    accuracy: float

    @staticmethod
    def of(real: onnx.ModelProto, batches: list[Array], labels: Array | None) -> _Judge:
        outputs = Oracle(real.SerializeToString()).run(batches)
        classes = outputs[0].reshape(len(outputs[0]), -1)
        if labels is not None and (labels.ndim != 1 or labels.dtype.kind not in "iu" or classes.shape[1] < 2):
            labels = None
        accuracy = 0.0 if labels is None else float((classes.argmax(1) == labels).mean())
        if accuracy < 1 / classes.shape[1] + CLEAR_OF_CHANCE:
            labels = None  # the labels count classes otherwise, or are no classes
        return _Judge(batches, outputs, labels, accuracy)

    def score(self, quantized: bytes) -> Score:
        outputs = Oracle(quantized).run(self.batches)
        right = 0.0
        if self.labels is not None:
            right = float((outputs[0].reshape(len(outputs[0]), -1).argmax(1) == self.labels).mean())
        pairs = [(a.astype(np.float64), b.astype(np.float64)) for a, b in zip(self.outputs, outputs, strict=True)]
        signals = [10 * np.log10(((a**2).sum() + 1e-30) / (((a - b) ** 2).sum() + 1e-30)) for a, b in pairs]
        return Score(right, float(min(signals)))

    def accepts(self, score: Score) -> bool:
        if self.labels is not None:
            return score.accuracy >= self.accuracy - LOSS_ACCEPTED
        return score.signal >= SIGNAL_ACCEPTED


def activation_elements(proto: onnx.ModelProto) -> int:
    """Numbers that one sample's results of all nodes are."""
    types = value_types(onnx.shape_inference.infer_shapes(proto).graph)
    shapes = [types.get(name, (0, None))[1] for node in proto.graph.node for name in node.output]
    return sum(int(np.prod(shape)) for shape in shapes if shape is not None)


def spread(count: int, most: int) -> Array:
    """Indices of at most `most` of `count` samples, evenly spread."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(np.int64))


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """The quantiser advises its programmer through the root logger and prints what it does."""
    logger = logging.getLogger()
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        logger.setLevel(level)
