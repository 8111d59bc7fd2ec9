"""Epoch milliseconds as a day and a time, wherever in time they lie: what shows a time never fails over it."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo

EARLIEST_MS = -62_100_000_000_000  # of the year 2: a zone's offset still leads to a date that exists
LATEST_MS = 253_370_764_800_000  # the beginning of the year 9999, likewise

UTC_TOO = frozenset({"Etc/UTC", "Etc/UCT", "UCT", "Etc/Universal", "Universal", "Etc/Zulu", "Zulu"})


def zone_name(name: str) -> str:
    """The name of a time zone as it is shown and compared: UTC has several."""
    return "UTC" if name in UTC_TOO else name


def instant(ms: float, zone: tzinfo = UTC) -> datetime:
    """The time in that zone; one that lies outside of what a calendar can say is shown as its first or last one."""
    return datetime.fromtimestamp(min(max(ms, EARLIEST_MS), LATEST_MS) / 1000, zone)
