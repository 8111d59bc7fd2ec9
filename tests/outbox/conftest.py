"""Tests of the queue take the part of a sender, with a clock that they move."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from daemon import accounts, outbox
from daemon.config import Settings
from tests.conftest import BACKENDS
from tests.outbox.hand import Hand, broken_histories


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    """Everything here runs on every database."""
    kind: str = request.param
    return kind


@pytest.fixture
def hand(database: str, settings: Settings, clock: Any, people: Any) -> Iterator[Hand]:
    """A sender's hand; whatever a test does, counters and histories must agree with the rows at its end."""
    accounts.open_account("default", clock())
    yield Hand(settings, clock, people)
    assert [] == outbox.miscounted()
    assert [] == broken_histories()
