"""The Simulator's own behaviour: batches, taps, parameters, devices and errors."""

from __future__ import annotations

import builtins
import subprocess
import sys

import numpy as np
import pytest

from edgec.errors import ModelError, TargetError, UnsupportedError
from edgec.ir import DType, Graph, Node, TensorType, Value
from edgec.ops import get_op
from edgec.ops.base import NoAttrs
from edgec.simulator import Simulator, has_torch
from edgec.simulator import simulator as module
from tests.graphs import s8, tiny_graph


def samples(count: int) -> np.ndarray:
    return np.random.default_rng(1).integers(-128, 128, (count, 9, 9, 3)).astype(np.int8)


def test_without_torch_the_error_names_the_extra() -> None:
    program = (
        "import sys; sys.modules['torch'] = None\n"
        "from edgec.simulator import Simulator, has_torch\n"
        "from edgec.errors import TargetError\n"
        "from edgec.ir import Graph\n"
        "assert not has_torch()\n"
        "try: Simulator(Graph('g'))\n"
        "except TargetError as error: print(error)\n"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "the simulator needs torch" in result.stdout
    assert "help: pip install 'edgec[sim]'" in result.stdout


if not has_torch():
    pytest.skip("torch is not installed", allow_module_level=True)

import torch  # noqa: E402


def test_a_batch_equals_its_samples_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    graph, x = tiny_graph(), samples(7)
    simulator = Simulator(graph, device="cpu")
    (whole,) = simulator.run([x])
    assert whole.shape == (7, 5, 5, 6)
    assert whole.dtype == np.int8
    np.testing.assert_array_equal(whole, np.concatenate([simulator.run([x[i : i + 1]])[0] for i in range(7)]))
    monkeypatch.setitem(module.CHUNK_BYTES, "cpu", 2 * 4 * 9 * 9 * 8)
    np.testing.assert_array_equal(whole, simulator.run([x])[0])


def test_no_samples_give_no_results() -> None:
    (y,) = Simulator(tiny_graph(), device="cpu").run([samples(0)])
    assert y.shape == (0, 5, 5, 6)


def test_taps_come_after_the_outputs() -> None:
    graph, x = tiny_graph(), samples(2)
    y, stem, again = Simulator(graph, device="cpu").run([x], ["stem_y", "x"])
    assert y.shape == (2, 5, 5, 6)
    assert stem.shape == (2, 5, 5, 8)
    np.testing.assert_array_equal(again, x)


def test_inputs_are_not_changed() -> None:
    x = samples(2)
    before = x.copy()
    Simulator(tiny_graph(), device="cpu").run([x])
    np.testing.assert_array_equal(x, before)
    real = before.astype(np.float32)
    Simulator(tiny_graph(), device="cpu", mode="float").run([real])
    np.testing.assert_array_equal(real, before.astype(np.float32))


def test_unknown_tap() -> None:
    with pytest.raises(ModelError) as caught:
        Simulator(tiny_graph(), device="cpu").run([samples(1)], ["stem_z"])
    assert str(caught.value) == "no value 'stem_z' in 'tiny'\n  help: did you mean 'stem_y'?"


@pytest.mark.parametrize("shape", [(1, 9, 9, 4), (9, 9, 3), (1, 3, 9, 9)])
def test_wrong_shape(shape: tuple[int, ...]) -> None:
    with pytest.raises(ModelError) as caught:
        Simulator(tiny_graph(), device="cpu").run([np.zeros(shape, np.int8)])
    assert f"input 'x' has shape {shape}" in str(caught.value)
    assert "help: (samples, 9, 9, 3)" in str(caught.value)


def test_wrong_number_of_inputs() -> None:
    with pytest.raises(ModelError, match="'tiny' has 1 inputs, 2 are given"):
        Simulator(tiny_graph(), device="cpu").run([samples(1), samples(1)])


@pytest.mark.parametrize("name", ["gpu", "meta", "cuda:77"])
def test_unknown_device(name: str) -> None:
    with pytest.raises(TargetError) as caught:
        Simulator(tiny_graph(), device=name)
    assert repr(name) in str(caught.value)
    assert "help:" in str(caught.value)


def test_float_nodes_need_the_passes() -> None:
    x = s8("x", (1, 4))
    real = Value("real", TensorType(DType.F32, (1, 4)))
    y = Value("y", TensorType(DType.F32, (1, 4)))
    nodes = [
        Node(get_op("DequantizeLinear"), "dq", [x], [real], NoAttrs()),
        Node(get_op("Sigmoid"), "s", [real], [y], NoAttrs()),
    ]
    graph = Graph("g", [x], [y], nodes)
    with pytest.raises(UnsupportedError) as caught:
        Simulator(graph, device="cpu")
    assert "2 of the nodes of 'g'" in str(caught.value)
    assert "Sigmoid 's'" in str(caught.value)
    (result,) = Simulator(graph, device="cpu", mode="float").run([np.zeros((3, 4))])
    np.testing.assert_array_equal(result, np.full((3, 4), 0.5, np.float32))


def test_parameters_are_trained_through() -> None:
    """A step against the gradient of a loss lowers it, and `run` sees the new parameters."""
    simulator = Simulator(tiny_graph(), device="cpu", mode="float")
    parameters = simulator.parameters()
    assert set(parameters) == {f"{layer}_{kind}" for layer in ("stem", "point", "depth") for kind in "wb"}
    for parameter in parameters.values():
        parameter.requires_grad_()
    x = torch.rand(4, 9, 9, 3)
    optimizer = torch.optim.SGD(list(parameters.values()), lr=1e-4)
    losses = []
    for _ in range(3):
        (y,) = simulator.forward([x])
        loss = (y - 1).square().mean()
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    assert losses[0] > losses[1] > losses[2]
    (y,) = simulator.run([x.numpy()])
    assert float(np.square(y - 1).mean()) < losses[2]


def test_int8_mode_has_no_gradients() -> None:
    simulator = Simulator(tiny_graph(), device="cpu")
    assert simulator.parameters() == {}
    with pytest.raises(ModelError, match="gradients need mode 'float'"):
        simulator.forward([torch.zeros(1, 9, 9, 3)])


def test_values_are_freed_after_their_last_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    """The steps name every computed value once among those that nobody reads later."""
    simulator = Simulator(tiny_graph(), device="cpu")
    steps = simulator._engine._steps
    dead = [index for step in steps for index in step.dead]
    assert len(dead) == len(builtins.set(dead)) == 4


def test_threads_are_torch_s_own_number_afterwards() -> None:
    """Chunks run on one thread each; results are the same for any number of them, and the number is set back."""
    graph, x = tiny_graph(), samples(9)
    before = torch.get_num_threads()
    results = []
    try:
        for threads in (1, 2, 5):
            torch.set_num_threads(threads)
            results.append(Simulator(graph, device="cpu").run([x])[0])
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    np.testing.assert_array_equal(results[0], results[1])
    np.testing.assert_array_equal(results[0], results[2])
