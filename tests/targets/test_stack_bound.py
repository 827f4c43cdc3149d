"""The bound of the stack holds whatever numbers the weights are."""

from __future__ import annotations

from pathlib import Path

from edgec.targets import find_compiler, load_target
from edgec.targets.pointers import address_taken
from tests.targets.small_project import write_project

RUN = """
#include "small.h"
const volatile uint32_t small_weights[4] = {0x%08Xu, 0x%08Xu, 3, 4};
void small_run(void *memory) {
    uint32_t *const x = memory;
    for (int i = 0; i < 4; i++) x[i] *= small_weights[i];
}
"""


def test_weights_that_look_like_addresses_are_no_recursion(tmp_path: Path) -> None:
    target = load_target("mps2-an386")
    compiler = find_compiler(target)
    plain = compiler.build(write_project(target, tmp_path / "plain", run=RUN % (1, 2)), tmp_path / "first")
    addresses = plain.address("main") | 1, plain.address("ec_protocol_run") | 1
    project = write_project(target, tmp_path / "like_addresses", run=RUN % addresses)
    firmware = compiler.build(project, tmp_path / "second")
    assert firmware.address("main") == plain.address("main")
    assert firmware.stack == plain.stack


def test_functions_behind_pointers_are_named_whatever_the_weights(tmp_path: Path) -> None:
    target = load_target("mps2-an386")
    compiler = find_compiler(target)
    compiler.build(write_project(target, tmp_path / "project", run=RUN % (1, 2)), tmp_path / "build")
    taken = address_taken(sorted((tmp_path / "build").glob("*.o")))
    assert "small_run" in taken  # in ec_model
    assert not taken & {"main", "ec_protocol_byte", "Reset_Handler"}
