"""A short run of `scripts/crash`, and what its figures are made of."""

from __future__ import annotations

import os
import random
from collections import Counter
from contextlib import ExitStack
from typing import Any

import pytest

from tests.crash import harness
from tests.crash.disks import only_for_root
from tests.crash.plan import BROWSER, CLOUD, FAST, Plan, plans
from tests.crash.tally import Tally, report, weigh
from tests.support import postgres

SEED = 4
# In a round of the short run; one of every other kind.
FAULTS = {"kill": 2, "parts_kill": 3, "replies_busy": 2, "replies_term": 2, "replies_kill": 2}


@pytest.mark.parametrize(
    ("database", "kinds"),
    [
        ("sqlite", ["kill", "parts_kill", "locked", "clock_back"]),
        ("sqlite", ["folder"]),
        ("sqlite", ["http"]),
        ("sqlite", ["upgrade"]),
        ("sqlite", ["replies_busy", "replies_term", "replies_kill"]),
        ("postgresql", ["replies_busy"]),
        ("postgresql", ["restart", "upgrade"]),
    ],
)
def test_faults_neither_lose_nor_double(database: str, kinds: list[str], request: pytest.FixtureRequest) -> None:
    """Faults at points chosen by a seed: everybody is handed over once, or known to be uncertain."""
    if database == "postgresql":
        request.getfixturevalue("postgresql")  # skips where there is none
        assert postgres.find_binaries()
    possible = harness.possible(FAST, database, os.geteuid() == 0, kinds)
    if not possible:
        only_for_root()
    rounds = [chosen[: FAULTS.get(chosen[0].kind, 1)] for chosen in plans(random.Random(SEED), possible, len(possible))]

    whole = played(database, rounds)

    assert [] == whole.wrong
    assert (sum(map(len, rounds)), whole.messages, 0, 0) == (
        whole.crashes, whole.delivered_once, whole.duplicates, whole.lost,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("database", "fault"),
    [
        ("sqlite", Plan("after_click", 3, "kill")),
        ("postgresql", Plan("after_click", 3, "kill")),
        ("postgresql", Plan("after_click", 1, "parts_kill")),
        ("sqlite", Plan("before_commit", 2, "locked")),
        ("sqlite", Plan("before_click", 2, "stop")),
        ("postgresql", Plan("before_commit", 2, "restart")),
    ],
    ids=lambda given: given if isinstance(given, str) else given.kind,
)
def test_faults_with_many_messages_in_flight(database: str, fault: Plan, request: pytest.FixtureRequest) -> None:
    """Two hundred lanes, struck while they are handed over or written down: the next life looks up what a dead one had
    in hand, the same one goes on after a database that was away, and one that slept finds its lease gone."""
    if database == "postgresql":
        request.getfixturevalue("postgresql")

    whole = played(database, [[fault]], lanes=200)

    assert [] == whole.wrong
    assert (1, whole.messages, 0, 0) == (whole.crashes, whole.delivered_once, whole.duplicates, whole.lost)
    assert whole.messages > 200


def test_a_sender_that_slept_through_its_lease_neither_writes_nor_sends() -> None:
    """SIGSTOP with a message in hand; another one takes over; the one that wakes finds its lease gone."""
    whole = played("sqlite", [[Plan("before_click", 2, "stop")]])

    assert [] == whole.wrong
    assert (1, whole.messages) == (whole.crashes, whole.delivered_once)


def played(database: str, rounds: list[list[Plan]], lanes: int = 1) -> Tally:
    tallies: dict[str, Tally] = {}
    with ExitStack() as stack:
        harness.run(FAST, rounds, harness.fast_play(harness.fresh_places(database, stack, lanes)), tallies)
    whole = Tally()
    for tally in tallies.values():
        whole.add(tally)
    return whole


@pytest.mark.parametrize("kinds", [FAST, CLOUD, BROWSER])
def test_a_seed_repeats_the_same_faults_at_every_point(kinds: dict[str, Any]) -> None:
    """Two plans from one seed are equal, and have every kind at each of its points before chance decides."""
    first, second = (plans(random.Random(9), kinds, 60) for _ in range(2))

    assert first == second
    assert 60 == len(first)
    for name, kind in kinds.items():
        assert set(kind.points) == {plan.point for faults in first for plan in faults if plan.kind == name}
    assert all(1 == len({plan.kind for plan in faults}) for faults in first)


def test_what_only_root_can_do_is_left_out() -> None:
    """Without root no file system is mounted; on PostgreSQL nothing is done to SQLite's file."""
    sqlite = {"locked", "readonly", "folder", "full"}

    assert set(FAST) - {"restart"} == set(harness.possible(FAST, "sqlite", True, []))
    assert set(FAST) - {"restart", "folder", "full"} == set(harness.possible(FAST, "sqlite", False, []))
    assert set(FAST) - sqlite == set(harness.possible(FAST, "postgresql", False, []))
    assert {"kill"} == set(harness.possible(FAST, "sqlite", True, ["kill", "restart"]))


@pytest.mark.parametrize(
    ("times", "state", "figures"),
    [
        (1, "sent", {"delivered_once": 1}),
        (1, "read", {"delivered_once": 1}),
        (3, "sent", {"duplicates": 2}),
        (0, "sent", {"lost": 1}),
        (0, "pending", {"lost": 1}),
        (1, "failed", {"delivered_once": 1, "lost": 1}),
    ],
)
def test_figures_tell_what_was_delivered_from_what_is_claimed(times: int, state: str, figures: dict[str, int]) -> None:
    """Delivered more than once is a duplicate; not delivered, or not known to be, is lost."""
    tally = weigh(Counter({"+49": times}), {"+49": state}, ["+49"], uncertain=0)

    expected = {"messages": 1, "delivered_once": 0, "duplicates": 0, "lost": 0} | figures
    assert expected == {name: getattr(tally, name) for name in expected}
    assert bool(tally.wrong) == (figures != {"delivered_once": 1})


@pytest.mark.parametrize(
    ("figures", "code"),
    [({}, 0), ({"duplicates": 1}, 1), ({"lost": 1}, 1), ({"uncertain": 1}, 0), ({"wrong": ["x"]}, 1)],
)
def test_duplicates_and_losses_fail_the_run(
    figures: dict[str, Any], code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """The line of figures says it, and the exit code."""
    tally = Tally(crashes=2, messages=3, delivered_once=3, **figures)

    assert code == report({"sender killed": tally}, 1.0)
    last = capsys.readouterr().out.splitlines()[-1]
    counts = {"duplicates": 0, "lost": 0, "uncertain": 0} | {k: v for k, v in figures.items() if k != "wrong"}
    assert last == "crashes=2 messages=3 delivered_once=3 " + " ".join(f"{k}={v}" for k, v in counts.items())
