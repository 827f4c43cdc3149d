"""Samples a second of the simulator and of an onnxruntime int8 session, on the same machine in the same run.

    python -m benchmarks.simulator_speed [--batch 64] [--json]

onnxruntime takes one sample a call: the models have batch 1. The two take turns, so that a busy machine slows both.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable

import onnxruntime

from edgec.frontend import import_model
from edgec.passes.pipeline import optimize
from edgec.ports import to_graph_input
from edgec.simulator import Simulator
from edgec.targets import load_target
from tests.zoo.networks import NETWORKS, Array, Network

TINY = ("vww_mobilenetv1", "kws_dscnn", "ic_resnet8", "ad_autoencoder")
TURNS = 7


def simulated(network: Network, x: Array) -> Callable[[], object]:
    graph = import_model(network.int8)
    optimize(graph, load_target("host"))
    simulator = Simulator(graph)
    return lambda: simulator.run([to_graph_input(graph.input_ports[0], graph.inputs[0], x)])


def oracle(network: Network, x: Array) -> Callable[[], object]:
    session = onnxruntime.InferenceSession(network.int8, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda: [session.run(None, {name: sample[None]}) for sample in x]


def seconds(function: Callable[[], object]) -> float:
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def measure(network: Network, batch: int) -> dict[str, float]:
    """Medians over the turns; `ratio` is the median of the turns' own ratios."""
    x = network.samples(count=batch).x
    ours, theirs = simulated(network, x), oracle(network, x)
    for warm_up in (ours, theirs):
        warm_up()
    turns = [(seconds(ours), seconds(theirs)) for _ in range(TURNS)]
    return {
        "simulator": len(x) / statistics.median(own for own, _ in turns),
        "onnxruntime": len(x) / statistics.median(other for _, other in turns),
        "ratio": statistics.median(other / own for own, other in turns),
    }


def main() -> None:
    """Print a Markdown table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    rows = {n.name: measure(n, options.batch) for n in NETWORKS if n.name in TINY and n.int8.exists()}
    if options.json:
        print(json.dumps(rows))
        return
    print("| network | simulator, samples/s | onnxruntime int8, samples/s | ratio |\n|---|---:|---:|---:|")
    for name, row in rows.items():
        print(f"| {name} | {row['simulator']:.0f} | {row['onnxruntime']:.0f} | {row['ratio']:.2f} |")


if __name__ == "__main__":
    main()
