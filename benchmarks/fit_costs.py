"""Fits the cost of kernels to counted instructions, core by core, and writes it into targets/cores/*.toml.

    python -m benchmarks.fit_costs                              show the fit for all cores
    python -m benchmarks.fit_costs --core cortex-m4 --write     and write it, for one core
    python -m benchmarks.fit_costs --samples F.json             keep what was counted, or use what is there

The instructions of a layer are taken as a sum over the parts of its kernel's work (Kernel.work: multiply-accumulates,
output elements, elements of columns), each with a factor >= 0; relative errors count. Networks run as they are, and
once more as if the core had neither DSP instructions nor Helium, so that the plain kernels have layers, too.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.measure import BOARDS, measure
from edgec.errors import DoesNotFitError, EdgecError
from edgec.goal import Goal
from edgec.target import Target
from edgec.targets import load_target
from tests.zoo.networks import NETWORKS, ROOT

Array = npt.NDArray[np.float64]
Sample = tuple[tuple[float, ...], int]  # parts of the work, counted instructions
DEFAULT = ("vww_mobilenetv1", "kws_dscnn", "ic_resnet8", "ad_autoencoder", "shape_mobilenetv2_w035_96", "mnist_cnn")
DIGITS = 4  # of a factor
COST = re.compile(r"\n\[cost\].*?(?=\n\[|\Z)", re.DOTALL)
COMMENT = "  # by benchmarks/fit_costs.py: instructions of each part of Kernel.work"


def samples_of(model: Path, target: Target) -> dict[str, list[Sample]]:
    """Kernel -> work and instructions of each layer that has it."""
    found = measure(model, target, goal=Goal.SPEED)
    result: dict[str, list[Sample]] = {}
    for step, layer in zip(found.program.steps, found.profile["layers"], strict=True):
        sample = (tuple(step.kernel.work(step.node)), int(layer["instructions"]))
        result.setdefault(step.kernel.name, []).append(sample)
    return result


def variants(target: Target) -> list[Target]:
    """The board as it is, and as if its core had plain instructions only."""
    core = target.core
    plain = replace(target, core=replace(core, dsp=False, mve=False))
    without_helium = replace(target, core=replace(core, mve=False))
    return [target, *([without_helium] if core.mve and core.dsp else []), *([plain] if core.dsp or core.mve else [])]


def collect(core: str, networks: Sequence[str]) -> dict[str, list[Sample]]:
    """The samples of all networks on a core; those that do not fit or do not build are left out, with a word."""
    result: dict[str, list[Sample]] = {}
    for network in NETWORKS:
        if network.name not in networks or not network.int8.exists():
            continue
        for target in variants(load_target(BOARDS[core][-1])):
            try:
                found = samples_of(network.int8, target)
            except (DoesNotFitError, EdgecError) as error:
                print(f"left out: {network.name} on {core}: {error.message}", file=sys.stderr)
                continue
            for kernel, samples in found.items():
                result.setdefault(kernel, []).extend(samples)
    return result


def fit(samples: Sequence[Sample]) -> tuple[float, ...]:
    """Factors >= 0 with the least squared relative error.

    Lawson and Hanson's method, short: the most negative factor of the free ones is set to 0 until none is negative.
    Parts that are the same multiple of each other in all samples share what they explain.
    """
    work = np.array([parts for parts, _ in samples], np.float64)
    counted = np.array([count for _, count in samples], np.float64)
    relative: Array = work / counted[:, None]
    free = list(np.flatnonzero(work.any(axis=0)))
    factors = np.zeros(work.shape[1])
    while free:
        solved, *_ = np.linalg.lstsq(relative[:, free], np.ones(len(samples)), rcond=1e-9)
        if (solved >= 0).all():
            factors[free] = solved
            break
        free.pop(int(solved.argmin()))
    return tuple(rounded(factor) for factor in factors)


def rounded(value: float) -> float:
    """With DIGITS digits."""
    return float(f"{value:.{DIGITS}g}")


def errors(samples: Sequence[Sample], factors: Sequence[float]) -> tuple[float, float]:
    """(mean, largest) relative error of the fit."""
    estimates = np.array([np.dot(parts, factors) for parts, _ in samples])
    counted = np.array([count for _, count in samples], np.float64)
    apart = np.abs(estimates / counted - 1)
    return float(apart.mean()), float(apart.max())


def with_costs(text: str, fitted: Mapping[str, Sequence[float]]) -> str:
    """A core's TOML text with the table `cost`; kernels that are in it and were not fitted now stay."""
    old = COST.search(text)
    lines = dict(re.findall(r"^(\w+) = (\[.*\])$", old[0], re.MULTILINE)) if old else {}
    lines |= {name: f"[{', '.join(f'{factor:g}' for factor in factors)}]" for name, factors in fitted.items()}
    table = "\n".join([f"[cost]{COMMENT}", *(f"{name} = {lines[name]}" for name in sorted(lines))])
    return f"{COST.sub('', text).rstrip()}\n\n{table}\n"


def show(core: str, samples: Mapping[str, Sequence[Sample]], fitted: Mapping[str, Sequence[float]]) -> None:
    """The fit as text."""
    print(f"{core}: kernel, layers, mean and largest error, instructions of each part of the work")
    for name, factors in sorted(fitted.items()):
        mean, largest = errors(samples[name], factors)
        listed = ", ".join(f"{factor:g}" for factor in factors)
        print(f"  {name:28} {len(samples[name]):3} {100 * mean:6.1f} % {100 * largest:6.1f} %   {listed}")


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--core", action="append", choices=BOARDS, metavar="CORE", help="default: all; may be repeated")
    parser.add_argument("--network", action="append", metavar="NAME", help=f"of the zoo; default: {', '.join(DEFAULT)}")
    parser.add_argument("--samples", type=Path, metavar="F.json", help="counted layers: read if there, else written")
    parser.add_argument("--write", action="store_true", help="write the factors into targets/cores/*.toml")
    return parser.parse_args()


def main() -> None:
    """Fit what the command line names."""
    options = arguments()
    stored: dict[str, Any] = {}
    if options.samples and options.samples.exists():
        stored = json.loads(options.samples.read_text(encoding="utf-8"))
    for core in options.core or BOARDS:
        if core not in stored:
            stored[core] = collect(core, options.network or DEFAULT)
            if options.samples:
                options.samples.write_text(json.dumps(stored) + "\n", encoding="utf-8")
        fitted = {name: fit(samples) for name, samples in stored[core].items()}
        show(core, stored[core], fitted)
        if options.write:
            file = ROOT / "targets" / "cores" / f"{core}.toml"
            file.write_text(with_costs(file.read_text(encoding="utf-8"), fitted), encoding="utf-8")


if __name__ == "__main__":
    main()
