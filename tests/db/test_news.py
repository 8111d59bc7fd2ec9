"""What has happened is told in order and without a gap, whoever reads it and wherever they stopped."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from daemon.accounts import directory
from daemon.campaigns import lifecycle, news
from daemon.campaigns.news import News, Position, Wanted
from daemon.db import proxy
from daemon.delivery import enqueue, forgetting, moves, replies
from daemon.models import Event, Happening, Job, Message, Reply
from daemon.states import AccountState, Ack, Hold, State
from daemon.transports.protocol import Health, Heard, Said
from tests.support.hand import Hand
from tests.support.plans import reading


def settled() -> Position:
    found = news.settled(news.horizon())
    assert found is not None
    return found


def told(after: Position, wanted: Wanted = news.EVERYTHING, most: int = news.MOST) -> list[News]:
    """Everything behind that position, page by page."""
    found: list[News] = []
    until, more = settled(), True
    while more:
        page = news.page(after, until, wanted, most)
        found += page.news
        after, more = page.end, page.more
    return found


def kinds(found: list[News]) -> list[str]:
    return [each.kind for each in found]


@pytest.fixture
def story(hand: Hand) -> Job:
    """A job that was paused, resumed and sent; somebody answered, and the account was restricted."""
    start = settled()
    job = hand.queue(2)
    lifecycle.pause(job.id, "ann", hand.clock())
    lifecycle.resume(job.id, "ann", hand.clock())
    hand.confirm(hand.submit(hand.claim_one()), Ack.READ)
    hand.clock.advance(1)
    moves.fail(hand.submit(hand.claim_one()), "no such number", hand.clock())
    (number,) = (row.number for row in Message.select().where(Message.job == job, Message.state == State.READ))
    heard = Heard(number, (Said("id-1", True, "ours"), Said("THEIRS", False, "Yes, please")))
    replies.take("default", heard, frozenset(), hand.clock())
    directory.report("default", Health(AccountState.HELD, Hold.RESTRICTED, 5, "no new chats"), hand.clock())
    job.start = start
    return job


TOLD = [
    *("job.pending", "job.paused", "job.running", "message.claimed", "message.sending", "message.sent"),
    *("message.delivered", "message.read", "message.claimed", "message.sending", "message.failed", "job.completed"),
    *("reply.received", "account.held"),
]


def test_everything_is_told_in_the_order_in_which_it_happened(hand: Hand, story: Any) -> None:
    """What each event is about, and what it says."""
    found = told(story.start)

    assert TOLD == kinds(found)
    assert set(TOLD) <= set(news.KINDS)
    first, failed, done, reply, held = (found[at].data for at in (0, 10, 11, 12, 13))
    assert {"total": 2, "pending": 2} == first.counts
    assert ("create", "test", story.id) == (first.move, first.who, first.job_id)
    assert ("sending", "failed", "no such number", story.id) == (
        failed.before, failed.status, failed.reason, failed.job_id,
    )  # fmt: skip
    assert {"total": 2, "read": 1, "failed": 1} == done.counts
    assert ("Yes, please", False, story.id) == (reply.text, reply.stop, reply.job_id)
    assert ("restricted", 5) == (held.hold, held.until)
    assert len({each.id for each in found}) == len(found)
    assert all(each.order == f"message:{each.data.message_id}" for each in found if each.kind.startswith("message."))


@pytest.mark.parametrize("most", [1, 2, 3, 100])
def test_whoever_comes_back_goes_on_where_they_were(hand: Hand, story: Any, most: int) -> None:
    """From each position, in pages of any size."""
    found = told(story.start)

    assert found == told(story.start, most=most)
    for at, each in enumerate(found):
        assert found[at + 1 :] == told(Position.read(str(each.position)), most=most)
    assert {each.source: (each.kind, each.data) for each in found} == {
        source: (each.kind, each.data) for source, each in news.found([each.source for each in found]).items()
    }


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (Wanted({"job"}), [kind for kind in TOLD if kind.startswith("job.")]),
        (Wanted({"message.sent", "reply"}), ["message.sent", "reply.received"]),
        (Wanted(None, {"other"}), []),
        (Wanted(None, None, 10**6), []),
        (Wanted({"account"}, {"default"}), ["account.held"]),
        (Wanted({"state"}), []),
    ],
)
def test_only_what_is_wanted_is_told(hand: Hand, story: Any, wanted: Wanted, expected: list[str]) -> None:
    """By name or family, by account, by job; the position goes on all the same."""
    assert expected == kinds(told(story.start, wanted))
    assert settled().event == news.page(story.start, settled(), wanted).end.event


def test_a_reply_that_was_deleted_is_told_without_its_text(hand: Hand, story: Any) -> None:
    Reply.delete().execute()
    (reply,) = (each.data for each in told(story.start) if each.kind == "reply.received")

    assert (None, None) == (reply.number, reply.text)


def test_an_order_that_was_given_up_hides_nothing(
    hand: Hand, small_chunks: int, between: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite gives the ids of deleted rows out again: who began to listen while there were more misses nothing."""
    begin: list[Position] = []

    def give_up() -> None:
        if not begin and Event.select().count():
            begin.append(news.latest(settled()))
            raise ValueError

    between(give_up)
    with pytest.raises(ValueError):
        hand.queue(25)
    between(lambda: None)
    enqueue.sweep(hand.clock() + enqueue.ABANDONED_MS + 1)
    assert 0 == Message.select().count()

    hand.queue(1, first=50)
    hand.claim_one()
    assert ["job.pending", "message.claimed", "job.running"] == kinds(told(begin[0]))


def test_what_is_old_is_forgotten(hand: Hand) -> None:
    """Of jobs and accounts; the history of messages stays."""
    hand.queue(1)
    assert Happening.select().count()
    forgetting.happenings(hand.clock() + forgetting.HAPPENINGS_MS)
    assert Happening.select().count()
    forgetting.happenings(hand.clock() + forgetting.HAPPENINGS_MS + 1)
    assert 1 == Happening.select().count()


def test_a_look_costs_the_same_however_long_the_history(
    fresh_database: None, hand: Hand, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was queued is not gone through, and neither is what was told before."""
    job = hand.queue(1)
    if proxy.on_postgres():
        proxy.database.execute_sql("ALTER TABLE event SET (autovacuum_enabled = off)")
    row = {"message": Message.get(Message.job == job).id, "at": 1, "who": "test"}
    row |= {"source": "pending", "target": "pending"}
    for move in ("enqueue", "release", "enqueue"):
        Event.insert_many([row | {"move": move}] * 5_000).execute()
    horizon = news.horizon()
    until = news.settled(horizon)
    assert until is not None
    last = news.latest(until)
    with reading(monkeypatch) as reads:
        again = news.settled(horizon)
        assert again is not None
        assert last == news.latest(again)
        assert [] == news.page(last, again).news
        near = Position(last.event - 20, last.happening)
        assert 20 == len(news.page(near, again).news)

    assert reads.rows < 400
