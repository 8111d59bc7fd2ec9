"""A message for each row: two people with one number each get theirs, once, and it is one campaign to the number."""

from __future__ import annotations

import pytest

from daemon import errors
from daemon.accounts import handovers, pacing
from daemon.campaigns import cloning, create, queries
from daemon.campaigns.refusals import Why
from daemon.db.proxy import tuples
from daemon.delivery import replies
from daemon.models import Handover, Message
from daemon.states import E164, State
from daemon.transports.protocol import Heard, Said
from tests.support.hand import Hand, broken_histories, job_state, states

MOTHER, OTHER = "+5511987654321", "+4915110000001"
CHILDREN = [
    {"number": MOTHER, "name": "Ana"},
    {"number": "+551187654321", "name": "Bia"},  # the same number as it was written before
    {"number": OTHER, "name": "Cem"},
    {"number": MOTHER, "name": "Ana"},
]
ONE_A_WEEK = pacing.Rules(person_cap=1, person_window_ms=7 * pacing.DAY_MS)


def test_each_row_gets_its_own_message_once(hand: Hand) -> None:
    """With their own fields, ids, history and counters, in the order of the rows."""
    job = hand.queue(recipients=CHILDREN, text="Hi {{ name }}", per="row")
    rows = list(Message.select().where(Message.job == job).order_by(Message.id))
    assert [(MOTHER, 0, "Ana"), (MOTHER, 1, "Bia"), (OTHER, 0, "Cem"), (MOTHER, 2, "Ana")] == [
        (row.number, row.nth, row.fields["name"]) for row in rows
    ]
    assert [MOTHER, MOTHER, OTHER, MOTHER] == hand.send_all()
    assert ([State.SENT] * 4, "completed") == (states(job), job_state(job))
    assert [] == broken_histories() and [] == hand.send_all()


def test_by_default_each_number_gets_one(hand: Hand) -> None:
    """As ever, and where it is said."""
    for per in (None, "number"):
        hand.queue(recipients=CHILDREN, text="Hi", per=per)
    assert [MOTHER, OTHER] * 2 == [row.number for row in Message.select().order_by(Message.id)]


def test_it_is_one_campaign_to_the_cap(hand: Hand) -> None:
    """Neither is the second child skipped for the first one's message, nor does it count twice towards later ones."""
    hand.rules = ONE_A_WEEK
    first = hand.queue(recipients=CHILDREN, text="Hi", per="row")
    assert 4 == len(hand.send_all())
    assert {State.SENT} == set(states(first))
    (again,) = tuples(handovers.often(1, 0, hand.clock() + 1).where(Handover.number == MOTHER))
    assert (MOTHER,) == again and [] == list(tuples(handovers.often(2, 0, hand.clock() + 1)))

    later = hand.queue(recipients=CHILDREN, text="Hi", per="row")
    assert [] == hand.send_all()
    assert {State.SKIPPED} == set(states(later))


def test_nobody_between_two_of_one_job_loses_the_count(hand: Hand) -> None:
    """Two campaigns are two, however many messages each had."""
    hand.rules = pacing.Rules(person_cap=2, person_window_ms=7 * pacing.DAY_MS)
    for wanted in (4, 4, 0):
        hand.queue(recipients=CHILDREN, text="Hi", per="row")
        assert wanted == len(hand.send_all())


def test_an_upload_has_each_person_once(hand: Hand) -> None:
    """So there are no rows to choose."""
    with pytest.raises(errors.InvalidInput) as refused:
        create.create(hand.settings, create.Order("Hi", upload_id="0" * 32, per="row"), "test", hand.clock())
    assert Why.PER_ROW_OF_UPLOAD == refused.value.told.code


def test_a_retry_and_a_repeat_of_the_request_make_no_third(hand: Hand) -> None:
    """The same key answers the same job; per is part of what makes two requests the same."""
    order = create.Order("Hi", recipients=CHILDREN[:2], per="row", key="k")
    made = create.create(hand.settings, order, "test", hand.clock())
    assert made == create.create(hand.settings, order, "test", hand.clock()) and 2 == made.total
    with pytest.raises(errors.KeyReused):
        create.create(hand.settings, create.Order("Hi", recipients=CHILDREN[:2], key="k"), "test", hand.clock())
    assert 2 == Message.select().count()


def test_whoever_has_answered_is_not_asked_again(hand: Hand) -> None:
    """A reply answers one of the messages to a number, and is from all who have it."""
    job = hand.queue(recipients=CHILDREN, text="Hi", per="row")
    hand.send_all()
    for number, counted in ((OTHER, [3, 1]), (MOTHER, [0, 4])):
        replies.take("default", Heard(E164(number), (Said(number, False, "Yes"),)), frozenset(), hand.clock())
        assert counted == [cloning.count(queries.job(job.id), people) for people in ("unanswered", "replied")]
