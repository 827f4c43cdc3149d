"""Runs a Graph on torch, on CPU or GPU: exact integers, or float32 with gradients."""

from edgec.simulator.device import has_torch
from edgec.simulator.simulator import Simulator

__all__ = ["Simulator", "has_torch"]
