"""Random models that do not depend on which tests ran before, in which process."""

from __future__ import annotations

import copy
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def same_numbers(request: pytest.FixtureRequest) -> Iterator[None]:
    """Each test draws from its module's RNG as if it were the first."""
    rng = getattr(request.module, "RNG", None)
    if rng is None:
        yield
        return
    start = copy.deepcopy(rng.bit_generator.state)
    yield
    rng.bit_generator.state = start
