"""The recipients of a job: pages, searches, neighbours, counts; and that one job's never mix with another's."""

from __future__ import annotations

import pytest

from daemon import errors
from daemon.campaigns import lifecycle, recipients, timeline
from daemon.campaigns.recipients import Selection
from daemon.contacts import masking
from daemon.delivery import job_moves, moves
from daemon.models import Message
from daemon.states import JobState, State

PEOPLE = [
    {"number": "+4915112345678", "name": "Anna Schäfer", "city": "Berlin"},
    {"number": "+442079460011", "name": "Ben 100% Miller", "city": "Leeds"},
    {"number": "+79261234567", "name": "Иван Петров", "city": "Москва"},
    {"number": "+34600111222", "name": 'Zoë "Z" O\'Neil', "city": "name_of_a_city"},
    {"number": "+390612345678", "name": "anna\\bella", "city": ""},
]
ROW = {person["number"]: at for at, person in enumerate(PEOPLE)}


@pytest.fixture
def job(hand):
    """Five people, between two other jobs with people of the same names."""
    hand.queue(3, recipients=PEOPLE[::-1], text="Hi")
    found = hand.queue(recipients=PEOPLE, text="Hi")
    hand.queue(recipients=PEOPLE, text="Hi")
    return found


def found(job, search: str, state: str | None = None) -> list[int]:
    """Which of PEOPLE the search finds, by their places in it."""
    page = recipients.page(job_moves.job(job.id), Selection(state, search))
    assert all(message.job_id == job.id for message in page.rows)
    return [ROW[message.number] for message in page.rows]


@pytest.mark.parametrize(
    ("search", "wanted"),
    [
        ("", [0, 1, 2, 3, 4]),
        ("+49 151 12345678", [0]),
        ("+4915", [0]),
        ("+15112345678", []),
        ("0049 (151) 1234-5678", [0]),
        ("0151 12345678", [0]),
        ("020 7946 0011", [1]),
        ("12345678", [0, 4]),
        ("1234567", [0, 2, 4]),
        ("٠١٥١ ١٢٣٤", [0]),
        ("600.111", [3]),
        ("999", []),
    ],
)
def test_a_number_is_found_by_any_part_of_it(job, search, wanted):
    """With or without signs between, from abroad, from within the country, in other digits."""
    assert wanted == found(job, search)


@pytest.mark.parametrize(
    ("search", "wanted"),
    [
        ("anna", [0, 4]),
        ("ANNA  berlin", [0]),
        ("schäfer", [0]),
        ("SCHÄFER", [0]),
        ("иван", [2]),
        ("ПЕТРОВ москва", [2]),
        ("100%", [1]),
        ("%", [1]),
        ("_", [3]),
        ('"Z"', [3]),
        ("O'Neil", [3]),
        ("anna\\b", [4]),
        ("\\", [4]),
        ("nobody", []),
    ],
)
def test_a_name_is_found_by_its_words(job, search, wanted):
    """All of them, in any field, in capitals or not; signs that mean something to a database mean nothing here."""
    assert wanted == found(job, search)


@pytest.mark.parametrize(
    ("search", "wanted"),
    [("name", [3]), ("city", [3]), ("nam", [3]), (":", []), (",", []), ("{", []), ("}", []), ('"', [3]), ('","', [])],
)
def test_the_titles_of_columns_are_not_searched(job, search, wanted):
    """Nor what holds them together where they are stored."""
    assert wanted == found(job, search)


def test_a_reason_is_found(hand, job):
    """Those who failed for it can be picked out."""
    lifecycle.pause(job.id - 1, "test", hand.clock())
    hand.submit(first := hand.claim_one())
    moves.fail(first, "This number is not on WhatsApp.", hand.clock())

    assert [0] == found(job, "not on whatsapp")
    assert [0] == found(job, "whatsapp", State.FAILED)
    assert [] == found(job, "whatsapp", State.SENT)


def test_a_state_and_a_text_together(hand, job):
    """Both have to hold; counts are those of the text alone."""
    lifecycle.pause(job.id - 1, "test", hand.clock())
    hand.submit(first := hand.claim_one())
    moves.fail(first, "no", hand.clock())
    now = job_moves.job(job.id)

    assert [4] == found(job, "anna", State.PENDING)
    counts = recipients.counts(now, Selection(State.SENT, "anna"))
    assert {"failed": 1, "pending": 1} == {state: count for state, count in counts.items() if count}
    assert {"failed": 1, "pending": 4} == {
        state: count for state, count in recipients.counts(now, Selection()).items() if count
    }


def test_pages_lead_through_everybody_and_back(hand):
    """Forward and backward, in file order, once each, however many fit on the last page."""
    hand.queue(7, first=500)
    job = hand.queue(23)
    hand.queue(7, first=700)
    everybody = [row.id for row in Message.select().where(Message.job == job).order_by(Message.id)]

    forward, cursor, pages = [], None, []
    while True:
        page = recipients.page(job, Selection(), cursor, limit=5)
        pages.append(page)
        forward += [row.id for row in page.rows]
        if page.after is None:
            break
        cursor = page.after
    backward, before = [page.rows for page in pages[-1:]], pages[-1].before
    while before is not None:
        page = recipients.page(job, Selection(), before=before, limit=5)
        backward.insert(0, page.rows)
        before = page.before

    assert everybody == forward
    assert [5, 5, 5, 5, 3] == [len(page.rows) for page in pages]
    assert everybody == [row.id for rows in backward for row in rows]
    assert [None, True, True, True, True] == [page.before and True for page in pages]


def test_the_first_page_is_full_from_behind_as_well(hand):
    """Whoever leafs back from the middle of a page does not end on a short one."""
    job = hand.queue(10)
    third = Message.select().where(Message.job == job).order_by(Message.id).offset(3).first()

    page = recipients.page(job, Selection(), before=third.id, limit=5)

    assert (5, None) == (len(page.rows), page.before)


def test_a_page_behind_the_last_leads_back(hand):
    """Those on it may have changed their state since."""
    job = hand.queue(3)
    last = Message.select().where(Message.job == job).order_by(Message.id.desc()).first()

    page = recipients.page(job, Selection(), last.id, limit=5)

    assert [] == page.rows
    assert [last.id - 2, last.id - 1, last.id] == [
        row.id for row in recipients.page(job, Selection(), before=page.before, limit=5).rows
    ]


def test_a_state_without_anybody_is_an_empty_page(hand):
    """It is not looked for."""
    page = recipients.page(hand.queue(3), Selection(State.FAILED))

    assert ([], None, None) == (page.rows, page.before, page.after)


def test_neighbours_are_those_of_the_selection(hand, job):
    """Before and after, in file order, within the job."""
    rows = list(Message.select().where(Message.job == job).order_by(Message.id))

    assert (None, rows[1].id) == recipients.neighbours(job, rows[0].id, Selection())
    assert (rows[3].id, None) == recipients.neighbours(job, rows[4].id, Selection())
    assert (rows[0].id, rows[4].id) == recipients.neighbours(job, rows[2].id, Selection(search="anna"))


def test_what_cannot_be_selected_is_refused(job):
    """In words."""
    with pytest.raises(errors.InvalidInput, match="state is one of"):
        found(job, "", "lost")
    with pytest.raises(errors.InvalidInput, match="at most 200 characters"):
        found(job, "x" * 201)


def test_who_sees_no_numbers_cannot_find_them_out(job):
    """A search for digits would tell them one by one; names are found as ever."""
    masking.hidden.set(True)
    try:
        for search in ("+49151", "151", "0 1 5 1", "anna 123", "49", "5", "anna 5", "٥", "１", "④", "²"):
            with pytest.raises(errors.InvalidInput, match="hidden"):
                found(job, search)
        assert [0, 4] == found(job, "anna")
    finally:
        masking.hidden.set(False)


def test_those_found_are_retried_and_nobody_else(hand, job):
    """Failed ones of this job that the text finds; the rest stays as it is."""
    for _ in range(15):
        hand.submit(message := hand.claim_one())
        moves.fail(message, "no", hand.clock())
    assert JobState.COMPLETED == job_moves.job(job.id).state

    count = lifecycle.retry(job.id, "test", hand.clock(), "anna")

    assert 2 == count
    assert [0, 4] == found(job, "", State.PENDING)
    assert 3 == job_moves.job(job.id).failed
    assert [5, 5] == [job_moves.job(job.id + other).failed for other in (-1, 1)]
    with pytest.raises(errors.IllegalMove, match="match this search"):
        lifecycle.retry(job.id, "test", hand.clock(), "anna")


def test_the_course_counts_each_outcome_in_its_time(hand):
    """Sent where it was sent, others where they ended; stretches in a row without a gap."""
    begun, job = hand.clock(), hand.queue(6)
    for n in range(6):
        message = hand.submit(hand.claim_one())
        (hand.confirm if n % 3 else lambda each: moves.fail(each, "no", hand.clock()))(message)
        hand.clock.advance(10_000)

    went = timeline.course(job_moves.job(job.id), hand.clock())

    assert (2_000, begun) == (went.width_ms, went.stretches[0].at)
    assert [2_000] * 25 == [b.at - a.at for a, b in zip(went.stretches, went.stretches[1:], strict=False)]
    assert [(0, 1, 0), (1, 0, 0), (1, 0, 0)] * 2 == [(e.out, e.failed, e.other) for e in went.stretches if e.total]
    assert went.per_hour_now is None
    assert 270 == round(went.per_hour or 0)  # the 1st of the four at 10 s, the last at 50 s


def test_the_rate_now_is_that_of_five_minutes(hand):
    """And the average leaves a long break out."""
    job = hand.queue(30)
    for n in range(20):
        hand.confirm(hand.submit(hand.claim_one()))
        hand.clock.advance(3_600_000 if n == 9 else 30_000)

    went = timeline.course(job_moves.job(job.id), hand.clock())

    assert 108 == went.per_hour_now  # nine in less than five minutes
    assert 110 <= (went.per_hour or 0) <= 125


def test_the_rate_now_does_not_count_the_first_message_which_waits_for_nothing(hand):
    """One after two seconds is no thirty a minute; the pauses between those that follow tell."""
    job, rates = hand.queue(4), []
    for _ in range(3):
        hand.confirm(hand.submit(hand.claim_one()))
        hand.clock.advance(10_000)
        rates.append(timeline.course(job_moves.job(job.id), hand.clock()).per_hour_now)
    assert [0, 180, 240] == rates


def test_the_course_of_a_stopped_job_ends_with_it(hand):
    """Those cancelled are not drawn; before anything happened there is nothing to draw."""
    job = hand.queue(4)
    assert [] == timeline.course(job_moves.job(job.id), hand.clock()).stretches
    hand.confirm(hand.submit(hand.claim_one()))
    hand.clock.advance(60_000)
    lifecycle.stop(job.id, "test", hand.clock())
    hand.clock.advance(10**9)

    went = timeline.course(job_moves.job(job.id), hand.clock())

    assert [(1, 0)] == [(each.out, each.other) for each in went.stretches if each.total]
    assert (None, None) == (went.per_hour_now, went.per_hour)


def test_a_failure_that_is_retried_is_no_outcome_any_more(hand):
    """Its time is forgotten with it."""
    job = hand.queue(1)
    hand.submit(message := hand.claim_one())
    moves.fail(message, "no", hand.clock())
    assert 1 == timeline.course(job_moves.job(job.id), hand.clock()).stretches[0].failed

    lifecycle.retry(job.id, "test", hand.clock())

    assert [] == [each for each in timeline.course(job_moves.job(job.id), hand.clock()).stretches if each.total]
    assert Message.get_by_id(message.id).ended_at is None
