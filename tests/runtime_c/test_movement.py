"""Concat, Slice, Pad, Transpose and DepthToSpace as C against numpy, in rows and whole."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgec.ir import Array, Graph, QuantParams, Value
from edgec.ops.movement import ConcatAttrs, DepthToSpaceAttrs, PadAttrs, SliceAttrs, TransposeAttrs, merged_view
from edgec.passes.schedule import schedule
from tests.graphs import HOST
from tests.runtime_c.harness import activation, check, constant, one_node, random_inputs

LEAN, LONG = 6, 300
QUANT = QuantParams.per_tensor(0.02, -3)
seeds = st.integers(0, 2**31)
shapes = st.lists(st.integers(1, 4), min_size=1, max_size=5).map(tuple)
maps = st.tuples(st.just(1), st.integers(1, 5), st.integers(1, 5), st.integers(1, 4))


def check_move(graph: Graph, seed: int) -> None:
    """The C moves the elements as the numpy function of the case does on the inputs of the same seed."""
    inputs = random_inputs(graph, np.random.default_rng(seed))
    check(graph, inputs, np.stack([reference(graph, [x[i] for x in inputs]) for i in range(len(inputs[0]))]))


def reference(graph: Graph, inputs: list[Array]) -> Array:
    """What numpy makes of one sample."""
    (node,) = graph.nodes
    given = iter(inputs)
    by_value = {id(value): next(given) for value in graph.inputs}
    values = [value.array if value.is_constant else by_value[id(value)] for value in node.inputs]
    x, attrs = values[0], node.attrs
    match node.op.name:
        case "Concat":
            return np.concatenate(values, attrs.axis)
        case "Slice":
            for axis, (start, step, size) in enumerate(zip(attrs.starts, attrs.steps, attrs.sizes, strict=True)):
                x = x.take(start + step * np.arange(size), axis)
            return x
        case "Pad":
            return pad(x, attrs)
        case "Transpose":
            return x.transpose(attrs.perm)
        case _:
            return depth_to_space(x, attrs)


def pad(x: Array, attrs: PadAttrs) -> Array:
    """numpy's own padding where all numbers are positive; negative ones crop first."""
    for axis, (before, after) in enumerate(zip(attrs.before, attrs.after, strict=True)):
        x = x.take(np.arange(max(0, -before), x.shape[axis] - max(0, -after)), axis)
    widths = [(max(0, b), max(0, a)) for b, a in zip(attrs.before, attrs.after, strict=True)]
    if attrs.mode != "constant":
        return np.pad(x, widths, mode=attrs.mode)  # type: ignore[call-overload,no-any-return]
    value = int(np.clip(np.rint(np.float32(attrs.value) / np.float32(0.02)) - 3, -128, 127))
    return np.pad(x, widths, constant_values=np.int8(value))


def depth_to_space(x: Array, attrs: DepthToSpaceAttrs) -> Array:
    """As ONNX words it, on NCHW."""
    n, h, w, c = x.shape
    b = attrs.blocksize
    planar = x.transpose(0, 3, 1, 2)
    if attrs.mode == "DCR":
        parts = planar.reshape(n, b, b, c // (b * b), h, w).transpose(0, 3, 4, 1, 5, 2)
    else:
        parts = planar.reshape(n, c // (b * b), b, b, h, w).transpose(0, 1, 4, 2, 5, 3)
    return parts.reshape(n, c // (b * b), h * b, w * b).transpose(0, 2, 3, 1)


@st.composite
def concats(draw: st.DrawFn) -> Graph:
    shape = list(draw(shapes))
    axis = draw(st.integers(0, len(shape) - 1))
    inputs: list[Value] = []
    for i in range(draw(st.integers(1, 4))):
        shape[axis] = draw(st.integers(1, 4))
        if i and draw(st.integers(0, 3)) == 0:
            data = np.random.default_rng(i).integers(-128, 128, tuple(shape)).astype(np.int8)
            inputs.append(constant(f"c{i}", data, QUANT))
        else:
            inputs.append(activation(f"x{i}", shape))
    if draw(st.booleans()):
        inputs.append(inputs[0])
    return one_node("Concat", ConcatAttrs(axis), inputs, QUANT)


@st.composite
def slices(draw: st.DrawFn) -> Graph:
    shape = draw(st.one_of(shapes, maps))
    parts = []
    for size in shape:
        start, end = draw(st.integers(0, size - 1)), draw(st.integers(0, size - 1))
        step = draw(st.integers(1, 3)) * (1 if end >= start else -1)
        parts.append((start, step, abs(end - start) // abs(step) + 1))
    starts, steps, sizes = zip(*parts, strict=True)
    return one_node("Slice", SliceAttrs(starts, steps, sizes), [activation("x", shape)], QUANT)


@st.composite
def pads(draw: st.DrawFn) -> Graph:
    shape = draw(st.one_of(shapes.filter(lambda shape: len(shape) <= 4), maps))
    mode = draw(st.sampled_from(["constant", "edge", "reflect"]))
    before, after = [], []
    for size in shape:
        # Reflections reach to the other end, and once more from there; crops leave something.
        most = 0 if mode == "reflect" and size == 1 else size + 1
        least = 1 - size if mode == "constant" else 0
        before.append(draw(st.integers(least, most)))
        after.append(draw(st.integers(max(least, 1 - size - min(0, before[-1])), most)))
    attrs = PadAttrs(tuple(before), tuple(after), mode, draw(st.sampled_from([0.0, -1.0, 0.51, 9.0])))
    return one_node("Pad", attrs, [activation("x", shape)], QUANT)


@st.composite
def transposes(draw: st.DrawFn) -> Graph:
    shape = draw(st.lists(st.integers(1, 4), min_size=1, max_size=6).map(tuple))
    perm = tuple(draw(st.permutations(range(len(shape)))))
    return one_node("Transpose", TransposeAttrs(perm), [activation("x", shape)], QUANT)


@st.composite
def depths_to_space(draw: st.DrawFn) -> Graph:
    b = draw(st.integers(1, 3))
    h, w, c = (draw(st.integers(1, 4)) for _ in range(3))
    attrs = DepthToSpaceAttrs(b, draw(st.sampled_from(["DCR", "CRD"])))
    return one_node("DepthToSpace", attrs, [activation("x", (1, h, w, c * b * b))], QUANT)


@settings(max_examples=LEAN)
@given(concats(), seeds)
def test_concat(graph: Graph, seed: int) -> None:
    check_move(graph, seed)


@settings(max_examples=LEAN)
@given(slices(), seeds)
def test_slice(graph: Graph, seed: int) -> None:
    check_move(graph, seed)


@settings(max_examples=LEAN)
@given(pads(), seeds)
def test_pad(graph: Graph, seed: int) -> None:
    check_move(graph, seed)


@settings(max_examples=LEAN)
@given(transposes(), seeds)
def test_transpose(graph: Graph, seed: int) -> None:
    check_move(graph, seed)


@settings(max_examples=LEAN)
@given(depths_to_space(), seeds)
def test_depth_to_space(graph: Graph, seed: int) -> None:
    check_move(graph, seed)


@pytest.mark.exhaustive
@settings(max_examples=LONG)
@given(st.one_of(concats(), slices(), pads(), transposes(), depths_to_space()), seeds)
def test_movement_long(graph: Graph, seed: int) -> None:
    check_move(graph, seed)


def steps(graph: Graph) -> tuple[bool, int]:
    """Whether the scheduled node works on row windows, and its number of calls."""
    (step,) = schedule(graph, HOST).steps
    return step.windows is not None, step.calls


def test_rows_and_whole_tensors() -> None:
    """Which cases run in rows; each is also computed right."""
    x, other = activation("x", (1, 6, 4, 3)), activation("other", (1, 6, 4, 2))
    fixed = constant("c", np.zeros((1, 6, 4, 2), np.int8), QUANT)
    cases = [
        (one_node("Concat", ConcatAttrs(3), [x, other], QUANT), True),
        (one_node("Concat", ConcatAttrs(1), [x, x], QUANT), False),
        (one_node("Concat", ConcatAttrs(3), [x, fixed], QUANT), False),
        (one_node("Slice", SliceAttrs((0, 1, 1, 0), (1, 2, 1, 2), (1, 3, 3, 2)), [x], QUANT), True),
        (one_node("Slice", SliceAttrs((0, 0, 0, 1), (1, 1, 1, 1), (1, 6, 4, 2)), [x], QUANT), True),
        (one_node("Slice", SliceAttrs((0, 5, 0, 0), (1, -1, 1, 1), (1, 6, 4, 3)), [x], QUANT), False),
        (one_node("Pad", PadAttrs((0, 1, 2, 0), (0, 2, 1, 0)), [x], QUANT), True),
        (one_node("Pad", PadAttrs((0, 0, 2, 0), (0, 0, 1, 1), "reflect"), [x], QUANT), True),
        (one_node("Pad", PadAttrs((0, 0, 0, 0), (0, 3, 0, 0), "edge"), [x], QUANT), False),
    ]
    for seed, (graph, rows) in enumerate(cases):
        assert steps(graph)[0] == rows, graph.to_text()
        check_move(graph, seed)


@pytest.mark.parametrize("op", ["Slice", "Pad", "Concat"])
def test_more_than_one_sample(op: str) -> None:
    """With several samples on axis 0 a row of axis 1 is no part of the memory of its own."""
    x = activation("x", (2, 3, 4, 2))
    graph = {
        "Slice": lambda: one_node("Slice", SliceAttrs((1, 0, 1, 0), (1, 1, 1, 1), (1, 3, 2, 2)), [x], QUANT),
        "Pad": lambda: one_node("Pad", PadAttrs((0, 1, 0, 0), (0, 0, 1, 0)), [x], QUANT),
        "Concat": lambda: one_node("Concat", ConcatAttrs(2), [x, activation("z", (2, 3, 5, 2))], QUANT),
    }[op]()
    check_move(graph, 1)


def test_concat_of_other_quantisation_is_refused() -> None:
    x, z = activation("x", (1, 4)), activation("z", (1, 4), 0.5)
    (node,) = one_node("Concat", ConcatAttrs(1), [x, z], QUANT).nodes
    reason = node.op.kernels[0].why_not(node, HOST.core)
    assert reason == "takes inputs of the output's quantisation, 'z' is s8[1,4] q(0.5, -3)"


def test_seven_axes_are_refused() -> None:
    x = activation("x", (2,) * 7)
    (node,) = one_node("Transpose", TransposeAttrs(tuple(range(6, -1, -1))), [x], QUANT).nodes
    (plain,) = (kernel for kernel in node.op.kernels if not kernel.isa)
    assert plain.why_not(node, HOST.core) == "takes 6 axes that can't be merged, these are 7"


@given(st.data())
def test_merged_views_address_the_same_elements(data: st.DataObject) -> None:
    shape = data.draw(shapes)
    perm = data.draw(st.permutations(range(len(shape))))
    strides = [math.prod(shape[axis + 1 :]) for axis in range(len(shape))]
    view = [shape[axis] for axis in perm], [strides[axis] for axis in perm]
    merged = merged_view(*view)
    assert all(size > 1 for size in merged[0]) or merged[0] == [1]
    np.testing.assert_array_equal(addresses(*view), addresses(*merged))


def addresses(sizes: list[int], strides: list[int]) -> Array:
    """Every element's address in order."""
    return np.tensordot(strides, np.indices(sizes), 1).reshape(-1)
