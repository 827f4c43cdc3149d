"""Gradients of the backward graph, run by the simulator, against torch's own."""

from __future__ import annotations

import numpy as np
import pytest

from edgec.errors import UnsupportedError
from edgec.ir import Array, DType, Graph, Port, TensorType, Value
from edgec.ops.activation import ClipAttrs
from edgec.ops.backward import binary, emit, real, unary
from edgec.ops.base import NoAttrs
from edgec.ops.conv import ConvAttrs
from edgec.ops.gemm import GemmAttrs
from edgec.ops.movement import ConcatAttrs, ReshapeAttrs, TransposeAttrs
from edgec.ops.pool import PoolAttrs, ReduceAttrs
from edgec.passes.training import differentiate

torch = pytest.importorskip("torch", reason="needs edgec[sim]")


def start(*shape: int) -> tuple[Graph, Value]:
    x = Value("x", TensorType(DType.F32, shape))
    return Graph("g", [x], input_ports=[Port("x", "float32", shape)]), x


def weights(*shape: int) -> Array:
    return np.random.default_rng(sum(shape)).normal(size=shape).astype(np.float32)


def check(graph: Graph, x: Value, y: Value) -> None:
    """The backward graph's gradient of x equals torch's through the simulator's float functions."""
    from edgec.simulator import Simulator

    graph.outputs, graph.output_ports = [y], [Port(y.name, "float32", y.type.shape)]
    rng = np.random.default_rng(1)
    value, seed = (rng.normal(size=v.type.shape).astype(np.float32) for v in (x, y))
    real_x = torch.tensor(value, requires_grad=True)
    (forward,) = Simulator(graph, device="cpu", mode="float").forward([real_x])
    forward.backward(torch.tensor(seed))
    differentiate(graph, y, [x])
    graph.verify()
    _, gradient = Simulator(graph, device="cpu", mode="float").run([value, seed])
    assert real_x.grad is not None
    np.testing.assert_allclose(gradient, real_x.grad.numpy(), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("op", ["Add", "Sub", "Mul", "Div"])
@pytest.mark.parametrize("swap", [False, True])
def test_binary_with_broadcast_and_fan_out(op: str, swap: bool) -> None:
    graph, x = start(1, 3, 4, 2)
    small = emit(graph, "ReduceMean", [x], ReduceAttrs((1, 2)))
    shifted = binary(graph, "Add", unary(graph, "Sigmoid", small), real(graph, np.full((1, 1, 1, 1), 0.5)))
    wide = unary(graph, "Tanh", x)
    divisor = binary(graph, "Add", unary(graph, "Sigmoid", x), real(graph, np.full((1, 1, 1, 1), 0.5)))
    check(graph, x, binary(graph, op, shifted, divisor) if swap else binary(graph, op, wide, shifted))


@pytest.mark.parametrize("op", ["Relu", "Sigmoid", "Tanh"])
def test_unary(op: str) -> None:
    graph, x = start(1, 5)
    check(graph, x, emit(graph, op, [x], NoAttrs()))


def test_clip() -> None:
    graph, x = start(1, 30)
    check(graph, x, emit(graph, "Clip", [x], ClipAttrs(-0.5, 0.7)))


@pytest.mark.parametrize(
    "attrs",
    [
        ConvAttrs((3, 3), pads=(1, 1, 1, 1)),
        ConvAttrs((3, 2), (2, 3), (1, 0, 0, 1)),
        ConvAttrs((1, 1), (2, 2)),
        ConvAttrs((3, 3), (2, 2), (2, 2, 2, 2), (2, 1), group=2),
        ConvAttrs((3, 3), (1, 1), (3, 3, 3, 3), group=4),
    ],
)
def test_conv(attrs: ConvAttrs) -> None:
    graph, x = start(1, 7, 8, 4)
    w = real(graph, weights(8, *attrs.kernel_shape, 4 // attrs.group))
    check(graph, x, emit(graph, "Conv", [x, w, real(graph, weights(8))], attrs))


def test_gemm_reshape_transpose_concat() -> None:
    graph, x = start(1, 2, 3, 4)
    turned = emit(graph, "Transpose", [x], TransposeAttrs((0, 3, 1, 2)))
    flat = emit(graph, "Reshape", [turned], ReshapeAttrs((1, 24)))
    both = emit(graph, "Concat", [flat, unary(graph, "Relu", flat)], ConcatAttrs(1))
    check(graph, x, emit(graph, "Gemm", [both, real(graph, weights(5, 48)), real(graph, weights(5))], GemmAttrs()))


def test_operators_without_a_gradient_are_all_named() -> None:
    graph, x = start(1, 4, 4, 2)
    pooled = emit(graph, "MaxPool", [x], PoolAttrs((2, 2)))
    with pytest.raises(UnsupportedError, match="1 nodes have no gradient"):
        differentiate(graph, pooled, [x])
