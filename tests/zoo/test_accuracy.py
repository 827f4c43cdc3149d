"""Accuracy on all samples: the simulator as onnxruntime int8, and quantised float models near float."""

from __future__ import annotations

import pathlib
from collections.abc import Callable

import numpy as np
import pytest

from edgec.api import compile_model
from edgec.frontend import Oracle
from edgec.ir import Graph
from edgec.ports import from_graph_output, to_graph_input
from edgec.simulator import Simulator
from tests.zoo.conftest import Compiler
from tests.zoo.networks import AD_INPUT, AD_OUTPUT, NETWORKS, Array, Network, evaluation

pytestmark = pytest.mark.exhaustive
Model = Callable[[Array], Array]
POINTS_INTEGER, POINTS_FLOAT, AUC_FLOAT = 0.003, 0.010, 0.04
CALIBRATION = 500

measured = [network for network in NETWORKS if network.labelled or network.name == "ad_autoencoder"]


def onnxruntime_on(file: pathlib.Path) -> Model:
    """onnxruntime with exact integer kernels, one sample a call: the models have batch 1."""
    oracle = Oracle(file, threads=1)
    return lambda x: oracle.run([x])[0]


def simulated(graph: Graph) -> Model:
    """The simulator behind the model's own input and output form."""
    simulator = Simulator(graph, device="cpu")

    def run(x: Array) -> Array:
        parts = []
        for start in range(0, len(x), 32):
            inputs = to_graph_input(graph.input_ports[0], graph.inputs[0], x[start : start + 32])
            outputs = simulator.run([inputs])
            parts.append(from_graph_output(graph.output_ports[0], graph.outputs[0], outputs[0]))
        return np.concatenate(parts)

    return run


def score(network: Network, model: Model, file: str) -> float:
    """The share of right classes; for ad_autoencoder the AUC of the clips' reconstruction error."""
    if network.labelled:
        samples = network.samples(file)
        assert samples.y is not None
        return float((model(samples.x).reshape(len(samples.y), -1).argmax(1) == samples.y).mean())
    clips, faulty = network.clips()
    x = network.samples("model.onnx").x
    if file == "model.onnx":
        y = model(x)
    else:
        (scale, zero_point), (out_scale, out_zero_point) = AD_INPUT, AD_OUTPUT
        y = (model(evaluation("zoo").q(scale, zero_point)(x)).astype(np.float32) - out_zero_point) * out_scale
    errors = ((x - y) ** 2).mean(1).reshape(len(clips), -1).mean(1)
    return float(evaluation("zoo").auc(faulty, errors))


@pytest.mark.parametrize("network", measured, ids=lambda network: network.name)
def test_simulator_is_as_accurate_as_onnxruntime(network: Network, compiled: Compiler) -> None:
    file = "model_int8.onnx"
    count = len(network.samples(file).x)
    ours = score(network, simulated(compiled(network, "host").model.graph), file)
    theirs = score(network, onnxruntime_on(network.int8), file)
    # One sample is the least step there is: 0.33 points of 300 pictures.
    assert abs(ours - theirs) <= max(POINTS_INTEGER, 1.01 / count), f"simulator {ours:.4f}, onnxruntime {theirs:.4f}"


@pytest.mark.parametrize("network", [n for n in measured if n.float32], ids=lambda network: network.name)
def test_quantising_costs_little(network: Network, tmp_path: pathlib.Path) -> None:
    assert network.float32 is not None
    samples = network.samples("model.onnx", CALIBRATION)
    labels = {} if samples.y is None else {"y": samples.y}
    np.savez(tmp_path / "calibration.npz", x=samples.x, **labels)
    model = compile_model(network.float32, "host", data=tmp_path / "calibration.npz", out_dir=tmp_path / "out")
    ours = score(network, simulated(model.graph), "model.onnx")
    float32 = score(network, onnxruntime_on(network.float32), "model.onnx")
    limit = POINTS_FLOAT if network.labelled else AUC_FLOAT
    assert ours >= float32 - limit - 1e-9, f"int8 {ours:.4f}, float {float32:.4f}"
