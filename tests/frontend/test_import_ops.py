"""Every ONNX operator that is taken, in each of its forms: the imported Graph computes what onnxruntime computes."""

from __future__ import annotations

import pathlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from tests.frontend.models import assert_imported, one_node

Shapes = dict[str, tuple[int, ...]]
MAP: Shapes = {"x": (1, 4, 7, 9)}
LINE: Shapes = {"x": (1, 4, 11)}
ROW: Shapes = {"x": (1, 12)}


def i64(*values: int) -> Any:
    return np.array(values, np.int64)


def real(*shape: int) -> Any:
    return np.random.default_rng(len(shape)).standard_normal(shape).astype(np.float32)


@dataclass(frozen=True)
class Case:
    """One node; `ops` are the Graph operators that it becomes, apart from layout changes."""

    op: str
    inputs: dict[str, tuple[int, ...]]
    constants: dict[str, Any] = field(default_factory=dict)
    ops: tuple[str, ...] | None = None
    opset: int = 17
    more: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        shown = ",".join(f"{k}={v}" for k, v in self.more.items())
        return f"{self.op}-{self.opset}-{next(iter(self.inputs.values()))}-{shown}".replace(" ", "")


W, WG, WD, W1 = real(6, 4, 3, 2), real(6, 2, 3, 3), real(8, 1, 3, 3), real(5, 4, 3)
CONV = (
    Case("Conv", MAP, {"w": W}, ("Conv",)),
    Case("Conv", MAP, {"w": W, "b": real(6)}, more={"strides": [2, 3], "pads": [1, 0, 2, 1]}),
    Case("Conv", MAP, {"w": WG}, more={"group": 2, "dilations": [2, 1]}),
    Case("Conv", MAP, {"w": WD}, more={"group": 4, "auto_pad": "SAME_UPPER", "strides": [2, 2]}),
    Case("Conv", MAP, {"w": W}, more={"auto_pad": "SAME_LOWER", "strides": [2, 2]}),
    Case("Conv", MAP, {"w": W}, more={"auto_pad": "VALID"}),
    Case("Conv", LINE, {"w": W1, "b": real(5)}, ("Conv",), more={"pads": [1, 2], "strides": [2]}),
)
GEMM = (
    Case("Gemm", ROW, {"w": real(12, 5)}, ("Gemm",)),
    Case("Gemm", ROW, {"w": real(5, 12), "c": real(5)}, more={"transB": 1}),
    Case("Gemm", ROW, {"w": real(12, 5), "c": real(1, 5)}, more={"alpha": 0.5, "beta": 2.0}),
    Case("Gemm", ROW, {"w": real(12, 5), "c": real(1)}),
    Case("Gemm", {"x": (12, 1)}, {"w": real(12, 5)}, more={"transA": 1}),
    Case("Gemm", {"x": (3, 12)}, {"w": real(12, 5), "c": real(3, 5)}, ("Gemm", "Add")),
    Case("MatMul", ROW, {"w": real(12, 5)}, ("Gemm",)),
    Case("MatMul", {"x": (1, 3, 12)}, {"w": real(12, 5)}),
    Case("MatMul", {"x": (1, 12)}, {"w": real(1, 12, 5)}),
)
ELEMENTWISE = (
    Case("Add", MAP, {"c": real(4, 1, 1)}, ("Add",)),
    Case("Sub", MAP, {"c": real(1)}, ("Sub",)),
    Case("Mul", {"x": (1, 4, 7, 9), "z": (9,)}, ops=("Mul",)),
    Case("Div", {"x": (1, 4, 7, 9)}, {"c": np.float32(3)}, ("Div",)),
    Case("Sum", {"x": (1, 4), "z": (1, 4)}, ops=("Add",)),
    Case("Sum", {"x": (1, 4), "z": (1, 4), "v": (4,)}, ops=("Add", "Add")),
    Case("Pow", ROW, {"c": np.float32(2)}, ("Mul",)),
    Case("Pow", ROW, {"c": np.float32(3)}, ("Mul", "Mul")),
    Case(
        "BatchNormalization",
        MAP,
        {"s": real(4), "b": real(4) + 1, "m": real(4), "v": np.abs(real(4)) + 0.1},
        ("Mul", "Add"),
        more={"epsilon": 1e-3},
    ),
)
ACTIVATION = (
    *(Case(op, ROW, ops=(op,)) for op in ("Relu", "Sigmoid", "Tanh", "HardSwish", "Softplus", "Softsign")),
    *(
        Case(op, ROW, ops=(op,))
        for op in ("Abs", "Neg", "Exp", "Floor", "Ceil", "Round", "Erf", "Sin", "Cos", "Atan", "Sign")
    ),
    *(Case(op, ROW) for op in ("LeakyRelu", "Elu", "Selu", "Celu", "ThresholdedRelu", "HardSigmoid")),
    Case("LeakyRelu", ROW, more={"alpha": 0.3}),
    Case("HardSigmoid", ROW, more={"alpha": 0.1, "beta": 0.4}),
    Case("Selu", ROW, more={"alpha": 1.5, "gamma": 2.0}),
    Case("Mish", ROW, opset=18),
    Case("Gelu", ROW, opset=20),
    Case("Gelu", ROW, opset=20, more={"approximate": "tanh"}),
    Case("PRelu", MAP, {"s": np.full((4, 1, 1), 0.2, np.float32)}, ("LeakyRelu",)),
    Case("Clip", ROW, {"lo": np.float32(-0.5), "hi": np.float32(0.5)}, ("Clip",)),
    Case("Clip", ROW, opset=7, more={"min": 0.0, "max": 1.0}),
    Case("Max", ROW, {"c": np.float32(0.1)}, ("Clip",)),
    Case("Min", ROW, {"c": real(1)}, ("Clip",)),
)
POOL = (
    Case("MaxPool", MAP, ops=("MaxPool",), more={"kernel_shape": [3, 2], "strides": [2, 2], "pads": [1, 0, 1, 1]}),
    Case("MaxPool", MAP, more={"kernel_shape": [3, 3], "strides": [2, 2], "ceil_mode": 1}),
    Case("MaxPool", MAP, more={"kernel_shape": [2, 2], "dilations": [2, 2]}),
    Case("MaxPool", LINE, more={"kernel_shape": [3], "strides": [2]}),
    Case("AveragePool", MAP, ops=("AveragePool",), more={"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}),
    Case("AveragePool", MAP, more={"kernel_shape": [3, 3], "pads": [1, 1, 1, 1], "count_include_pad": 1}),
    Case("AveragePool", MAP, more={"kernel_shape": [2, 4], "strides": [2, 4], "ceil_mode": 1}),
    Case("AveragePool", MAP, more={"kernel_shape": [3, 3], "auto_pad": "SAME_UPPER", "strides": [2, 2]}),
    Case("GlobalAveragePool", MAP, ops=("ReduceMean",)),
    Case("GlobalAveragePool", LINE, ops=("ReduceMean",)),
    Case("GlobalMaxPool", MAP, ops=("MaxPool",)),
    Case("ReduceMean", MAP, ops=("ReduceMean",), more={"axes": [2, 3]}),
    Case("ReduceMean", MAP, more={"axes": [-1, -2], "keepdims": 0}),
    Case("ReduceMean", MAP, more={"axes": [1, 3]}),
    Case("ReduceMean", MAP, more={"axes": [1, 3], "keepdims": 0}),
    Case("ReduceMean", MAP, {"axes": i64(1)}, opset=18),
    Case("ReduceMean", ROW),
    Case("ReduceSum", MAP, {"axes": i64(2, 3)}, ("ReduceMean", "Mul")),
    Case("ReduceMax", MAP, ops=("MaxPool",), more={"axes": [2, 3]}),
    Case("ReduceMax", MAP, more={"axes": [2, 3], "keepdims": 0}),
)
FAR = np.iinfo(np.int64).max
MOVEMENT = (
    Case("Reshape", MAP, {"s": i64(0, -1)}),
    Case("Flatten", MAP),
    Case("Flatten", MAP, more={"axis": 2}),
    Case("Squeeze", {"x": (1, 4, 1, 1)}, {"a": i64(2, 3)}),
    Case("Squeeze", {"x": (1, 4, 1, 1)}, opset=11, more={"axes": [2]}),
    Case("Unsqueeze", ROW, {"a": i64(1, -1)}),
    Case("Transpose", MAP, more={"perm": [0, 2, 3, 1]}),
    Case("Transpose", ROW),
    Case("Concat", {"x": (1, 4, 3), "z": (1, 2, 3)}, ops=("Concat",), more={"axis": -2}),
    Case("Slice", MAP, {"s": i64(1, -4), "e": i64(3, FAR), "a": i64(1, 3)}),
    Case(
        "Slice",
        MAP,
        {"s": i64(-1), "e": i64(-FAR), "a": i64(2), "t": i64(-2)},
    ),
    Case(
        "Slice",
        MAP,
        {
            "s": i64(0, 0),
            "e": i64(9, 5),
            "a": i64(2, 3),
            "t": i64(2, 2),
        },
    ),
    Case("Slice", MAP, opset=9, more={"starts": [0, 1], "ends": [1, 3]}),
    Case("Split", MAP, ops=("Slice",), more={"axis": 1}, opset=13),
    Case("Gather", MAP, {"i": i64(3, 2, 1)}, ("Slice",), more={"axis": 2}),
    Case("Gather", MAP, {"i": np.int64(-1)}, ("Slice",), more={"axis": 1}),
    Case("Pad", MAP, {"p": i64(0, 1, 2, 0, 0, 0, 1, 3)}, ("Pad",)),
    Case("Pad", MAP, {"p": i64(0, 0, 1, 1, 0, 0, 1, 1), "v": np.float32(-2)}),
    Case("Pad", MAP, {"p": i64(0, 0, 1, 1, 0, 0, 1, 1)}, more={"mode": "reflect"}),
    Case("Pad", MAP, {"p": i64(0, 0, 1, 1, 0, 0, 1, 1)}, more={"mode": "edge"}),
    Case("Pad", MAP, {"p": i64(0, 0, -1, 1, 0, 0, 1, -2)}, ("Slice", "Pad")),
    Case("Pad", MAP, opset=10, more={"pads": [0, 0, 1, 1, 0, 0, 0, 0], "value": 1.5}),
    Case("Tile", MAP, {"r": i64(1, 2, 1, 3)}, ("Concat", "Concat")),
    Case("Expand", {"x": (1, 4, 1)}, {"s": i64(1, 4, 5)}, ("Concat",)),
    Case("DepthToSpace", {"x": (1, 8, 3, 4)}, ops=("DepthToSpace",), more={"blocksize": 2}),
    Case("DepthToSpace", {"x": (1, 8, 3, 4)}, more={"blocksize": 2, "mode": "CRD"}),
    Case("SpaceToDepth", {"x": (1, 3, 4, 6)}, ops=(), more={"blocksize": 2}),
)
COORDINATES = "coordinate_transformation_mode"
SCALES = np.array([1, 1, 2, 1.5], np.float32)
RESIZE = (
    *(
        Case("Resize", MAP, {"s": SCALES}, ("Resize",), more={"mode": m, COORDINATES: c, "order": ("x", "", "s")})
        for m in ("nearest", "linear")
        for c in ("half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric")
    ),
    Case("Resize", MAP, {"s": i64(1, 4, 5, 20)}, more={"mode": "linear", "order": ("x", "", "", "s")}),
    Case("Resize", LINE, {"s": np.array([1, 1, 2], np.float32)}, more={"order": ("x", "", "s")}),
    Case("Upsample", MAP, {"s": np.array([1, 1, 2, 3], np.float32)}, ("Resize",), opset=9),
    Case("Upsample", MAP, ops=("Resize",), opset=7, more={"scales": [1.0, 1.0, 2.0, 2.0], "mode": "linear"}),
    Case("Resize", MAP, {"s": np.array([1, 1, 2, 2], np.float32)}, ("Resize",), opset=10),
)
SOFTMAX = (
    Case("Softmax", ROW, ops=("Softmax",)),
    Case("Softmax", MAP, more={"axis": 1}),
    Case("Softmax", MAP, opset=11, more={"axis": 1}),
    Case("Softmax", MAP, opset=11, more={"axis": 3}),
    Case("LogSoftmax", ROW, ops=("LogSoftmax",)),
)
ALL = (*CONV, *GEMM, *ELEMENTWISE, *ACTIVATION, *POOL, *MOVEMENT, *RESIZE, *SOFTMAX)


@pytest.mark.parametrize("case", ALL, ids=str)
def test_operator(case: Case, tmp_path: pathlib.Path) -> None:
    proto = one_node(case.op, case.inputs, case.constants, opset=case.opset, **case.more)
    graph = assert_imported(proto, tmp_path)
    if case.ops is not None:
        kept = [node.op.name for node in graph.nodes if node.op.name not in ("Transpose", "Reshape")]
        assert tuple(kept) == case.ops


@pytest.mark.parametrize("attributes", [{"axis": 1}, {"axis": 1, "keepdims": 0, "select_last_index": 1}])
def test_arg_max(attributes: dict[str, int], tmp_path: pathlib.Path) -> None:
    proto = one_node("ArgMax", ROW, result="int64", **attributes)
    graph = assert_imported(proto, tmp_path, exact=True)
    assert graph.output_ports[0].dtype == "int64"


def test_split_drops_parts_that_nobody_reads(tmp_path: pathlib.Path) -> None:
    proto = one_node("Split", MAP, {"s": i64(1, 3)}, outputs=("y", "z"), axis=1)
    del proto.graph.output[0]
    graph = assert_imported(proto, tmp_path)
    assert [node.output.type.shape for node in graph.nodes] == [(1, 3, 7, 9)]
