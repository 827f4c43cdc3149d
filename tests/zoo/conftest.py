"""Each network is compiled once per target and process; without the networks every test here is skipped."""

from __future__ import annotations

import pathlib
import time
from dataclasses import dataclass
from typing import Any, Protocol

import pytest

from edgec.api import CompiledModel, compile_model
from tests.zoo.networks import SHARED, Network


@dataclass(frozen=True)
class Compiled:
    """A compiled network with the folder of its project and the seconds that compiling took."""

    model: CompiledModel
    directory: pathlib.Path
    seconds: float


class Compiler(Protocol):
    """Compiles a network for a target; options as in compile_model."""

    def __call__(self, network: Network, target: str, **options: Any) -> Compiled: ...


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip where the networks are absent; else keep all tests of a network in one process, for its compilation."""
    here = pathlib.Path(__file__).parent
    for item in items:
        if here not in item.path.parents:
            continue
        network = getattr(item, "callspec", None) and item.callspec.params.get("network")  # type: ignore[attr-defined]
        if isinstance(network, Network):
            item.add_marker(pytest.mark.xdist_group(network.name))
            if not network.int8.exists():
                item.add_marker(pytest.mark.skip(reason=f"no {network.collection}/{network.name} in {SHARED}"))


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Compiler:
    """compiled(network, target): the network's int8 file as a project, made on the first call."""
    made: dict[tuple[str, str, str], Compiled] = {}

    def compile_once(network: Network, target: str, **options: Any) -> Compiled:
        key = (network.name, target, repr(options))
        if key not in made:
            directory = tmp_path_factory.mktemp("project") / "out"
            start = time.perf_counter()
            model = compile_model(network.int8, target, out_dir=directory, **options)
            made[key] = Compiled(model, directory, time.perf_counter() - start)
        return made[key]

    return compile_once
