"""Exporters' litter folds away; shapes become static."""

from __future__ import annotations

import pathlib

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from edgec.errors import ModelError, UnsupportedError
from edgec.frontend import export_model, import_model
from edgec.frontend.importer import prepare
from edgec.frontend.load import load_model
from edgec.frontend.opset import opset_of
from edgec.ir import Graph
from tests.frontend.models import assert_imported, ops, run, save, text_model

I64 = np.int64


def test_flatten_by_shape_arithmetic(tmp_path: pathlib.Path) -> None:
    """x.view(x.size(0), -1) as the older PyTorch exporter writes it."""
    text = """
    view (float[N,3,4,5] x) => (float[N,60] y) {
        s = Shape(x)
        n = Gather<axis = 0>(s, zero)
        u = Unsqueeze(n, axes)
        t = Concat<axis = 0>(u, minus)
        y = Reshape(x, t)
    }"""
    constants = {"zero": I64(0), "axes": np.array([0], I64), "minus": np.array([-1], I64)}
    graph = import_model(save(text_model(text, constants), tmp_path))
    assert [node.op.name for node in graph.nodes] == ["Reshape"]
    assert graph.output_ports[0].shape == (1, 60)


def test_pads_built_at_run_time(tmp_path: pathlib.Path) -> None:
    text = """
    pad (float[1,2,3,3] x) => (float[1,2,5,4] y) {
        z = ConstantOfShape(four)
        c = Concat<axis = 0>(p, z)
        r = Reshape(c, two)
        t = Transpose<perm = [1, 0]>(r)
        f = Reshape(t, eight)
        k = Cast<to = 7>(f)
        y = Pad(x, k)
    }"""
    constants = {
        "four": np.array([4], I64),
        "p": np.array([0, 0, 2, 1], I64),
        "two": np.array([2, 4], I64),
        "eight": np.array([-1], I64),
    }
    constants["p"] = np.array([0, 0, 1, 1], I64)
    # [[0 0 1 1] [0 0 0 0]] transposed: 0 0 0 0 1 0 1 0
    graph = import_model(save(text_model(text.replace("1,2,5,4", "2,2,4,3"), constants), tmp_path))
    (node,) = graph.nodes
    assert (node.attrs.before, node.attrs.after) == ((0, 0, 0, 0), (1, 0, 1, 0))


def test_identity_dropout_and_casts_disappear(tmp_path: pathlib.Path) -> None:
    text = """
    litter (float[1,4] x) => (float[1,4] y) {
        a = Identity(x)
        b = Dropout(a)
        c = Cast<to = 1>(b)
        d = Relu(c)
        y = Identity(d)
    }"""
    assert ops(assert_imported(text_model(text), tmp_path)) == ["Relu"]


def test_scalar_shapes_stay_scalar(tmp_path: pathlib.Path) -> None:
    """A folded number must keep rank 0: Unsqueeze would give rank 2 else."""
    text = """
    scalar (float[1,6] x) => (float[2,3] y) {
        two = Constant<value_int = 2>()
        u = Unsqueeze(two, axes)
        t = Concat<axis = 0>(u, three)
        y = Reshape(x, t)
    }"""
    constants = {"axes": np.array([0], I64), "three": np.array([3], I64)}
    graph = assert_imported(text_model(text, constants), tmp_path)
    assert graph.outputs[0].type.shape == (2, 3)


def branch(op: str, name: str) -> onnx.GraphProto:
    result = helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 4])
    return helper.make_graph([helper.make_node(op, ["x"], [name])], name, [], [result])


@pytest.mark.parametrize(("rank", "op"), [(2, "Relu"), (3, "Sigmoid")])
def test_if_on_a_static_shape(rank: int, op: str, tmp_path: pathlib.Path) -> None:
    nodes = [
        helper.make_node("Shape", ["x"], ["s"]),
        helper.make_node("Size", ["s"], ["r"]),
        helper.make_node("Equal", ["r", "rank"], ["c"]),
        helper.make_node("If", ["c"], ["y"], then_branch=branch("Relu", "a"), else_branch=branch("Sigmoid", "b")),
    ]
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 4]) for name in "xy")
    constant = numpy_helper.from_array(np.array(rank, I64), "rank")
    graph = helper.make_graph(nodes, "choice", [x], [y], [constant])
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    assert ops(assert_imported(proto, tmp_path)) == [op]


def test_initializers_that_are_inputs_too(tmp_path: pathlib.Path) -> None:
    """IR version 3 lists weights among the inputs."""
    proto = text_model("old (float[1,4] x, float[4,2] w) => (float[1,2] y) { y = MatMul(x, w) }", opset=8)
    proto.graph.initializer.append(numpy_helper.from_array(np.ones((4, 2), np.float32), "w"))
    proto.ir_version = 3
    graph = import_model(save(proto, tmp_path))
    assert [port.name for port in graph.input_ports] == ["x"]
    assert ops(graph) == ["Gemm"]


def test_dead_nodes_need_not_be_known(tmp_path: pathlib.Path) -> None:
    text = """
    dead (float[1,4] x) => (float[1,4] y) {
        unused = Det(square)
        y = Relu(x)
    }"""
    proto = text_model(text, {"square": np.eye(3, dtype=np.float32)})
    assert ops(import_model(save(proto, tmp_path))) == ["Relu"]


def symbolic(tmp_path: pathlib.Path, shape: str, **sizes: int) -> Graph:
    proto = text_model(f"symbolic (float[{shape}] x) => (float[{shape}] y) {{ y = Relu(x) }}")
    return import_model(save(proto, tmp_path), shapes=sizes)


def test_batch_becomes_one(tmp_path: pathlib.Path) -> None:
    assert symbolic(tmp_path, "N,3,8,8").inputs[0].type.shape == (1, 3, 8, 8)


def test_batch_name_elsewhere_is_one_too(tmp_path: pathlib.Path) -> None:
    text = "two (float[N,4] x, float[2,N,4] z) => (float[2,N,4] y) { y = Add(x, z) }"
    graph = import_model(save(text_model(text), tmp_path))
    assert [value.type.shape for value in graph.inputs] == [(1, 4), (2, 1, 4)]


def test_sizes_by_name_and_by_axis(tmp_path: pathlib.Path) -> None:
    proto = text_model("symbolic (float[N,3,H,W] x) => (float[N,3,H,W] y) { y = Relu(x) }")
    path = save(proto, tmp_path)
    assert import_model(path, shapes={"H": 8, "W": 6}).inputs[0].type.shape == (1, 3, 8, 6)
    assert import_model(path, shapes={"x.2": 8, "x.3": 6, "N": 1}).inputs[0].type.shape == (1, 3, 8, 6)


def test_negative_sizes_are_open(tmp_path: pathlib.Path) -> None:
    proto = text_model("negative (float[1,3] x) => (float[1,3] y) { y = Relu(x) }")
    dims = proto.graph.input[0].type.tensor_type.shape.dim
    dims[0].dim_value, dims[1].dim_value = -1, -1
    path = save(proto, tmp_path)
    with pytest.raises(ModelError, match=r"--shape x\.1=N"):
        import_model(path)
    assert import_model(path, shapes={"x.1": 5}).inputs[0].type.shape == (1, 5)


@pytest.mark.parametrize("opset", [7, 9, 10, 11, 12, 13, 15, 18, 21, 22])
def test_every_opset(opset: int, tmp_path: pathlib.Path) -> None:
    """The same network in the words of each opset: converted where that works, read as it is where not."""
    squeeze = "f = Squeeze<axes = [2, 3]>(p)" if opset < 13 else "f = Squeeze(p, axes)"
    text = f"""
    words (float[1,4,6,6] x) => (float[1,3] y) {{
        c = Conv<pads = [1, 1, 1, 1]>(x, w)
        r = Relu(c)
        p = GlobalAveragePool(r)
        {squeeze}
        g = Gemm(f, v, b)
        y = Softmax<axis = 1>(g)
    }}"""
    rng = np.random.default_rng(0)
    constants = {
        "w": rng.standard_normal((5, 4, 3, 3)).astype(np.float32),
        "v": rng.standard_normal((5, 3)).astype(np.float32),
        "b": rng.standard_normal(3).astype(np.float32),
    }
    if opset >= 13:
        constants["axes"] = np.array([2, 3], I64)
    graph = assert_imported(text_model(text, constants, opset=opset), tmp_path)
    assert graph.opset == opset
    assert ops(graph) == ["Conv", "Relu", "ReduceMean", "Gemm", "Softmax"]
    assert [node.source.index for node in graph.nodes if node.op.name == "Gemm"] == [4]


@pytest.mark.parametrize("opset", [7, 9, 10, 11])
def test_old_opsets_are_converted(opset: int, tmp_path: pathlib.Path) -> None:
    """With a symbolic batch, and with Resize, whose old coordinates onnx's converter forgets."""
    resize = 'u = Upsample<mode = "linear">(r, s)' if opset < 10 else 'u = Resize<mode = "linear">(r, s)'
    if opset >= 11:
        resize = 'u = Resize<mode = "linear">(r, roi, s)'
    if opset < 9:
        resize = 'u = Upsample<mode = "linear", scales = [1.0, 1.0, 2.0, 2.0]>(r)'
    text = f"""
    old (float[N,4,6,6] x) => (float[N,4,12,12] y) {{
        c = Conv<pads = [1, 1, 1, 1]>(x, w)
        r = Relu(c)
        {resize}
        y = Softmax<axis = 1>(u)
    }}"""
    w = np.random.default_rng(0).standard_normal((4, 4, 3, 3)).astype(np.float32)
    constants = {"w": w, "s": np.array([1, 1, 2, 2], np.float32), "roi": np.zeros(0, np.float32)}
    proto = text_model(text, {name: array for name, array in constants.items() if f", {name}" in text}, opset=opset)
    path = save(proto, tmp_path)
    model = prepare(load_model(path), {})
    assert opset_of(model.proto) == 13
    graph = import_model(path)
    feed = {"x": np.random.default_rng(1).standard_normal((1, 4, 6, 6)).astype(np.float32)}
    np.testing.assert_allclose(run(export_model(graph), feed)[0], run(proto, feed)[0], rtol=1e-5, atol=1e-5)


def test_local_functions_are_inlined(tmp_path: pathlib.Path) -> None:
    text = """<ir_version: 8, opset_import: ["" : 17, "own" : 1]>
    main (float[1,4] x) => (float[1,4] y) { y = own.twice(x) }
    <domain: "own", opset_import: ["" : 17]>
    twice (a) => (b) { c = Relu(a)  b = Add(c, c) }"""
    proto = onnx.parser.parse_model(text)
    assert ops(assert_imported(proto, tmp_path)) == ["Relu", "Add"]


def test_condition_at_run_time_is_refused(tmp_path: pathlib.Path) -> None:
    nodes = [
        helper.make_node("ReduceMean", ["x"], ["m"], keepdims=0),
        helper.make_node("Cast", ["m"], ["c"], to=TensorProto.BOOL),
        helper.make_node("If", ["c"], ["y"], then_branch=branch("Relu", "a"), else_branch=branch("Sigmoid", "b")),
    ]
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 4]) for name in "xy")
    graph = helper.make_graph(nodes, "choice", [x], [y])
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    assert run(proto, {"x": np.ones((1, 4), np.float32)})[0].tolist() == [[1, 1, 1, 1]]
    with pytest.raises(UnsupportedError, match="decides at run time"):
        import_model(save(proto, tmp_path))
