"""A real Chromium on the stand-in, one for all tests of a file and for each generation of WhatsApp's page."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from standin.client import StandIn
from tests.support.driving import Driving
from tests.support.incoming import away


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
