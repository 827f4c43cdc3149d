"""Which kernel a layer gets by each goal, with and without fitted costs, and the warning where it is plain C."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
import pytest

from edgec.codegen import ModelFile, generate
from edgec.codegen.choice import declined, slow_layers
from edgec.errors import TargetError
from edgec.goal import Goal
from edgec.ir import Array, Graph, Node, Port, QuantParams
from edgec.ops import all_ops
from edgec.ops.base import Kernel, default_work, instructions, select_kernel
from edgec.ops.conv import ConvAttrs
from edgec.passes.schedule import schedule
from edgec.step import Step
from edgec.target import Core
from edgec.targets import list_targets, load_target
from tests.graphs import HOST, conv, s8, tiny_graph

M4 = "mps2-an386"


@dataclass(frozen=True)
class Weights:
    table: Array


def kernel(name: str, cost: float, code: int, constants: int, reason: str | None = None) -> Kernel[ConvAttrs]:
    return Kernel(
        name=name,
        family="conv",
        why_not=lambda node, core: reason,
        geometry=lambda node, rows: None,
        data=lambda node: Weights(np.zeros(constants, np.int8)),
        cost=lambda node, core: cost,
        code=code,
    )


def node_with(*kernels: Kernel[ConvAttrs]) -> Node:
    node = tiny_graph().nodes[1]
    return dataclasses.replace(node, op=dataclasses.replace(node.op, kernels=kernels))


def chosen(node: Node, goal: Goal, core: Core = HOST.core) -> str:
    found, _ = select_kernel(node, core, goal)
    assert found is not None
    return found.name


def test_each_goal_has_its_own_best() -> None:
    fast = kernel("fast", cost=10_000, code=2000, constants=3000)
    middle = kernel("middle", cost=15_000, code=500, constants=1000)
    small = kernel("small", cost=30_000, code=100, constants=500)
    node = node_with(fast, middle, small)
    assert [chosen(node, goal) for goal in (Goal.SPEED, Goal.BALANCED, Goal.SIZE)] == ["fast", "middle", "small"]


def test_the_exchange_rate_is_four_instructions_a_byte() -> None:
    small = kernel("small", cost=10_000, code=0, constants=0)
    for constants, expected in ((999, "fast"), (1001, "small")):
        assert chosen(node_with(kernel("fast", 6_000, 0, constants), small), Goal.BALANCED) == expected


def test_equal_ones_and_ones_that_decline() -> None:
    first, second = kernel("first", 10, 10, 10), kernel("second", 10, 10, 10)
    best = kernel("best", 1, 1, 1, reason="takes Tuesdays only")
    for goal in Goal:
        assert chosen(node_with(best, first, second), goal) == "first"
    fast = kernel("fast_dsp", 1, 1, 1, reason="needs DSP instructions, this core has none")
    found, reasons = select_kernel(node_with(fast, best), HOST.core)
    assert (found, reasons) == (None, ["best: takes Tuesdays only"])


def test_fitted_costs_go_before_a_kernels_own() -> None:
    slow, fast = kernel("slow", 20_000, 0, 0), kernel("fast", 10_000, 0, 0)
    node = node_with(slow, fast)
    macs, y = node.op.macs(node), node.output.type
    core = dataclasses.replace(HOST.core, cost=(("fast", (2.0, 9.0, 10.0, 0.5)), ("slow", (0.0, 0.0, 1.0, 0.0))))
    assert instructions(fast, node, HOST.core) == 10_000
    assert instructions(fast, node, core) == 2 * macs + 10 * y.elements + 0.5 * macs / y.shape[-1]
    assert chosen(node, Goal.SPEED) == "fast"
    assert chosen(node, Goal.SPEED, core) == "slow"


def test_what_is_fitted_exists() -> None:
    """Each entry of a core's table is a kernel's, with one factor for each part of its work."""
    kernels = {kernel.name: kernel for op in all_ops().values() for kernel in op.kernels}
    parts = len(default_work(tiny_graph().nodes[0]))
    for name in list_targets():
        for fitted, factors in load_target(name).core.cost:
            assert fitted in kernels, f"{name}: no kernel {fitted}; python -m benchmarks.fit_costs --write"
            assert len(factors) == parts or kernels[fitted].work is not default_work
            assert all(factor >= 0 for factor in factors)


def grouped(name: str, out_c: int, size: int) -> Graph:
    """A 1x1 convolution of one group, then one of two groups with 8 channels."""
    rng, y = np.random.default_rng(0), QuantParams.per_tensor(0.05, 5)
    x = s8("x", (1, size, size, 8))
    first = conv("whole", x, ConvAttrs((1, 1)), out_c, y, rng)
    second = conv(name, first.output, ConvAttrs((1, 1), group=2), 8, y, rng)
    ports = [Port("x", "int8", x.type.shape)], [Port("y", "int8", second.output.type.shape)]
    return Graph("tiny", [x], [second.output], [first, second], *ports, 13, 2)


@pytest.mark.parametrize("name", ["half", "half;other/names;of/fused_nodes"])
def test_a_layer_in_plain_c_is_worth_a_warning(name: str) -> None:
    graph = grouped(name, 64, 6)
    (warning,) = slow_layers(schedule(graph, load_target(M4)))
    share = round(100 * 36 * 32 * 8 / (36 * 32 * 8 + 36 * 64 * 8))
    assert warning.startswith(f"Conv 'half' with {share} % of the MACs runs in plain C: ec_conv_s8_dsp takes one group")


def test_a_core_without_dsp_instructions_has_fast_kernels_too() -> None:
    (warning,) = slow_layers(schedule(grouped("half", 8, 6), load_target("mps2-an385")))
    assert "runs in plain C: ec_conv_wide_s8_nodsp takes one group only, group is 2; ec_conv_s8_nodsp" in warning


def test_no_warning_where_the_core_has_nothing_faster() -> None:
    assert slow_layers(schedule(grouped("half", 8, 6), HOST)) == []


def test_no_warning_for_what_costs_nothing_or_was_wanted() -> None:
    graph = grouped("half", 8, 6)
    point = graph.nodes[1]
    big = conv("big", point.output, ConvAttrs((3, 3), pads=(1, 1, 1, 1)), 512, QuantParams.per_tensor(0.05, 5),
               np.random.default_rng(1))  # fmt: skip
    graph.nodes.append(big)
    graph.outputs[0] = big.output
    assert slow_layers(schedule(graph, load_target(M4))) == []
    # By size, a 1x1 convolution of one group may get plain C though the fast kernel takes it.
    small = schedule(tiny_graph(), load_target(M4), Goal.SIZE)
    assert small.steps[1].kernel.isa == ""
    assert not [warning for warning in slow_layers(small) if "'point'" in warning]


def test_only_better_instructions_count() -> None:
    """A kernel with DSP instructions is not the best on a core with Helium, and no other DSP kernel is better."""
    graph = tiny_graph()
    for index, takes in enumerate((None, "takes Tuesdays only")):
        helium = dataclasses.replace(kernel("ec_x_s8_mve", 1, 1, 1, reason=takes))
        dsp, other = kernel("ec_x_s8_dsp", 2, 1, 1), kernel("ec_y_s8_dsp", 1, 1, 1, reason="takes others")
        op = dataclasses.replace(graph.nodes[1].op, kernels=(helium, other, dsp))
        node = dataclasses.replace(graph.nodes[1], op=op)
        step = Step(node, (helium, dsp)[index], None, 5, 1)
        m55 = load_target("mps3-an547").core
        assert declined(step, m55) == ([("ec_x_s8_mve", takes)] if takes else [])
        assert declined(dataclasses.replace(step, kernel=dsp), dataclasses.replace(m55, mve=False)) == []


@pytest.mark.parametrize("goal", list(Goal))
def test_the_compilers_level_is_everywhere_the_same(goal: Goal) -> None:
    program = schedule(tiny_graph(), load_target(M4), goal)
    files = generate(program, ModelFile("tiny", "tiny.onnx", "0" * 64)).files
    other = {"-O2": "-Os", "-Os": "-O2"}[goal.flag]
    for name in ("CMakeLists.txt", "port/ec_board.h"):
        assert goal.flag in files[name]
        assert other not in files[name]


def test_an_unknown_goal_is_refused() -> None:
    from edgec.api import compile_model

    with pytest.raises(TargetError, match="cannot optimize for 'beauty'; allowed: speed, size, balanced"):
        compile_model("none.onnx", "host", goal="beauty")
