"""Full text of what users read when a model file is wrong or holds what edgec does not take."""

from __future__ import annotations

import pathlib
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from edgec.errors import EdgecError, ModelError, UnsupportedError
from edgec.frontend import import_model
from tests.frontend.models import one_node, save, text_model

RELU = "net (float[1,3] x) => (float[1,3] y) { y = Relu(x) }"


def text_of(action: Callable[[], Any], kind: type[EdgecError]) -> str:
    with pytest.raises(kind) as caught:
        action()
    assert type(caught.value) is kind
    assert caught.value.exit_code == 2
    return str(caught.value)


def written(folder: pathlib.Path, content: bytes) -> pathlib.Path:
    path = folder / "net.onnx"
    path.write_bytes(content)
    return path


def test_missing_file(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "net.onnx"
    assert text_of(lambda: import_model(path), ModelError) == f"no such file: {path}"


def test_folder(tmp_path: pathlib.Path) -> None:
    assert text_of(lambda: import_model(tmp_path), ModelError) == f"{tmp_path} cannot be read: Is a directory"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "net.onnx is empty\n  help: export the network to ONNX first"),
        (b"hello, world\n", "net.onnx is not an ONNX model\n  help: export the network to ONNX first"),
        (
            b"PK\x03\x04....",
            "net.onnx is not an ONNX model but a zip file, as torch.save writes\n"
            "  help: export the model with torch.onnx.export",
        ),
        (
            b"\x1c\x00\x00\x00TFL3....",
            "net.onnx is not an ONNX model but a TensorFlow Lite file\n"
            "  help: convert it: python -m tf2onnx.convert --tflite FILE --output MODEL.onnx",
        ),
        (
            b"version https://git-lfs.github.com/spec/v1\n",
            "net.onnx is not an ONNX model but a Git LFS pointer, not the file itself\n  help: fetch it: git lfs pull",
        ),
    ],
    ids=["empty", "text", "zip", "tflite", "lfs"],
)
def test_not_onnx(content: bytes, expected: str, tmp_path: pathlib.Path) -> None:
    assert text_of(lambda: import_model(written(tmp_path, content)), ModelError) == expected


def test_truncated(tmp_path: pathlib.Path) -> None:
    content = text_model(RELU).SerializeToString()[:-12]
    path = written(tmp_path, content)
    assert text_of(lambda: import_model(path), ModelError) == (
        "net.onnx is truncated or damaged: it begins as an ONNX model, but does not end as one\n"
        f"  {path}, {len(content)} bytes\n"
        "  help: copy or export it again"
    )


def test_every_truncation_is_one_clear_error(tmp_path: pathlib.Path) -> None:
    """Cut anywhere inside its graph, a file is refused with one of our own errors."""
    whole = text_model(RELU, {"unused": np.zeros((4, 4), np.float32)}).SerializeToString()
    graph_ends = len(text_model(RELU, {"unused": np.zeros((4, 4), np.float32)}).graph.SerializeToString())
    for size in range(graph_ends):
        with pytest.raises((ModelError, UnsupportedError), match=r"net\.onnx"):
            import_model(written(tmp_path, whole[:size]))


def test_external_data_is_missing(tmp_path: pathlib.Path) -> None:
    proto = one_node("MatMul", {"x": (1, 64)}, {"w": np.ones((64, 64), np.float32)})
    path = tmp_path / "net.onnx"
    onnx.save_model(proto, str(path), save_as_external_data=True, location="net.data", size_threshold=0)
    assert import_model(path).nodes
    (tmp_path / "net.data").unlink()
    assert text_of(lambda: import_model(path), ModelError) == (
        "the weights of net.onnx are in net.data, which is not there\n"
        f"  looked for in {tmp_path}\n"
        "  help: copy it beside the model, or save the model with its weights inside (onnx.save_model)"
    )


def test_nan_weights(tmp_path: pathlib.Path) -> None:
    w = np.ones((4, 4), np.float32)
    w[1, 2], w[0, 0] = np.nan, np.inf
    path = save(one_node("MatMul", {"x": (1, 4)}, {"w": w}), tmp_path, "net.onnx")
    assert text_of(lambda: import_model(path), ModelError) == (
        "1 weight tensors of net.onnx hold NaN or infinity\n"
        "  'w' [4, 4]: 1 NaN, 1 infinite\n"
        "  help: the training diverged or the export failed; take an earlier checkpoint"
    )


def test_nan_in_a_constant_node(tmp_path: pathlib.Path) -> None:
    value = numpy_helper.from_array(np.full((2, 2), np.nan, np.float32), "value")
    proto = text_model("net (float[1,2] x) => (float[1,2] y) { w = Constant<value_int = 1>()  y = MatMul(x, w) }")
    proto.graph.node[0].attribute[0].CopyFrom(onnx.helper.make_attribute("value", value))
    path = save(proto, tmp_path, "net.onnx")
    assert "'w' [2, 2]: 4 NaN, 0 infinite" in text_of(lambda: import_model(path), ModelError)


def test_a_single_infinity_is_a_bound(tmp_path: pathlib.Path) -> None:
    constants = {"low": np.float32(0), "high": np.float32(np.inf)}
    graph = import_model(save(one_node("Clip", {"x": (1, 3)}, constants), tmp_path))
    assert graph.nodes[0].attrs.max == np.inf


def test_open_dimensions(tmp_path: pathlib.Path) -> None:
    proto = text_model("net (float[N,3,H,W] x) => (float[N,3,H,W] y) { y = Relu(x) }")
    path = save(proto, tmp_path, "net.onnx")
    assert text_of(lambda: import_model(path), ModelError) == (
        "net.onnx has dimensions without a size: H, W\n"
        "  input 'x': [1, 3, H, W]\n"
        "  help: give them: --shape H=N --shape W=N"
    )


def test_shape_of_an_unknown_name(tmp_path: pathlib.Path) -> None:
    proto = text_model("net (float[N,height] x) => (float[N,height] y) { y = Relu(x) }")
    path = save(proto, tmp_path, "net.onnx")
    action = lambda: import_model(path, shapes={"heigth": 3, "height": 3})  # noqa: E731
    assert text_of(action, ModelError) == (
        "--shape heigth=3: no input of net.onnx has an open dimension of that name\n  help: did you mean 'height'?"
    )


def test_shape_of_zero(tmp_path: pathlib.Path) -> None:
    path = save(text_model("net (float[N,H] x) => (float[N,H] y) { y = Relu(x) }"), tmp_path)
    action = lambda: import_model(path, shapes={"H": 0})  # noqa: E731
    assert text_of(action, ModelError) == "--shape H=0: a dimension is at least 1"


def test_shapes_that_contradict(tmp_path: pathlib.Path) -> None:
    proto = one_node("MatMul", {"x": (1, 4)}, {"w": np.ones((5, 2), np.float32)})
    proto.graph.output[0].CopyFrom(onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [1, 2]))
    path = save(proto, tmp_path, "net.onnx")
    text = text_of(lambda: import_model(path), ModelError)
    assert text.startswith("the shapes of net.onnx contradict each other: ")
    assert "MatMul" in text


def test_invalid_graph(tmp_path: pathlib.Path) -> None:
    path = save(text_model("net (float[1,3] x) => (float[1,3] y) { y = Add(x, nothing) }"), tmp_path, "net.onnx")
    text = text_of(lambda: import_model(path), ModelError)
    assert text.startswith("net.onnx is not a valid ONNX model: ")
    assert "nothing" in text


def test_old_opset(tmp_path: pathlib.Path) -> None:
    path = save(text_model(RELU, opset=6), tmp_path, "net.onnx")
    assert text_of(lambda: import_model(path), UnsupportedError) == (
        "net.onnx is of opset 6; edgec takes opset 7 and up\n"
        "  help: export it again with a newer opset, or run it through onnx.version_converter"
    )


def test_opset_from_the_future(tmp_path: pathlib.Path) -> None:
    path = save(text_model(RELU, opset=99), tmp_path, "net.onnx")
    text = text_of(lambda: import_model(path), UnsupportedError)
    assert text.startswith("net.onnx is of opset 99, IR version 8; onnx ")
    assert text.endswith("help: pip install --upgrade onnx, or export the model with an older opset")


def test_every_unsupported_node_is_named(tmp_path: pathlib.Path) -> None:
    """Also those behind another that is not supported, and those refused for what their attributes say."""
    text = """
    net (float[1,3,8,8] x) => (float[1,3,8,8] y) {
        a = Relu(x)
        b = LRN<size = 3>(a)
        c = com.microsoft.Strange(b)
        d = Pow(a, e)
        f = MatMul(a, a)
        g = Softplus(d)
        y = Add(g, f)
    }"""
    path = save(text_model(text, {"e": np.float32(1.7)}), tmp_path, "net.onnx")
    assert text_of(lambda: import_model(path), UnsupportedError) == (
        "2 nodes of net.onnx are not supported\n"
        "  Pow 'd' (node 4 of 7) has exponent 1.7000000476837158; 1, 2, 3, 0.5 and -1 are taken\n"
        "  MatMul 'f' (node 5 of 7) multiplies two activations; one side, the second, has to be constant\n"
        "  net.onnx, opset 17\n"
        "  help: `edgec ops` lists the operators and what each takes"
    )
    proto = text_model(text.replace("y = Add(g, f)", "h = Add(g, f)  y = Add(h, c)"), {"e": np.float32(1.7)})
    path = save(proto, tmp_path, "net.onnx")
    assert text_of(lambda: import_model(path), UnsupportedError) == (
        "4 nodes of net.onnx are not supported\n"
        "  LRN 'b' (node 2 of 8) is an operator that edgec does not know\n"
        "  Strange 'c' (node 3 of 8) is an operator of com.microsoft that edgec does not know\n"
        "  Pow 'd' (node 4 of 8) has exponent 1.7000000476837158; 1, 2, 3, 0.5 and -1 are taken\n"
        "  MatMul 'f' (node 5 of 8) multiplies two activations; one side, the second, has to be constant\n"
        "  net.onnx, opset 17\n"
        "  help: `edgec ops` lists the operators and what each takes"
    )


MAP = {"x": (1, 4, 6, 6)}
ONES = np.ones((1, 8, 4), np.float32)
REFUSED: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any], str]] = {
    "Conv": (
        {"x": (1, 2, 4, 4, 4)},
        {"w": np.ones((2, 2, 1, 1, 1), np.float32)},
        {},
        "takes 1-D and 2-D feature maps, input is [1, 2, 4, 4, 4]",
    ),
    "AveragePool": (
        MAP,
        {},
        {"kernel_shape": [3, 3], "strides": [3, 3], "ceil_mode": 1, "count_include_pad": 1, "pads": [1, 1, 0, 0]},
        "counts padding in an average that ceil_mode extends",
    ),
    "PRelu": (
        MAP,
        {"s": np.arange(4, dtype=np.float32).reshape(4, 1, 1)},
        {},
        "has a slope for each channel; one slope for all is taken",
    ),
    "Clip": ({"x": (1, 3), "low": ()}, {}, {}, "has its min computed at run time"),
    "Pad": (
        MAP,
        {"p": np.zeros(8, np.int64)},
        {"mode": "wrap", "opset": 19},
        "has mode 'wrap'; constant, reflect and edge are taken",
    ),
    "Resize": (
        MAP,
        {"s": np.array([1, 1, 2, 2], np.float32)},
        {"mode": "cubic", "order": ("x", "", "s")},
        "has mode 'cubic'; taken are nearest, linear",
    ),
    "Gather": (MAP, {"i": np.array([0, 1, 3])}, {"axis": 1}, "has indices of shape [3] at unequal distances"),
    "ReduceMax": (MAP, {}, {"axes": [1]}, "takes the maximum over axes [1]; height and width are taken"),
    "LSTM": (
        {"x": (3, 1, 4)},
        {"w": ONES, "r": ONES[:, :, :2]},
        {"hidden_size": 2},
        "is recurrent, which edgec does not take",
    ),
}


@pytest.mark.parametrize("op", REFUSED)
def test_reasons(op: str, tmp_path: pathlib.Path) -> None:
    inputs, constants, more, reason = REFUSED[op]
    path = save(one_node(op, inputs, constants, **more), tmp_path, "net.onnx")
    lines = text_of(lambda: import_model(path), UnsupportedError).splitlines()
    assert lines[0] == "1 node of net.onnx is not supported"
    assert lines[1] == f"  {op} 'the_{op.lower()}' (node 1 of 1) {reason}"


def test_quantised_at_run_time(tmp_path: pathlib.Path) -> None:
    proto = text_model("net (float[1,3] x) => (uint8[1,3] y) { y, s, z = DynamicQuantizeLinear(x) }")
    text = text_of(lambda: import_model(save(proto, tmp_path, "net.onnx")), UnsupportedError)
    assert "DynamicQuantizeLinear 'y' (node 1 of 1) is quantised at run time; quantise the model statically" in text


def test_input_of_integers(tmp_path: pathlib.Path) -> None:
    proto = text_model("net (int64[1,3] x, float[1,3] z) => (float[1,3] y) { r = Cast<to = 1>(x)  y = Add(r, z) }")
    text = text_of(lambda: import_model(save(proto, tmp_path, "net.onnx")), UnsupportedError)
    assert "input 'x' is int64; float32, int8 and uint8 are taken" in text


def test_scale_of_zero(tmp_path: pathlib.Path) -> None:
    proto = text_model(
        "net (float[1,3] x) => (int8[1,3] y) { y = QuantizeLinear(x, s, z) }", {"s": np.float32(0), "z": np.int8(0)}
    )
    assert text_of(lambda: import_model(save(proto, tmp_path, "net.onnx")), ModelError) == (
        "QuantizeLinear 'y' has a scale that is not positive: 0\n  net.onnx, node 1 of 1, opset 17"
    )


def test_output_without_input(tmp_path: pathlib.Path) -> None:
    proto = text_model("net (float[1,3] x) => (float[3] y) { y = Identity(c) }", {"c": np.ones(3, np.float32)})
    text = text_of(lambda: import_model(save(proto, tmp_path, "net.onnx")), ModelError)
    assert text == "output 'y' of net.onnx does not depend on any input"
