"""Whose fault a run of failures is."""

from __future__ import annotations

import json

import pytest

from daemon.delivery.breaker import (
    FIRST_HOLD_MS,
    LIMIT,
    LONGEST_HOLD_MS,
    REFUSED_MS,
    SPENT,
    Failures,
    Verdict,
    cause_of,
)

WHY = "The chat has no text box."


def held() -> Failures:
    """After a run that was long enough."""
    failures = Failures()
    for message_id in range(LIMIT):
        failures.note(message_id, WHY, last_try=False)
    failures.hold()
    return failures


def test_a_run_over_different_recipients_is_the_accounts_fault() -> None:
    """The last of it says so; the attempts that had been counted are to be given back."""
    failures = Failures()
    verdicts = [failures.note(message_id, WHY, last_try=False) for message_id in range(LIMIT)]

    assert [Verdict.COUNT] * (LIMIT - 1) + [Verdict.HOLD] == verdicts
    assert (FIRST_HOLD_MS, dict.fromkeys(range(LIMIT - 1), 1)) == failures.hold()


def test_one_recipient_that_fails_again_and_again_is_no_run() -> None:
    """Each attempt counts, also the last."""
    failures = Failures()

    assert [Verdict.COUNT] * LIMIT * 2 == [
        failures.note(1, WHY, last_try=number == LIMIT * 2 - 1) for number in range(LIMIT * 2)
    ]


@pytest.mark.parametrize("between", ["success", "another cause"])
def test_only_what_follows_without_a_break_is_a_run(between: str) -> None:
    """A success or another cause begins the count anew."""
    failures = Failures()
    for message_id in range(LIMIT - 1):
        failures.note(message_id, WHY, last_try=False)
    if between == "success":
        failures.success()
    else:
        failures.note(100, "WhatsApp did not react to the Send button.", last_try=False)

    assert Verdict.COUNT is failures.note(101, WHY, last_try=False)


def test_the_particulars_of_a_sentence_make_no_other_cause() -> None:
    """What stands in brackets or behind a colon differs from page to page."""
    assert "The page changed" == cause_of("The page changed (stale element 17)")
    assert cause_of("It never appeared: 3 rows") == cause_of("It never appeared: 4 rows")


def test_nobody_fails_for_good_at_the_beginning_of_a_run() -> None:
    """A last try is excused once: it may be the account's fault."""
    failures = Failures()

    assert Verdict.EXCUSE is failures.note(1, WHY, last_try=True)
    failures.success()
    assert Verdict.COUNT is failures.note(1, WHY, last_try=True)


def test_last_tries_in_a_row_burn_nobody() -> None:
    """All excused until it is clear that the account is to blame; after that they may be excused again."""
    failures = Failures()

    assert [Verdict.EXCUSE] * (LIMIT - 1) == [failures.note(n, WHY, last_try=True) for n in range(LIMIT - 1)]
    assert Verdict.HOLD is failures.note(LIMIT, WHY, last_try=True)
    assert (FIRST_HOLD_MS, {}) == failures.hold()
    failures.success()
    assert Verdict.EXCUSE is failures.note(1, WHY, last_try=True)


def test_after_a_hold_one_failure_is_enough_and_each_hold_is_longer() -> None:
    """Until one message has gone through, nothing is counted."""
    failures = held()
    lengths = []
    for message_id in range(10, 14):
        assert Verdict.HOLD is failures.note(message_id, f"cause {message_id}", last_try=False)
        length, counted = failures.hold()
        lengths.append(length)
        assert {} == counted

    assert [2 * FIRST_HOLD_MS, 4 * FIRST_HOLD_MS, LONGEST_HOLD_MS, LONGEST_HOLD_MS] == lengths


def test_a_success_closes_the_case() -> None:
    """The next failure is one of many again, and the next hold a short one."""
    failures = held()
    failures.success()

    assert Verdict.COUNT is failures.note(1, WHY, last_try=False)
    assert FIRST_HOLD_MS == failures.hold()[0]


def tried_out(failures: Failures, message_id: int) -> list[Verdict]:
    """Three tries, one after the other."""
    return [failures.note(message_id, WHY, last_try=number == 2) for number in range(3)]


def again(failures: Failures) -> Failures:
    """As it is after a restart."""
    return Failures.loads(json.loads(json.dumps(failures.dumps())))


def test_one_after_the_other_who_uses_up_all_attempts_is_a_run_over_restarts() -> None:
    """Small campaigns, one message at a time: those who failed for good get all their attempts back."""
    failures = Failures()
    for message_id in range(SPENT - 1):
        assert [Verdict.COUNT] * 3 == tried_out(failures, message_id)
        failures = again(failures)

    assert [Verdict.COUNT, Verdict.COUNT, Verdict.HOLD] == tried_out(failures, SPENT)
    assert (FIRST_HOLD_MS, {0: 3, 1: 3, SPENT: 2}) == failures.hold()


def test_a_run_of_refusals_is_suspect_over_restarts() -> None:
    """Not one, not four; a success in between begins the count anew, and whoever is in it gets it all back."""
    failures = Failures()
    for message_id in range(LIMIT - 1):
        failures.refuse(message_id, message_id)
        failures = again(failures)
        assert not failures.suspect
    failures.refuse(LIMIT, LIMIT)

    assert again(failures).suspect
    assert (FIRST_HOLD_MS, dict.fromkeys([*range(LIMIT - 1), LIMIT], 1)) == failures.hold()
    assert not failures.suspect
    failures.refuse(1, 9)
    assert again(failures).suspect
    failures.success()
    assert not failures.suspect
    assert failures.dumps() is None


def test_what_lies_days_back_is_no_run() -> None:
    """Somebody who is not there now and then."""
    failures = Failures()
    for message_id in range(3 * LIMIT):
        failures.refuse(message_id, message_id * REFUSED_MS // (LIMIT - 1))
        assert not failures.suspect


def test_nothing_is_forgotten_over_a_restart() -> None:
    """Whoever was excused once is not excused again; a hold that had begun makes the next one longer."""
    failures = Failures()
    assert Verdict.EXCUSE is failures.note(1, WHY, last_try=True)
    assert Verdict.COUNT is again(failures).note(1, WHY, last_try=True)
    assert 2 * FIRST_HOLD_MS == again(held()).hold()[0]
    assert Failures.loads(None).dumps() is None
