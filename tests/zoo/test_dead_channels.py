"""Every network gives the same bits with and without the channels that are taken out."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.dead_channels import Row, measure
from tests.zoo.networks import NETWORKS, Network

pytest.importorskip("torch")
SAMPLES = 2


def row_of(network: Network) -> Row:
    if not network.int8.exists():
        pytest.skip(f"no {network.int8}")
    return measure(network, SAMPLES)


@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.name)
def test_outputs_stay_the_same(network: Network) -> None:
    row = row_of(network)
    assert row.differing == 0
    assert row.compared > 0
    assert np.all(np.subtract(row.macs[0], row.macs[1]) >= 0)


def test_person_detection_loses_half_of_its_multiplications_and_most_weights() -> None:
    (network,) = (network for network in NETWORKS if network.name == "vww_mobilenetv1")
    row = row_of(network)
    assert row.macs[1] < 0.5 * row.macs[0]
    assert row.weights[1] < 0.155 * row.weights[0]
