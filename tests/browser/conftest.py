"""A real Chromium on the stand-in, one for all tests of a file and for each generation of WhatsApp's page."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from standin.client import StandIn
from tests.support.driving import Driving
from tests.support.incoming import away

HERE = Path(__file__).parent
BOTH = "test_transport.py"  # opening, writing, sending, ticks: on each generation, in each run


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What is built on that is tried on the newer generation; with EVERY_GENERATION=1 on both."""
    if os.environ.get("EVERY_GENERATION"):
        return
    named = {item: _named(item) for item in items if item.path.parent == HERE and item.path.name != BOTH}
    newer = {(path, name, rest) for path, name, generation, rest in named.values() if generation == "C"}
    older = {
        item: None
        for item, (path, name, generation, rest) in named.items()
        if generation == "B" and (path, name, rest) in newer
    }
    config.hook.pytest_deselected(items=list(older))
    items[:] = [item for item in items if item not in older]


def _named(item: pytest.Item) -> tuple[str, str, str, str]:
    """File and function, which generation, and the other parameters."""
    params = dict(item.callspec.params) if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
    generation = str(params.pop("shared", params.pop("generation", "")))
    return str(item.path), getattr(item, "originalname", item.name), generation, repr(sorted(params.items()))


@pytest.fixture(scope="module", params=["B", "C"])
def shared(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Driving]:
    """One browser for the module and generation. A file may name other generations by parametrizing it."""
    driving = Driving(tmp_path_factory.mktemp("driving"), generation=request.param)
    try:
        driving.start()
        yield driving
    finally:
        driving.close()


@pytest.fixture
def driving(shared: Driving, request: pytest.FixtureRequest) -> Iterator[Driving]:
    """The shared browser, on a page as at the start; a new one where a test has lost it.

    A file that says ELSEWHERE gets it with a chat of its own open and nothing unread.
    """
    shared.ensure()
    if getattr(request.module, "ELSEWHERE", False):
        away(shared)
    yield shared
    shared.reset()


@pytest.fixture
def standin(driving: Driving) -> StandIn:
    return driving.standin
