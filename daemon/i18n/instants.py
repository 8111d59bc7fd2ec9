"""Epoch milliseconds as a day and a time, wherever in time they lie: what shows a time never fails over it."""

from __future__ import annotations

import os
from contextlib import suppress
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

EARLIEST_MS = -62_100_000_000_000  # of the year 2: a zone's offset still leads to a date that exists
LATEST_MS = 253_370_764_800_000  # the beginning of the year 9999, likewise

UTC_TOO = frozenset({"Etc/UTC", "Etc/UCT", "UCT", "Etc/Universal", "Universal", "Etc/Zulu", "Zulu"})


def zone_name(name: str) -> str:
    """The name of a time zone as it is shown and compared: UTC has several."""
    return "UTC" if name in UTC_TOO else name


def instant(ms: float, zone: tzinfo = UTC) -> datetime:
    """The time in that zone; one that lies outside of what a calendar can say is shown as its first or last one."""
    return datetime.fromtimestamp(min(max(ms, EARLIEST_MS), LATEST_MS) / 1000, zone)


def known_zone(name: str) -> bool:
    """Whether it is an IANA time zone."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def machine_zone(link: Path = Path("/etc/localtime"), name: Path = Path("/etc/timezone")) -> str:
    """This machine's IANA time zone: of TZ, or of what its clock shows; UTC where it names none."""
    found = [os.environ.get("TZ", "").lstrip(":")]
    found.append(str(link.resolve()).partition("zoneinfo/")[2].removeprefix("posix/").removeprefix("right/"))
    with suppress(OSError, UnicodeDecodeError):
        found.append(name.read_text(encoding="ascii").strip())
    return next((each for each in found if each and known_zone(each)), "UTC")
