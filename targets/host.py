"""Runs a generated project on this computer: the same C, built as a shared library."""

from __future__ import annotations

import ctypes
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgec.errors import TargetError
from edgec.ir import DType
from edgec.targets.load import load_target
from edgec.targets.toolchain import find_compiler

Array = npt.NDArray[Any]


class Tensor(ctypes.Structure):
    """ec_tensor of runtime_c/include/edgec/ec_model.h."""

    _fields_ = (("offset", ctypes.c_uint32), ("bytes", ctypes.c_uint32))


class ModelInfo(ctypes.Structure):
    """ec_model_info of runtime_c/include/edgec/ec_model.h."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("sha256", ctypes.c_char_p),
        ("target", ctypes.c_char_p),
        ("arena_bytes", ctypes.c_uint32),
        ("input_count", ctypes.c_uint32),
        ("output_count", ctypes.c_uint32),
        ("inputs", ctypes.POINTER(Tensor)),
        ("outputs", ctypes.POINTER(Tensor)),
        ("run", ctypes.CFUNCTYPE(None, ctypes.c_void_p)),
        ("rows", ctypes.c_uint32),
        ("begin", ctypes.CFUNCTYPE(None, ctypes.c_void_p)),
        ("next_row", ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p)),
        ("arena", ctypes.c_void_p),
    )


class HostModel:
    """A project's model on the host, for any target it was generated for.

    The element types and shapes of the outputs come from the project's report.json; without one, outputs are bytes.
    """

    def __init__(self, project: Path, *, cc: str | None = None, defines: Sequence[str] = ()) -> None:
        """Build and load; TargetError where there is no compiler or the project does not compile."""
        self.folder = tempfile.TemporaryDirectory(prefix="edgec-host-")
        compiler = find_compiler(load_target("host"), cc)
        path = compiler.build_host(project, Path(self.folder.name), defines=defines)
        self.library = ctypes.CDLL(str(path))
        self.info = ModelInfo.in_dll(self.library, "ec_model")
        self.inputs = tuple(self.info.inputs[index].bytes for index in range(self.info.input_count))
        if self.info.rows:
            self.inputs = (self.inputs[0] * self.info.rows, *self.inputs[1:])
        outputs = tuple(self.info.outputs[index].bytes for index in range(self.info.output_count))
        self.outputs = output_types(project, outputs)

    def run(self, inputs: Sequence[Array]) -> list[Array]:
        """The outputs of a batch. inputs: one array (N, ...) s8 each, in the Graph's layout; outputs: (N, ...) each."""
        batch = len(inputs[0]) if inputs else 0
        rows = [np.ascontiguousarray(array).reshape(batch, -1).view(np.uint8) for array in inputs]
        sizes = tuple(array.shape[1] for array in rows)
        if sizes != self.inputs:
            raise TargetError(f"the model takes inputs of {list(self.inputs)} bytes, not {list(sizes)}")
        results = [np.empty((batch, *shape), dtype) for dtype, shape in self.outputs]
        arena = self.info.arena
        for sample in range(batch):
            for index, array in enumerate(rows):
                if index > 0 or not self.info.rows:
                    ctypes.memmove(arena + self.info.inputs[index].offset, array[sample].ctypes.data, array.shape[1])
            if self.info.rows:
                self.push(rows[0][sample])
            else:
                self.info.run(arena)
            for result, output in zip(results, self.read(), strict=True):
                result[sample] = output[0]
        return results

    def push(self, x: Array) -> None:
        """The first input, row by row, from the beginning."""
        self.info.begin(self.info.arena)
        for row in x.reshape(self.info.rows, -1):
            self.push_row(row)

    def push_row(self, row: Array) -> None:
        """The next row of the first input."""
        row = np.ascontiguousarray(row)
        ctypes.memmove(self.info.next_row(self.info.arena), row.ctypes.data, row.nbytes)
        self.info.run(self.info.arena)

    def read(self) -> list[Array]:
        """The outputs as they are now, (1, ...) each."""
        results = [np.empty((1, *shape), dtype) for dtype, shape in self.outputs]
        for index, result in enumerate(results):
            tensor = self.info.outputs[index]
            ctypes.memmove(result.ctypes.data, self.info.arena + tensor.offset, tensor.bytes)
        return results


def output_types(project: Path, sizes: Sequence[int]) -> list[tuple[Any, tuple[int, ...]]]:
    """Element type and shape of one sample of each output, the Graph's first axis (1) left out."""
    report = project / "report.json"
    if not report.exists():
        return [(np.int8, (size,)) for size in sizes]
    ports = json.loads(report.read_text(encoding="utf-8"))["outputs"]
    return [(DType(port["graph_dtype"]).numpy, tuple(port["graph_shape"][1:])) for port in ports]
