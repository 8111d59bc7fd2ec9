"""What is asked about once more before a start."""

from __future__ import annotations

import pytest

from daemon.accounts.pacing import DAY_MS
from daemon.campaigns.careful import Figures, figures


@pytest.mark.parametrize(
    ("people", "fresh", "caps", "asked"),
    [
        (30, 30, (0, 0), False),
        (31, 31, (0, 0), True),
        (1_000, 0, (0, 0), False),
        (1_001, 0, (0, 0), True),
        (1_001, 0, (20, 0), True),
        (500, 400, (0, 30), False),
        (500, 400, (30, 0), False),
        (500, 400, (100, 31), True),
    ],
)
def test_many_people_and_many_new_ones_are_asked_about(people: int, fresh: int, caps: tuple[int, int], asked: bool):
    """Not those that are spread over careful days by a cap of the account or of the campaign."""
    assert (Figures(people, fresh, 3) if asked else None) == figures(people, fresh, caps, 2 * DAY_MS + 1)
