"""The cap per person: how often somebody may be written to, over all campaigns and accounts."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

import pytest

from daemon import errors
from daemon.accounts import directory, limits, pacing
from daemon.campaigns import lifecycle
from daemon.db import clock, connection
from daemon.delivery import claim, moves
from daemon.models import Event, Kind, Message
from daemon.states import Ack, State
from daemon.transports.protocol import Mark
from tests.support.hand import LEASE_MS, Hand, fresh, states

DAY_MS = pacing.DAY_MS
TWO_A_WEEK = pacing.Rules(person_cap=2, person_window_ms=7 * DAY_MS)


@pytest.fixture
def capped(hand: Hand) -> Hand:
    """A sender whose people get two messages a week at most."""
    hand.rules = TWO_A_WEEK
    return hand


def why(message: Message) -> tuple[str, str | None, str | None]:
    """Where a message is, what its row says of it, and what its history."""
    last = Event.select().where(Event.message == message.id).order_by(Event.id.desc()).first()
    return fresh(message).state, fresh(message).error, last.why


def test_who_got_as_many_as_one_may_is_skipped(capped: Hand) -> None:
    """With the reason, in the row and in the history; the others get theirs."""
    for _ in range(2):
        capped.queue(1)
        assert 1 == len(capped.send_all())
    job = capped.queue(2)
    sent = capped.send_all()

    assert [State.SKIPPED, State.SENT] == states(job)
    assert ["+4915110000001"] == sent
    said = "got 2 messages within 7 days"
    assert (State.SKIPPED, said, said) == why(Message.select().where(Message.job == job).order_by(Message.id).first())


def test_they_may_be_written_to_again_when_the_window_has_passed(capped: Hand) -> None:
    """What counts is when a message left."""
    for _ in range(2):
        capped.queue(1)
        capped.send_all()
        capped.clock.advance(DAY_MS)
    skipped = capped.queue(1)
    assert [] == capped.send_all()
    capped.clock.advance(5 * DAY_MS)  # the first one is older than a week now
    later = capped.queue(1)

    assert 1 == len(capped.send_all())
    assert ([State.SKIPPED], [State.SENT]) == (states(skipped), states(later))


def test_it_counts_over_accounts(capped: Hand) -> None:
    """To the person it is all the same which number writes."""
    directory.open_account("second", capped.clock())
    for account in ("default", "second"):
        capped.queue(1, account=account)
        (message,) = capped.claim(account=account)
        capped.confirm(capped.submit(message))
    job = capped.queue(1, account="second")

    assert [] == capped.claim(account="second")
    assert [State.SKIPPED] == states(job)


@pytest.mark.parametrize(
    ("state", "counts"),
    [
        (State.SENDING, True),
        (State.SENT, True),
        (State.DELIVERED, True),
        (State.READ, True),
        (State.UNCERTAIN, True),
        (State.FAILED, False),
        (State.CLAIMED, False),
        (State.CANCELLED, False),
    ],
)
def test_what_may_have_left_counts_and_nothing_else(capped: Hand, state: State, counts: bool) -> None:
    """An uncertain message may have been read; a failed one was not."""
    capped.rules = replace(TWO_A_WEEK, person_cap=1)
    first = capped.queue(1)
    message = capped.claim_one()
    if state is State.CANCELLED:
        moves.release(message, "back", capped.clock())
        lifecycle.stop(first.id, "test", clock.now_ms())
    elif state is not State.CLAIMED:
        capped.submit(message)
        if state is State.FAILED:
            moves.fail(message, "no", capped.clock())
        elif state is State.UNCERTAIN:
            moves.lose(message, "who knows", capped.clock())
        elif state is not State.SENDING:
            capped.confirm(message, Ack(state.value))
    assert state == fresh(message).state
    job = capped.queue(1)
    claimed = capped.claim()

    assert ([State.SKIPPED] if counts else [State.CLAIMED]) == states(job)
    assert (0 if counts else 1) == len(claimed)


def test_a_message_that_is_tried_again_does_not_count_itself(capped: Hand) -> None:
    """It left this machine in vain: the second try is the same message."""
    capped.rules = replace(TWO_A_WEEK, person_cap=1)
    job = capped.queue(1)
    moves.retry(capped.submit(capped.claim_one()), "try again", capped.clock(), 3, 0)

    assert 1 == len(capped.send_all())
    assert [State.SENT] == states(job)


def test_messages_to_oneself_neither_count_nor_are_skipped(capped: Hand) -> None:
    """A test before each campaign uses nothing up; so does an answer to somebody who wrote."""
    capped.rules = replace(TWO_A_WEEK, person_cap=1)
    for kind in (Kind.TEST, Kind.TEST, Kind.ANSWER):
        capped.queue(1, kind=kind)
        assert 1 == len(capped.send_all())
    capped.queue(1)
    assert 1 == len(capped.send_all())
    capped.queue(1, kind=Kind.TEST)
    assert 1 == len(capped.send_all())


def test_a_name_does_not_make_a_test_of_a_campaign(capped: Hand) -> None:
    """What a caller calls their job switches nothing off: it is capped, and it counts."""
    capped.rules = replace(TWO_A_WEEK, person_cap=1)
    capped.queue(1, name="Test: Spring")
    assert 1 == len(capped.send_all())
    again = capped.queue(1, name="Test: Spring")

    assert [] == capped.send_all()
    assert [State.SKIPPED] == states(again)


def test_without_a_cap_nobody_is_skipped(hand: Hand) -> None:
    """It is off unless it is set."""
    jobs = [hand.queue(1) for _ in range(5)]
    assert 5 == len(hand.send_all())
    assert [[State.SENT]] * 5 == [states(job) for job in jobs]


def test_the_setting_becomes_the_rule(make_settings: Any) -> None:
    """`3/7`: three in seven days."""
    rules = limits.rules(make_settings(frequency_cap="3/7"))

    assert (3, 7 * DAY_MS) == (rules.person_cap, rules.person_window_ms)
    assert (0, 0) == (limits.rules(make_settings()).person_cap, limits.rules(make_settings()).person_window_ms)


def test_a_message_that_another_account_sent_meanwhile_is_seen_at_the_hand_over(capped: Hand) -> None:
    """Both have claimed before either has sent: the second one is told to give its message back, then skipped."""
    capped.rules = replace(TWO_A_WEEK, person_cap=1)
    directory.open_account("second", capped.clock())
    capped.queue(1)
    job = capped.queue(1, account="second")
    (one,), (other,) = capped.claim(), capped.claim(account="second")
    gap = pacing.Gap(0, pacing.Why.PAUSE, 1)
    moves.submit(one, Mark(None), capped.clock(), gap, capped.rules)
    with pytest.raises(errors.IllegalMove, match="got 1 message within 7 days"):
        moves.submit(other, Mark(None), capped.clock(), gap, capped.rules)
    moves.release(other, "got enough", capped.clock())

    assert [] == capped.claim(account="second")
    assert [State.SKIPPED] == states(job)


def test_two_accounts_at_once_cannot_both_write(capped: Hand) -> None:
    """However the two hand-overs fall: one goes out, as they wait for each other over this person."""
    rules = replace(TWO_A_WEEK, person_cap=1)
    directory.open_account("second", capped.clock())
    rounds = 15
    told: list[str] = []
    for turn in range(rounds):
        capped.queue(1, first=turn)
        capped.queue(1, first=turn, account="second")
        pair = [claim.claim(name, 1, capped.clock(), LEASE_MS, rules)[0] for name in ("default", "second")]
        assert pair[0].number == pair[1].number
        start = threading.Barrier(2)

        def hand_over(message: Message, start: threading.Barrier = start) -> None:
            try:
                start.wait(60)
                moves.submit(message, Mark(None), capped.clock(), pacing.Gap(0, pacing.Why.PAUSE, 1), rules)
                told.append("out")
            except errors.IllegalMove:
                moves.release(message, "got enough", capped.clock())
                told.append("told")
            finally:
                connection.close()

        threads = [threading.Thread(target=hand_over, args=(each,)) for each in pair]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        for message in pair:
            if fresh(message).state == State.PENDING:
                assert [] == claim.claim(message.account, 1, capped.clock(), LEASE_MS, rules)

    assert {"out": rounds, "told": rounds} == {each: told.count(each) for each in set(told)}
