"""A short run of `scripts/crash`."""

from __future__ import annotations

import random
from contextlib import ExitStack
from typing import Any

import pytest

from tests import postgres
from tests.crash import harness
from tests.crash.harness import Tally
from tests.crash.victim import POINTS


@pytest.mark.parametrize(
    ("database", "kinds"),
    [("sqlite", ["kill", "locked", "clock_back"]), ("sqlite", ["stop"]), ("postgresql", ["kill", "restart"])],
)
def test_faults_neither_lose_nor_double(database: str, kinds: list[str], request: pytest.FixtureRequest) -> None:
    """Faults at points chosen by a seed: everybody is handed over once, or known to be uncertain."""
    if database == "postgresql":
        request.getfixturevalue("postgresql")  # skips where there is none
        assert postgres.find_binaries()
    with ExitStack() as stack:
        tallies = harness.run(4, 8 if len(kinds) > 1 else 2, kinds, harness.fresh_places(database, stack))

    whole = Tally()
    for tally in tallies.values():
        whole.add(tally)
    assert (0, 0, []) == (whole.duplicates, whole.lost, whole.rounds)
    assert 0 < whole.crashes
    assert whole.messages <= whole.delivered_once + whole.uncertain


def test_a_seed_repeats_the_same_faults_at_every_point() -> None:
    """Two plans from one seed are equal, and go through all points."""
    first, second = (harness.plans(random.Random(9), ["kill", "locked"], 40) for _ in range(2))

    assert first == second
    assert set(POINTS) == {plan.point for faults in first for plan in faults if plan.kind == "kill"}


@pytest.mark.parametrize(
    ("figures", "code"), [({}, 0), ({"duplicates": 1}, 1), ({"lost": 1}, 1), ({"uncertain": 1}, 0)]
)
def test_duplicates_and_losses_fail_the_run(
    figures: dict[str, Any], code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """The line of figures says it, and the exit code."""
    tally = Tally(crashes=2, messages=3, delivered_once=3, **figures)

    assert code == harness.report({"kill": tally}, 1.0)
    last = capsys.readouterr().out.splitlines()[-1]
    counts = {"duplicates": 0, "lost": 0, "uncertain": 0} | figures
    assert last == "crashes=2 messages=3 delivered_once=3 " + " ".join(f"{k}={v}" for k, v in counts.items())
