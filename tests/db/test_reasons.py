"""Why something happened is stored by its code beside its words, on every database."""

from __future__ import annotations

from typing import Any

import pytest

from daemon import errors
from daemon.accounts import commands, directory
from daemon.campaigns import lifecycle
from daemon.contacts.refusals import Unsent as Files
from daemon.db import connection, inspection
from daemon.delivery import job_moves, moves
from daemon.delivery.refusals import Held, Missing, Passed, Unsent
from daemon.i18n.coded import WORDS, code_of, refusal, told
from daemon.models import Account, Event, Job, Message
from daemon.states import AccountState, Hold, State
from daemon.transports.protocol import Health
from tests.db import steps
from tests.support.hand import Hand, fresh

BARRED = refusal(Unsent.PERSON_BARRED, message=7, why=refusal(Passed.GOT_MANY_IN_DAYS, count=2, days=3))
IN_WORDS = errors.Undeliverable("They have left.").told


def last(message: Message) -> Event:
    found: Event = Event.select().where(Event.message == message).order_by(Event.id.desc()).get()
    return found


@pytest.mark.parametrize("why", [BARRED, IN_WORDS, "They have left."], ids=["with-values", "of-a-transport", "words"])
def test_a_reason_comes_back_as_it_was_given(hand: Hand, why: Any) -> None:
    """Of the message, and of its history: with its words, and with all that its sentence is made of."""
    hand.queue(1)
    message = hand.submit(hand.claim_one())

    moves.fail(message, why, hand.clock())

    row, event = fresh(message), last(message)
    assert (str(why), str(why)) == (row.error, event.why)
    assert why == told(row.error, row.coded) == told(event.why, event.coded)
    assert (row.coded, row.error) == (message.coded, message.error)  # what the sender has in hand


def test_a_message_that_is_queued_anew_has_no_reason_left(hand: Hand) -> None:
    """Neither by words nor by code: by a person's wish, one by one and all at once."""
    job = hand.queue(2)
    for _ in range(2):
        moves.fail(hand.submit(hand.claim_one()), BARRED, hand.clock())
    lifecycle.retry(job.id, "test", hand.clock())
    assert [(State.PENDING, None, None)] * 2 == [(m.state, m.error, m.coded) for m in Message.select()]


def test_what_is_swept_says_why_by_its_code(hand: Hand) -> None:
    """All messages of a stopped job are moved by one statement."""
    job = hand.queue(3)
    lifecycle.stop(job.id, "test", hand.clock())
    events = list(Event.select().where(Event.move == "cancel"))
    assert ["job_was_stopped"] * 3 == [code_of(event.coded) for event in events]
    assert {str(refusal(Passed.JOB_WAS_STOPPED))} == {event.why for event in events}


def test_a_job_that_waits_for_a_person_says_why_by_its_code(hand: Hand) -> None:
    """Until somebody resumes it."""
    job = hand.queue(1)
    why = refusal(Files.ATTACHMENT_LOST, attachment="abc")
    job_moves.suspend(job.id, why, hand.clock())
    row = Job.get_by_id(job.id)
    assert why == told(row.reason, row.coded)
    lifecycle.resume(job.id, "test", hand.clock())
    row = Job.get_by_id(job.id)
    assert (None, None) == (row.reason, row.coded)


def test_what_an_account_waits_for_is_stored_by_its_code(hand: Hand) -> None:
    """Also what the next sender continues with, as before with its words only."""
    now = hand.clock()
    why = refusal(Held.NOTHING_SENT, why=refusal(Passed.NOT_READY_IN_TIME))
    held = Health(AccountState.HELD, Hold.FAILURES, now + 60_000, why)
    directory.report("default", held, now)
    row = directory.find("default")
    assert (str(why), why) == (row.detail, told(row.detail, row.coded))
    assert "nothing_could_be_sent" == directory.describe(row, now).code
    assert held == directory.open_account("default", now)
    kept = {name: value for name, value in Account.get_by_id("default").kept_hold.items() if name != "coded"}
    Account.update(kept_hold=kept).execute()
    earlier = directory.open_account("default", now)
    assert earlier and str(why) == earlier.detail
    directory.report("default", Health(AccountState.READY), now)
    row = directory.find("default")
    assert (None, None) == (row.detail, row.coded)


def test_what_a_transport_says_of_a_command_is_stored_by_its_code(hand: Hand) -> None:
    """Beside the words, which earlier versions have stored alone."""
    now = hand.clock()
    commands.ask("default", commands.What.LOG_OUT, "test", now)
    command = commands.take("default", True, now)
    assert command
    missing = errors.NotOffered(Missing.NO_PHONE)
    commands.fail("default", command, commands.refused(missing), now)
    for wanted in (missing.told, str(missing)):
        asked = commands.last(directory.find("default"), now)
        assert asked and asked.outcome
        assert (commands.Code.NOT_OFFERED, {WORDS: wanted}) == (asked.outcome.code, dict(asked.outcome.values))
        wish = {name: value for name, value in directory.find("default").wish.items() if name != "told"}
        Account.update(wish=wish).execute()


def test_of_another_version_the_words_are_left() -> None:
    """A code it has added, values it has renamed, and what had no code."""
    assert "Of tomorrow." == told("Of tomorrow.", {"kind": "Refusal", "code": "of_tomorrow", "values": {}})
    assert "Of tomorrow." == told("Of tomorrow.", {"kind": "Thing", "code": "of_tomorrow", "values": {}})
    assert "Renamed." == told("Renamed.", {"kind": "Refusal", "code": "person_barred", "values": {"row": "1"}})
    assert "Words." == told("Words.", None)
    assert told(None, None) is None


def test_what_a_count_goes_by_gets_its_code_at_the_upgrade(
    nothing: str, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the words that earlier versions have stored, of what will be tried again; the rest keeps its words alone."""
    before = steps.steps_until("0023_rehearsals", tmp_path / "steps")
    steps.build(nothing, before)
    waiting, over = steps.ENDS.index("pending") + 1, steps.ENDS.index("failed") + 1
    broke = "the browser broke down before anything left"  # as they have worded it: today's sentence is another
    typing = "Somebody has started to write in this chat: send or delete that text in WhatsApp."
    with monkeypatch.context() as patched:
        patched.setattr(inspection, "MIGRATIONS", before)
        connection.connect(nothing)
        rows = [(1, waiting, "release", broke), (2, waiting, "retry", typing), (3, over, "release", broke)]
        for event, message, move, why in rows:
            values = {"message": message, "move": move, "why": why}
            old = Event.update({getattr(Event, name): value for name, value in values.items()})
            old.where(Event.id == event).execute()
        connection.close()

    connection.connect(nothing)

    events = list(Event.select().order_by(Event.id))
    assert ["browser_broke_down", "chat_in_use_by_person", None] == [code_of(event.coded) for event in events]
    assert [broke, typing, broke] == [event.why for event in events]
    said = [str(refusal(Passed.BROWSER_BROKE_DOWN)), typing, broke]
    assert said == [str(told(event.why, event.coded)) for event in events]
    connection.close()
