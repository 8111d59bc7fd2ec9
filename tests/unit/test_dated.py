"""When a message is due that is relative to a date of each person."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from daemon.campaigns.dated import Dates, Missed, doubtful
from daemon.campaigns.draft_content import Dated
from daemon.formats.values import Unreadable

ZONE = "Europe/Berlin"


def ms(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(ZONE)).timestamp() * 1000)


def dates(days: int, order: str = "") -> Dates:
    return Dates(Dated(field="termin", days=days, time="09:00", order=order), ZONE, "de")


@pytest.mark.parametrize(
    ("days", "cell", "at", "until"),
    [
        (-2, "14.12.2026", "2026-12-12T09:00", "2026-12-13T00:00"),
        (-1, "29.03.2027 08:00", "2027-03-28T09:00", "2027-03-29T00:00"),  # the clocks are put forward that night
        (0, "14.12.2026 15:30", "2026-12-14T09:00", "2026-12-14T15:30"),
        (0, "14.12.2026 08:00", "2026-12-14T09:00", "2026-12-15T00:00"),
        (3, "31.12.2026", "2027-01-03T09:00", "2027-01-04T00:00"),
    ],
)
def test_it_is_due_so_many_days_before_or_after_in_the_accounts_zone(days, cell, at, until):
    """And of use until that day is over, or until the time of the date itself."""
    found = dates(days).due({"termin": cell})
    assert (ms(at), ms(until)) == (found.at, found.until + (1 if until.endswith("00:00") else 0))


@pytest.mark.parametrize("cell", ["", "soon", "15:30", "03/04/2027", "31.12.9999"])
def test_what_is_no_date_is_said(cell):
    """Nor is what could be two, or is past all calendars."""
    with pytest.raises(Unreadable):
        dates(2).due({"termin": cell})
    assert Missed.NO_DATE == dates(2).missed({"termin": cell}, 0)


def test_what_comes_first_can_be_said():
    """Then 03/04/2027 is one day only."""
    assert ms("2027-04-03T09:00") == dates(0, "dmy").due({"termin": "03/04/2027"}).at
    assert ms("2027-03-04T09:00") == dates(0, "mdy").due({"termin": "03/04/2027"}).at


def test_a_time_that_has_passed_or_is_absurdly_far_is_left_out():
    """By the moment in which it would be due."""
    rule = dates(-2)
    assert Missed.PASSED == rule.missed({"termin": "14.12.2026"}, ms("2026-12-12T09:00"))
    assert rule.missed({"termin": "14.12.2026"}, ms("2026-12-12T08:59")) is None
    assert Missed.TOO_FAR == rule.missed({"termin": "14.12.2062"}, ms("2026-12-12T08:59"))


def test_columns_of_dates_are_known_and_so_is_doubt():
    """A column of names is none."""
    assert (False, True, None) == (
        doubtful(["14.12.2026", "15.12.2026"], "de"), doubtful(["03/04/2027"], "de"), doubtful(["Anna"], "de")
    )  # fmt: skip
