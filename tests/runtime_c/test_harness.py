"""The harness itself: it must see a kernel that reads or writes outside, and bytes that differ."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from edgec.ir import Array, Graph, QuantParams
from edgec.ops.conv import ConvAttrs
from tests.runtime_c.harness import activation, check, constant, one_node, random_inputs, run_c, sanitizers


def small_conv() -> tuple[Graph, list[Array]]:
    rng = np.random.default_rng(1)
    w = constant("w", rng.integers(-127, 128, (4, 1, 1, 3)).astype(np.int8), QuantParams.per_tensor(0.01, 0))
    b = constant("b", rng.integers(-500, 500, 4).astype(np.int32))
    inputs = [activation("x", (1, 1, 5, 3)), w, b]
    graph = one_node("Conv", ConvAttrs((1, 1)), inputs, QuantParams.per_tensor(0.05, 5))
    return graph, random_inputs(graph, rng)


def with_geometry(graph: Graph, **changes: int) -> Graph:
    """The Graph with a kernel that is told a wrong geometry."""
    (node,) = graph.nodes
    kernel = node.op.kernels[-1]

    def wrong(node: Any, rows: int) -> Any:
        return dataclasses.replace(kernel.geometry(node, rows), **changes)

    op = dataclasses.replace(node.op, kernels=(dataclasses.replace(kernel, geometry=wrong),))
    return dataclasses.replace(graph, nodes=[dataclasses.replace(node, op=op)])


@pytest.mark.parametrize("changes", [{"out_w": 6, "in_w": 6}, {"out_c": 40}], ids=["input", "constants"])
def test_reads_outside_are_found(changes: dict[str, int]) -> None:
    if not any("address" in flag for flag in sanitizers()):
        pytest.skip("the compiler has no address sanitizer")
    graph, inputs = small_conv()
    run_c(graph, inputs, "spread")
    with pytest.raises(AssertionError, match=r"AddressSanitizer|runtime error"):
        run_c(with_geometry(graph, **changes), inputs, "spread")


def test_a_wrong_byte_is_found() -> None:
    graph, inputs = small_conv()
    (right,) = run_c(graph, inputs)
    check(graph, inputs, right)
    right[-1, 0, 0, 0, 0] += 1
    with pytest.raises(AssertionError, match="ec_conv_s8_dsp, packed: y"):
        check(graph, inputs, right)
