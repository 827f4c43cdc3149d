"""Runs the cases of one operator family: simulator = onnxruntime, host C = simulator, gradients = differences.

CASES = [Case("conv_3x3", conv_3x3), ...]

@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_conv(case: Case, check: Check) -> None:
    check(case)
"""

from __future__ import annotations

import tempfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from edgec.codegen import ModelFile, generate, write_project
from edgec.errors import TargetError
from edgec.frontend import import_model
from edgec.ir import Array, Graph
from edgec.ops.numbers import dequantize
from edgec.passes.pipeline import optimize
from edgec.passes.schedule import schedule
from edgec.ports import from_graph_output, to_graph_input
from edgec.simulator import Simulator
from edgec.targets import load_target
from edgec.targets.host import HostModel
from tests.graphs import HOST
from tests.ops.builders import Model

SAMPLES = 6
OLDEST_ONNXRUNTIME = (1, 24)


@dataclass(frozen=True)
class Case:
    """One model. `default` and `integer`: the reason why that session of onnxruntime may differ by one step.

    `integer` is for session option session.qdqisint8allowed=1. `gradient`: the real function has one. `steps`: how
    far, in steps of the output, mode "float" may be from the integers.
    """

    name: str
    model: Callable[[Model], None]
    default: str = ""
    integer: str = ""
    opset: int = 17
    gradient: bool = True
    steps: float = 0.5

    def __str__(self) -> str:
        return self.name


Check = Callable[[Case], None]


@dataclass(frozen=True)
class Built:
    """A case's model file, its Graph as scheduled, and samples in the model's form."""

    onnx: bytes
    graph: Graph
    samples: list[Array]

    @property
    def graph_inputs(self) -> list[Array]:
        ports = zip(self.graph.input_ports, self.graph.inputs, self.samples, strict=True)
        return [to_graph_input(port, value, x) for port, value, x in ports]


@lru_cache(maxsize=4)
def build(case: Case) -> Built:
    """Build, import and optimise; the first samples are all lowest and all highest."""
    model = Model(case.name, case.opset)
    case.model(model)
    proto = model.build()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, f"{case.name}.onnx")
        file.write_bytes(proto.SerializeToString())
        graph = import_model(file)
    optimize(graph, HOST)
    rng = np.random.default_rng(zlib.crc32(case.name.encode()))
    samples = [rng.integers(-128, 128, (SAMPLES, *port.shape[1:])).astype(np.int8) for port in graph.input_ports]
    for x in samples:
        x[0], x[1] = -128, 127
    return Built(proto.SerializeToString(), graph, samples)


def run_onnxruntime(built: Built, *, integer: bool) -> list[Array]:
    """Outputs of every sample, one session call a sample."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    if integer:
        options.add_session_config_entry("session.qdqisint8allowed", "1")
    session = onnxruntime.InferenceSession(built.onnx, options, providers=["CPUExecutionProvider"])
    names = [value.name for value in session.get_inputs()]
    results = [
        session.run(None, {name: part[None] for name, part in zip(names, sample, strict=True)})
        for sample in zip(*built.samples, strict=True)
    ]
    return [np.concatenate(parts) for parts in zip(*results, strict=True)]


def run_simulator(built: Built) -> list[Array]:
    outputs = Simulator(built.graph, device="cpu").run(built.graph_inputs)
    ports = zip(built.graph.output_ports, built.graph.outputs, outputs, strict=True)
    return [from_graph_output(port, value, y) for port, value, y in ports]


def compare(got: Sequence[Array], want: Sequence[Array], reason: str) -> None:
    """Integers equal to the bit, or to one step where there is a reason; float32, at ends of networks, nearly."""
    for y, reference in zip(got, want, strict=True):
        assert y.dtype == reference.dtype
        assert y.shape == reference.shape
        if y.dtype == np.float32:
            np.testing.assert_allclose(y, reference, rtol=2e-6, atol=1e-7)
        elif reason:
            assert np.abs(y.astype(int) - reference.astype(int)).max() <= 1, reason
        else:
            np.testing.assert_array_equal(y, reference)


def needs_recent_onnxruntime() -> None:
    """Skip where Python 3.10 has an onnxruntime that still computes some operators otherwise."""
    if tuple(int(part) for part in onnxruntime.__version__.split(".")[:2]) < OLDEST_ONNXRUNTIME:
        pytest.skip(f"onnxruntime {onnxruntime.__version__} computes DepthToSpace and Softmax otherwise")


def simulator_equals_default_session(case: Case) -> None:
    pytest.importorskip("torch")
    needs_recent_onnxruntime()
    built = build(case)
    compare(run_simulator(built), run_onnxruntime(built, integer=False), case.default)


def simulator_equals_integer_session(case: Case) -> None:
    pytest.importorskip("torch")
    needs_recent_onnxruntime()
    built = build(case)
    compare(run_simulator(built), run_onnxruntime(built, integer=True), case.integer)


def run_host_c(built: Built) -> list[Array]:
    """The generated C, built for the host; the first test without a C compiler skips."""
    target = load_target("host")
    program = schedule(built.graph, target)
    with tempfile.TemporaryDirectory() as folder:
        write_project(generate(program, ModelFile("tiny", "tiny.onnx", "0" * 64)), Path(folder))
        try:
            raw = HostModel(Path(folder)).run(built.graph_inputs)
        except TargetError as error:
            if error.message.startswith("no C compiler"):
                pytest.skip(error.message)
            raise
    kinds = [(value.type.dtype.numpy, (SAMPLES, *value.type.shape[1:])) for value in built.graph.outputs]
    return [y.view(kind).reshape(shape) for y, (kind, shape) in zip(raw, kinds, strict=True)]


def host_c_equals_simulator(case: Case) -> None:
    pytest.importorskip("torch")
    built = build(case)
    want = Simulator(built.graph, device="cpu").run(built.graph_inputs)
    for y, reference in zip(run_host_c(built), want, strict=True):
        np.testing.assert_array_equal(y, reference.reshape(y.shape))


def batches_equal_single_samples(case: Case) -> None:
    pytest.importorskip("torch")
    built = build(case)
    simulator = Simulator(built.graph, device="cpu")
    inputs = [x.reshape(SAMPLES, *v.type.shape) for x, v in zip(built.graph_inputs, built.graph.inputs, strict=True)]
    together = simulator.run(built.graph_inputs)
    alone = [simulator.run([x[i] for x in inputs]) for i in range(SAMPLES)]
    for y, *parts in zip(together, *alone, strict=True):
        np.testing.assert_array_equal(y, np.concatenate(parts))


def real_inputs(built: Built) -> list[Array]:
    """The samples as real numbers, in the Graph's form."""
    pairs = zip(built.graph_inputs, built.graph.inputs, strict=True)
    return [dequantize(x, v.type.quant) if v.type.quant else x for x, v in pairs]


def float_is_near_integers(case: Case) -> None:
    """Mode "float" on dequantised samples is within the rounding of the output (and of what is in between)."""
    pytest.importorskip("torch")
    built = build(case)
    integers = Simulator(built.graph, device="cpu").run(built.graph_inputs)
    reals = Simulator(built.graph, device="cpu", mode="float").run(real_inputs(built))
    for q, y, value in zip(integers, reals, built.graph.outputs, strict=True):
        quant = value.type.quant
        step = float(quant.scale[0]) if quant else 1.0
        want = dequantize(q, quant) if quant else q
        assert np.abs(y.astype(np.float64) - want).max() <= case.steps * step * 1.001


def gradient_equals_differences(case: Case) -> None:
    """The gradients of inputs and parameters equal finite differences, in float64."""
    torch = pytest.importorskip("torch")
    if not case.gradient:
        pytest.skip("a step function: its gradient is zero or a matter of choice")
    built = build(case)
    simulator = Simulator(built.graph, device="cpu", mode="float")
    generator = torch.Generator().manual_seed(zlib.crc32(case.name.encode()))
    parameters = list(simulator.parameters().values())
    for parameter in parameters:
        parameter.data = parameter.data.double()
        parameter.requires_grad_()
    # Two samples of random integers' real values, moved off the integers: clamps have no derivative at their corner.
    inputs = [torch.from_numpy(x[2:4]).double() for x in real_inputs(built)]
    inputs = [(x * (1 + 0.01 * torch.rand(x.shape, generator=generator))).requires_grad_() for x in inputs]

    def function(*leaves: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return tuple(simulator.forward(leaves[: len(inputs)]))

    assert torch.autograd.gradcheck(function, (*inputs, *parameters), fast_mode=True, atol=1e-5, rtol=1e-3)
    results = function(*inputs, *parameters)
    torch.autograd.backward(results, [torch.ones_like(y) for y in results])
    assert all(leaf.grad is not None and leaf.grad.abs().max() > 0 for leaf in (*inputs, *parameters))


CHECKS = [
    simulator_equals_default_session,
    simulator_equals_integer_session,
    host_c_equals_simulator,
    batches_equal_single_samples,
    float_is_near_integers,
    gradient_equals_differences,
]
