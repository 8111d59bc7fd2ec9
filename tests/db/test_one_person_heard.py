"""What comes back from a person whom WhatsApp shows under another notation than the one we have written to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import peewee
import pytest

from daemon.campaigns import create, lifecycle
from daemon.contacts import suppression
from daemon.contacts.person import Person
from daemon.db import clock, connection, inspection, proxy
from daemon.delivery import moves, opened_chats, replies
from daemon.models import Job, OpenedChat, Reply, Suppression
from daemon.states import E164, Ack
from daemon.transports.protocol import Receipt, Unread
from tests.db import steps
from tests.support.hand import Hand, states
from tests.support.hearing import NONE, Chats, own, take, theirs
from tests.support.rehearsing import prepare, rehearse, send_to
from tests.support.scripted import until

FORMER, TODAY = E164("+551187654321"), E164("+5511987654321")
STRANGER = E164("+5511912345678")
LOCAL = (E164("+541166773399"), E164("+5491166773399"))  # both can be read in a list
FORMER_NUMBERS = [
    *("+551187654321", "+5215550000101", "+541166773399", "+54111566773399", "+549351151234567", "+22997123456"),
    *("+22501234567", "+22544123456", "+22577123456", "+24106031730", "+24101031730", "+2416031731", "+2417123456"),
    *("+841201234567", "+841211234567", "+841221234567", "+841231234567", "+841271234567", "+841291234567"),
    *("+841621234567", "+841861234567", "+841991234567"),
]


@pytest.fixture
def wrote_to_today(hand: Hand) -> Hand:
    """Somebody has got our message, under the number that they have today."""
    hand.queue(recipients=[{"number": TODAY}], text="Hello")
    moves.confirm(hand.submit(hand.claim_one()), Receipt("A", Ack.SENT), hand.clock())
    return hand


@pytest.mark.parametrize("rows", [(own("A"), theirs("1", "Thanks")), (theirs("1", "Thanks"),)], ids=["ours", "theirs"])
def test_a_reply_in_the_chat_of_the_former_number_is_theirs(wrote_to_today: Hand, rows: Any) -> None:
    """With a row of ours in it and without; shown under the number that we know them by where ours proves it."""
    assert replies.Taken(new=1) == take(wrote_to_today, FORMER, *rows)
    assert [(TODAY, 1)] == [(row.person, row.message_id) for row in Reply.select()]
    assert {TODAY if len(rows) > 1 else FORMER} == {row.number for row in Reply.select()}


def test_a_stop_under_the_former_number_counts_for_the_person(wrote_to_today: Hand) -> None:
    """Whichever notation the next campaign has."""
    assert replies.Taken(1, True) == take(wrote_to_today, FORMER, theirs("1", "STOP"))
    for number in (TODAY, FORMER):
        job = wrote_to_today.queue(recipients=[{"number": number}], text="Again")
        assert [] == wrote_to_today.send_all()
        assert ["skipped"] == states(job)


def test_messages_to_both_notations_in_one_chat_prove_whose_it_is(wrote_to_today: Hand) -> None:
    """WhatsApp has one chat for them; nothing is stored for somebody else's."""
    wrote_to_today.queue(recipients=[{"number": FORMER}], text="Again")
    moves.confirm(wrote_to_today.submit(wrote_to_today.claim_one()), Receipt("B", Ack.SENT), wrote_to_today.clock())

    assert replies.Taken(1, True) == take(wrote_to_today, None, own("A"), own("B"), theirs("1", "STOP"))
    assert [FORMER] == [row.number for row in Suppression.select()]
    assert replies.Taken() == take(wrote_to_today, STRANGER, theirs("2", "Hi"))


def test_the_chat_in_the_list_is_worth_opening(wrote_to_today: Hand) -> None:
    """Its title is the former number."""
    chat, other = Unread("+55 11 8765-4321", FORMER, 1), Unread("+55 11 91234-5678", STRANGER, 1)

    assert [chat] == replies.worth_opening("default", [chat, other], NONE, wrote_to_today.clock())
    assert {"A"} == replies.landmarks("default", chat, wrote_to_today.clock())


def test_an_opened_chat_is_one_in_either_notation(hand: Hand) -> None:
    """It is noted once; chats that only have a name stay apart."""
    first = opened_chats.begin("default", Unread("", TODAY, 1), hand.clock())

    assert first == opened_chats.begin("default", Unread("", FORMER, 1), hand.clock())
    assert first != opened_chats.begin("default", Unread("Anna", None, 1), hand.clock())
    assert opened_chats.begin("default", Unread("Anna", None, 1), 1) != opened_chats.begin(
        "default", Unread("Ben", None, 1), 1
    )
    assert 3 == OpenedChat.select().count()


async def test_who_wrote_stop_under_the_former_number_is_told_once(ears: Any) -> None:
    """They are the one who was written to."""
    create.create(ears.settings, create.Order("Hello", numbers=[TODAY]), "test", clock.now_ms())
    transport = Chats()
    async with ears.sending(transport):
        await until(lambda: bool(transport.out), "it is out")
        transport.answers(FORMER, own("id-1"), theirs("1", "STOP"))
        await until(lambda: len(transport.out) > 1, "they are told")
        looked = transport.count("health")
        await until(lambda: transport.count("health") > looked + 10, "it goes on")

    assert [TODAY] * 2 == [Person(E164(number)).key for number in transport.out]
    assert [TODAY] == [row.person for row in Suppression.select()]


def test_two_entries_of_one_person_are_confirmed_together(hand: Hand) -> None:
    """As two at once may make them: nobody is told twice."""
    alike = {"person": TODAY, "reason": "wrote STOP", "source": "reply", "created_at": hand.clock()}
    Suppression.insert_many([{"number": number, **alike} for number in (FORMER, TODAY)]).execute()
    Reply.create(account="default", number=FORMER, person=TODAY, text="STOP", at=hand.clock(), key="k", stop=True)

    assert {FORMER, TODAY} == set(replies.to_confirm("default", hand.clock()))
    assert [True, False] == [replies.confirm("default", number, hand.clock()) for number in (TODAY, FORMER)]


# The dry run


@pytest.mark.parametrize(("one", "other"), [LOCAL, LOCAL[::-1]])
def test_the_dry_run_knows_a_person_in_either_notation(settings: Any, database: str, one: E164, other: E164) -> None:
    """Who stands there twice, who got a campaign lately or as many as one may, who is queued for one, who opted out."""
    rest = ["+4915110000001", "+4915110000002"]
    draft = prepare(settings, [other, one, *rest])
    assert {"duplicate": 1} == rehearse(settings, draft).counts

    create.create(settings, create.Order("x", numbers=[one]), "test", clock.now_ms())
    assert {"duplicate": 1, "recent": 1} == rehearse(settings, draft).counts
    lifecycle.stop(Job.get().id, "test", clock.now_ms())
    send_to(settings, one)
    assert {"duplicate": 1, "recent": 1} == rehearse(settings, draft).counts
    kept = rehearse(settings.model_copy(update={"frequency_cap": "1/7"}), draft, leave_out=False)
    assert ({"duplicate": 1, "too_often": 1}, 0) == (kept.counts, kept.warnings.recent)

    suppression.suppress(settings, one, "asked", "test", clock.now_ms())
    assert {"duplicate": 1, "opted_out": 1} == rehearse(settings, draft).counts


# What is there before the upgrade


def test_what_was_stored_before_has_its_key_after_the_upgrade(nothing: str, tmp_path: Path, monkeypatch: Any) -> None:
    """In each table, more rows than are looked at in one go; two entries that are one person's both stay."""
    numbers = [*FORMER_NUMBERS, *(f"+5511{n}" for n in range(87_650_000, 87_652_100)), TODAY, "+4915110000000"]
    with monkeypatch.context() as patched:
        patched.setattr(inspection, "MIGRATIONS", steps.steps_until("0008_heard", tmp_path / "steps"))
        connection.connect(nothing)
    for table, columns in STORED.items():
        kind = peewee.Table(table, ["number", *columns]).bind(proxy.database.obj)
        rows = [{"number": number} | {name: _filled(name, n) for name in columns} for n, number in enumerate(numbers)]
        for batch in peewee.chunked(rows, 500):
            kind.insert(batch).execute()
    connection.close()
    connection.connect(nothing)

    for table in STORED:
        found = proxy.database.execute_sql(f'SELECT "number", "person" FROM "{table}"').fetchall()
        assert sorted(numbers) == sorted(number for number, _ in found)
        assert [] == [(number, key) for number, key in found if key != Person(number).key]
    assert {TODAY} == suppression.among([E164(TODAY)])
    connection.close()


STORED = {  # what else a row cannot do without
    "suppression": ("reason", "source", "created_at"),
    "handover": ("account", "at", "kind"),
    "reply": ("account", "text", "at", "key", "stop"),
    "opened_chat": ("account", "title", "at", "stored"),
}


def _filled(column: str, n: int) -> Any:
    if column in ("at", "created_at"):
        return n
    return False if column in ("stop", "stored") else f"{column} {n}"[:16]
