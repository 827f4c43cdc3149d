"""How often edgec's integers differ from onnxruntime's, network by network and operator by operator.

    python -m benchmarks.numerics --samples 100 --write docs/numerics.md

The tensor before the last Softmax or LogSoftmax (else the output) is compared in two onnxruntime sessions, both with
default optimisations: as it comes, and with `session.qdqisint8allowed`, which lets int8 activations use the integer
kernels on x86 as they do on Arm. Then every node is fed onnxruntime's own inputs, so that each difference is
seen where it arises. Networks are read from ../shared (EDGEC_SHARED).
"""

from __future__ import annotations

import argparse
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime

from edgec.frontend import import_model
from edgec.ir import Array, Graph, Node, Value
from edgec.passes.manager import run_passes
from edgec.passes.pipeline import AS_MODEL
from edgec.ports import from_graph_output, to_graph_input
from edgec.simulator import Simulator
from edgec.targets import load_target
from tests.zoo.networks import NETWORKS, Network

INTEGER = "session.qdqisint8allowed"
REAL_KERNELS = ("Conv", "Gemm", "MatMul", "Add", "Mul", "AveragePool", "GlobalAveragePool")
SKIPPED = ("QuantizeLinear", "DequantizeLinear", "Reshape", "Squeeze")
START, END = "<!-- table: benchmarks/numerics.py -->\n", "<!-- end of table -->\n"


@dataclass(frozen=True)
class Row:
    """Differing values and samples of one network; `kernels` are the float32 kernels of the default session."""

    name: str
    samples: int
    values: int
    default: tuple[int, int]
    integer: tuple[int, int]
    kernels: str
    nodes: str


def session(model: onnx.ModelProto, *, integer: bool) -> tuple[onnxruntime.InferenceSession, Counter[str]]:
    """A single-threaded session, and how many operators of each kind it kept in float32."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    if integer:
        options.add_session_config_entry(INTEGER, "1")
    with tempfile.TemporaryDirectory() as folder:
        options.optimized_model_filepath = str(Path(folder) / "optimised.onnx")
        made = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        nodes = onnx.load(options.optimized_model_filepath).graph.node
    return made, Counter(node.op_type for node in nodes if node.op_type in REAL_KERNELS)


def compared_tensor(model: onnx.ModelProto) -> str | None:
    """Name of the quantised tensor before the last Softmax; None where the network does not end in one."""
    producers = {output: node for node in model.graph.node for output in node.output}
    name = model.graph.output[0].name
    while producers[name].op_type in SKIPPED:
        name = producers[name].input[0]
    if producers[name].op_type not in ("Softmax", "LogSoftmax"):
        return None
    name = producers[name].input[0]
    while producers[name].op_type in ("DequantizeLinear", "Reshape"):
        name = producers[name].input[0]
    return str(name)


def run(made: onnxruntime.InferenceSession, x: Array, names: Sequence[str]) -> list[Array]:
    """The named tensors of all samples, one call a sample: the models have batch 1."""
    given = made.get_inputs()[0].name
    results = [made.run(list(names), {given: sample[None]}) for sample in x]
    return [np.concatenate(parts) for parts in zip(*results, strict=True)]


def shifted(x: Array) -> Array:
    """uint8 as the Graph holds it: less 128."""
    return (x.astype(np.int16) - 128).astype(np.int8) if x.dtype == np.uint8 else x


def differing(a: Array, b: Array) -> tuple[int, int]:
    """(values, samples) that differ."""
    unequal = a.reshape(len(a), -1) != b.reshape(len(b), -1)
    return int(unequal.sum()), int(unequal.any(axis=1).sum())


def measure(network: Network, count: int) -> Row:
    """One row of the table."""
    model = onnx.load(network.int8)
    graph = import_model(network.int8)
    run_passes(AS_MODEL, graph, load_target("host"))  # with all channels, as onnxruntime has them
    x = network.samples(count=count).x
    inputs = to_graph_input(graph.input_ports[0], graph.inputs[0], x)
    tensor = compared_tensor(model)
    ours = our_tensor(graph, inputs, last_softmax=tensor is not None)
    if tensor is not None:
        model.graph.output.append(onnx.helper.make_empty_tensor_value_info(tensor))
    wanted = tensor or model.graph.output[0].name
    counts, kernels = [], Counter[str]()
    for integer in (False, True):
        made, real = session(model, integer=integer)
        (theirs,) = run(made, x, [wanted])
        given = ours if tensor else from_graph_output(graph.output_ports[0], graph.outputs[0], ours)
        counts.append(differing(shifted(theirs) if tensor else theirs, np.asarray(given)))
        kernels = real if not integer else kernels
    nodes = node_differences(network, graph, x, inputs)
    listed = ", ".join(f"{number} {name}" for name, number in sorted(kernels.items())) or "none"
    return Row(network.name, len(x), ours.size, counts[0], counts[1], listed, nodes)


def our_tensor(graph: Graph, inputs: Array, *, last_softmax: bool) -> Array:
    """The simulator's integers of the compared tensor."""
    value = graph.outputs[0]
    if last_softmax:
        value = [node for node in graph.nodes if node.op.name in ("Softmax", "LogSoftmax")][-1].inputs[0]
    return np.concatenate(
        [
            Simulator(graph, device="cpu").run([part], [value.name])[-1]
            for part in np.array_split(inputs, -(-len(inputs) // 25))
        ]
    )


def node_differences(network: Network, graph: Graph, x: Array, inputs: Array) -> str:
    """Operators that differ although they are fed the integer session's own inputs: "3 of 10 Add: 7 values"."""
    model = onnx.load(network.int8)
    known = {output for node in model.graph.node for output in node.output}
    values = [value for node in graph.nodes for value in node.outputs if value.name in known]
    outputs = {output.name for output in model.graph.output}
    for value in values:
        if value.name not in outputs:
            model.graph.output.append(onnx.helper.make_empty_tensor_value_info(value.name))
    made, _ = session(model, integer=True)
    few = min(len(x), 10)
    theirs = run(made, x[:few], [value.name for value in values])
    ours = Simulator(graph, device="cpu").run([inputs[:few]], [value.name for value in values])[len(graph.outputs) :]
    tensors = {id(graph.inputs[0]): inputs[:few]}
    for value, their, our in zip(values, theirs, ours, strict=True):
        tensors[id(value)] = in_graph_layout(shifted(their), our)
    wrong: Counter[str] = Counter()
    places: Counter[str] = Counter()
    total: Counter[str] = Counter()
    for node in graph.nodes:
        count = isolated(node, tensors)
        if count is None:
            continue
        total[node.op.name] += 1
        wrong[node.op.name] += count
        places[node.op.name] += count > 0
    return "; ".join(f"{places[op]} of {total[op]} {op}: {wrong[op]} values" for op in total if wrong[op]) or "none"


def in_graph_layout(theirs: Array, ours: Array) -> Array:
    """onnxruntime's tensor in the Graph's layout: of NCHW and NHWC the one that is nearer to ours."""
    choices = [theirs] if theirs.ndim != ours.ndim or theirs.ndim != 4 else [theirs.transpose(0, 2, 3, 1), theirs]
    fitting = [choice.reshape(ours.shape) for choice in choices if choice.shape == ours.shape or choice.ndim != 4]
    return min(fitting or [theirs.reshape(ours.shape)], key=lambda choice: int((choice != ours).sum()))


def isolated(node: Node, tensors: dict[int, Array]) -> int | None:
    """Values of a node's output that differ when it reads onnxruntime's tensors; None where one is not known."""
    activations: list[Value] = [value for value in node.inputs if not value.is_constant]
    needed = [*activations, node.output]
    if node.op.name in ("Softmax", "LogSoftmax", "Table") or any(id(value) not in tensors for value in needed):
        return None
    single = Graph("node", activations, [node.output], [node])
    (result,) = Simulator(single, device="cpu").run([tensors[id(value)] for value in activations])
    return int((result != tensors[id(node.output)]).sum())


def table(rows: Sequence[Row]) -> str:
    """Markdown; the last line counts the networks without a difference."""
    lines = [
        "| network | samples | values | default session: values (samples) that differ | its float32 kernels "
        "| integer session | nodes that differ on onnxruntime's own inputs (integer session) |",
        "|---|---:|---:|---:|---|---:|---|",
    ]
    for row in rows:
        default, integer = (f"{values} ({samples})" for values, samples in (row.default, row.integer))
        lines.append(
            f"| {row.name} | {row.samples} | {row.values} | {default} | {row.kernels} | {integer} | {row.nodes} |"
        )
    zero = [
        sum(counts[0] == 0 for counts in column) for column in zip(*((r.default, r.integer) for r in rows), strict=True)
    ]
    lines.append(f"| **without a difference** | | | **{zero[0]} of {len(rows)}** | | **{zero[1]} of {len(rows)}** | |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=100)
    parser.add_argument("--write", type=Path, help="page whose table is replaced")
    parser.add_argument("names", nargs="*", help="only these networks")
    options = parser.parse_args()
    rows = []
    for network in NETWORKS:
        if network.int8.exists() and (not options.names or network.name in options.names):
            rows.append(measure(network, options.samples))
            print(rows[-1], flush=True)
    text = table(rows)
    print(text)
    if options.write:
        page = options.write.read_text()
        before, rest = page.split(START)
        options.write.write_text(before + START + text + END + rest.split(END)[1])


if __name__ == "__main__":
    main()
