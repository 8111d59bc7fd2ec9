"""Ticks that a transport sees: they move the messages they are certainly of, and no others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from daemon import errors
from daemon.accounts import handovers
from daemon.accounts.pacing import DAY_MS, Gap, Why
from daemon.campaigns.timeline import course
from daemon.contacts import uploads
from daemon.db.refusals import Unsent as OfDb
from daemon.delivery import job_moves, moves, receipts, replies, ticks
from daemon.delivery.duties import follow
from daemon.models import Event, Message, Purpose
from daemon.states import E164, AccountState, Ack, Hold, State
from daemon.transports.protocol import Health, Heard, Listed, ListedTick, Mark, Receipt, Tick
from tests.support.hand import Hand, fresh, states
from tests.support.hearing import own, theirs
from tests.support.scripted import Hang, ScriptedTransport, until

MINUTE_MS = 60_000
SENT, DELIVERED, READ = State.SENT, State.DELIVERED, State.READ


class Sent:
    """One sent message; `row` is how the list of chats shows it."""

    def __init__(self, hand: Hand, name: str | None = None, key: str = "A", **order: Any) -> None:
        self.hand = hand
        self.job = hand.queue(1, **order)
        self.message = hand.claim_one()
        moves.submit(self.message, Mark("before", name), hand.clock(), Gap(0, Why.PAUSE, 1))
        moves.confirm(self.message, Receipt(key, Ack.SENT), hand.clock())
        self.minute = hand.clock() // MINUTE_MS * MINUTE_MS
        self.name = name
        hand.clock.advance(1_000)

    @property
    def text(self) -> str:
        return f"Hello {self.message.fields['name']}"

    def row(self, ack: Ack = Ack.DELIVERED, **more: Any) -> ListedTick:
        number = None if self.name else self.message.number
        at = (self.minute, self.minute + MINUTE_MS)
        return ListedTick(**{"title": self.name or "", "number": number, "ack": ack, "at": at} | more)

    def listed(self, *rows: ListedTick) -> State:
        """Its state after these rows were seen."""
        ticks.take_listed(self.hand.settings, rows, self.hand.clock())
        return State(fresh(self.message).state)


@pytest.fixture
def sent(hand: Hand) -> Sent:
    return Sent(hand)


def test_rows_of_an_open_chat_move_their_messages(wrote: Hand, clock: Any) -> None:
    """By their ids, in any order, and once: counters, times and history follow, as for any receipt."""
    a, b = Message.select().order_by(Message.id)
    told = [Tick("B", Ack.READ), Tick("A", Ack.DELIVERED), Tick("somebody's", Ack.READ), Tick("A", Ack.DELIVERED)]

    assert (2, 0) == (ticks.take("default", told, clock()), ticks.take("default", told, clock()))
    assert 0 == ticks.take("default", [Tick("B", Ack.DELIVERED), Tick("A", Ack.SENT)], clock())
    assert 0 == ticks.take("other", [Tick("A", Ack.READ)], clock())
    job = job_moves.job(a.job_id)
    assert ([DELIVERED, READ], 0, 1, 1) == (states(job), job.sent, job.delivered, job.read)
    assert (clock(), None, clock()) == (fresh(a).delivered_at, fresh(a).read_at, fresh(b).read_at)
    moved = Event.select().where(Event.who == "receipt").order_by(Event.id)
    assert {(a.id, "delivered"), (b.id, "read")} == {(event.message_id, event.target) for event in moved}
    assert 2 == sum(each.out for each in course(job, clock()).stretches)


@pytest.mark.parametrize("state", [State.PENDING, State.CANCELLED, State.FAILED, State.UNCERTAIN])
def test_a_message_that_is_not_sent_is_left_to_those_who_decide(hand: Hand, clock: Any, state: State) -> None:
    """Whether it is to be sent again is no matter of a row from before."""
    message = hand.bring(state)
    Message.update(transport_id="X").where(Message.id == message.id).execute()
    assert 0 == ticks.take("default", [Tick("X", Ack.READ)], clock())
    assert state == fresh(message).state


def test_the_last_message_of_a_chat_is_known_by_its_minute_or_its_text(sent: Sent) -> None:
    """The first where the list shows no text; a day is enough beside the text."""
    assert DELIVERED == sent.listed(sent.row())
    day = (sent.minute - DAY_MS // 2, sent.minute + DAY_MS // 2)
    assert DELIVERED == sent.listed(sent.row(Ack.READ, at=day))
    assert READ == sent.listed(sent.row(Ack.READ, at=day, preview=f"*{sent.text}*"))


@pytest.mark.parametrize(
    "changes",
    [
        {"preview": "See you tomorrow"},
        {"preview": "Hello"},
        {"at": None},
        {"at": "later"},
        {"at": "earlier", "preview": "own"},
        {"ack": Ack.SENT},
        {"number": E164("+4915129999999")},
    ],
    ids=str,
)
def test_in_doubt_nothing_is_moved(sent: Sent, changes: dict[str, Any]) -> None:
    """Another text, another time or none, another chat."""
    spans = {"later": sent.minute + MINUTE_MS, "earlier": sent.minute - MINUTE_MS}
    if at := spans.get(changes.get("at") or ""):
        changes = changes | {"at": (at, at + MINUTE_MS)}
    if changes.get("preview") == "own":
        changes = changes | {"preview": sent.text}

    assert SENT == sent.listed(sent.row(**changes))
    assert DELIVERED == sent.listed(sent.row())


def test_what_has_left_for_them_since_is_the_last(sent: Sent, clock: Any) -> None:
    """Another campaign's message, though the row may be of the minute of both, or a word that belongs to none."""
    second = Sent(sent.hand, key="B")
    assert sent.message.person == second.message.person
    assert (SENT, DELIVERED) == (sent.listed(second.row()), State(fresh(second.message).state))
    handovers.keep_own("default", second.message.number, Purpose.CONFIRMATION, clock())
    assert DELIVERED == second.listed(second.row(Ack.READ))


def test_who_has_written_since_has_another_last_message(sent: Sent, clock: Any) -> None:
    """A tick below their answer is that of what somebody wrote to them by hand."""
    number = sent.message.number
    replies.take("default", Heard(number, (own("A"), theirs("1", "Yes"))), frozenset(), clock())
    assert SENT == sent.listed(sent.row(Ack.READ))


@pytest.mark.parametrize("days", [3, 4])
def test_it_is_followed_for_three_days(sent: Sent, clock: Any, days: int) -> None:
    assert ticks.followed("default", clock())
    clock.advance(days * DAY_MS - 2_000)
    kept = days == 3
    assert kept == ticks.followed("default", clock())
    assert (DELIVERED if kept else SENT) == sent.listed(sent.row(preview=sent.text))


def test_nothing_is_left_to_follow_once_it_is_read(sent: Sent, clock: Any) -> None:
    assert READ == sent.listed(sent.row(Ack.READ))
    assert not ticks.followed("default", clock())
    assert not ticks.followed("other", clock())


def test_a_name_counts_where_only_one_person_had_it(hand: Hand, clock: Any) -> None:
    """And, unless the row shows our text, where no other chat of the list has it."""
    anna = Sent(hand, name="Anna ♥")
    assert SENT == anna.listed(anna.row(title="Anna"))
    assert SENT == anna.listed(anna.row())
    assert DELIVERED == anna.listed(anna.row(alone=True))
    assert DELIVERED == anna.listed(anna.row(Ack.READ, preview=anna.text, at=None))
    assert READ == anna.listed(anna.row(Ack.READ, preview=anna.text))
    kim = Sent(hand, name="Kim", first=1)
    other = Sent(hand, name="Kim", first=2)
    assert kim.message.person != other.message.person
    assert SENT == kim.listed(kim.row(alone=True), other.row(alone=True))
    assert SENT == fresh(other.message).state


def test_a_file_shows_by_its_name_or_by_a_word_of_whatsapps_own(hand: Hand, tmp_path: Path) -> None:
    """By that word nothing is told: the minute decides."""
    part = tmp_path / "part"
    part.write_bytes(b"%PDF-1.4 a flyer")
    file = uploads.add_attachment(hand.settings, part, "flyer.pdf", now=0)
    sent = Sent(hand, attachments=[file.id])
    day = (sent.minute - DAY_MS // 2, sent.minute + DAY_MS // 2)
    assert SENT == sent.listed(sent.row(preview="Photo", at=day))
    assert DELIVERED == sent.listed(sent.row(preview="Photo"))
    assert READ == sent.listed(sent.row(Ack.READ, preview="flyer.pdf", at=day))


# The sender


async def test_a_sender_follows_what_it_has_sent(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """In its idle turns: a round through the list in parts, the top of it, and what it sees in open chats."""
    monkeypatch.setattr(follow, "LOOK_S", 0.02)
    job = bench.queue(2)
    seen = [Tick("id-1", Ack.DELIVERED)]
    more = Listed(more=True)
    transport = ScriptedTransport(listed=[more, more, Listed(), Listed()])
    async with bench.sending(transport):
        await until(lambda: transport.count("listed") >= 5, "it looks")
        transport.script["ticked"] = [seen]
        await until(lambda: "delivered" in states(job), "the tick counts")

    looks = [what for name, what in transport.calls if name == "listed"]
    assert ["further", "further", "further", "", ""] == looks[:5]
    first = next(at for at, (name, _) in enumerate(transport.calls) if name == "listed")
    assert 2 == sum(name == "hand_over" for name, _ in transport.calls[:first])


async def test_nothing_is_looked_at_for_nothing(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no message is on its way, and none has been sent."""
    monkeypatch.setattr(follow, "LOOK_S", 0.01)
    transport = ScriptedTransport()
    async with bench.sending(transport):
        await until(lambda: transport.count("unread") and transport.count("health") > 5, "it is idle")
    assert 0 == transport.count("listed")


async def test_an_overdue_round_takes_turns_with_messages(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no turn is idle there is a message between two parts of it."""
    monkeypatch.setattr(follow, "OVERDUE_S", 0.0)
    monkeypatch.setattr(follow, "ROUND_S", 3600.0)
    job = bench.queue(6)
    transport = ScriptedTransport(listed=[Listed(more=True)] * 50)
    await bench.run_out(transport, job)

    names = [name for name, _ in transport.calls if name in ("listed", "hand_over")]
    between = "".join(name[0] for name in names)
    assert 6 == between.count("h")
    assert "ll" not in between[: between.rindex("h")]
    assert "l" in between[: between.rindex("h")]


async def test_no_look_begins_right_before_a_message_is_due(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is sent on time."""
    monkeypatch.setattr(follow, "LOOK_S", 0.01)
    monkeypatch.setattr(follow, "SPARE_MS", 3_600_000)
    bench.set(delay_min=0.2, delay_max=0.2)
    job = bench.queue(3)
    transport = ScriptedTransport(listed=[Hang()])
    await bench.run_out(transport, job)

    at = [name for name, _ in transport.calls if name in ("listed", "hand_over")]
    assert ["hand_over"] * 3 == at[:3]


async def test_a_look_that_fails_keeps_nobody_waiting(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not by a page that does not show its chats, a mistake of ours, or a database that is busy: that is kept."""
    monkeypatch.setattr(follow, "LOOK_S", 0.01)
    monkeypatch.setattr(follow, "ROUND_S", 0.01)
    monkeypatch.setattr(follow, "AGAIN_S", 0.0)
    real, busy = receipts.take, [errors.DatabaseBusy(OfDb.DATABASE_UNANSWERED, reason="locked")] * 2

    def take(*given: Any) -> Any:
        if busy:
            raise busy.pop()
        return real(*given)

    monkeypatch.setattr(receipts, "take", take)
    job = bench.queue(2)
    script = [errors.AccountUnready("It is loading."), ValueError("?"), errors.BrowserLost("gone"), Listed()]
    transport = ScriptedTransport(listed=script, ticked=[[], [Tick("id-1", Ack.READ)]])
    async with bench.sending(transport):
        await until(lambda: not script and not busy and "read" in states(job), "it goes on")

    assert 2 == len(transport.out)


async def test_while_an_account_is_held_its_messages_are_followed(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """As long as the page may show its chats; not of one that is not linked."""
    monkeypatch.setattr(follow, "LOOK_S", 0.01)
    job = bench.queue(1)
    transport = ScriptedTransport()

    async def looks_at_the_account() -> None:
        before = transport.count("health")
        await until(lambda: transport.count("health") > before + 3)

    async with bench.sending(transport):
        await until(lambda: "sent" in states(job))
        transport.health_now = Health(AccountState.NEEDS_LINK, qr="x")
        await looks_at_the_account()
        before = transport.count("listed")
        await looks_at_the_account()
        assert before == transport.count("listed")
        transport.health_now = Health(AccountState.HELD, Hold.RESTRICTED)
        await until(lambda: transport.count("listed") > before + 3, "it looks again")
