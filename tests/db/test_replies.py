"""Replies: what is taken from a chat, what a STOP does to a running campaign, and that it is confirmed once at most."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import structlog.testing

from daemon import errors
from daemon.accounts import pacing
from daemon.contacts import suppression
from daemon.db import clock, connection, proxy
from daemon.delivery import inbox, moves, replies
from daemon.delivery.parts import Piece
from daemon.models import Event, Message, Reply, Suppression
from daemon.states import Ack, JobState, State
from daemon.transports.protocol import Heard, Mark, Receipt, Unread
from tests.support.hand import Hand, account, job_state, states
from tests.support.hearing import NONE, ONE, STRANGER, TWO, Chats, own, take, texts, theirs
from tests.support.plans import reading
from tests.support.scripted import Hang, ScriptedTransport, until

# What is taken


def test_what_came_after_our_message_is_a_reply_to_it(wrote: Hand) -> None:
    """Once, however often the chat is looked at; neither what stood there before nor what we wrote."""
    rows = (theirs("0", "of last year"), own("A"), theirs("1", "Thanks!"), own("x", "by hand"), theirs("2", "When?"))
    assert replies.Taken(new=2) == take(wrote, ONE, *rows)
    assert replies.Taken() == take(wrote, ONE, *rows, own("y"))
    assert replies.Taken(new=1) == take(wrote, ONE, *rows, theirs("3", ""))

    message = Message.get(Message.number == ONE)
    assert ["Thanks!", "When?", ""] == texts()
    assert {(ONE, message.id, "default", False)} == {
        (row.number, row.message_id, row.account, row.stop) for row in Reply.select()
    }
    assert [] == suppression.page()[0]


def test_a_chat_with_a_name_is_proved_by_our_own_messages_in_it(wrote: Hand) -> None:
    """By their ids; where there are none, or those of two people, nothing is kept."""
    assert replies.Taken(new=1) == take(wrote, None, own("B"), theirs("1", "Hi"))
    assert replies.Taken(proved=False) == take(wrote, None, own("x"), theirs("2", "STOP"))
    assert replies.Taken(proved=False) == take(wrote, None, theirs("3", "STOP"))
    assert replies.Taken(proved=False) == take(wrote, None, own("A"), own("B"), theirs("4", "STOP"))

    assert [(TWO, "Hi")] == [(row.number, row.text) for row in Reply.select()]
    assert [] == suppression.page()[0]


def test_a_stop_between_two_parts_of_a_message_counts(hand: Hand) -> None:
    """It stands after the row of the first part, and before that of the last."""
    hand.queue(1)
    message, pieces = hand.claim_one(), [Piece(at, ("plan.pdf", "terms.pdf")) for at in range(2)]
    moves.submit(message, Mark(None), hand.clock(), pacing.Gap(0, pacing.Why.PAUSE, 1), piece=pieces[0])
    moves.confirm_part(message, Receipt("A", Ack.SENT), hand.clock(), pieces[0])
    moves.submit_part(message, Mark("A"), pieces[1], hand.clock())
    moves.confirm(message, Receipt("B", Ack.SENT), hand.clock(), piece=pieces[1])
    assert replies.Taken(1, opted_out=True) == take(hand, None, own("A"), theirs("1", "STOP"), own("B"))
    assert {message.number} == suppression.among([message.number])


def test_strangers_are_left_alone(wrote: Hand) -> None:
    """A chat that we have not written to within 30 days is private, as far as we are concerned."""
    assert replies.Taken() == take(wrote, STRANGER, own("z"), theirs("1", "Dinner at 8?"))
    wrote.clock.advance(replies.ANSWERS_MS + 1)
    assert replies.Taken() == take(wrote, ONE, own("A"), theirs("2", "Long after"))
    assert [] == texts()


def test_stop_counts_also_long_after(wrote: Hand) -> None:
    """It stands in the chat of somebody who is about to be written to; also where only a name is known."""
    wrote.clock.advance(replies.ANSWERS_MS + 1)
    assert replies.Taken(1, True) == take(wrote, ONE, own("A"), theirs("1", "STOP"))
    assert replies.Taken(1, True) == take(wrote, None, own("B"), theirs("2", "abmelden"))
    assert {ONE, TWO} == suppression.among([ONE, TWO])
    assert [None, None] == [row.message_id for row in Reply.select()]


@pytest.mark.parametrize("words", ["Stop please", "إيقاف", "बंद करो", "genug davon"])
def test_stop_puts_them_on_the_list(wrote: Hand, words: str) -> None:
    """With where it came from, and without what else was said."""
    with structlog.testing.capture_logs() as lines:
        taken = take(wrote, ONE, own("A"), theirs("1", words), further=frozenset({"genug davon"}))
    (row,) = suppression.page()[0]

    assert replies.Taken(1, True) == taken
    assert (ONE, "wrote STOP", "reply", None) == (row.number, row.reason, row.source, row.confirmed_at)
    assert ["reply.received", "suppression.added"] == sorted(line["event"] for line in lines)
    assert ONE not in str(lines) and words not in str(lines)
    (reply,) = Reply.select()
    assert reply.stop


def test_who_is_on_the_list_already_stays_there_as_they_are(wrote: Hand) -> None:
    """The reply is kept, nobody is told."""
    suppression.suppress(wrote.settings, ONE, "asked by letter", "anna", clock.now_ms())
    assert replies.Taken(1, False) == take(wrote, ONE, own("A"), theirs("1", "STOP"))
    (row,) = suppression.page()[0]
    assert ("asked by letter", "anna") == (row.reason, row.source)
    assert [] == replies.to_confirm("default", wrote.clock())


def test_whoever_was_taken_off_by_a_person_is_not_put_back_by_the_same_reply(wrote: Hand) -> None:
    """It was heeded once; a new one counts."""
    rows = (own("A"), theirs("1", "STOP"))
    take(wrote, ONE, *rows)
    suppression.remove(wrote.settings, ONE, "by mistake, they say", "admin", clock.now_ms())
    assert replies.Taken() == take(wrote, ONE, *rows)
    assert replies.Taken(1, True) == take(wrote, ONE, *rows, theirs("2", "stop"))


def test_a_reply_that_crossed_our_next_message_is_not_lost(wrote: Hand) -> None:
    """It came when that one was already on its way, so it stands before it."""
    wrote.queue(1)
    second = wrote.submit(wrote.claim_one())
    moves.confirm(second, Receipt("A2", Ack.SENT), wrote.clock())
    assert replies.Taken(1, True) == take(wrote, ONE, own("A"), theirs("1", "STOP"), own("A2"))


def test_a_reply_with_what_no_database_can_hold(wrote: Hand) -> None:
    """A zero byte, and more text than is kept."""
    take(wrote, ONE, own("A"), theirs("k" * 200, "a\0b" + "x" * 10_000))
    (row,) = Reply.select()
    assert (replies.LONGEST, "ab") == (len(row.text), row.text[:2])


def test_old_replies_are_deleted(wrote: Hand) -> None:
    """After 90 days; the suppression stays."""
    take(wrote, ONE, own("A"), theirs("1", "STOP"))
    assert 0 == replies.prune(wrote.clock.advance(replies.KEEP_MS))
    assert 1 == replies.prune(wrote.clock.advance(1))
    assert ([], {ONE}) == (texts(), suppression.among([ONE]))


# Which chats are opened at all


def worth(hand: Hand, *chats: Unread) -> list[str]:
    return [chat.title for chat in replies.worth_opening("default", chats, NONE, hand.clock())]


def test_only_chats_of_recipients_are_opened(hand: Hand) -> None:
    """By number, by what the chat was called when we wrote, by a field of the contacts, or by a STOP to be seen."""
    people = [{"number": ONE, "name": 'Anna "A" Ünal'}, {"number": TWO, "name": "Ben"}]
    hand.queue(recipients=people)
    for name in (None, "Benny 100%"):
        message = hand.claim_one()
        moves.submit(message, Mark(None, name), hand.clock(), pacing.Gap(0, pacing.Why.PAUSE, 1))
        hand.confirm(message)
    chats = (
        Unread(ONE, ONE, 1),
        Unread(STRANGER, STRANGER, 1, "STOP"),
        Unread('Anna "A" Ünal', None, 2),
        Unread("Benny 100%", None, 1),
        Unread("Benny 1000", None, 1),
        Unread("Mum", None, 3, "Dinner at 8?"),
        Unread("An", None, 1),
        Unread("Saved meanwhile", None, 1, "Stop please"),
    )
    assert [ONE, 'Anna "A" Ünal', "Benny 100%", "Saved meanwhile"] == worth(hand, *chats)

    hand.clock.advance(replies.ANSWERS_MS + 1)
    assert ["Saved meanwhile"] == worth(hand, *chats)
    assert [ONE] == worth(hand, Unread(ONE, ONE, 1, "STOP"))


# A running campaign


def history(number: str) -> list[tuple[str, str | None]]:
    query = Event.select(Event.move, Event.why).join(Message).where(Message.number == number).order_by(Event.id)
    return list(proxy.tuples(query))


async def test_stop_wins_over_a_running_campaign(ears: Any) -> None:
    """Who wrote STOP gets nothing of the next campaign, which runs already; the others do."""
    first = ears.queue(2)
    transport = Chats()
    await ears.run_out(transport, first)
    transport = Chats()
    transport.answers(ONE, own("id-1"), theirs("1", "STOP"))
    second = ears.queue(3)
    await ears.run_out(transport, second)

    assert ["skipped", "sent", "sent"] == states(second)
    assert ("skip", "is on the suppression list") == history(ONE)[-1]
    assert 1 == transport.out.count(ONE)  # that nothing more comes
    assert [("read", ONE)] == transport.order("read")


async def test_stop_that_stands_in_the_chat_is_seen_before_anything_is_sent_there(bench: Any) -> None:
    """It was never unread in the list: the chat is opened for the message, and the message does not go out."""
    transport = Chats()

    def opened() -> Mark:
        transport.open_now.append(Heard(ONE, (theirs("1", "Unsubscribe"),)))
        return Mark("before")

    transport.script["prepare"] = [opened]
    job = bench.queue(2)
    await bench.run_out(transport, job)

    assert ["skipped", "sent"] == states(job)
    assert [TWO] == transport.out
    assert ["enqueue", "claim", "release", "skip"] == [move for move, _ in history(ONE)]


async def test_it_listens_between_two_messages_only(ears: Any) -> None:
    """Never with one in hand, nor with one that may be out."""
    hang = Hang()
    transport = Chats(hand_over=[hang, errors.SubmitUnknown("no tick")])
    ears.queue(2)
    async with ears.sending(transport):
        await asyncio.wait_for(hang.entered.wait(), 60)
        before = transport.count("unread")
        transport.answers(TWO, theirs("1", "STOP"))
        await until(lambda: account().seen_at, "it lives")
        assert before == transport.count("unread")
        hang.let_go()
        await until(lambda: transport.count("look_up"), "it looks up the doubtful one")
    looks = [name for name, _ in transport.order("unread", "look_up", "hand_over", "read")]
    last = len(looks) - 1 - looks[::-1].index("hand_over")
    assert "unread" not in looks[last : looks.index("look_up")]


async def test_at_most_three_chats_are_opened_in_one_look(ears: Any) -> None:
    """The others have their turn at the next one, and chats that are not ours stay unread for good."""
    numbers = [person.number for person in ears.people(5)]
    await ears.run_out(Chats(), ears.queue(5))
    transport = Chats()
    for number in numbers:
        transport.answers(number, own("id-1"), theirs(f"k{number}", "Hi"))
    transport.answers(STRANGER, theirs("p", "private"))
    transport.answers("", theirs("m", "private"), title="Mum")
    async with ears.sending(transport):
        await until(lambda: Reply.select().count() == 5, "all are taken")
        await until(lambda: transport.count("unread") > 6, "it goes on looking")

    calls = [name for name, _ in transport.order("unread", "read")]
    assert ["unread", "read", "read", "read", "unread", "read", "read", "unread"] == calls[:8]
    assert {STRANGER, "Mum"} == set(transport.unread_now)


async def test_a_chat_that_cannot_be_proved_is_opened_once(ears: Any) -> None:
    """And nothing of it is kept."""
    await ears.run_out(Chats(), ears.queue(1))
    transport = Chats()
    chat = Unread("Anna", None, 1, "STOP")

    async def keep(chat: Unread) -> Heard | None:
        if not chat.count:
            return None
        transport.calls.append(("read", "Anna"))
        return Heard(None, (own("elsewhere"), theirs("1", "STOP")))

    transport.read = keep  # type: ignore[method-assign]
    transport.unread_now["Anna"] = chat, None
    with structlog.testing.capture_logs() as lines:
        async with ears.sending(transport):
            await until(lambda: transport.count("unread") > 5, "it looks again and again")

    assert 1 == transport.count("read")
    assert 1 == sum(line["event"] == "reply.unproved" for line in lines)
    assert ([], []) == (texts(), suppression.page()[0])


@pytest.mark.parametrize("method", ["unread", "read"])
async def test_a_browser_that_dies_over_it_is_started_anew(ears: Any, method: str) -> None:
    """And the reply is found again."""
    await ears.run_out(Chats(), ears.queue(1))
    transport = Chats(**{method: [errors.BrowserLost("Chrome has died"), errors.AccountUnready("offline")]})
    transport.answers(ONE, own("id-1"), theirs("1", "Hi"))
    async with ears.sending(transport):
        await until(lambda: Reply.select().count(), "it is taken")
    assert 2 == transport.count("start")


# The confirmation


async def stopped(ears: Any) -> Chats:
    """ONE was written to and has answered STOP."""
    await ears.run_out(Chats(), ears.queue(1))
    transport = Chats()
    transport.answers(ONE, own("id-1"), theirs("1", "STOP"))
    return transport


async def test_it_is_confirmed_once(ears: Any) -> None:
    """With the setting's text, at the account's pace; not for the second STOP, not by the next sender."""
    transport = await stopped(ears)
    sent: list[Any] = []
    prepare = transport.prepare

    async def noting(message: Any) -> Mark:
        sent.append((message.number, message.text, message.attachments))
        return await prepare(message)

    transport.prepare = noting  # type: ignore[method-assign]
    async with ears.sending(transport):
        await until(lambda: transport.out, "they are told")
        transport.answers(ONE, own("id-1"), theirs("1", "STOP"), own("c"), theirs("2", "STOP"))
        await until(lambda: Reply.select().count() == 2, "the second one is taken")
    again = Chats()
    async with ears.sending(again):
        await until(lambda: again.count("unread") > 5, "another sender listens")

    assert [(ONE, "You are off the list.", ())] == sent
    assert ([ONE], []) == (transport.out, again.out)
    (row,) = suppression.page()[0]
    assert row.confirmed_at >= row.created_at


async def test_whoever_is_heard_by_another_process_is_told_too(ears: Any) -> None:
    """Replies to an account of the Cloud API come to http, at any time."""

    class Deaf(ScriptedTransport):
        """It has no inbox."""

        unread = read = overheard = None  # type: ignore[assignment]

    await ears.run_out(Chats(), ears.queue(1))
    transport = Deaf()
    async with ears.sending(transport) as (running, _):
        await until(lambda: not running.context.listening._untold, "there is nobody to be told")
        replies.take("default", Heard(ONE, (own("id-1"), theirs("1", "STOP"))), NONE, clock.now_ms())
        await until(lambda: transport.out, "they are told")
    assert [ONE] == transport.out


def test_whom_to_tell_is_found_among_those_of_the_last_hour(wrote: Hand, monkeypatch: Any) -> None:
    """It is asked again and again: not the whole list is gone through."""
    take(wrote, ONE, own("A"), theirs("1", "STOP"))
    old = wrote.clock() - 2 * replies.CONFIRM_WITHIN_MS
    rows = [
        {
            "number": f"+4916{n:08}",
            "person": f"4916{n:08}",
            "reason": "r",
            "source": suppression.REPLY,
            "created_at": old,
        }
        for n in range(5_000)
    ]
    for begin in range(0, 5_000, 100):
        Suppression.insert_many(rows[begin : begin + 100]).execute()
    proxy.database.execute_sql("ANALYZE")
    with reading(monkeypatch) as reads:
        assert [ONE] == replies.to_confirm("default", wrote.clock())
    assert reads.rows < 100


async def test_without_the_setting_nobody_is_told(ears: Any) -> None:
    """Silence is an answer, too."""
    ears.set()
    transport = await stopped(ears)
    async with ears.sending(transport):
        await until(lambda: suppression.count(), "they are on the list")
        await until(lambda: transport.count("unread") > 5, "it goes on")
    assert [] == transport.out


async def test_a_confirmation_that_may_be_out_is_never_repeated(ears: Any) -> None:
    """It was committed before the hand-over, whatever came of that; also a sender that is killed meanwhile."""
    transport = await stopped(ears)
    committed: list[int | None] = []

    def look() -> Exception:
        committed.append(Suppression.get().confirmed_at)
        return errors.SubmitUnknown("no tick")

    transport.script["hand_over"] = [look]
    with structlog.testing.capture_logs() as lines:
        async with ears.sending(transport):
            await until(lambda: committed, "it is tried")
            await until(lambda: transport.count("unread") > 8, "it goes on")

    assert [True] == [at is not None for at in committed]
    assert (1, []) == (transport.count("hand_over"), transport.out)
    assert ["suppression.not_confirmed"] == [x["event"] for x in lines if x["event"].startswith("suppression.not")]


async def test_a_confirmation_that_surely_was_not_sent_is_tried_three_times(ears: Any) -> None:
    """Nothing has left by then."""
    transport = await stopped(ears)
    transport.script["prepare"] = [errors.NotSubmitted("no text box")] * 5
    async with ears.sending(transport):
        await until(lambda: transport.count("unread") > 12, "it goes on")
    assert (inbox.TRIES, []) == (transport.count("prepare"), transport.out)
    assert Suppression.get().confirmed_at is None


async def test_a_confirmation_waits_for_the_accounts_pace(ears: Any) -> None:
    """It is a message as any other, to WhatsApp."""
    ears.set(stop_confirm="Off.", delay_min=600, delay_max=600)
    transport = await stopped(ears)
    async with ears.sending(transport):
        await until(lambda: suppression.count(), "they are on the list")
        await until(lambda: transport.count("unread") > 5, "it waits")
        assert [] == transport.out
        with connection.write():
            type(account()).update(next_send_at=0).execute()
        await until(lambda: transport.out, "they are told")
    assert 600_000 == account().next_send_at - account().paced_at


def test_nobody_else_can_be_confirmed(wrote: Hand) -> None:
    """Not who was put there by a person or a list, not by another account, not an hour later, not twice."""
    suppression.suppress(wrote.settings, TWO, "asked", "reply", clock.now_ms())
    suppression.import_text(wrote.settings, STRANGER, "old list", "test", clock.now_ms())
    take(wrote, ONE, own("A"), theirs("1", "STOP"))
    now = wrote.clock()
    Suppression.update(created_at=now).execute()

    assert [ONE] == replies.to_confirm("default", now)
    assert [] == replies.to_confirm("other", now)
    assert [] == replies.to_confirm("default", now + replies.CONFIRM_WITHIN_MS + 1)
    assert not replies.confirm("default", TWO, now)
    assert not replies.confirm("default", STRANGER, now)
    assert not replies.confirm("other", ONE, now)
    assert not replies.confirm("default", ONE, now + replies.CONFIRM_WITHIN_MS + 1)
    assert replies.confirm("default", ONE, now)
    assert not replies.confirm("default", ONE, now)
    assert [] == replies.to_confirm("default", now)


def test_the_queue_still_refuses_whoever_was_told(wrote: Hand) -> None:
    """A confirmation opens no door: the next campaign skips them as before."""
    take(wrote, ONE, own("A"), theirs("1", "STOP"))
    Suppression.update(created_at=wrote.clock()).execute()
    replies.confirm("default", ONE, wrote.clock())
    job = wrote.queue(1)
    assert [] == wrote.send_all()
    assert ([State.SKIPPED], JobState.COMPLETED) == (states(job), job_state(job))
