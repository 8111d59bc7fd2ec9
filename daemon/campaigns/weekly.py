"""When a campaign that repeats by the week is due. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from daemon.campaigns.draft_content import Weekly
from daemon.i18n.instants import instant


def following(weekly: Weekly, zone: str, after: int) -> int | None:
    """The next time after `after` (UTC ms); None when its end has come.

    The local time stays the same when the clocks are changed. A time that a change of the clocks leaves out is due
    that much later on that day, one that comes twice is due the first time.
    """
    here, at = ZoneInfo(zone), time.fromisoformat(weekly.time)
    begins = instant(after, here).date()
    for ahead in range(9):
        day = begins + timedelta(days=ahead)
        if day.weekday() not in weekly.days:
            continue
        due = round(datetime.combine(day, at, here).timestamp() * 1000)
        if due > after:
            return due if weekly.until is None or due <= weekly.until else None
    return None


def times(weekly: Weekly, zone: str, first: int | None, left: int) -> Iterator[int]:
    """At most `left` times from the first on."""
    due = first
    while due is not None and left > 0:
        yield due
        due, left = following(weekly, zone, due), left - 1
