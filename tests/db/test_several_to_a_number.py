"""A message for each row: two people with one number each get theirs, once, and it is one campaign to the number."""

from __future__ import annotations

import pytest

from daemon import errors
from daemon.accounts import handovers, pacing
from daemon.campaigns import cloning, create, queries
from daemon.campaigns.refusals import Why
from daemon.contacts import importer, row_sets, uploads
from daemon.db.proxy import tuples
from daemon.delivery import chunks, replies
from daemon.models import Handover, Message, Upload
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


FILE = f"""Phone,Name
{MOTHER},Ana
{OTHER},Cem
{MOTHER},Bia
12,nobody
{MOTHER},Ana
{OTHER},Cem
"""


def uploaded(hand: Hand, text: str = FILE) -> str:
    found = importer.read(text.encode(), "people.csv", "")
    return uploads.add_contacts(hand.settings, found, "people.csv", hand.clock()).id


def test_each_row_of_an_upload_gets_its_own_in_the_order_of_the_file(hand: Hand) -> None:
    """Also those that are duplicates where each number gets one."""
    upload = uploaded(hand)
    for per, expected in (("row", [0, 0, 1, 2, 1]), (None, [0, 0])):
        made = create.create(hand.settings, create.Order("Hi {{ name }}", upload_id=upload, per=per), "t", hand.clock())
        rows = list(Message.select().where(Message.job == made.job_id).order_by(Message.id))
        assert expected == [row.nth for row in rows]
        assert ([MOTHER, OTHER, MOTHER, MOTHER, OTHER] if per else [MOTHER, OTHER]) == [row.number for row in rows]
        assert (["Ana", "Cem", "Bia", "Ana", "Cem"] if per else ["Ana", "Cem"]) == [row.fields["name"] for row in rows]
        assert (len(expected), 0 if per else 3, 1) == (made.total, made.duplicates, len(made.left_out))
    assert 7 == len(hand.send_all())


def test_rows_of_a_large_upload_are_stored_in_chunks(hand: Hand, monkeypatch: pytest.MonkeyPatch) -> None:
    """And read in pieces; the text is checked for each of them."""
    monkeypatch.setattr(chunks, "CHUNK", 2)
    monkeypatch.setattr(row_sets, "PIECE", 2)
    monkeypatch.setattr(chunks, "GAP_S", 0.0)
    made = create.create(hand.settings, create.Order("Hi", upload_id=uploaded(hand), per="row"), "t", hand.clock())
    assert (5, 5) == (made.total, Message.select().where(Message.job == made.job_id).count())
    with pytest.raises(errors.TemplateError, match="name"):
        upload = uploaded(hand, FILE + f"{OTHER},\n")
        create.create(hand.settings, create.Order("Hi {{ name }}", upload_id=upload, per="row"), "t", hand.clock())


def test_rows_that_an_upload_has_not_kept_are_asked_for_again(hand: Hand) -> None:
    """Earlier versions stored each person once."""
    upload = uploaded(hand)
    Upload.update(repeated_set=None).execute()
    with pytest.raises(errors.InvalidInput) as refused:
        create.create(hand.settings, create.Order("Hi", upload_id=upload, per="row"), "test", hand.clock())
    assert Why.PER_ROW_OF_UPLOAD == refused.value.told.code
    upload = uploaded(hand, f"Phone\n{MOTHER}\n{OTHER}\n")
    Upload.update(repeated_set=None).execute()
    assert 2 == create.create(hand.settings, create.Order("Hi", upload_id=upload, per="row"), "t", hand.clock()).total


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
