"""What was heard is stored, whatever happens meanwhile; whose it is, and which campaign it answers."""

from __future__ import annotations

import asyncio
from typing import Any

import psycopg
import pytest
import structlog.testing

from daemon import errors
from daemon.accounts import directory
from daemon.contacts import suppression
from daemon.db import clock, proxy
from daemon.db.refusals import Unsent as OfDb
from daemon.delivery import inbox, moves, opened_chats, replies
from daemon.formats.refusals import Unsent as OfFormatsUnsent
from daemon.models import Message, OpenedChat, Reply
from daemon.states import AccountState, Ack, Finding, Hold
from daemon.transports.protocol import Health, Heard, Lookup, Receipt, Unread
from tests.support.hand import Hand, account, states
from tests.support.hearing import (
    DAY_MS,
    ONE,
    TWO,
    Chats,
    own,
    take,
    texts,
    theirs,
)
from tests.support.scripted import Hang, until

ROWS_ARE_LOCKED = pytest.mark.parametrize("backend", ["postgresql"])  # SQLite has one lock for all
STOP = Heard(ONE, (own("id-1"), theirs("1", "STOP")))


def busy_once(monkeypatch: pytest.MonkeyPatch, times: int = 1) -> list[str]:
    """The database is busy the first so many times that something is to be stored; returns what happens to it."""
    story: list[str] = []
    real = replies.take

    def take_when_free(*given: Any, **terms: Any) -> replies.Taken:
        if len(story) < times:
            story.append("busy")
            raise errors.DatabaseBusy(OfDb.DATABASE_UNANSWERED, reason="locked")
        story.append("stored")
        return real(*given, **terms)

    monkeypatch.setattr(replies, "take", take_when_free)
    return story


# Kept until it is stored


async def test_what_is_overheard_while_the_database_is_busy_is_stored_later(
    bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And nobody is written to before: the message that was prepared meanwhile goes back."""
    job = bench.queue(3)
    story = busy_once(monkeypatch, 3)
    transport = Chats()
    prepare = transport.prepare

    async def opened(message: Any) -> Any:
        if message.number == TWO and not story:
            transport.open_now.append(Heard(TWO, (theirs("1", "STOP"),)))
        return await prepare(message)

    transport.prepare = opened  # type: ignore[method-assign]
    with structlog.testing.capture_logs() as lines:
        await bench.run_out(transport, job)

    assert ["sent", "skipped", "sent"] == states(job)
    assert TWO not in transport.out
    assert {TWO} == suppression.among([ONE, TWO])
    assert ["busy"] * 3 + ["stored"] == story
    assert 3 == sum(line["event"] == "reply.kept" for line in lines)


async def test_an_unread_chat_that_was_read_while_the_database_is_busy(
    ears: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is not unread any more: what stood there is stored from memory."""
    await ears.run_out(Chats(), ears.queue(1))
    story = busy_once(monkeypatch)
    transport = Chats()
    transport.answers(ONE, own("id-1"), theirs("1", "STOP"))
    transport.read_before.clear()
    async with ears.sending(transport):
        await until(suppression.count, "they are on the list")

    assert ["busy", "stored"] == story[:2]
    assert 1 == transport.count("read")


@pytest.mark.parametrize("lets_go", [True, False])
async def test_sigterm_in_a_read(ears: Any, lets_go: bool) -> None:
    """It is finished within the grace; else the next life reads the chat once more, though it is unread no more."""
    await ears.run_out(Chats(), ears.queue(1))
    hang = Hang(STOP)
    transport = Chats(read=[hang])
    transport.unread_now[ONE] = Unread(ONE, ONE, 1), STOP
    async with ears.sending(transport) as (running, task):
        await asyncio.wait_for(hang.entered.wait(), 60)
        running.stop()
        if lets_go:
            hang.let_go()
        await asyncio.wait_for(asyncio.shield(task), 15)
    assert (1 if lets_go else 0) == suppression.count()

    again = Chats()
    again.read_before[ONE] = STOP
    async with ears.sending(again):
        await until(suppression.count, "they are on the list")
        await until(lambda: again.count("unread") > 4, "it goes on listening")
    assert [("reread", ONE)] == again.order("read", "reread")
    assert ["STOP"] == texts()


async def test_what_waits_in_memory_is_stored_at_the_end(
    ears: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The sender is stopped while the database is busy: there is a moment left to store it."""
    monkeypatch.setattr(inbox, "STORE_AGAIN_S", 0.01)
    job = ears.queue(1)
    transport = Chats()
    story = busy_once(monkeypatch, 2)
    async with ears.sending(transport) as (running, task):
        await until(lambda: states(job) == ["sent"], "it is sent")
        transport.open_now.append(STOP)
        await until(lambda: story, "it is busy")
        running.stop()
        await asyncio.wait_for(asyncio.shield(task), 15)
    assert ({ONE}, ["STOP"]) == (suppression.among([ONE]), texts())


async def test_the_chat_that_was_open_when_a_sender_died_is_read_once_more(ears: Any) -> None:
    """What came into it counted as read at once, and nobody had heard it yet: the one written to last."""
    await ears.run_out(Chats(), ears.queue(2))
    transport = Chats()
    transport.read_before[TWO] = Heard(TWO, (own("id-1"), theirs("1", "STOP")))
    async with ears.sending(transport):
        await until(suppression.count, "they are on the list")
        await until(lambda: transport.count("unread") > 4, "it goes on listening")
    assert [("reread", TWO)] == transport.order("reread")


async def test_a_chat_that_cannot_be_read_to_its_end_is_given_up(ears: Any) -> None:
    """After three tries, and the log says so; the others are read all the same."""
    await ears.run_out(Chats(), ears.queue(2))
    transport = Chats(read=[errors.NotSubmitted("it does not open")])
    transport.answers(ONE, own("id-1"), theirs("1", "STOP"))
    transport.answers(TWO, own("id-1"), theirs("2", "Stop!"))
    del transport.unread_now[ONE]
    transport.unread_now = {"?": (Unread("?", None, 1, "STOP"), None), **transport.unread_now}
    with structlog.testing.capture_logs() as lines:
        async with ears.sending(transport):
            await until(lambda: [x for x in lines if x["event"] == "reply.given_up"], "it is given up")
    assert {TWO} == suppression.among([ONE, TWO])
    assert 0 == OpenedChat.select().where(OpenedChat.title == "?").count()


async def test_what_cannot_be_stored_at_all_blocks_nobody(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is said in the log, once."""
    real, refused = replies.take, []

    def take_or_refuse(name: str, heard: Heard, *rest: Any, **terms: Any) -> replies.Taken:
        if heard.number == ONE:
            refused.append(heard)
            raise errors.InvalidInput(OfFormatsUnsent.TEXT_BLANK)
        return real(name, heard, *rest, **terms)

    monkeypatch.setattr(replies, "take", take_or_refuse)
    transport = Chats()
    transport.open_now = [Heard(ONE, (theirs("1", "STOP"),)), Heard(TWO, (theirs("2", "STOP"),))]
    job = bench.queue(2)
    with structlog.testing.capture_logs() as lines:
        await bench.run_out(transport, job)
    assert (1, 1) == (len(refused), sum(line["event"] == "reply.refused" for line in lines))
    assert ["sent", "skipped"] == states(job)


@ROWS_ARE_LOCKED
def test_an_optout_waits_for_no_job(wrote: Hand) -> None:
    """Whoever holds a job for long, as the stop of a large one does, delays no STOP."""
    directory.open_account("sales", wrote.clock())
    other = wrote.queue(1, first=50, account="sales")
    with psycopg.connect(wrote.settings.db_url) as rival:
        rival.execute("SELECT 1 FROM job WHERE id = %s FOR UPDATE", (other.id,))
        rival.execute("SELECT 1 FROM message FOR UPDATE")  # nor for messages: the reply names one
        proxy.database.execute_sql("SET lock_timeout = '300ms'")
        with pytest.raises(errors.DatabaseBusy):
            take(wrote, ONE, own("A"), theirs("1", "STOP"))
        assert {ONE} == suppression.among([ONE])
        with pytest.raises(errors.DatabaseBusy):
            suppression.suppress(wrote.settings, TWO, "asked", "anna", clock.now_ms())
        assert {TWO} == suppression.among([TWO])
    assert replies.Taken(1, False) == take(wrote, ONE, own("A"), theirs("1", "STOP"))


@ROWS_ARE_LOCKED
def test_an_optout_is_stored_while_another_job_is_locked(wrote: Hand) -> None:
    """With the reply, at once."""
    directory.open_account("sales", wrote.clock())
    other = wrote.queue(1, first=50, account="sales")
    with psycopg.connect(wrote.settings.db_url) as rival:
        rival.execute("SELECT 1 FROM job WHERE id = %s FOR UPDATE", (other.id,))
        proxy.database.execute_sql("SET lock_timeout = '300ms'")
        assert replies.Taken(1, True) == take(wrote, ONE, own("A"), theirs("1", "STOP"))


# While the account is held


@pytest.mark.parametrize("page_holds", [True, False])
async def test_it_listens_while_the_account_is_held(ears: Any, page_holds: bool) -> None:
    """Whether the page or the sender itself holds it; nothing is sent meanwhile, not even that it was heard."""
    await ears.run_out(Chats(), ears.queue(1))
    held = Health(AccountState.HELD, Hold.RESTRICTED if page_holds else Hold.FAILURES, clock.now_ms() + DAY_MS, "x")
    directory.report("default", held, clock.now_ms())
    transport = Chats()
    if page_holds:
        transport.health_now = held
    transport.answers(ONE, own("id-1"), theirs("1", "STOP"))
    async with ears.sending(transport):
        await until(suppression.count, "they are on the list")
        await until(lambda: transport.count("unread") > 4, "it goes on listening")
    assert [] == transport.out


async def test_it_listens_while_a_message_waits_for_its_tick(ears: Any) -> None:
    """The clock may stand for hours."""
    transport = Chats(
        hand_over=[errors.SubmitUnknown("no tick")],
        look_up=[Lookup(Finding.WAITING, "on the clock")] * 500,
    )
    ears.queue(1)
    async with ears.sending(transport):
        await until(lambda: account().hold == Hold.STUCK_ON_CLOCK, "it is held")
        transport.answers(ONE, own("id-1"), theirs("1", "STOP"), title="", preview="STOP")
        transport.unread_now[""] = Unread("Anna", None, 1, "STOP"), Heard(ONE, (theirs("1", "STOP"),))
        transport.unread_now["Anna"] = transport.unread_now.pop("")
        await until(suppression.count, "they are on the list")
    assert [] == transport.out


# All of many


async def test_forty_chats_are_read_without_waiting_between_them(
    ears: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A backlog after a pause: three at a time, with a turn for the queue in between, in one go."""
    await ears.run_out(Chats(), ears.queue(40))
    numbers = [person.number for person in ears.people(40)]
    monkeypatch.setattr(inbox, "EVERY_S", 3600.0)
    transport = Chats()
    for number in numbers:
        transport.answers(number, own("id-1"), theirs(f"k{number}", "STOP"))
    async with ears.sending(transport):
        await until(lambda: suppression.count() == 40, "all are on the list")


async def test_two_chats_of_one_name_that_look_alike(ears: Any) -> None:
    """The first one is private; the other one is read as well."""
    await ears.run_out(Chats(), ears.queue(1))
    Message.update(mark='{"last_own": null, "name": "Kim"}').execute()
    kim = Unread("Kim", None, 1)
    left = [
        (kim, Heard(None, (theirs("p", "Dinner?"),))),
        (kim, Heard(None, (own("id-1"), theirs("1", "STOP")))),
    ]
    transport = Chats()

    async def unread() -> list[Unread]:
        transport.calls.append(("unread", ""))
        return [chat for chat, _ in left]

    async def read(chat: Unread) -> Heard | None:
        return left.pop(0)[1] if chat.count else None

    transport.unread, transport.read = unread, read  # type: ignore[method-assign]
    async with ears.sending(transport):
        await until(suppression.count, "they are on the list")
    assert {ONE} == suppression.among([ONE])


async def test_a_second_message_that_looks_like_the_first_is_read_as_well(ears: Any) -> None:
    """It came before the next look at the list."""
    await ears.run_out(Chats(), ears.queue(1))
    transport = Chats()
    transport.answers(ONE, own("id-1"), theirs("1", "Hi"))
    read = transport.read

    async def answered_at_once(chat: Unread) -> Heard | None:
        heard = await read(chat)
        if chat.count and transport.count("read") == 1:
            transport.answers(ONE, own("id-1"), theirs("1", "Hi"), theirs("2", "STOP"))
        return heard

    transport.read = answered_at_once  # type: ignore[method-assign]
    async with ears.sending(transport):
        await until(suppression.count, "they are on the list")


async def test_of_two_in_a_look_both_are_told(ears: Any) -> None:
    """The second one's answer says nothing of a stop, so it must not hide the first."""
    await ears.run_out(Chats(), ears.queue(2))
    transport = Chats()
    transport.answers(ONE, own("id-1"), theirs("1", "STOP"))
    transport.answers(TWO, own("id-1"), theirs("2", "Thank you"))
    async with ears.sending(transport):
        await until(lambda: Reply.select().count() == 2, "both are read")
        await until(lambda: transport.out, "the first is told")
    assert [ONE] == transport.out


# Whose it is, and what it answers


def test_rows_of_ours_beat_a_title(wrote: Hand) -> None:
    """A contact may be saved under another's number, and two under one name."""
    assert replies.Taken(1, True) == take(wrote, ONE, own("B"), theirs("1", "STOP"))
    assert ({TWO}, [TWO]) == (suppression.among([ONE, TWO]), [row.number for row in Reply.select()])


def test_a_title_counts_where_no_row_of_ours_is_to_be_seen(wrote: Hand) -> None:
    """They were deleted on the phone: to miss somebody who opts out is worse."""
    assert replies.Taken(1, True) == take(wrote, ONE, own("by hand"), theirs("1", "STOP"))
    assert {ONE} == suppression.among([ONE, TWO])


def test_a_reply_answers_what_has_reached_them(wrote: Hand) -> None:
    """Not the campaign that failed for them."""
    first = Message.get(Message.number == ONE)
    wrote.queue(1, name="failed")
    moves.fail(wrote.submit(wrote.claim_one()), "WhatsApp says it was not sent.", wrote.clock())
    take(wrote, ONE, own("A"), theirs("1", "Yes, please"), own("by hand"), theirs("2", "Hello?"))
    assert [first.id, first.id] == [row.message_id for row in Reply.select()]


def test_a_reply_answers_what_stands_before_it(wrote: Hand) -> None:
    """Of two campaigns that reached them, each reply its own."""
    first = Message.get(Message.number == ONE)
    wrote.queue(1)
    second = wrote.submit(wrote.claim_one())
    moves.confirm(second, Receipt("A2", Ack.SENT), wrote.clock())
    take(wrote, ONE, own("A"), theirs("1", "Yes"), own("A2"), theirs("2", "No"))
    assert [first.id, second.id] == [row.message_id for row in Reply.select().order_by(Reply.id)]


def test_a_stop_that_was_lifted_does_not_come_back(wrote: Hand) -> None:
    """Not when its reply is deleted after 90 days either, though its row stands in the chat for good."""
    rows = (own("A"), theirs("1", "STOP"))
    take(wrote, ONE, *rows)
    suppression.remove(wrote.settings, ONE, "asked to get it again", "admin", clock.now_ms())
    wrote.clock.advance(replies.KEEP_MS + 1)
    assert 1 == replies.prune(wrote.clock())
    assert replies.Taken() == take(wrote, ONE, *rows)
    assert 0 == replies.prune(wrote.clock())
    assert replies.Taken(1, True) == take(wrote, ONE, *rows, theirs("2", "stop"))
    wrote.clock.advance(replies.KEEP_MS + 1)
    replies.prune(wrote.clock())
    assert [] == texts()


def test_halves_of_a_sign_are_stored(wrote: Hand) -> None:
    """A text that was cut within an emoji cannot be written as UTF-8."""
    take(wrote, ONE, own("A"), theirs("k\ud83d", "Hi \ud83d"))
    assert ["Hi ?"] == texts()


def test_by_what_a_chat_is_known_again(wrote: Hand) -> None:
    """Rows of ours and of theirs, of whoever it may be."""
    take(wrote, ONE, own("A"), theirs("1", "Hi"))
    now = wrote.clock()
    Message.update(mark='{"last_own": null, "name": "Kim"}').where(Message.number == TWO).execute()
    assert {"A", "1"} == replies.landmarks("default", Unread(ONE, ONE, 1), now)
    assert {"B"} == replies.landmarks("default", Unread("Kim", None, 1), now)
    assert set() == replies.landmarks("other", Unread(ONE, ONE, 1), now)


def test_what_was_opened_is_known_until_it_is_stored(wrote: Hand) -> None:
    """The newest one beyond that: it may still be open."""
    first = opened_chats.begin("default", Unread("Kim", None, 2), 1)
    second = opened_chats.begin("default", Unread(ONE, ONE, 2), 2)
    assert first == opened_chats.begin("default", Unread("Kim", None, 5), 3)
    assert [(second, Unread(ONE, ONE, 0)), (first, Unread("Kim", None, 0))] == opened_chats.unfinished("default", False)

    opened_chats.end("default", first)
    assert [second] == [entry for entry, _ in opened_chats.unfinished("default", False)]
    assert [second, first] == [entry for entry, _ in opened_chats.unfinished("default", True)]
    opened_chats.end("default", second)
    assert [second] == [entry for entry, _ in opened_chats.unfinished("default", True)]
    assert [] == opened_chats.unfinished("other", True)
