"""What an operator is to edgec: shapes, quantisation rule, row needs, kernels, gradient."""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Generic, TypeVar

import numpy as np

from edgec.errors import InternalError
from edgec.goal import Goal
from edgec.ir import Array, DType, Graph, Node, TensorType, Value
from edgec.target import Core

A = TypeVar("A")
ISAS = ("nodsp", "dsp", "mve", "neon", "dotprod", "i8mm")  # last parts of kernel names
Grad = Callable[[Graph, Node, Sequence[Value]], "list[Value | None]"]


@dataclass(frozen=True)
class NoAttrs:
    """For operators without attributes."""


@dataclass(frozen=True)
class NoData:
    """For kernels that need nothing beyond their geometry."""


@dataclass(frozen=True, slots=True)
class RowWindow:
    """Which input rows an output row reads: y*stride - pad + k*dilation for k in 0..size-1.

    Stride 0: every output row reads the same rows (broadcasting along the height).
    """

    size: int = 1
    stride: int = 1
    pad: int = 0
    dilation: int = 1

    def first(self, row: int) -> int:
        """First input row that output row `row` reads; may lie in the padding (below 0)."""
        return row * self.stride - self.pad

    def last(self, row: int) -> int:
        return self.first(row) + (self.size - 1) * self.dilation


class QuantRule(enum.Enum):
    """How the quantisation of an operator's output relates to its first input's."""

    FREE = "free"  # any output scale: the kernel requantises
    SAME = "same as input"  # the integers are moved, not changed
    NONE = "none"  # the output is not quantised (indices, float32)


@dataclass(frozen=True, slots=True)
class Cut:
    """A range of output columns by itself: the operator's attributes for it, the input columns first..end-1."""

    attrs: Any
    first: int
    end: int


def default_work(node: Node) -> tuple[float, ...]:
    """What most kernels' instructions are a sum of.

    MACs whose weights serve several pixels, MACs of a single pixel, output elements, elements of the columns that the
    pixels are computed from.
    """
    macs, y = float(node.op.macs(node)), node.output.type
    channels = y.shape[-1] if y.shape else 1
    shared = macs if y.elements > channels else 0.0
    return shared, macs - shared, float(y.elements), macs / max(1, channels)


@dataclass(frozen=True)
class Kernel(Generic[A]):
    """One C implementation: the function `name` in runtime_c/kernels/<family>/<name>.h.

    Its C signature is always
    `void name(const name_geometry *g, const name_data *d, const T *const x[], U *y, void *scratch)`.
    A kernel of an operator with row windows computes one output row from the input rows in `x` (for each
    input in turn, `window.size` pointers); a kernel of one without computes whole tensors.

    why_not   the reason, as the end of a sentence, why it can't take this node on this core; None: it can.
    geometry  frozen dataclass that mirrors `name_geometry`: compile-time constants, `rows` adjacent rows at once.
    data      frozen dataclass that mirrors `name_data`: numpy arrays become pointers to constants in flash
              (packed in the order that the kernel reads), ints and floats become scalars.
    scratch   bytes of working memory of one call.
    kept      bytes of it that are kept from call to call instead; zeros before the first.
    by_rows   the kernel that takes the input's rows one by one instead of all together and gives the output, of one
              row, after the last; None: there is none, or the rule of rows says all.
    flat      several adjacent rows may be passed as one longer row (`rows` > 1).
    inplace   y may be x[0] itself (or start below it): each element is read before it is written.
    columns   the window along the row, of kernels that go through the pixels in order: once pixel j is written, only
              the windows from j + 1 on are read. None: a row is read while it is written.
    pad_value what a row of padding holds; None: the kernel takes a null pointer for a row of padding.
    sliding   of a kernel that takes rows one by one: the one that gives an output after each, from as many as the input
              has; None: there is none.
    cost      estimated instructions of the whole node on the core, where nothing is fitted for the core.
    work      what the instructions are a sum of: the fitted cost has one factor for each (benchmarks/fit_costs.py).
    stack     upper bound of the bytes of stack of one call.
    code      rough bytes of code of one instance: for the choice by size, and where no compiler is there to measure.
    """

    name: str
    family: str
    why_not: Callable[[Node, Core], str | None]
    geometry: Callable[[Node, int], Any]
    data: Callable[[Node], Any]
    scratch: Callable[[Node], int] = lambda node: 0
    kept: Callable[[Node], int] = lambda node: 0
    by_rows: Callable[[Node], Kernel[Any] | None] = lambda node: None
    flat: Callable[[Node], bool] = lambda node: False
    sliding: Callable[[Node], Kernel[Any] | None] = lambda node: None
    inplace: bool = False
    columns: Callable[[Node], RowWindow | None] = lambda node: None
    pad_value: Callable[[Node], int | None] = lambda node: None
    cost: Callable[[Node, Core], float] = lambda node, core: float(10 * node.output.type.elements)
    work: Callable[[Node], tuple[float, ...]] = default_work
    stack: int = 256
    code: int = 400

    @property
    def isa(self) -> str:
        """The instructions that it is written for, the last part of its name; nothing for plain C."""
        last = self.name.rpartition("_")[2]
        return last if last in ISAS else ""


def no_macs(node: Node) -> int:
    return 0


def whole(node: Node) -> tuple[RowWindow, ...] | None:
    """Row rule of operators that need their inputs whole."""
    return None


def each_row(node: Node) -> tuple[RowWindow, ...] | None:
    """Row rule of elementwise operators: output row y reads row y of every non-constant input."""
    return tuple(RowWindow() for value in node.inputs if not value.is_constant)


@dataclass(frozen=True)
class OpDef(Generic[A]):
    """An operator: one per ONNX operator that the Graph knows.

    infer     attributes and input types -> output types (shape and dtype; the quantisation of an output
              is the node's own and is checked by `quant`).
    rows      windows of input rows, one per non-constant input; None: the operator needs whole inputs.
    evaluate  numpy function in float32 for elementwise operators: tables are computed from it.
    grad      builds the backward nodes in float32: (graph, node, output gradients) -> input gradients, None
              for inputs without one.
    macs      multiply-accumulates of the node.
    cut       what computes a range of output columns (first, last + 1) alone: attributes, and the input columns that
              are read; None: the operator can't be cut so.
    """

    name: str
    attrs: type[A]
    infer: Callable[[A, Sequence[TensorType]], tuple[TensorType, ...]]
    quant: QuantRule = QuantRule.FREE
    kernels: tuple[Kernel[A], ...] = ()
    rows: Callable[[Node], tuple[RowWindow, ...] | None] = whole
    macs: Callable[[Node], int] = no_macs
    evaluate: Callable[..., Array] | None = None
    grad: Grad | None = None
    cut: Callable[[Node, int, int], Cut | None] = lambda node, first, end: None
    summary: str = ""
    extra: tuple[str, ...] = field(default=())  # ONNX operators that are imported as this one

    @property
    def alias(self) -> bool:
        """The output is the input's memory under another shape: nothing is computed."""
        return self.name == "Reshape"

    def check_quant(self, node: Node) -> None:
        """Raise InternalError when the quantisation of an output breaks the operator's rule."""
        source = node.inputs[0].type if node.inputs else None
        for value in node.outputs:
            if value.type.dtype is DType.S8 and value.type.quant is None:
                raise InternalError(f"{node}: int8 output {value.name!r} has no quantisation")
            if source and self.quant is QuantRule.SAME and value.type.quant != source.quant:
                raise InternalError(f"{node}: output {value.name!r} has another quantisation than its input")


def s8_only(node: Node, core: Core) -> str | None:
    """why_not of the portable int8 kernels: every activation is int8."""
    for value in (*node.inputs[:1], *node.outputs[:1]):
        if value.type.dtype is not DType.S8:
            return f"takes int8 only, {value.name!r} is {value.type.dtype.value}"
    return None


def instructions(kernel: Kernel[Any], node: Node, core: Core) -> float:
    """Estimated instructions of the whole node: fitted to counts on this core, else the kernel's own `cost`."""
    fitted = core.fitted(kernel.name)
    if fitted is None:
        return kernel.cost(node, core)
    return sum(each * amount for each, amount in zip(fitted, kernel.work(node), strict=True))


def constant_bytes(kernel: Kernel[Any], node: Node) -> int:
    """Bytes of flash of the constants that a kernel reads for a node."""
    data = kernel.data(node)
    values = (getattr(data, item.name) for item in fields(data))
    return sum(value.nbytes for value in values if isinstance(value, np.ndarray))


def select_kernel(node: Node, core: Core, goal: Goal = Goal.SPEED) -> tuple[Kernel[Any] | None, list[str]]:
    """The kernel that takes the node and is best by the goal, and why those in plain C do not take it.

    Of equal ones the first listed wins. Plain C takes all that any kernel of the operator does.
    """
    taking, reasons = [], []
    for kernel in node.op.kernels:
        reason = kernel.why_not(node, core)
        if reason is None:
            taking.append(kernel)
        elif not kernel.isa:
            reasons.append(f"{kernel.name}: {reason}")
    if len(taking) < 2:  # packing constants to see how many they are takes time
        return (taking[0] if taking else None), reasons
    prices = [
        goal.price(instructions(kernel, node, core), kernel.code + constant_bytes(kernel, node)) for kernel in taking
    ]
    return taking[prices.index(min(prices))], reasons
