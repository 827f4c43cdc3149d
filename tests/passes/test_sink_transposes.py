"""sink-transposes and absorb-transposes: what of a model's layout changes is left."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgec.ir import Graph, Value
from edgec.ops.activation import ClipAttrs
from edgec.ops.conv import ConvAttrs
from edgec.ops.elementwise import BinaryAttrs
from edgec.ops.gemm import GemmAttrs
from edgec.ops.movement import ConcatAttrs, PadAttrs, ReshapeAttrs, SliceAttrs, TransposeAttrs
from edgec.ops.pool import PoolAttrs, ReduceAttrs
from edgec.ops.softmax import ArgMaxAttrs, SoftmaxAttrs
from edgec.passes.sink_transposes import AbsorbTransposes, SinkTransposes
from edgec.passes.sink_transposes.layout import reshaped_perm
from tests.passes.builders import Builder, Q, floats, ops, run_pass
from tests.passes.interpret import as_model

TO_NCHW, TO_NHWC = TransposeAttrs((0, 3, 1, 2)), TransposeAttrs((0, 2, 3, 1))
BINARY = BinaryAttrs()
X = floats(1, 4, 6, 6)  # NCHW


def conv(b: Builder, x: Value, kernel: int = 1, out: int = 4) -> Value:
    """A Conv as a frontend wraps it: NCHW in and out."""
    x = b.node("Transpose", x, attrs=TO_NHWC)
    seed = len(b.nodes)
    w = b.constant(f"w{seed}", floats(out, kernel, kernel, x.type.shape[3], seed=seed))
    return b.node("Transpose", b.node("Conv", x, w, attrs=ConvAttrs((kernel, kernel))), attrs=TO_NCHW)


def check(graph: Graph, inputs: list[np.ndarray], left: int) -> None:  # type: ignore[type-arg]
    """The same results, with `left` Transposes."""
    before = as_model(graph, inputs)
    run_pass(SinkTransposes(), graph)
    assert ops(graph).count("Transpose") == left, graph.to_text()
    for now, then in zip(as_model(graph, inputs), before, strict=True):
        np.testing.assert_allclose(now, then, rtol=1e-5, atol=1e-5)


def elementwise(b: Builder, x: Value) -> Value:
    x = b.qdq(b.node("Clip", x, attrs=ClipAttrs(-1.0, 2.0)))
    return b.node("Mul", x, b.constant("c", floats(1, 4, 1, 1)), attrs=BINARY)


def residual(b: Builder, x: Value) -> Value:
    return b.node("Add", b.node("Relu", conv(b, x)), x, attrs=BINARY)


def int8_constant(b: Builder, x: Value) -> Value:
    return b.node("Add", x, b.weights("c", 1, 4, 6, 6, axis=1), attrs=BINARY)


def split_and_join(b: Builder, x: Value) -> Value:
    halves = [b.node("Slice", x, attrs=SliceAttrs((0, c, 0, 5), (1, 1, 1, -1), (1, 2, 6, 6))) for c in (0, 2)]
    x = b.node("Concat", b.node("Relu", halves[1]), halves[0], attrs=ConcatAttrs(1))
    return b.node("Pad", x, attrs=PadAttrs((0, 0, 1, 2), (0, 0, 0, 1)))


def squeeze_and_excite(b: Builder, x: Value) -> Value:
    mean = b.node("ReduceMean", x, attrs=ReduceAttrs((2, 3)))
    return b.node("Mul", x, b.node("Sigmoid", conv(b, mean)), attrs=BINARY)


def softmax(b: Builder, x: Value) -> Value:
    return b.node("Softmax", x, attrs=SoftmaxAttrs(1))


def reshape_between(b: Builder, x: Value) -> Value:
    """One-dimensional layers: (1, C, L) seen as (1, C, 6, 6) by the convolutions."""
    x = b.node("Relu", b.node("Reshape", x, attrs=ReshapeAttrs((1, 4, 36))))
    return b.node("Reshape", x, attrs=ReshapeAttrs((1, 4, 6, 6)))


@pytest.mark.parametrize(
    "between",
    [elementwise, residual, int8_constant, split_and_join, squeeze_and_excite, softmax, reshape_between],
)
def test_none_is_left_between_convolutions(between) -> None:  # type: ignore[no-untyped-def]
    b = Builder()
    graph = b.graph(conv(b, between(b, conv(b, b.input("x", 1, 4, 6, 6)))))
    check(graph, [X], left=0)
    # The model's file is NCHW still; the graph is NHWC throughout.
    assert graph.input_ports[0].perm == (0, 2, 3, 1)
    assert graph.output_ports[0].perm == (0, 2, 3, 1)


def test_ports_of_nhwc_files_need_no_permutation() -> None:
    b = Builder()
    x = b.node("Transpose", b.input("x", 1, 6, 6, 4), attrs=TO_NCHW)
    graph = b.graph(b.node("Transpose", conv(b, conv(b, x)), attrs=TO_NHWC))
    check(graph, [floats(1, 6, 6, 4)], left=0)
    assert graph.input_ports[0].perm is None
    assert graph.output_ports[0].perm is None


@pytest.mark.parametrize("keepdims", [True, False])
def test_reductions(keepdims: bool) -> None:
    b = Builder()
    x = conv(b, b.input("x", 1, 4, 6, 6))
    graph = b.graph(
        b.node("ReduceMean", x, attrs=ReduceAttrs((2, 3), keepdims)),
        b.node("ArgMax", x, attrs=ArgMaxAttrs(1, keepdims)),
    )
    check(graph, [X], left=0)


def test_mean_and_dense_layer_at_the_end() -> None:
    b = Builder()
    x = b.node("ReduceMean", conv(b, b.input("x", 1, 4, 6, 6)), attrs=ReduceAttrs((2, 3)))
    x = b.node("Reshape", x, attrs=ReshapeAttrs((1, 4)))
    check(b.graph(b.node("Gemm", x, b.constant("w", floats(3, 4)), attrs=GemmAttrs())), [X], left=0)


def test_dense_layer_over_the_last_axis_keeps_it() -> None:
    b = Builder()
    x = b.node("Transpose", b.input("x", 1, 2, 3, 4), attrs=TransposeAttrs((0, 2, 1, 3)))
    x = b.node("Gemm", x, b.constant("w", floats(5, 4)), attrs=GemmAttrs())
    graph = b.graph(b.node("Transpose", x, attrs=TransposeAttrs((0, 2, 1, 3))))
    check(graph, [floats(1, 2, 3, 4)], left=0)
    assert graph.input_ports[0].perm is None


def flattened(b: Builder, x: Value, **quant: int) -> Value:
    x = b.node("Relu", conv(b, x))
    return b.node("Tanh", b.node("Reshape", x, attrs=ReshapeAttrs((1, 144))))


@pytest.mark.parametrize("int8", [True, False])
def test_flattening_before_dense_layers_permutes_their_columns(int8: bool) -> None:
    b = Builder()
    x = flattened(b, b.input("x", 1, 4, 6, 6))
    weights = [b.weights(n, 3, 144) if int8 else b.constant(n, floats(3, 144)) for n in "uv"]
    graph = b.graph(*(b.node("Gemm", x, w, attrs=GemmAttrs()) for w in weights))
    before = as_model(graph, [X])
    run_pass(SinkTransposes(), graph)
    assert run_pass(AbsorbTransposes(), graph)
    assert "Transpose" not in ops(graph)
    for now, then in zip(as_model(graph, [X]), before, strict=True):
        np.testing.assert_allclose(now, then, rtol=1e-4, atol=1e-4)


def test_flattening_before_a_conv_of_one_pixel() -> None:
    b = Builder()
    x = b.node(
        "Reshape", b.node("Transpose", b.input("x", 1, 6, 6, 4), attrs=TO_NCHW), attrs=ReshapeAttrs((1, 1, 1, 144))
    )
    graph = b.graph(b.node("Conv", x, b.constant("w", floats(3, 1, 1, 144)), attrs=ConvAttrs((1, 1))))
    before = as_model(graph, [floats(1, 6, 6, 4)])
    assert run_pass(AbsorbTransposes(), graph)
    np.testing.assert_allclose(as_model(graph, [floats(1, 6, 6, 4)])[0], before[0], rtol=1e-4, atol=1e-4)


def test_absorb_not_done_for_an_unflattened_reshape() -> None:
    b = Builder()
    x = b.node("Transpose", b.input("x", 1, 6, 6, 4), attrs=TO_NCHW)
    x = b.node("Reshape", x, attrs=ReshapeAttrs((4, 36)))
    graph = b.graph(b.node("Gemm", x, b.constant("w", floats(3, 36)), attrs=GemmAttrs()))
    assert not run_pass(AbsorbTransposes(), graph)


def test_absorb_not_done_for_another_reader() -> None:
    b = Builder()
    x = b.node("Transpose", b.input("x", 1, 6, 6, 4), attrs=TO_NCHW)
    x = b.node("Reshape", x, attrs=ReshapeAttrs((1, 144)))
    graph = b.graph(b.node("Gemm", x, b.constant("w", floats(3, 144)), attrs=GemmAttrs()), b.node("Relu", x))
    assert not run_pass(AbsorbTransposes(), graph)


def test_not_done_where_as_much_would_be_moved() -> None:
    b = Builder()
    x = b.node("Transpose", b.node("MaxPool", b.input("x", 1, 6, 6, 4), attrs=PoolAttrs((2, 2))), attrs=TO_NCHW)
    # Flattened for the output, not for a dense layer: the order matters, and the port can't undo it.
    graph = b.graph(b.node("Reshape", b.node("Relu", x), attrs=ReshapeAttrs((1, 100))))
    assert not run_pass(SinkTransposes(), graph)


def test_not_done_across_operators_with_a_fixed_layout() -> None:
    b = Builder()
    x = b.node("MaxPool", b.input("x", 1, 6, 6, 4), attrs=PoolAttrs((2, 2)))
    x = b.node("Transpose", x, attrs=TransposeAttrs((0, 2, 1, 3)))
    x = b.node("MaxPool", x, attrs=PoolAttrs((1, 3)))
    x = b.node("Transpose", x, attrs=TransposeAttrs((0, 2, 1, 3)))
    graph = b.graph(b.node("MaxPool", x, attrs=PoolAttrs((2, 1))))
    assert not run_pass(SinkTransposes(), graph)


@given(st.permutations(range(4)), st.sampled_from([(2, 3, 4, 5), (6, 20), (2, 3, 20), (1, 2, 3, 2, 2, 5), (120,)]))
def test_reshaped_perm_keeps_the_order_in_memory(perm: list[int], after: tuple[int, ...]) -> None:
    before = (2, 3, 4, 5)
    other = reshaped_perm(before, after, tuple(perm))
    if other is None:
        return
    x = np.arange(120)
    in_memory = x.reshape(before).transpose(perm).reshape(-1)
    np.testing.assert_array_equal(x.reshape(after).transpose(other).reshape(-1), in_memory)


def test_reshaped_perm_refuses_to_tear_groups() -> None:
    assert reshaped_perm((2, 3, 4), (6, 4), (1, 0, 2)) is None
    assert reshaped_perm((2, 3, 4), (6, 4), (2, 0, 1)) == (1, 0)


def test_quantised_values_keep_their_quantisation() -> None:
    b = Builder()
    x = b.node("Transpose", b.input("x", 1, 6, 6, 4, quant=Q(0.1, 5)), attrs=TO_NCHW)
    graph = b.graph(b.node("Transpose", b.node("Relu", b.dequantize(x)), attrs=TO_NHWC))
    assert run_pass(SinkTransposes(), graph)
    assert ops(graph) == ["DequantizeLinear", "Relu"]
    assert graph.inputs[0].type.quant == Q(0.1, 5)
