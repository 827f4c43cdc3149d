"""Runs small Graphs as C on the host, under the address and undefined-behaviour sanitizers.

    graph = one_node("Conv", attrs, [activation("x", (1, 9, 9, 3), 0.02, -3), w, b], quant)
    check(graph, inputs, expected)

`inputs` are batches: one array of shape (samples, *shape of the value) for each input of the Graph. `check` runs every
kernel that takes the node, in two layouts: "packed", the arena as it ships (in place, overlapping), and "spread", each
value between red zones that may not be touched.
"""

from __future__ import annotations

import dataclasses
import functools
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgec.codegen import ModelFile, generate, write_project
from edgec.codegen.literals import DTYPE_C
from edgec.ir import Array, DType, Graph, Node, Port, QuantParams, Source, TensorType, Value
from edgec.ops import get_op
from edgec.ops.base import select_kernel
from edgec.passes.schedule import schedule
from edgec.program import Placement, Program
from edgec.step import padding_bytes, round_up, working_bytes
from edgec.target import Target
from edgec.targets.toolchain import environment, zig_command
from tests.graphs import VARIANTS

WARNINGS = ("-std=c11", "-Wall", "-Wextra", "-Werror", "-Wconversion", "-ffp-contract=off")
LAYOUTS = ("packed", "spread")
RED_ZONE = 64  # bytes on each side of a value in layout "spread"
SAMPLES = 3


@functools.cache
def compiler() -> tuple[str, ...]:
    """The host's C compiler, or the one that pip installs; the test is skipped where there is none."""
    if cc := shutil.which("cc"):
        return (cc,)
    return zig_command() or pytest.skip("no C compiler: neither cc nor ziglang")


# Exit code 0 unless the address sanitizer stops it; zig takes its flag and ignores it.
PROBE = "#include <stdlib.h>\nint main(void) { volatile char *p = malloc(8); return p[8] & 0; }\n"


@functools.cache
def sanitizers() -> tuple[str, ...]:
    """The sanitizer flags that work with the compiler: address and undefined behaviour, or the second alone."""
    both, second = (("-fsanitize=address,undefined",), ("-fsanitize=undefined",))
    with tempfile.TemporaryDirectory() as folder:
        source, program = Path(folder, "probe.c"), Path(folder, "probe.exe")
        source.write_text(PROBE)
        for flags in (both, second):
            if run_compiler([*flags, str(source), "-o", str(program)]).returncode == 0:
                stopped = subprocess.run([program], capture_output=True, check=False).returncode != 0
                if stopped or flags is second:
                    return (*flags, "-fno-sanitize-recover=all")
    return ()


def run_compiler(arguments: Sequence[str]) -> subprocess.CompletedProcess[str]:
    line = [*compiler(), *arguments]
    return subprocess.run(line, capture_output=True, text=True, env=environment(), check=False)


def compile_c(sources: Sequence[Path], output: Path, flags: Sequence[str] = ()) -> None:
    """Host executable from C sources, warnings as errors; fails the test with the compiler's words."""
    result = run_compiler([*WARNINGS, "-O1", "-g", *sanitizers(), *flags, *map(str, sources), "-o", str(output)])
    assert result.returncode == 0, result.stderr


def execute(program: Path, data: bytes = b"", arguments: Sequence[str] = ()) -> bytes:
    """What the program writes, given `data`; fails the test with the sanitizer's words."""
    result = subprocess.run([str(program), *arguments], input=data, capture_output=True, check=False)
    assert result.returncode == 0, result.stderr.decode(errors="replace")
    return result.stdout


def activation(name: str, shape: Sequence[int], scale: float = 0.02, zero_point: int = -3) -> Value:
    """An int8 value that is computed at run time."""
    return Value(name, TensorType(DType.S8, tuple(shape), QuantParams.per_tensor(scale, zero_point)))


def constant(name: str, data: Array, quant: QuantParams | None = None) -> Value:
    """A constant; its element type is the array's."""
    dtype = next(kind for kind in DType if kind.numpy == data.dtype)
    return Value(name, TensorType(dtype, data.shape, quant), data)


def one_node(op: str, attrs: Any, inputs: Sequence[Value], quant: QuantParams | None) -> Graph:
    """A Graph of one node that reads `inputs`; its output has the inferred type with `quant`."""
    node = Node(get_op(op), "node", list(inputs), [], attrs, Source(op, "node", 0))
    inferred = node.op.infer(attrs, [value.type for value in inputs])
    node.outputs = [Value(f"y{i}" if i else "y", kind.with_quant(quant)) for i, kind in enumerate(inferred)]
    read = [value for value in dict.fromkeys(inputs) if not value.is_constant]
    in_ports, out_ports = (
        [Port(v.name, v.type.dtype.numpy.name, v.type.shape) for v in vs] for vs in (read, node.outputs)
    )
    graph = Graph("tiny", read, list(node.outputs), [node], in_ports, out_ports, opset=13, node_count=1)
    graph.verify()
    return graph


def random_inputs(graph: Graph, rng: np.random.Generator, samples: int = SAMPLES) -> list[Array]:
    """Batches of int8 values; the first samples are all lowest and all highest where there are several."""
    batches = [rng.integers(-128, 128, (samples, *v.type.shape)).astype(np.int8) for v in graph.inputs]
    for batch in batches:
        if samples > 2:
            batch[0], batch[1] = -128, 127
    return batches


def taking(graph: Graph) -> list[str]:
    """Names of the kernels that take the one node of the Graph on the host, or on the host as one of VARIANTS."""
    (node,) = graph.nodes
    return [kernel.name for kernel in node.op.kernels if any(kernel.why_not(node, t.core) is None for t in VARIANTS)]


def target_of(graph: Graph) -> Target:
    """The first of VARIANTS that has a kernel for every node."""
    (node,) = graph.nodes
    return next(target for target in VARIANTS if select_kernel(node, target.core)[0] is not None)


def with_kernel(graph: Graph, name: str) -> Graph:
    """The Graph with `name` as the only kernel of its one node."""
    (node,) = graph.nodes
    kernels = tuple(kernel for kernel in node.op.kernels if kernel.name == name)
    return dataclasses.replace(
        graph, nodes=[dataclasses.replace(node, op=dataclasses.replace(node.op, kernels=kernels))]
    )


def spread_out(program: Program) -> Program:
    """The Program with every buffer at a place of its own, red zones between."""
    places: dict[Value, Placement] = {}
    padding: dict[Node, int] = {}
    scratch: dict[Node, int] = {}
    start = RED_ZONE
    for value, old in program.placements.items():
        places[value] = Placement(start, old.size, old.first, old.last)
        start += round_up(old.size) + RED_ZONE
    for step in program.steps:
        if step.node in program.padding_at:
            padding[step.node] = start
            start += padding_bytes(step) + RED_ZONE
        if step.node in program.scratch_at:
            scratch[step.node] = start
            start += working_bytes(step) + RED_ZONE
    return dataclasses.replace(
        program, placements=places, arena=start, scratch=0, padding_at=padding, scratch_at=scratch
    )


def live_bytes(program: Program, layout: str) -> list[tuple[int, int]]:
    """(offset, size) of what may be touched: the values alone, or the whole arena where it is packed."""
    if layout == "packed":
        return [(0, program.bytes)]
    values = [(place.offset, place.size) for place in program.placements.values()]
    values += [(program.padding_at[s.node], padding_bytes(s)) for s in program.steps if s.node in program.padding_at]
    return values + [
        (program.scratch_at[s.node], working_bytes(s)) for s in program.steps if s.node in program.scratch_at
    ]


def main_text(program: Program, name: str, layout: str) -> str:
    """A program that for each sample on stdin fills the inputs, runs and writes the outputs to stdout."""
    places = program.placements
    inputs = [places[value] for value in program.graph.inputs]
    outputs = [places[value] for value in program.graph.outputs]
    transfer = "        if (f{0}(arena + {1}, 1, {2}, {3}) != {2}) return {4};"
    size = program.bytes
    lines = [
        "#include <stdio.h>",
        "#include <stdlib.h>",
        "#include <string.h>",
        f'#include "{name}.c"',
        f'#include "{name}_weights.c"',
        "#if defined(__SANITIZE_ADDRESS__)",
        "#include <sanitizer/asan_interface.h>",
        "#else",
        "#define ASAN_POISON_MEMORY_REGION(at, size) ((void)(at), (void)(size))",
        "#define ASAN_UNPOISON_MEMORY_REGION(at, size) ((void)(at), (void)(size))",
        "#endif",
        "int main(void) {",
        f"    char *arena = malloc({max(size, 1)});",
        "    for (int next = getc(stdin); arena && next != EOF; next = getc(stdin)) {",
        "        ungetc(next, stdin);",
        f"        ASAN_UNPOISON_MEMORY_REGION(arena, {size});",
        f"        memset(arena, 0x5a, {size});",
        *(transfer.format("read", place.offset, place.size, "stdin", 1) for place in inputs),
        f"        ASAN_POISON_MEMORY_REGION(arena, {size});",
        *(f"        ASAN_UNPOISON_MEMORY_REGION(arena + {at}, {of});" for at, of in live_bytes(program, layout)),
        f"        {name}_run(arena);",
        *(transfer.format("write", place.offset, place.size, "stdout", 2) for place in outputs),
        "    }",
        "    free(arena);",
        "    return 0;",
        "}",
    ]
    return "\n".join(lines) + "\n"


def run_c(graph: Graph, inputs: Sequence[Array], layout: str = "packed", flags: Sequence[str] = ()) -> list[Array]:
    """Outputs of the Graph for every sample, computed by its generated C."""
    program = schedule(graph, target_of(graph))
    program = spread_out(program) if layout == "spread" else program
    with tempfile.TemporaryDirectory(prefix="edgec-kernel-") as folder:
        project = Path(folder, "project")
        write_project(generate(program, ModelFile("tiny", "tiny.onnx", "0" * 64)), project)
        source = project / "src" / "test_main.c"
        source.write_text(main_text(program, "tiny", layout))
        compile_c([source], project / "tiny.exe", [f"-I{project / 'include'}", f"-I{project / 'src'}", *flags])
        samples = zip(*inputs, strict=True)
        data = b"".join(np.ascontiguousarray(part).tobytes() for sample in samples for part in sample)
        raw = execute(project / "tiny.exe", data)
    return split_outputs(graph, np.frombuffer(raw, np.uint8), len(inputs[0]))


def split_outputs(graph: Graph, raw: Array, samples: int) -> list[Array]:
    """Bytes of all samples -> one batch for each output."""
    sizes = [value.type.bytes for value in graph.outputs]
    table = raw.reshape(samples, sum(sizes))
    parts = np.split(table, np.cumsum(sizes)[:-1], axis=1)
    return [
        part.copy().view(value.type.dtype.numpy).reshape(samples, *value.type.shape)
        for part, value in zip(parts, graph.outputs, strict=True)
    ]


def check(graph: Graph, inputs: Sequence[Array], expected: Array | Sequence[Array], layout: str | None = None) -> None:
    """Every kernel that takes the node gives the expected bytes; both layouts unless one is named."""
    wanted = [expected] if isinstance(expected, np.ndarray) else list(expected)
    names = taking(graph)
    assert names, f"no kernel takes {graph.to_text()}"
    for name in names:
        for each in LAYOUTS if layout is None else (layout,):
            results = run_c(with_kernel(graph, name), inputs, each)
            for value, result, want in zip(graph.outputs, results, wanted, strict=True):
                assert result.dtype == want.dtype == value.type.dtype.numpy
                where = f"{name}, {each}: {value.name} ({DTYPE_C[value.type.dtype]})\n{graph.to_text()}"
                np.testing.assert_array_equal(result, want.reshape(result.shape), err_msg=where)
