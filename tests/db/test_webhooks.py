"""What webhooks have to be told: fed without a gap, tried for three days, in order, by one process at a time."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from peewee import fn

from daemon import errors
from daemon.accounts import ownership
from daemon.campaigns import lifecycle, news
from daemon.campaigns.news import Position
from daemon.db import proxy
from daemon.delivery import forgetting
from daemon.models import Delivery, Duty, Job, Message
from daemon.models import Webhook as WebhookRow
from daemon.states import Status
from daemon.webhooks import duty, outbox, subscriptions
from daemon.webhooks.outbox import DUTY, RETRIES_S, Call, Made, Stage
from daemon.webhooks.refusals import Problem
from daemon.webhooks.sending import Result
from daemon.webhooks.subscriptions import Wish
from tests.support.hand import Hand
from tests.support.plans import reading

ARRIVED = Result(200, None, 5)
FAILED = Result(500, Problem.STATUS, 5)
URL = "https://example.org/"
ME, OTHER = "me", "other"
YEAR_MS = 365 * outbox.DAY_MS


@pytest.fixture
def place(tmp_path: Any) -> ownership.Place:
    return ownership.here(tmp_path)


class Desk:
    """Tells webhooks by hand. on_duty: who has the duty."""

    def __init__(self, hand: Hand, place: ownership.Place) -> None:
        self.hand, self.place = hand, place
        assert duty.hold(DUTY, ME, place, hand.clock())

    def webhook(self, *kinds: str, **wish: Any) -> int:
        return subscriptions.make(Wish(URL, kinds=kinds or None, **wish), (), "ann", self.hand.clock()).webhook.id

    def feed(self, webhook_id: int, owner: str = ME) -> int:
        until = news.settled(news.horizon())
        assert until is not None
        assert duty.hold(DUTY, ME, self.place, self.hand.clock()) or owner != ME
        return outbox.feed(webhook_id, until, owner, self.hand.clock())

    def round(self, webhook_id: int, result: Result = ARRIVED) -> list[Call]:
        calls = outbox.due(webhook_id, self.hand.clock())
        outbox.take(webhook_id, [Made(call, result) for call in calls], self.hand.clock())
        return calls


@pytest.fixture
def desk(hand: Hand, place: ownership.Place) -> Desk:
    return Desk(hand, place)


def told(calls: list[Call]) -> list[str]:
    return [each.news.kind for each in calls if each.news]


def states(webhook_id: int) -> list[tuple[str, str]]:
    return [(each.kind, each.state) for each in outbox.of_webhook(webhook_id)[0]][::-1]


def test_what_is_about_one_message_is_told_in_order(desk: Desk) -> None:
    """One after the other, and beside what is about others."""
    webhook_id = desk.webhook("message")
    desk.hand.queue(2)
    desk.hand.send_all()
    assert 6 == desk.feed(webhook_id)

    assert [["message.claimed"] * 2, ["message.sending"] * 2, ["message.sent"] * 2, []] == [
        told(desk.round(webhook_id)) for _ in range(4)
    ]
    assert {"delivered"} == {state for _, state in states(webhook_id)}
    assert 0 == desk.feed(webhook_id)


def test_nothing_is_made_twice_whoever_feeds(desk: Desk) -> None:
    """The position goes on in the same transaction, and only for who has the duty."""
    webhook_id = desk.webhook("job")
    desk.hand.queue(1)
    assert 0 == desk.feed(webhook_id, OTHER)
    row = WebhookRow.get()
    begin = (row.event, row.happening)
    assert 1 == desk.feed(webhook_id)
    WebhookRow.update(event=begin[0], happening=begin[1]).execute()  # as if it were read a second time
    desk.feed(webhook_id)
    assert 1 == Delivery.select().count()


def test_a_delivery_is_tried_for_three_days(desk: Desk) -> None:
    """Then it is dead; what comes after it goes on."""
    webhook_id = desk.webhook("job")
    job = desk.hand.queue(1)
    lifecycle.pause(job.id, "ann", desk.hand.clock())
    desk.feed(webhook_id)
    begin, waits = desk.hand.clock(), []
    for _ in RETRIES_S:
        assert ["job.pending"] == told(desk.round(webhook_id, FAILED))
        due_at = Delivery.get(Delivery.kind == "job.pending").due_at
        waits.append((due_at - desk.hand.clock()) / 1000)
        WebhookRow.update(rest_until=0).execute()
        desk.hand.clock.now = due_at - 1
        assert [] == outbox.due(webhook_id, desk.hand.clock())
        desk.hand.clock.now = due_at
    assert all(least <= wait <= least * 1.1 for least, wait in zip(RETRIES_S, waits, strict=True))
    assert 3 < (desk.hand.clock() - begin) / 86_400_000 < 3.6
    desk.round(webhook_id, FAILED)
    assert [("job.pending", "dead"), ("job.paused", "waiting")] == states(webhook_id)
    WebhookRow.update(rest_until=0).execute()
    assert ["job.paused"] == told(desk.round(webhook_id))

    dead = Delivery.get(Delivery.kind == "job.pending")
    assert Stage.WAITING == outbox.replay(dead.id, "ann", desk.hand.clock()).state
    with pytest.raises(errors.IllegalMove):
        outbox.replay(dead.id, "ann", desk.hand.clock())
    assert ["job.pending"] == told(desk.round(webhook_id))
    assert 0 == outbox.replay_dead(webhook_id, "ann", desk.hand.clock())


def test_what_waits_for_something_that_fails_holds_up_nothing_else(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """However much waits, whether it happened before the failure or after it."""
    webhook_id = desk.webhook("message")
    monkeypatch.setattr(outbox, "READY", 4)
    desk.hand.queue(2)
    desk.hand.send_all()
    assert 6 == desk.feed(webhook_id)
    assert ["message.claimed"] * 2 == told(desk.round(webhook_id, FAILED))
    for message in Message.select():
        desk.hand.receipt(message, Status.DELIVERED)
    assert 2 == desk.feed(webhook_id)
    desk.hand.queue(1, first=9)
    desk.hand.claim_one()
    assert 1 == desk.feed(webhook_id)
    assert ["message.claimed"] == told(desk.round(webhook_id))

    desk.hand.clock.now = Delivery.select(fn.MAX(Delivery.due_at)).scalar()
    assert [2, 2, 2, 2, 0] == [len(desk.round(webhook_id)) for _ in range(5)]


def test_a_receiver_says_when_it_wants_to_be_tried_again(desk: Desk) -> None:
    """Later than planned, never earlier, and not more than a day."""
    webhook_id = desk.webhook("job")
    desk.hand.queue(1)
    desk.feed(webhook_id)
    for asked_s, expected_s in ((60, 60), (1, 300), (10**6, 86_400)):
        desk.round(webhook_id, Result(429, Problem.STATUS, 1, asked_s))
        wait_s = (Delivery.get().due_at - desk.hand.clock()) / 1000
        assert expected_s <= wait_s <= expected_s * 1.1
        desk.hand.clock.now = Delivery.get().due_at
        WebhookRow.update(rest_until=0).execute()


def test_a_webhook_that_fails_for_days_is_disabled(desk: Desk) -> None:
    """Before that it is left alone more and more, and tried with one delivery; nothing of what happens is lost. Many
    requests that fail at once are no reason to leave it alone for longer."""
    webhook_id = desk.webhook("job")
    for first in range(8):
        desk.hand.queue(1, first=first)
    desk.feed(webhook_id)
    begin = desk.hand.clock()
    assert 8 == len(desk.round(webhook_id, FAILED))
    desk.hand.queue(1, first=20)
    assert [] == outbox.serving(desk.hand.clock())
    rests = []
    for _ in range(8):
        rests.append((WebhookRow.get().rest_until - desk.hand.clock()) // 1_000)
        desk.hand.clock.now = WebhookRow.get().rest_until + 6_000
        assert [webhook_id] == outbox.serving(desk.hand.clock())
        assert 0 == desk.feed(webhook_id)
        assert 1 == len(desk.round(webhook_id, FAILED))
    assert [5, 10, 20, 40, 80, 160, 300, 300] == rests
    days = [(day * outbox.DAY_MS, []) for day in range(1, 5)]
    for passed, expected in (*days, (outbox.DISABLE_MS - 1, []), (outbox.DISABLE_MS + 1, [(webhook_id, URL)])):
        desk.hand.clock.now = begin + passed
        WebhookRow.update(rest_until=begin + passed).execute()
        assert 1 == len(desk.round(webhook_id, FAILED))
        assert expected == subscriptions.in_trouble()
    assert [(webhook_id, URL)] == subscriptions.in_trouble()
    assert [] == outbox.due(webhook_id, desk.hand.clock())

    subscriptions.change(webhook_id, Wish(enabled=True), (), "ann", desk.hand.clock())
    assert [] == subscriptions.in_trouble()
    assert 1 == desk.feed(webhook_id)
    desk.hand.clock.advance(86_400_000)
    assert 9 == len(desk.round(webhook_id))
    assert (0, None) == (WebhookRow.get().failures, WebhookRow.get().failing_since)


def test_failures_while_the_clock_is_ahead_leave_nothing_behind(desk: Desk) -> None:
    """Neither a rest nor a next try a year away; and its failures count from now on."""
    webhook_id, begin = desk.webhook("job"), desk.hand.clock()
    job = desk.hand.queue(1)
    lifecycle.pause(job.id, "ann", begin)
    desk.hand.clock.advance(YEAR_MS)
    desk.feed(webhook_id)
    for _ in range(outbox.RESTS_AFTER):
        assert ["job.pending"] == told(desk.round(webhook_id, FAILED))
        desk.hand.clock.now = Delivery.select(fn.MAX(Delivery.due_at)).scalar()
    desk.hand.clock.now = begin + 60_000
    assert [webhook_id] == outbox.serving(desk.hand.clock())
    desk.feed(webhook_id)
    assert ["job.pending"] == told(desk.round(webhook_id, FAILED))
    assert desk.hand.clock() == WebhookRow.get().failing_since
    desk.hand.clock.advance(outbox.DAY_MS)
    desk.feed(webhook_id)
    assert [["job.pending"], ["job.paused"], []] == [told(desk.round(webhook_id)) for _ in range(3)]


@pytest.mark.parametrize("failures", [1, 8])
def test_a_jump_of_the_clock_disables_none_that_fails_just_now(desk: Desk, failures: int) -> None:
    """Only what was tried all the time has failed all the time."""
    webhook_id = desk.webhook("job")
    for first in range(failures):
        desk.hand.queue(1, first=first)
    desk.feed(webhook_id)
    assert failures == len(desk.round(webhook_id, FAILED))
    desk.hand.clock.advance(YEAR_MS)
    for _ in range(4):
        assert desk.round(webhook_id, FAILED)
        assert [] == subscriptions.in_trouble()
        desk.hand.clock.advance(outbox.DAY_MS)


def test_what_a_webhook_is_still_to_be_told_is_not_forgotten(desk: Desk) -> None:
    """Whatever the clock says: neither what it has not been given, nor what waits or is dead."""
    webhook_id = desk.webhook("job")
    lifecycle.pause(desk.hand.queue(1).id, "ann", desk.hand.clock())
    later = desk.hand.clock() + YEAR_MS
    assert 0 == forgetting.happenings(later)
    desk.feed(webhook_id)
    assert 0 == forgetting.happenings(later)
    Delivery.update(state=Stage.DEAD).execute()
    assert 0 == forgetting.happenings(later)
    Delivery.update(state=Stage.DELIVERED).execute()
    assert 1 == forgetting.happenings(later)


def test_what_a_webhook_that_is_disabled_for_long_waits_for_is_forgotten(desk: Desk) -> None:
    """It is not told any more; others of the same kind went long ago."""
    webhook_id = desk.webhook("job")
    lifecycle.pause(desk.hand.queue(1).id, "ann", desk.hand.clock())
    desk.feed(webhook_id)
    desk.hand.clock.advance(2 * outbox.DAY_MS)
    WebhookRow.update(disabled_at=desk.hand.clock()).execute()
    assert 0 == forgetting.happenings(desk.hand.clock() + forgetting.RETURNS_MS - 1)
    assert 1 == forgetting.happenings(desk.hand.clock() + YEAR_MS)


def test_a_webhook_of_which_nothing_waits_any_more_is_tried_with_what_comes(desk: Desk) -> None:
    """All has failed for good: else nobody would ever learn that its receiver is back."""
    webhook_id = desk.webhook("job")
    for first in range(outbox.RESTS_AFTER):
        desk.hand.queue(1, first=first)
    desk.feed(webhook_id)
    desk.round(webhook_id, FAILED)
    desk.hand.clock.now = WebhookRow.get().rest_until + 6_000
    desk.hand.queue(1, first=20)
    assert (0, True) == (desk.feed(webhook_id), WebhookRow.get().failures >= outbox.RESTS_AFTER)
    Delivery.update(state=Stage.DEAD).execute()
    assert 1 == desk.feed(webhook_id)
    assert 1 == len(desk.round(webhook_id))
    assert 0 == WebhookRow.get().failures


def test_a_webhook_that_is_gone_is_told_nothing_more(desk: Desk) -> None:
    """It says so by 410."""
    webhook_id = desk.webhook("job")
    desk.hand.queue(1)
    desk.feed(webhook_id)
    desk.round(webhook_id, Result(410, Problem.STATUS, 1))
    assert "gone" == subscriptions.find(webhook_id, desk.hand.clock()).disabled_why


def test_a_crash_between_the_request_and_its_outcome_sends_it_again(desk: Desk) -> None:
    """With the same id; and what comes late from the one before changes nothing."""
    webhook_id = desk.webhook("message", "job")
    desk.hand.queue(1)
    desk.feed(webhook_id)
    (lost,) = outbox.due(webhook_id, desk.hand.clock())
    (again,) = desk.round(webhook_id, FAILED)
    assert lost.news is not None
    assert again.news is not None
    assert lost.news.id == again.news.id
    outbox.take(webhook_id, [Made(lost, ARRIVED)], desk.hand.clock())
    assert (Stage.WAITING, 1) == (Delivery.get().state, Delivery.get().attempts)


def test_what_was_deleted_is_not_told(desk: Desk) -> None:
    """It holds up nothing."""
    webhook_id = desk.webhook("message")
    desk.hand.queue(1)
    desk.hand.claim_one()
    desk.feed(webhook_id)
    Job.delete().execute()
    (call,) = outbox.due(webhook_id, desk.hand.clock())
    assert call.news is None
    outbox.take(webhook_id, [Made(call, Result(None, Problem.FORGOTTEN, 0))], desk.hand.clock())
    assert (Stage.DEAD, 0) == (Delivery.get().state, WebhookRow.get().failures)


def test_only_one_process_has_the_duty(hand: Hand, place: ownership.Place) -> None:
    """Until it gives it back, its lease ends, or it is provably dead."""
    now = hand.clock()
    assert duty.hold("x", ME, place, now)
    assert not duty.hold("x", OTHER, place, now + duty.LEASE_MS - 1)
    assert duty.hold("x", ME, place, now + 1)
    assert duty.hold("x", OTHER, place, now + 1 + duty.LEASE_MS)
    assert not duty.hold("x", ME, place, now + 1 + duty.LEASE_MS)
    duty.leave("x", OTHER)
    assert duty.hold("x", ME, place, now)
    gone = vars(place) | {"pid": 2**22 + 1, "started": "1"}
    Duty.update(place=gone).execute()
    assert duty.hold("x", OTHER, place, now)
    Duty.update(until=now + 10**9, place=None).execute()
    assert duty.hold("x", ME, place, now)


def test_what_is_old_is_deleted(desk: Desk) -> None:
    """What arrived after a week, what is dead after a month, what waits never."""
    webhook_id = desk.webhook("job")
    for first in range(3):
        desk.hand.queue(1, first=first)
    desk.feed(webhook_id)
    ids = [row.id for row in Delivery.select().order_by(Delivery.id)]
    now = desk.hand.clock()
    for delivery_id, stage in zip(ids, (Stage.DELIVERED, Stage.DEAD), strict=False):
        Delivery.update(state=stage, ended_at=now).where(Delivery.id == delivery_id).execute()
    for days, left in ((7, 3), (8, 2), (30, 2), (31, 1), (400, 1)):
        outbox.prune(now + days * outbox.DAY_MS)
        assert left == Delivery.select().count()


def test_there_are_only_so_many(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subscriptions, "MOST", 1)
    desk.webhook()
    with pytest.raises(errors.IllegalMove):
        desk.webhook()


def test_one_that_is_deleted_meanwhile_is_shown_as_it_was(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Right after somebody has read or changed it; later it is not found."""
    now, row = desk.hand.clock(), subscriptions._row

    def read(webhook_id: int, lock: bool = False) -> WebhookRow:
        found = row(webhook_id, lock)
        if not proxy.database.in_transaction():
            WebhookRow.delete().where(WebhookRow.id == webhook_id).execute()
        return found

    monkeypatch.setattr(subscriptions, "_row", read)
    webhook_id = desk.webhook()
    assert 2 == subscriptions.rotate(webhook_id, 1, "ann", now).webhook.version
    assert "CRM" == subscriptions.change(webhook_id, Wish(name="CRM"), (), "ann", now).name
    assert "CRM" == subscriptions.find(webhook_id, now).name
    for late in (subscriptions.find, partial(subscriptions.rotate, hours=1, who="ann")):
        with pytest.raises(errors.NotFound):
            late(webhook_id, now=now)


def test_a_backlog_costs_nothing(fresh_database: None, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither what waits for later, nor what is dead or has arrived; and no more is read than there is room for."""
    if proxy.on_postgres():
        proxy.database.execute_sql("ALTER TABLE delivery SET (autovacuum_enabled = off)")
    webhook_id = desk.webhook("job")
    now = desk.hand.clock()
    row = {"webhook": webhook_id, "kind": "job.paused", "at": 1}
    many = 3_000
    for at, (stage, due_at, ended_at) in enumerate(
        ((Stage.WAITING, now + 10**6, None), (Stage.DEAD, now, now), (Stage.DELIVERED, now, now))
    ):
        columns = row | {"state": stage, "due_at": due_at, "ended_at": ended_at}
        named = [{"source": f"h{9_000_000 + at * many + n}", "topic": f"other:{n}"} for n in range(many)]
        for begin in range(0, many, 500):
            Delivery.insert_many([columns | each for each in named[begin : begin + 500]]).execute()
    desk.hand.queue(1)
    until = news.settled(news.horizon())
    assert until is not None
    works: list[Any] = [
        lambda: outbox.feed(webhook_id, until, ME, now),
        lambda: len(outbox.due(webhook_id, now)),
        lambda: len(outbox.serving(now)),
        lambda: len(outbox.of_webhook(webhook_id, Stage.DEAD, limit=1)[0]),
        lambda: len(outbox.of_webhook(webhook_id, limit=1)[0]),
        lambda: outbox.prune(now) or 1,
    ]
    for work in works:
        with reading(monkeypatch) as reads:
            assert 1 == work()
        assert reads.rows < 100, works.index(work)

    Delivery.update(due_at=now).where(Delivery.state == Stage.WAITING).execute()
    with reading(monkeypatch) as reads:
        assert outbox.AT_ONCE == len(outbox.due(webhook_id, now))
        assert 0 == outbox.feed(webhook_id, Position(until.event, until.happening + 1), ME, now)
    assert reads.rows < 3 * outbox.READY
