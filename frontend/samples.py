"""Sample files: .npz with `x` (first axis: sample) and `y` (labels), or .npy with x alone."""

from __future__ import annotations

import pathlib
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from edgec.errors import ModelError
from edgec.frontend.load import Path
from edgec.ir import Array, Port
from edgec.ports import sample_shape

FORM = "an .npz file holds x (first axis: sample) and, for accuracy, y (class numbers)"


@dataclass(frozen=True)
class Samples:
    """Inputs by name ("x" where there is one; "x0", "x1", ... or the inputs' own names else) and labels, if any."""

    arrays: Mapping[str, Array]
    y: Array | None
    file: str

    def __len__(self) -> int:
        return len(next(iter(self.arrays.values())))

    @property
    def x(self) -> Array:
        """The samples of the first input: (samples, ...)."""
        return next(iter(self.arrays.values()))

    def first(self, count: int) -> Samples:
        """The first `count` samples, or all if there are fewer."""
        arrays = {name: array[:count] for name, array in self.arrays.items()}
        return replace(self, arrays=arrays, y=None if self.y is None else self.y[:count])

    def inputs(self, ports: Sequence[Port]) -> list[Array]:
        """(samples, *sample_shape(port)) of each input; ModelError where form or type are not the model's."""
        return [_checked(self, port, self._array(ports, index)) for index, port in enumerate(ports)]

    def labels(self) -> Array:
        """Class numbers (samples,), int64; ModelError where the file has none."""
        if self.y is None:
            raise ModelError(f"{self.file} has no labels: an accuracy needs an array y", help=FORM)
        if self.y.ndim != 1 or self.y.dtype.kind not in "iub":
            found = f"{self.y.dtype} of shape {list(self.y.shape)}"
            raise ModelError(f"y of {self.file} is {found}; one class number a sample is expected", help=FORM)
        return self.y.astype(np.int64)

    def _array(self, ports: Sequence[Port], index: int) -> Array:
        name = ports[index].name
        keys = [name, f"x{index}", *(["x"] if len(ports) == 1 else [])]
        found = next((key for key in keys if key in self.arrays), None)
        if found is None:
            has = ", ".join(self.arrays)
            raise ModelError(
                f"{self.file} has no samples of input {name!r}: it holds {has}", help=f"call them {keys[-1]}"
            )
        return self.arrays[found]


def load_samples(path: Path) -> Samples:
    """Read a sample file. Raises ModelError for one that is absent, no NumPy file, empty, or without x."""
    path = pathlib.Path(path)
    stored = _read(path)
    labels = stored.pop("y", None)
    inputs = {name: array for name, array in stored.items() if array.ndim}
    if not inputs:
        raise ModelError(f"{path.name} has no array x", help=FORM)
    # Other arrays may lie in the file too; where there is an x, that is meant.
    named = {name: array for name, array in inputs.items() if name == "x" or (name[:1] == "x" and name[1:].isdigit())}
    samples = Samples(dict(sorted((named or inputs).items(), key=_order)), labels, path.name)
    _check_lengths(samples)
    return samples


def _order(entry: tuple[str, Array]) -> tuple[int, str]:
    """x2 before x10; other names as they are in the alphabet."""
    name = entry[0]
    return (int(name[1:]) if name[:1] == "x" and name[1:].isdigit() else 0, name)


def _read(path: pathlib.Path) -> dict[str, Array]:
    try:
        loaded = np.load(path, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return {"x": loaded}
        with loaded:
            return {name: loaded[name] for name in loaded.files}
    except FileNotFoundError:
        raise ModelError(f"no such file: {path}") from None
    except IsADirectoryError:
        raise ModelError(f"{path} is a folder, not a sample file", help=FORM) from None
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, KeyError) as error:
        objects = "pickle" in str(error) and zipfile.is_zipfile(path)
        reason = "it holds Python objects" if objects else "it is damaged or of another kind"
        raise ModelError(f"{path.name} is not a NumPy file that can be read: {reason}", help=FORM) from None


def _check_lengths(samples: Samples) -> None:
    if len(samples) == 0:
        raise ModelError(f"{samples.file} has no samples: x is empty", help=FORM)
    lengths = {name: len(array) for name, array in samples.arrays.items()}
    if samples.y is not None:
        lengths["y"] = len(samples.y) if samples.y.ndim else 0
    if len(set(lengths.values())) > 1:
        text = ", ".join(f"{name} has {count}" for name, count in lengths.items())
        raise ModelError(f"the arrays of {samples.file} have different numbers of samples: {text}", help=FORM)


def _checked(samples: Samples, port: Port, x: Array) -> Array:
    """The samples of one input in the shape and type that the model takes."""
    wanted = sample_shape(port)
    found = f"{x.dtype} [{', '.join(map(str, x.shape[1:]))}]"
    expected = f"{port.dtype} [{', '.join(map(str, wanted))}]"
    if x.shape[1:] not in (wanted, port.shape):
        raise ModelError(
            f"a sample of {samples.file} is {found}; input {port.name!r} takes {expected}",
            help="x holds one sample after another along its first axis, each in the model's own input form",
        )
    reals = port.dtype == "float32" and x.dtype.kind == "f"
    if x.dtype != port.dtype and not reals:
        raise ModelError(
            f"a sample of {samples.file} is {found}; input {port.name!r} takes {expected}",
            help=f"prepare the samples as for the model itself, in {port.dtype}",
        )
    x = x.reshape(len(x), *wanted).astype(port.dtype, copy=False)
    if x.dtype.kind == "f" and not np.isfinite(x).all():
        raise ModelError(f"the samples of {samples.file} hold NaN or infinity")
    return x
