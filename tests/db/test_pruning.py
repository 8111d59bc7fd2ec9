"""What is kept for a while only is deleted then, on both databases; what somebody has to decide by stays longer."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from structlog.testing import capture_logs

from daemon.accounts import commands, directory, handovers, portfolios
from daemon.campaigns import create, leftovers
from daemon.contacts import uploads
from daemon.contacts.importer import Contact, ContactList
from daemon.db import clock
from daemon.db.connection import write
from daemon.db.proxy import tuples
from daemon.delivery import cloud_inbox, evidence, moves, windows
from daemon.delivery.evidence import DAY_MS
from daemon.i18n.coded import refusal
from daemon.models import (
    Account,
    Delivery,
    Evidence,
    Happening,
    Kept,
    Message,
    Picture,
    Purpose,
    Reply,
    Table,
    Webhook,
)
from daemon.ops import keeping, mailing, notices, retention
from daemon.ops.keeping import Beside
from daemon.ops.refusals import Notice as Says
from daemon.states import E164, Ack, Finding, State
from daemon.transports.protocol import ChatRow, Lookup
from daemon.webhooks.outbox import Stage
from tests.support.hand import Hand, fresh

HOUR_MS = 3_600_000
NUMBER = E164("+4930123456")

SEEN = Lookup(Finding.UNKNOWN, "Unclear.", rows=(ChatRow(False, "Something private", None),), screenshot=b"png")


def doubtful(hand: Hand, first: int) -> Any:
    hand.queue(1, first=first)
    message = hand.submit(hand.claim_one())
    moves.lose(message, "who knows", hand.clock(), SEEN)
    return message


def test_what_a_chat_looked_like_goes_a_week_after_it_is_of_no_use(hand: Hand) -> None:
    """The one that was decided on goes; the other one stays until somebody decides, but not for ever."""
    decided, waiting = doubtful(hand, 0), doubtful(hand, 50)
    moves.decide(fresh(decided), "settle", "test", hand.clock())
    hand.clock.advance(evidence.DECIDED_MS)
    assert 0 == evidence.prune(hand.clock())
    assert 1 == evidence.prune(hand.clock() + 1)
    assert [waiting.id] == [row.message_id for row in Evidence.select()]

    hand.clock.advance(evidence.KEEP_MS - evidence.DECIDED_MS)
    assert (0, 1) == (evidence.prune(hand.clock()), evidence.prune(hand.clock() + 1))
    assert (0, State.UNCERTAIN) == (Evidence.select().count(), fresh(waiting).state)


def test_pictures_of_browsers_go_after_a_day(database: str) -> None:
    """Also where no other picture takes their place."""
    now = clock.now_ms()
    for name in ("default", "second"):
        directory.open_account(name, now)
        commands.ask(name, commands.What.SCREENSHOT, "test", now)
        wish = commands.take(name, True, now)
        assert wish
        commands.fulfil(name, wish, now, b"png")
    assert 2 == Picture.select().count() == Account.select().count()
    assert 0 == commands.prune(now + DAY_MS)
    assert 2 == commands.prune(now + DAY_MS + 1)
    assert 0 == Picture.select().count()


def test_answers_to_requests_go_after_a_week(hand: Hand) -> None:
    """Numbers that were rejected stand in them; until then a repeat makes nothing new."""
    first = hand.queue(1, key="k")
    hand.clock.advance(7 * DAY_MS)
    assert (0, first.id) == (create.forget_answers(hand.clock()), hand.queue(1, key="k").id)
    assert 1 == create.forget_answers(hand.clock() + 1)
    assert first.id != hand.queue(1, key="k").id


def rows() -> dict[str, list[str]]:
    """All there are, but when they were looked for."""
    tables = [each for each in Table.__subclasses__() if each is not Kept]
    return {each._meta.table_name: sorted(map(repr, tuples(each.select()))) for each in tables}


@pytest.fixture
def of_each(hand: Hand) -> set[str]:
    """Something of each that is removed, or changed, because of its age; returns their tables."""
    now, person = hand.clock(), windows.key_of(NUMBER)
    hand.queue(1, key="k")
    message = hand.confirm(hand.submit(hand.claim_one()), Ack.ACCEPTED)
    Message.update(expires_at=now + DAY_MS).execute()
    evidence.keep(message.id, SEEN, now)
    handovers.keep_own("default", NUMBER, Purpose.CANARY, now)
    Reply.create(account="default", key="k", number=NUMBER, text="Hi", at=now)
    uploads.add_contacts(hand.settings, ContactList([Contact(2, NUMBER, {})], columns=[]), "guests.csv", now)
    windows.wrote("default", person, now, now)
    portfolios.told("1", 5, now)
    cloud_inbox.store([cloud_inbox.Posted(b"{")], now)
    cloud_inbox.set_aside(cloud_inbox.waiting()[0].id, cloud_inbox.Aside.UNREADABLE, now)
    with write():
        assert portfolios.take("1", person, message.id, now)
        cloud_inbox.first_time("told", now)
        notices.note(notices.Found("held", "default", refusal(Says.TEST)), now)
    mailing.seen_only(now + HOUR_MS)
    about = {"name": "w", "url": "u", "kinds": [], "secret": "s", "created_at": now, "created_by": "kim"}
    place = {"event": 0, "happening": 0, "disabled_at": 1}
    webhook = Webhook.create(**about, **place)
    what = {"webhook": webhook, "kind": "job.paused", "topic": "job:1", "at": now + 1, "due_at": now, "ended_at": now}
    for stage in (Stage.DELIVERED, Stage.DEAD):
        Delivery.create(**what, source=f"h{9_000 + len(stage)}", state=stage)
    assert Happening.select().count() > 1
    found = {"message", "job", "evidence", "handover", "minute", "reply", "upload", "last_wrote", "notice"}
    found |= {"portfolio", "portfolio_person", "cloud_batch", "cloud_progress", "cloud_seen", "delivery", "happening"}
    return found | {"idempotency"}


@pytest.mark.parametrize("upgraded", [False, True])
def test_a_clock_that_jumps_for_a_while_changes_nothing(hand: Hand, of_each: set[str], upgraded: bool) -> None:
    """Also where a kind is looked for that an earlier version removed without a look at the clock. If it has not jumped
    it all goes an hour later."""
    settings, now = hand.settings, hand.clock()
    retention.prune(settings, now)
    if upgraded:
        Kept.delete().where(Kept.kind == Beside.REST.value).execute()
    before, ahead = rows(), now + 400 * DAY_MS
    for at in (ahead, ahead + 600_000, now + 660_000, ahead):
        retention.prune(settings, at)
        assert before == rows()
    retention.prune(settings, ahead + HOUR_MS)
    after = rows()
    assert of_each <= {name for name in before if before[name] != after[name]}


async def test_what_fails_keeps_nothing_else_from_going(
    hand: Hand, of_each: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each failure is told, and all that can go goes, in the same hour."""
    settings, now = hand.settings, hand.clock()
    retention.prune(settings, now)
    before, later = rows(), now + 400 * DAY_MS
    retention.prune(settings, later)  # the clock may have jumped

    def fails(*_: Any) -> Any:
        raise KeyError("broken")

    async def timed(work: Any, *given: Any) -> Any:
        return work(*given, later + HOUR_MS)

    async def ends(_: float) -> None:
        raise asyncio.CancelledError

    looked = set()
    for place, name in ((commands, "prune"), (cloud_inbox, "prune"), (leftovers, "forget_started")):
        monkeypatch.setattr(place, name, fails)
    monkeypatch.setattr(keeping, "_removed", lambda _, kind, *__: looked.add(kind) or fails())
    monkeypatch.setattr(asyncio, "sleep", ends)
    with capture_logs() as logs, pytest.raises(asyncio.CancelledError):
        await retention.run(settings, timed)

    assert set(keeping.ORDER) == looked
    assert 3 + len(looked) == len([each for each in logs if each["event"] == "pruning.failed"])
    after = rows()
    assert of_each - {"cloud_batch", "cloud_progress", "cloud_seen"} <= {
        name for name in before if before[name] != after[name]
    }
