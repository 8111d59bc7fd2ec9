"""A row for every hand-over: what counts against a cap, what does not, and that it is looked up by an index."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from daemon import errors
from daemon.accounts import directory, handovers, pace, pacing, status
from daemon.campaigns import lifecycle
from daemon.db import clock, proxy
from daemon.db.prepared import several
from daemon.delivery import canary, moves
from daemon.models import Handover, Job, Kind, Message, Purpose, Reply, Suppression
from daemon.states import Finding, State
from daemon.transports.protocol import Lookup
from tests.support.hand import Hand, fresh, states
from tests.support.scripted import RECEIPT, ScriptedTransport, until

HOUR_MS, DAY_MS = pacing.HOUR_MS, pacing.DAY_MS
OWN = "+4915119999999"

pytestmark = pytest.mark.usefixtures("fresh_database")


def kinds() -> list[str]:
    return [row.kind for row in Handover.select().order_by(Handover.id)]


def waits(hand: Hand) -> int:
    """How long (ms) the caps let nothing out."""
    return pace.opening("default", hand.clock(), hand.rules).at - hand.clock()


def test_each_hand_over_has_a_row(hand: Hand) -> None:
    """With whom, when, for what and which message."""
    hand.queue(1)
    message = hand.submit(hand.claim_one())
    row = Handover.get()

    assert ("default", message.number, hand.clock(), "campaign") == (row.account, row.number, row.at, row.kind)
    assert message.id == row.message_id


@pytest.mark.parametrize("kind", [Kind.TEST, Kind.ANSWER])
def test_a_message_of_any_kind_of_job_counts_for_the_account(hand: Hand, kind: Kind) -> None:
    """WhatsApp does not ask what it is for; the cap per person does."""
    hand.rules = pacing.Rules(hourly_cap=1, person_cap=1, person_window_ms=7 * DAY_MS)
    job = hand.queue(1)
    Job.update(kind=kind).where(Job.id == job.id).execute()
    assert 1 == len(hand.send_all())
    other = hand.queue(1)

    assert [kind] == kinds()
    assert HOUR_MS - 1 == waits(hand)
    hand.clock.advance(HOUR_MS)
    assert 1 == len(hand.send_all())
    assert [State.SENT] == states(other)


def test_what_is_sent_again_counts_twice(hand: Hand) -> None:
    """An uncertain one may have left: a person's decision to send it again does not take that back."""
    hand.rules = pacing.Rules(hourly_cap=2)
    job = hand.queue(3)
    message = hand.submit(hand.claim_one())
    moves.lose(message, "who knows", hand.clock())
    lifecycle.settle(message.id, False, "test", hand.clock())
    hand.clock.advance(1)

    assert 1 == len(hand.send_all())
    assert ["campaign"] * 2 == kinds()
    assert 2 == handovers.count("default", hand.clock() - HOUR_MS, hand.clock())
    assert 1 == states(job).count("sent")


def test_it_does_not_stand_in_its_own_way(hand: Hand) -> None:
    """The cap per person counts campaigns: what is sent again is the same one, however often it was handed over."""
    hand.rules = pacing.Rules(person_cap=1, person_window_ms=7 * DAY_MS)
    hand.queue(1)
    message = hand.submit(hand.claim_one())
    moves.lose(message, "who knows", hand.clock())
    lifecycle.settle(message.id, False, "test", hand.clock())
    assert [message.number] == hand.send_all()

    hand.rules = replace(hand.rules, person_cap=2)
    hand.queue(1)
    assert [message.number] == hand.send_all()
    job = hand.queue(1)
    assert [] == hand.send_all()
    assert [State.SKIPPED] == states(job)


NEVER_LEFT = {
    "requeue": lambda message, now: moves.requeue(message, "it is not in the chat", now),
    "retry": lambda message, now: moves.retry(message, "WhatsApp says it was not sent", now, 3, 0),
    "retry in vain": lambda message, now: moves.retry(message, "WhatsApp says it was not sent", now, 1, 0),
    "withdraw": lambda message, now: moves.withdraw(message, "no answer", now),
}


@pytest.mark.parametrize("move", NEVER_LEFT)
def test_what_provably_never_left_gives_its_place_back(hand: Hand, move: str) -> None:
    """The caps of account, job and person have room again, in the same move; what left before stays counted."""
    hand.rules = pacing.Rules(hourly_cap=2, person_cap=1, person_window_ms=7 * DAY_MS)
    job = hand.queue(4, daily_cap=2)
    hand.confirm(hand.submit(hand.claim_one()))
    hand.clock.advance(1)
    message = hand.submit(hand.claim_one())
    assert HOUR_MS - 1 == waits(hand)
    hand.rules = replace(hand.rules, hourly_cap=0)
    assert [] == hand.claim()
    assert Job.get_by_id(job.id).opens_at > hand.clock() + HOUR_MS
    NEVER_LEFT[move](message, hand.clock())
    hand.rules = replace(hand.rules, hourly_cap=2)

    assert 1 == Handover.select().count()
    assert 0 == waits(hand)
    assert 1 == len(hand.claim())


def test_a_stop_while_it_is_handed_over_does_so_too(hand: Hand) -> None:
    """It is cancelled instead of queued again."""
    job = hand.queue(1)
    message = hand.submit(hand.claim_one())
    lifecycle.stop(job.id, "test", hand.clock())
    moves.requeue(message, "it is not in the chat", hand.clock())

    assert State.CANCELLED == fresh(message).state
    assert 0 == Handover.select().count()


def test_only_the_last_hand_over_is_given_back(hand: Hand) -> None:
    """The first one of a message that was sent again may still have left."""
    hand.queue(1)
    message = hand.submit(hand.claim_one())
    moves.lose(message, "who knows", hand.clock())
    lifecycle.settle(message.id, False, "test", hand.clock())
    hand.clock.advance(5)
    moves.requeue(hand.submit(hand.claim_one()), "it is not in the chat", hand.clock())

    assert [hand.clock() - 5] == [row.at for row in Handover.select()]


def test_what_a_lease_forbids_changes_no_row(hand: Hand) -> None:
    """A sender that lost its message gives nothing back."""
    hand.queue(1)
    message = hand.submit(hand.claim_one())
    message.lease = "lost"
    with pytest.raises(errors.LeaseLost):
        moves.requeue(message, "it is not in the chat", hand.clock())
    assert 1 == Handover.select().count()


async def test_canaries_count(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a cap of two an hour, two go out, however often one is due."""
    monkeypatch.setattr(canary, "EVERY_MS", 1)
    bench.set(hourly_cap=2, canary=OWN)
    transport = ScriptedTransport(look_up=[Lookup(Finding.SENT, "it is there", RECEIPT)] * 100)
    async with bench.sending(transport):
        await until(lambda: 2 <= len(transport.out), "two are out")
        looked = transport.count("health")
        await until(lambda: transport.count("health") > looked + 20, "it goes on")

    assert [OWN] * 2 == transport.out
    assert ["canary"] * 2 == kinds()


async def test_a_canary_that_never_left_does_not_count(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither one that could not be prepared."""
    monkeypatch.setattr(canary, "AGAIN_MS", 1)
    bench.set(canary=OWN)
    no = errors.NotSubmitted("no")
    found = [Lookup(Finding.SENT, "it is there", RECEIPT)]
    transport = ScriptedTransport(prepare=[no], hand_over=[no], look_up=found)
    async with bench.sending(transport):
        await until(lambda: transport.count("look_up"), "the third one is out")
    assert ["canary"] == kinds()


async def test_confirmations_of_stops_count(bench: Any) -> None:
    """With a cap of two an hour, two of twelve are told now; one that never left is none of them."""
    bench.set(stop_confirm="Nothing more.", hourly_cap=2)
    now = clock.now_ms()
    for n in range(12):
        number = f"+49151100000{n:02}"
        Suppression.create(number=number, person=number, reason="wrote STOP", source="reply", created_at=now)
        Reply.create(account="default", number=number, person=number, text="STOP", at=now, key=f"k{n}", stop=True)
    transport = ScriptedTransport(hand_over=[errors.NotSubmitted("no")])
    async with bench.sending(transport):
        await until(lambda: len(transport.out) >= 2, "two are told")
        looked = transport.count("health")
        await until(lambda: transport.count("health") > looked + 20, "it goes on")

    assert 2 == len(transport.out)
    assert ["confirmation"] * 2 == kinds()


def test_the_page_shows_what_the_caps_count(hand: Hand) -> None:
    """Today's use, and how long a job will take, are of the same rows."""
    hand.queue(2)
    hand.send_all()
    handovers.keep_own("default", OWN, Purpose.CANARY, hand.clock())
    account = directory.find("default")

    assert status.Used(3, 3) == status.report(hand.settings, account, hand.clock()).used
    assert 3 == sum(number for _, number in handovers.by_minute("default", hand.clock() - DAY_MS, hand.clock()))
    of_job = handovers.by_minute("default", hand.clock() - DAY_MS, hand.clock(), Job.get().id)
    assert 2 == sum(number for _, number in of_job)


def plan(query: str, values: tuple[Any, ...], postgres: bool) -> str:
    if not postgres:
        return "\n".join(row[3] for row in proxy.database.execute_sql(f"EXPLAIN QUERY PLAN {query}", values).fetchall())
    with proxy.database.atomic():
        proxy.database.execute_sql("SET LOCAL enable_seqscan = off")  # of a small table PostgreSQL reads all else
        proxy.database.execute_sql("SET LOCAL enable_bitmapscan = off")
        return "\n".join(row[0] for row in proxy.database.execute_sql(f"EXPLAIN {query}", values).fetchall())


QUERIES: dict[str, tuple[Any, dict[str, Any], str]] = {
    "minutes of an account": (partial(handovers._minutes, False), {"first": 0}, "minute_"),
    "minutes of a job": (partial(handovers._minutes, True), {"first": 0, "job": 1}, "minute_"),
    "cap of an account": (partial(handovers._nth_within, False), {"before": 5}, "handover_account_at"),
    "use of an account": (partial(handovers._within, False), {}, "handover_account_at"),
    "cap of a job": (partial(handovers._nth_within, True), {"job": 1, "before": 5}, "handover_account_at"),
    "use of a job": (partial(handovers._within, True), {"job": 1}, "handover_account_at"),
    "cap of a person": (
        lambda **given: handovers._got(among=several([OWN]), **given),
        {"but": 1},
        "handover_person_at",
    ),
    "given back": (handovers._last, {"message": 1}, "handover_message_id"),
}


@pytest.mark.parametrize("name", QUERIES)
def test_every_question_is_answered_by_an_index(hand: Hand, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are asked at each claim, over all that has ever left."""
    query, values, index = QUERIES[name]
    asked: list[Any] = []
    with monkeypatch.context() as patch:
        real = proxy.database.obj.execute_sql
        patch.setattr(proxy.database.obj, "execute_sql", lambda *given: asked.append(given) or real(*given))
        query(account="default", person=OWN, since=0, ahead=hand.clock(), **values)
    found = plan(*asked[0], proxy.on_postgres())

    assert index in found
    assert "SCAN handover" not in found and "Seq Scan on handover" not in found


def test_the_rows_of_messages_outlive_them(hand: Hand) -> None:
    """A campaign that is deleted has been sent all the same."""
    hand.queue(1)
    hand.send_all()
    Message.delete().execute()
    Job.delete().execute()

    assert [None] == [row.message_id for row in Handover.select()]
    assert 1 == handovers.count("default", 0, hand.clock())
