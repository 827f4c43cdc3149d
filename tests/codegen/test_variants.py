"""Projects with variants of their kernels whose input is pushed: dispatched without pointers, the stack bounded."""

from __future__ import annotations

from pathlib import Path

from tests.targets.compilers import needs_qemu_user
from tests.tools.cli import edgec, write_model, write_samples


@needs_qemu_user
def test_pushed_rows_reach_the_variant(tmp_path: Path) -> None:
    """The same outputs row by row as at once, on processors with all kinds of kernels."""
    model, data = write_model(tmp_path), write_samples(tmp_path / "s.npz", 1)
    whole = edgec("compile", model, "--target", "host", "-o", tmp_path / "whole")
    rows = edgec("compile", model, "--push", "--target", "linux-aarch64", "-o", tmp_path / "rows")
    assert (whole.exit_code, rows.exit_code) == (0, 0), rows.stderr
    expected = edgec("run", tmp_path / "whole", "--data", data, "--json").json["outputs"]
    for cpu, isa in (("cortex-a53", "neon"), ("cortex-a76", "dotprod"), ("qemu-aarch64", "i8mm")):
        result = edgec("run", tmp_path / "rows", "--data", data, "--cpu", cpu, "--json").json
        assert (result["outputs"], result["kernels"]) == (expected, isa)
