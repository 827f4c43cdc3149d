"""Every network: compiles to int8 without transposes, the same bytes each time, and C = simulator."""

from __future__ import annotations

import pathlib
from collections.abc import Callable

import numpy as np
import pytest

from edgec.api import compile_model
from edgec.ir import DType
from edgec.ports import to_graph_input
from edgec.simulator import Simulator
from edgec.targets.host import HostModel
from tests.zoo.conftest import Compiler
from tests.zoo.networks import NETWORKS, Array, Network

Recorder = Callable[[str, object], None]
TARGET = "host"
SAMPLES = 3
# Far above the 15 s that a free machine needs at most: fails where something became quadratic, not where CI is busy.
MOST_SECONDS = 90

each_network = pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.name)


def inputs_of(network: Network, graph_inputs: Compiler) -> list[Array]:
    """Real samples and one that uses the whole range of int8, as the Graph takes them."""
    model = graph_inputs(network, TARGET).model
    real = to_graph_input(model.graph.input_ports[0], model.graph.inputs[0], network.samples(count=SAMPLES).x)
    extreme = np.random.default_rng(3).choice(np.array([-128, 0, 127], np.int8), (1, *real.shape[1:]))
    return [np.concatenate([real, extreme])]


@each_network
def test_all_int8_and_no_transpose_left(network: Network, compiled: Compiler, record_property: Recorder) -> None:
    result = compiled(network, TARGET)
    graph = result.model.graph
    graph.verify()
    assert not [
        str(node) for node in graph.nodes if node.op.name in ("Transpose", "QuantizeLinear", "DequantizeLinear")
    ]
    ends = {id(value) for value in graph.outputs}
    inner = [v for v in graph.values() if not v.is_constant and id(v) not in ends]
    assert all(value.type.dtype is DType.S8 for value in inner)
    record_property("compile_seconds", round(result.seconds, 2))
    assert result.seconds < MOST_SECONDS


@each_network
def test_the_same_bytes_twice(network: Network, compiled: Compiler, tmp_path: pathlib.Path) -> None:
    first = compiled(network, TARGET).directory
    second = tmp_path / "out"
    compile_model(network.int8, TARGET, out_dir=second)
    names = sorted(file.relative_to(first) for file in first.rglob("*") if file.is_file())
    assert names == sorted(file.relative_to(second) for file in second.rglob("*") if file.is_file())
    assert names
    different = [str(name) for name in names if (first / name).read_bytes() != (second / name).read_bytes()]
    assert not different


@each_network
def test_host_c_equals_simulator(network: Network, compiled: Compiler) -> None:
    result = compiled(network, TARGET)
    inputs = inputs_of(network, compiled)
    expected = Simulator(result.model.graph, device="cpu").run(inputs)
    found = HostModel(result.directory).run(inputs)
    for wanted, given in zip(expected, found, strict=True):
        np.testing.assert_array_equal(given, wanted)
