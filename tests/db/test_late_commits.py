"""Transactions of PostgreSQL that commit late, below what was told already. SQLite has one writer at a time."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from daemon.accounts import happenings
from daemon.campaigns import news
from daemon.db import connection
from daemon.db.settled import Horizon
from daemon.delivery import moves
from daemon.models import Event, Happening, Message
from tests.support.hand import Hand


@pytest.fixture
def backend() -> str:
    return "postgresql"


def test_nothing_that_is_committed_late_is_skipped(hand: Hand) -> None:
    """Of two transactions the one with the higher ids commits first: a reader waits for the other."""
    slow_job, fast_job = hand.queue(1), hand.queue(1, first=5)
    slow, fast = (Message.get(Message.job == job) for job in (slow_job, fast_job))
    horizon = news.horizon()
    begin = news.settled(horizon)
    assert begin is not None
    written, may_end = threading.Event(), threading.Event()

    def hold_back() -> None:
        try:
            with connection.write():
                moves.apply(slow, "skip", "slow", "test", hand.clock())
                written.set()
                assert may_end.wait(60)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as threads:
        late = threads.submit(hold_back)
        assert written.wait(60)
        with connection.write():
            moves.apply(fast, "skip", "fast", "test", hand.clock())
        seen = [news.settled(horizon) for _ in range(3)]
        of_fast = Event.select().where(Event.message == fast).count()
        unseen = Event.select().where(Event.message == slow, Event.move == "skip").count()
        may_end.set()
        late.result(60)

    assert (2, 0) == (of_fast, unseen)
    assert [begin] * 3 == seen
    until = news.settled(horizon)
    assert until is not None
    found = news.page(begin, until).news
    skips = [each.data.message_id for each in found if each.kind == "message.skipped"]
    assert [slow.id, fast.id] == skips
    assert ["job.completed"] * 2 == [each.kind for each in found if each.kind.startswith("job.")]


def test_a_reader_that_begins_while_others_write_knows_no_position_yet(hand: Hand) -> None:
    """It cannot know what will still come below."""
    written, may_end = threading.Event(), threading.Event()

    def hold_back() -> None:
        try:
            with connection.write():
                happenings.note("account.ready", "default", None, {}, hand.clock())
                written.set()
                assert may_end.wait(60)
        finally:
            connection.close()

    horizon = Horizon(Happening, Event)
    with ThreadPoolExecutor(1) as threads:
        late = threads.submit(hold_back)
        assert written.wait(60)
        assert horizon.look() is None
        may_end.set()
        late.result(60)
    ids = horizon.look()
    assert ids is not None
    assert ids[0] == Happening.select(Happening.id).order_by(Happening.id.desc()).scalar()
