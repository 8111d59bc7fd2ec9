"""Two accounts at once, whose senders are killed: nobody gets what the other account has to send."""

from __future__ import annotations

from pathlib import Path

from tests.crash import accounts
from tests.crash.fast import Place
from tests.crash.plan import ANY_TIME, Plan


def test_senders_of_three_accounts_are_killed(tmp_path: Path) -> None:
    """Four senders, none of which is told which account to take; each kill leaves one account to the one that waits."""
    tally = accounts.play_fast([Plan(ANY_TIME, 7, "accounts"), Plan(ANY_TIME, 80, "accounts")], tmp_path, Place())
    assert ([], 2, 0, 0) == (tally.wrong, tally.crashes, tally.duplicates, tally.lost)
    assert 3 * 3 * accounts.EACH == tally.delivered_once


def test_two_chromes_at_once_and_a_kill_of_one_sender(tmp_path: Path) -> None:
    """Both campaigns go to the same people; one sender is killed after its click, and the other goes on meanwhile."""
    tally = accounts.play([Plan("after_click", 1, "two")], tmp_path)
    assert ([], 1, 0, 0, 12) == (tally.wrong, tally.crashes, tally.duplicates, tally.lost, tally.delivered_once)
