"""Sample files: what is read, how inputs are found, and each fault's full text."""

from __future__ import annotations

import pathlib
from typing import Any

import numpy as np
import pytest

from edgec.errors import ModelError
from edgec.frontend import Samples, load_samples
from edgec.ir import Port

FORM = "  help: an .npz file holds x (first axis: sample) and, for accuracy, y (class numbers)"
PORT = Port("image", "float32", (1, 3, 4))
X = np.arange(24, dtype=np.float32).reshape(2, 3, 4)


def write(folder: pathlib.Path, **arrays: Any) -> pathlib.Path:
    path = folder / "samples.npz"
    np.savez(path, **arrays)
    return path


def test_x_and_y(tmp_path: pathlib.Path) -> None:
    samples = load_samples(write(tmp_path, x=X, y=np.array([1, 0], np.uint8)))
    assert len(samples) == 2
    np.testing.assert_array_equal(samples.inputs([PORT])[0], X)
    assert samples.labels().tolist() == [1, 0]
    assert samples.first(1).labels().tolist() == [1]
    assert len(samples.first(9)) == 2


def test_npy_holds_x_alone(tmp_path: pathlib.Path) -> None:
    np.save(tmp_path / "x.npy", X)
    samples = load_samples(tmp_path / "x.npy")
    assert samples.y is None
    np.testing.assert_array_equal(samples.x, X)


@pytest.mark.parametrize("names", [("x0", "x1"), ("left", "right")])
def test_several_inputs_by_number_or_name(names: tuple[str, str], tmp_path: pathlib.Path) -> None:
    ports = [Port("left", "float32", (1, 2)), Port("right", "int8", (1, 3))]
    arrays = {names[0]: np.ones((4, 2), np.float32), names[1]: np.ones((4, 3), np.int8)}
    inputs = load_samples(write(tmp_path, **arrays)).inputs(ports)
    assert [x.shape for x in inputs] == [(4, 2), (4, 3)]


def test_the_batch_axis_may_be_there(tmp_path: pathlib.Path) -> None:
    samples = load_samples(write(tmp_path, x=X[:, np.newaxis]))
    assert samples.inputs([PORT])[0].shape == (2, 3, 4)


def test_reals_of_another_width_are_taken(tmp_path: pathlib.Path) -> None:
    samples = load_samples(write(tmp_path, x=X.astype(np.float64)))
    assert samples.inputs([PORT])[0].dtype == np.float32


def test_other_arrays_beside_x_do_not_matter(tmp_path: pathlib.Path) -> None:
    samples = load_samples(write(tmp_path, x=X, names=np.array(["a", "b", "c"])))
    assert list(samples.arrays) == ["x"]


def error(action: Any) -> str:
    with pytest.raises(ModelError) as caught:
        action()
    return str(caught.value)


def test_missing_file(tmp_path: pathlib.Path) -> None:
    assert error(lambda: load_samples(tmp_path / "none.npz")) == f"no such file: {tmp_path / 'none.npz'}"


def test_folder(tmp_path: pathlib.Path) -> None:
    assert error(lambda: load_samples(tmp_path)) == f"{tmp_path} is a folder, not a sample file\n{FORM}"


@pytest.mark.parametrize("content", [b"", b"hello", b"PK\x03\x04 cut off"])
def test_not_a_numpy_file(content: bytes, tmp_path: pathlib.Path) -> None:
    path = tmp_path / "s.npz"
    path.write_bytes(content)
    text = f"s.npz is not a NumPy file that can be read: it is damaged or of another kind\n{FORM}"
    assert error(lambda: load_samples(path)) == text


def test_python_objects_are_not_read(tmp_path: pathlib.Path) -> None:
    path = write(tmp_path, x=np.array([{"a": 1}], dtype=object))
    text = f"samples.npz is not a NumPy file that can be read: it holds Python objects\n{FORM}"
    assert error(lambda: load_samples(path)) == text


def test_no_x(tmp_path: pathlib.Path) -> None:
    assert error(lambda: load_samples(write(tmp_path, y=np.zeros(3, int)))) == f"samples.npz has no array x\n{FORM}"


def test_empty(tmp_path: pathlib.Path) -> None:
    text = f"samples.npz has no samples: x is empty\n{FORM}"
    assert error(lambda: load_samples(write(tmp_path, x=X[:0]))) == text


def test_more_labels_than_samples(tmp_path: pathlib.Path) -> None:
    text = f"the arrays of samples.npz have different numbers of samples: x has 2, y has 3\n{FORM}"
    assert error(lambda: load_samples(write(tmp_path, x=X, y=np.zeros(3, int)))) == text


def samples_of(x: Any, y: Any = None) -> Samples:
    return Samples({"x": np.asarray(x)}, None if y is None else np.asarray(y), "samples.npz")


def test_wrong_shape() -> None:
    assert error(lambda: samples_of(X.transpose(0, 2, 1)).inputs([PORT])) == (
        "a sample of samples.npz is float32 [4, 3]; input 'image' takes float32 [3, 4]\n"
        "  help: x holds one sample after another along its first axis, each in the model's own input form"
    )


def test_wrong_type() -> None:
    assert error(lambda: samples_of(X.astype(np.uint8)).inputs([PORT])) == (
        "a sample of samples.npz is uint8 [3, 4]; input 'image' takes float32 [3, 4]\n"
        "  help: prepare the samples as for the model itself, in float32"
    )


def test_reals_for_integers() -> None:
    port = Port("image", "int8", (1, 3, 4))
    assert "float32 [3, 4]; input 'image' takes int8 [3, 4]" in error(lambda: samples_of(X).inputs([port]))


def test_nan() -> None:
    x = X.copy()
    x[0, 0, 0] = np.nan
    assert error(lambda: samples_of(x).inputs([PORT])) == "the samples of samples.npz hold NaN or infinity"


def test_no_labels() -> None:
    text = f"samples.npz has no labels: an accuracy needs an array y\n{FORM}"
    assert error(lambda: samples_of(X).labels()) == text


def test_labels_of_another_form() -> None:
    text = f"y of samples.npz is float64 of shape [2]; one class number a sample is expected\n{FORM}"
    assert error(lambda: samples_of(X, [0.5, 1.0]).labels()) == text


def test_input_without_samples() -> None:
    ports = [PORT, Port("mask", "float32", (1, 2))]
    assert error(lambda: Samples({"x0": X}, None, "samples.npz").inputs(ports)) == (
        "samples.npz has no samples of input 'mask': it holds x0\n  help: call them x1"
    )
