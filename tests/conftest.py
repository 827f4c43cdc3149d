"""Options and hypothesis profiles for all tests."""

from __future__ import annotations

import os

import pytest
from hypothesis import settings

settings.register_profile("lean", max_examples=25, deadline=None, print_blob=True)
settings.register_profile("exhaustive", max_examples=2000, deadline=None, print_blob=True)
settings.load_profile(os.environ.get("EDGEC_HYPOTHESIS", "lean"))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write the generated C of tests/golden anew")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the long runs unless -m asks for them."""
    if config.getoption("markexpr"):
        return
    for item in items:
        if item.get_closest_marker("exhaustive"):
            item.add_marker(pytest.mark.skip(reason="long run: pytest -m exhaustive"))
