"""What constant-channels and dead-channels take out of each network, and that its outputs stay the same.

    python -m benchmarks.dead_channels --write docs/passes.md

MACs and bytes of weights and biases with and without the two passes, and the output values that differ between both
graphs on real samples, random ones and the two extremes. Networks are read from ../shared (EDGEC_SHARED).
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgec.frontend import import_model
from edgec.ir import Array, Graph
from edgec.passes.base import Pass
from edgec.passes.manager import run_passes
from edgec.passes.pipeline import AS_MODEL, PASSES
from edgec.ports import to_graph_input
from edgec.simulator import Simulator
from edgec.targets import load_target
from tests.zoo.networks import NETWORKS, Network

START, END = "<!-- table: benchmarks/dead_channels.py -->\n", "<!-- end of table -->\n"
HOST = load_target("host")


@dataclass(frozen=True)
class Row:
    """One network: before and after, and output values that differ of those compared."""

    name: str
    macs: tuple[int, int]
    weights: tuple[int, int]
    channels: int
    differing: int
    compared: int

    def __str__(self) -> str:
        figures = [f"{a:,} | {b:,} | {1 - b / a:.1%}" for a, b in (self.macs, self.weights)]
        return f"| {self.name} | {' | '.join(figures)} | {self.channels:,} | {self.differing} of {self.compared:,} |"


def graph_of(network: Network, passes: Sequence[Pass]) -> Graph:
    graph = import_model(network.int8)
    run_passes(passes, graph, HOST)
    return graph


def macs(graph: Graph) -> int:
    return sum(node.op.macs(node) for node in graph.nodes)


def weights(graph: Graph) -> int:
    layers = (node for node in graph.nodes if node.op.name in ("Conv", "Gemm"))
    return sum(value.type.bytes for node in layers for value in node.inputs[1:])


def inputs_of(network: Network, graph: Graph, count: int) -> Array:
    """Real samples, as many random ones, all lowest, all highest."""
    real = to_graph_input(graph.input_ports[0], graph.inputs[0], network.samples(count=count).x)
    random = np.random.default_rng(1).integers(-128, 128, real.shape)
    extremes = [np.full(real[:1].shape, q) for q in (-128, 127)]
    return np.concatenate([real, random, *extremes]).astype(np.int8)


def measure(network: Network, count: int) -> Row:
    """One row of the table."""
    whole, cut = graph_of(network, AS_MODEL), graph_of(network, PASSES)
    inputs = inputs_of(network, whole, count)
    outputs = [np.concatenate([y.reshape(-1) for y in Simulator(g, device="cpu").run([inputs])]) for g in (whole, cut)]
    channels = sum(layer.channels_before - layer.channels_after for layer in cut.removed)
    differing = int(np.count_nonzero(outputs[0] != outputs[1]))
    both = [(figure(whole), figure(cut)) for figure in (macs, weights)]
    return Row(network.name, both[0], both[1], channels, differing, outputs[0].size)


def table(rows: Sequence[Row]) -> str:
    head = "| network | MACs | left | less | weights, bytes | left | less | channels | outputs that differ |"
    return "\n".join([head, "|---|---:|---:|---:|---:|---:|---:|---:|---:|", *map(str, rows)]) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=16)
    parser.add_argument("--write", type=Path, help="page whose table is replaced")
    parser.add_argument("names", nargs="*", help="only these networks")
    options = parser.parse_args()
    rows = []
    for network in NETWORKS:
        if network.int8.exists() and (not options.names or network.name in options.names):
            rows.append(measure(network, options.samples))
            print(rows[-1], flush=True)
    if options.write:
        page = options.write.read_text()
        before, rest = page.split(START)
        options.write.write_text(before + START + table(rows) + END + rest.split(END)[1])


if __name__ == "__main__":
    main()
