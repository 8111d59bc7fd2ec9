"""Rules of the queue that are small, and that nothing else would miss."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from daemon import errors
from daemon.accounts import pace, pacing
from daemon.campaigns import careful, create
from daemon.contacts import suppression, uploads
from daemon.contacts.person import Person
from daemon.db import connection
from daemon.delivery import evidence, moves, replies
from daemon.models import Message, Reply, Suppression
from daemon.states import Finding
from daemon.transports.protocol import Lookup
from tests.support.hand import fresh, states


def test_a_pause_that_was_set_by_a_clock_ahead_of_now_is_no_longer_than_it_was(hand, clock):
    """What counts is its length: not that the clock has been set back since."""
    hand.queue(2)
    message = hand.claim_one()
    pace.set_pace("default", clock() + 3_600_000, pacing.Gap(5_000, pacing.Why.PAUSE, 1))
    hand.confirm(hand.submit(message, 0))
    pace.set_pace("default", clock() + 3_600_000, pacing.Gap(5_000, pacing.Why.PAUSE, 1))

    opens = pace.opening("default", clock(), hand.rules)

    assert clock() + 5_000 == opens.at
    assert [] == hand.claim()


def test_no_attempt_is_given_back_that_was_not_used(hand, clock):
    """Also where more are to be given back than were used."""
    hand.queue(1)
    message = hand.claim_one()
    moves.retry(message, "in vain", clock(), 3, 0)

    assert 1 == moves.forgive({message.id: 2}, "the account's trouble", clock())
    assert 0 == fresh(message).attempts


def test_the_picture_of_the_last_look_is_shown(hand, clock):
    """A message may be lost twice: a person had it sent again after the first time."""
    hand.queue(1)
    message = hand.claim_one()
    with connection.write():
        for picture in (b"\x89PNG first", b"\x89PNG second"):
            evidence.keep(message.id, Lookup(Finding.UNKNOWN, "It cannot be read.", screenshot=picture), clock())

    assert b"\x89PNG second" == evidence.screenshot(message.id)


def test_a_name_longer_than_its_column_is_cut(hand):
    """PostgreSQL would refuse it."""
    assert "n" * 120 == hand.queue(1, name="n" * 300).name


def test_a_short_longest_pause_alone_takes_the_shortest_along(hand, make_settings):
    """Whoever asks for at most a second does not have to name the least, which the settings have above that."""
    settings = make_settings(delay_min=4, delay_max=8)
    numbers = ["+4915110000000"]
    asked = [
        create.check(settings, create.Order("Hi", numbers=numbers, **given), hand.clock()).delays
        for given in ({"delay_max": 1}, {"delay_min": 9}, {})
    ]
    assert [(1_000, 1_000), (9_000, 9_000), (4_000, 8_000)] == asked


def test_a_text_that_is_no_caption_makes_a_second_message(hand, tmp_path):
    """Which is said: for whom it is long enough, the text follows the picture."""
    part = tmp_path / "part"
    part.write_bytes(b"\x89PNG")
    picture = uploads.add_attachment(hand.settings, part, "picture.png", hand.clock()).id
    numbers = ["+4915110000000"]
    people = [{"number": numbers[0], "name": "Ana"}, {"number": "+4915110000001", "name": "A" * 1_024}]
    orders = {
        1: create.Order("x" * 1_100, numbers=numbers),
        2: create.Order("x" * 1_100, numbers=numbers, attachments=[picture]),
        3: create.Order("Hi {{ name }}", recipients=people[:1], attachments=[picture]),
        4: create.Order("Hi {{ name }}", recipients=people, attachments=[picture]),
        5: create.Order("", numbers=numbers, attachments=[picture]),
    }
    found = {at: create.check(hand.settings, order, hand.clock()).messages for at, order in orders.items()}
    assert {1: 1, 2: 2, 3: 1, 4: 2, 5: 1} == found


def test_only_the_account_that_heard_the_stop_confirms_it(hand, clock):
    """Somebody writes STOP to one account and thanks to another."""
    number = "+4915110000000"
    Suppression.create(number=number, person=number, reason="wrote STOP", source=suppression.REPLY, created_at=clock())
    for account, stop in (("default", True), ("other", False)):
        Reply.create(account=account, number=number, person=number, text="…", at=clock(), key=account, stop=stop)

    assert ([number], []) == (replies.to_confirm("default", clock()), replies.to_confirm("other", clock()))
    assert not replies.confirm("other", number, clock())


def test_a_job_begins_with_its_first_message_and_once(hand, clock):
    """Not with those who are skipped before it."""
    job = hand.queue(3)
    for number in [person.number for person in hand.people(2)]:
        Suppression.create(number=number, person=number, reason="asked", source="test", created_at=clock())
    with capture_logs() as told:
        skipped = hand.claim(2)
        began = [each["event"] for each in told].count("job.began")
        hand.claim()

    assert ["skipped", "skipped", "claimed"] == states(job)
    assert (len(skipped), 1) == (began, [each["event"] for each in told].count("job.began"))


def test_whoever_an_earlier_version_has_queued_can_be_suppressed(hand, clock):
    """Though their number has more digits than its country's, and no campaign takes it today."""
    number = "+491711234567890"
    with pytest.raises(errors.InvalidNumber):
        suppression.suppress(hand.settings, number, "asked", "test", clock())
    job = hand.queue(1)
    Message.update(number=number, person=number).where(Message.job == job.id).execute()

    suppression.suppress(hand.settings, number, "asked", "test", clock())

    assert [] == hand.send_all()
    assert ["skipped"] == states(job)


def test_whom_an_account_has_messaged_is_not_new_to_it(hand, people):
    """They are to another account, and so is who only waits."""
    hand.queue(2)
    hand.confirm(hand.submit(hand.claim_one()))
    persons = [Person(each.number).key for each in people(3)]
    assert (2, 3) == (careful.never_written("default", persons), careful.never_written("other", persons))
