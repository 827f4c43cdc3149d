"""Real networks: each imports in a moment, and the exported Graph computes what the file computes."""

from __future__ import annotations

import pathlib
import time

import numpy as np
import pytest

from edgec.errors import UnsupportedError
from edgec.frontend import Oracle, Samples, export_model, import_model, is_quantized, quantize_model
from tests.frontend.models import random_feed
from tests.zoo.networks import NETWORKS, SHARED, Network, evaluation

pytestmark = pytest.mark.skipif(not (SHARED / "zoo").is_dir(), reason=f"no networks in {SHARED}")

RECURRENT = ("kwsarm_gru_s", "kwsarm_lstm_s", "kwsarm_crnn_s", "silero_vad")
SHAPES = {"ppocr_cls": {"x.2": 48, "x.3": 192}}
NOT_RECURRENT_MISC = (
    "blazeface_short_range",
    "hello_world_sine",
    "hello_world_sine_int8",
    "mcunet_person_det_int8",
    "micro_speech_int8",
    "ppocr_cls",
    "super_resolution",
)
FILES = [
    *(f"{n.collection}/{n.name}/{file}" for n in NETWORKS for file in ("model.onnx", "model_int8.onnx")),
    "zoo/cifar_resnet20/model_torchscript.onnx",
    *(f"zoo/misc/{name}.onnx" for name in NOT_RECURRENT_MISC),
]
LONGEST = 3.0  # seconds of processor time


@pytest.mark.parametrize("file", FILES)
def test_import_and_export(file: str) -> None:
    path = SHARED / file
    if not path.exists():
        pytest.skip("the collection has no such file")
    shapes = SHAPES.get(path.stem, {})
    began = time.process_time()
    graph = import_model(path, shapes=shapes)
    assert time.process_time() - began < LONGEST
    assert is_quantized(path) == ("int8" in path.stem)
    feed = [random_feed(graph, seed) for seed in range(2)]
    inputs = [np.concatenate([f[port.name] for f in feed]) for port in graph.input_ports]
    wanted = Oracle(path, shapes=shapes).run(inputs)
    for a, b in zip(wanted, Oracle(export_model(graph)).run(inputs), strict=True):
        assert (a.shape, a.dtype) == (b.shape, b.dtype)
        if a.dtype == np.float32:
            np.testing.assert_allclose(b, a, rtol=1e-3, atol=1e-3)
        else:
            # onnxruntime may fuse the two files otherwise: single steps, seldom, apart from a steep Softmax.
            assert np.mean(a != b) < 0.02
            assert np.abs(a.astype(int) - b.astype(int)).max() <= 4


@pytest.mark.parametrize("name", RECURRENT)
def test_recurrent_networks_are_refused_by_name(name: str) -> None:
    with pytest.raises(UnsupportedError, match="is recurrent, which edgec does not take"):
        import_model(SHARED / "zoo" / name / "model.onnx")


# Quick ones with every commit; all of them in the long run.
QUICK = ("kws_dscnn", "kwsarm_ds_cnn_s", "mnist_cnn", "sww_streaming")
FLOATS = [
    pytest.param(n, marks=() if n.name in QUICK else pytest.mark.exhaustive, id=n.name)
    for n in NETWORKS
    if n.float32 is not None and n.labelled
]


@pytest.mark.parametrize("network", FLOATS)
def test_quantised_accuracy(network: Network) -> None:
    """At most 1.0 point below float, on the samples that the network comes with."""
    assert network.float32 is not None
    samples = network.samples("model.onnx")
    assert samples.y is not None
    quantized = quantize_model(network.float32, Samples({"x": samples.x}, samples.y, "samples.npz"))
    right = []
    for model in (network.float32, quantized):
        outputs = Oracle(model).run([samples.x])[0].reshape(len(samples.x), -1)
        right.append(float((outputs.argmax(1) == samples.y).mean()))
    assert right[1] >= right[0] - 0.010


@pytest.mark.exhaustive
def test_quantised_autoencoder(tmp_path: pathlib.Path) -> None:
    """Area under the curve at most 0.04 below float."""
    network = next(n for n in NETWORKS if n.name == "ad_autoencoder")
    assert network.float32 is not None
    x = network.samples("model.onnx").x
    quantized = quantize_model(network.float32, Samples({"x": x[::100]}, None, "samples.npz"))
    clips, labels = network.clips()
    areas = []
    for model in (network.float32, quantized):
        oracle, scores = Oracle(model), []
        for clip in clips:
            windows = np.stack([clip[i : i + 5].reshape(-1) for i in range(196)])
            scores.append(((windows - oracle.run([windows])[0]) ** 2).mean())
        areas.append(evaluation("zoo").auc(labels, np.array(scores)))
    assert areas[1] >= areas[0] - 0.04
