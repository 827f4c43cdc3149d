"""The blocks of memory in the report are those of the Program: every value once, up to the last byte of the arena."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edgec.codegen.memory import KINDS, alive_bytes, memory_blocks
from edgec.ir import Graph, Node, Source
from edgec.ops import get_op
from edgec.ops.base import RowWindow
from edgec.ops.movement import ReshapeAttrs
from edgec.passes.schedule import schedule
from edgec.step import round_up
from tests.schedule.test_memory import HOST, FakeAttrs, graphs, node, value


@given(graphs(), st.sampled_from([None, 0]))
def test_blocks_are_the_programs(graph: Graph, ram: int | None) -> None:
    program = schedule(graph, HOST, ram=ram)
    blocks = memory_blocks(program)
    assert {block.kind for block in blocks} <= set(KINDS)
    assert round_up(max(block.offset + block.bytes for block in blocks)) == program.bytes
    rings = {v.name: rows for group in program.groups for v, rows in group.rings.items()}
    rings |= {v.name: 1 for group in program.groups for v in group.area.values}
    assert {block.name: block.rows for block in blocks if block.kind == "ring"} == rings
    for v, place in program.placements.items():
        holding = [b for b in blocks if b.offset == place.offset and b.first == place.first and b.rows is not None]
        assert any(v.name in rings or b.bytes == v.type.bytes for b in holding)
    for number in range(len(program.steps)):
        assert 0 < alive_bytes(blocks, program.bytes, number) <= program.bytes


def test_values_that_share_memory_are_one_block() -> None:
    """A reshaped value is the output, and lies where it was computed."""
    x = value("x", (1, 8, 4, 2))
    same = node("same", [x], FakeAttrs(RowWindow(), x.type.shape, False))
    shaped = value("shaped", (1, 4, 8, 2))
    reshape = Node(get_op("Reshape"), "reshape", [same.output], [shaped], ReshapeAttrs((1, 4, 8, 2)), Source("Reshape"))
    blocks = memory_blocks(schedule(Graph("g", [x], [shaped], [same, reshape]), HOST))
    assert [(block.name, block.kind, block.first, block.last) for block in blocks] == [
        ("x", "input", -1, 0),
        ("same", "output", 0, 1),
    ]
