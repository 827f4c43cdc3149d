"""The manager: order, verification, names in errors, dumps; and the wiring that passes edit through."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from edgec.errors import InternalError, ModelError
from edgec.ir import Graph
from edgec.passes.base import Pass
from edgec.passes.fold_pad import FoldPad
from edgec.passes.manager import run_passes
from edgec.passes.remove_dead import RemoveDead
from edgec.passes.wiring import Wiring
from edgec.target import Target
from tests.passes.builders import HOST, Builder, ops


@dataclass(frozen=True)
class BreakOrder(Pass):
    """Leaves the graph with a node in front of what it reads."""

    def run(self, graph: Graph, target: Target) -> bool:
        graph.nodes.reverse()
        return True


@dataclass(frozen=True)
class RaiseError(Pass):
    error: Exception

    def run(self, graph: Graph, target: Target) -> bool:
        raise self.error


def chain() -> Graph:
    """x -> Relu -> Tanh, and an Abs that nobody reads."""
    b = Builder()
    y = b.node("Relu", b.input("x", 1, 4))
    b.node("Abs", y)
    return b.graph(b.node("Tanh", y))


def test_names_are_those_of_the_command_line() -> None:
    assert [step.name for step in (FoldPad(), BreakOrder())] == ["fold-pad", "break-order"]


def test_changes_are_reported_and_written_where_something_changed(tmp_path: Path) -> None:
    graph = chain()
    assert run_passes([FoldPad(), RemoveDead(), FoldPad()], graph, HOST, dump_ir=tmp_path) == ["remove-dead"]
    assert sorted(file.name for file in tmp_path.iterdir()) == ["00-imported.txt", "02-remove-dead.txt"]
    assert "Abs" in (tmp_path / "00-imported.txt").read_text(encoding="utf-8")
    assert (tmp_path / "02-remove-dead.txt").read_text(encoding="utf-8") == graph.to_text()


def test_a_broken_graph_names_the_pass_and_those_before() -> None:
    with pytest.raises(InternalError, match=r"pass break-order failed after \[fold-pad, remove-dead\]: .*before it is"):
        run_passes([FoldPad(), RemoveDead(), BreakOrder()], chain(), HOST)


def test_an_exception_inside_a_pass_becomes_an_internal_error() -> None:
    with pytest.raises(InternalError, match=r"pass raise-error failed after \[\]: KeyError: 'axis'"):
        run_passes([RaiseError(KeyError("axis"))], chain(), HOST)


def test_errors_for_the_user_pass_unchanged() -> None:
    error = ModelError("no good")
    with pytest.raises(ModelError) as caught:
        run_passes([RaiseError(error)], chain(), HOST)
    assert caught.value is error


def test_wiring_removes_what_loses_its_last_reader() -> None:
    b = Builder()
    x = b.input("x", 1, 4)
    relu = b.node("Relu", x)
    tanh = b.node("Tanh", relu)
    graph = b.graph(b.node("Neg", tanh), b.node("Abs", relu))
    wiring = Wiring(graph)
    wiring.replace(tanh, x)
    assert ops(graph) == ["Relu", "Neg", "Abs"]  # Relu is still read by Abs
    assert {node.op.name for node in wiring.users(x)} == {"Relu", "Neg"}
    wiring.replace(graph.outputs[1], x)
    assert ops(graph) == ["Neg"]
    graph.verify()


def test_wiring_take_over_removes_the_chain_between() -> None:
    b = Builder()
    relu = b.node("Relu", b.input("x", 1, 4))
    last = b.node("Abs", b.node("Tanh", relu))
    graph = b.graph(last)
    wiring = Wiring(graph)
    wiring.take_over(graph.nodes[0], graph.nodes[2])
    assert ops(graph) == ["Relu"]
    assert graph.outputs == [last]
    assert wiring.producer(last) is graph.nodes[0]
    graph.verify()


def test_wiring_gives_free_names() -> None:
    wiring = Wiring(chain())
    assert [wiring.unique_name("relu0") for _ in range(2)] == ["relu0_1", "relu0_2"]
    assert wiring.unique_name("new") == "new"
