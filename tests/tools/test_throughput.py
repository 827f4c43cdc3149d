"""The inner loops keep the multipliers of phone cores busy, by llvm-mca's models of those."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.throughput import MCA, OBJDUMP, Case, find_tool, inner_loop, measure
from edgec.errors import TargetError
from tests.targets.compilers import EACH_COMPILER_LINUX

needs_mca = pytest.mark.skipif(find_tool(MCA) is None, reason=f"{MCA[0]} is not installed")
needs_objdump = pytest.mark.skipif(find_tool(OBJDUMP) is None, reason=f"{OBJDUMP[0]} is not installed")

TEXT = """
Disassembly of section .text.other:
  18:\td65f03c0 \tret
Disassembly of section .text.tile:
  10:\t4f80e010 \tsdot\tv16.4s, v0.16b, v0.4b[0]
  14:\t4f80e011 \tsdot\tv17.4s, v0.16b, v0.4b[0]\t// of the lead
  18:\t4f80e010 \tsdot\tv16.4s, v0.16b, v0.4b[0]
  1c:\tf10005ef \tsubs\tx15, x15, #0x1
  20:\t54ffffc1 \tb.ne\t18 <f+0x18>  // b.any
  24:\t54ffff61 \tb.ne\t10 <f+0x10>  // b.any
"""


def test_the_inner_loop_is_the_one_without_another_in_it() -> None:
    assert inner_loop(TEXT, "dotprod") == ["sdot v16.4s, v0.16b, v0.4b[0]", "subs x15, x15, #0x1", "b.ne loop"]
    with pytest.raises(TargetError, match="no loop with smmla"):
        inner_loop(TEXT, "i8mm")


@needs_mca
@needs_objdump
@pytest.mark.parametrize("compiler", EACH_COMPILER_LINUX)
@pytest.mark.parametrize(
    ("case", "peak"),
    [
        (Case("dotprod", "cortex-a55", "cortex-a55"), 1),
        (Case("dotprod", "cortex-a76", "neoverse-n1"), 2),
        (Case("i8mm", "cortex-a710", "neoverse-n2"), 2),
    ],
)
def test_products_a_cycle(case: Case, peak: int, compiler: str, tmp_path: Path) -> None:
    found = measure(case, tmp_path, compiler)
    assert found.rate >= 0.9 * peak, found
    assert found.rate == pytest.approx(peak * found.share), "the model has another peak"


@needs_mca
@needs_objdump
@pytest.mark.parametrize("compiler", EACH_COMPILER_LINUX)
def test_the_loads_of_other_cores_would_hold_up_one_in_order(compiler: str, tmp_path: Path) -> None:
    found = measure(Case("dotprod", "cortex-a76", "cortex-a55"), tmp_path, compiler)
    assert found.rate < 0.6, "then one tuning is enough"
