"""An account's limits: its own caps, quiet hours and time zone, and those of the settings where it has none."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import structlog

from daemon import errors
from daemon.accounts import directory, pacing
from daemon.config import Settings, hours, known_zone
from daemon.db.connection import after_commit, write
from daemon.models import Account

log = structlog.get_logger()

MAX_CAP = 1_000_000
MAX_ZONE = 64


def set_limits(name: str, changes: Mapping[str, Any], who: str) -> Account:
    """Set the account's own limits: hourly_cap, daily_cap, quiet_hours, timezone; None to use the settings.

    A cap of 0 means no cap, quiet hours of "" none. Effective from the next claim on. Raises NotFound, InvalidInput.
    """
    checked = {field: value if value is None else LIMITS[field](value) for field, value in changes.items()}
    with write():
        row = directory.find(name)
        if checked:
            Account.update(checked).where(Account.name == name).execute()
            after_commit(partial(log.info, "account.limited", account=name, who=who, limits=sorted(checked)))
    return directory.find(row.name)


def _cap(value: int) -> int:
    if not 0 <= value <= MAX_CAP:
        raise errors.InvalidInput(f"A cap is a number of messages, 0 (no cap) to {MAX_CAP}.")
    return value


def _hours(text: str) -> str:
    if not text.strip():
        return ""
    found = hours(re.sub(r"\s", "", text).replace("–", "-"))
    if found is None or found[0] == found[1]:
        raise errors.InvalidInput("Write quiet hours as 21:00-08:00: two different times, in 24-hour format.")
    return f"{found[0]:%H:%M}-{found[1]:%H:%M}"


def _zone(text: str) -> str:
    if not known_zone(text.strip()) or len(text.strip()) > MAX_ZONE:
        raise errors.InvalidInput("This time zone is unknown: use a name such as Europe/Berlin.")
    return text.strip()


LIMITS: dict[str, Callable[[Any], Any]] = {
    "hourly_cap": _cap,
    "daily_cap": _cap,
    "quiet_hours": _hours,
    "timezone": _zone,
}


def own_rules(account: Account | None, rules: pacing.Rules) -> pacing.Rules:
    """`rules` with the account's own limits in place of those it has set."""
    if account is None:
        return rules
    return pacing.own(rules, account.hourly_cap, account.daily_cap, account.quiet_hours, account.timezone)


def rules(settings: Settings) -> pacing.Rules:
    """The limits of the settings, in the form that pacing uses."""
    return pacing.Rules(
        long_pause_every=settings.long_pause_every,
        long_pause_ms=(round(settings.long_pause_min * 1000), round(settings.long_pause_max * 1000)),
        hourly_cap=settings.hourly_cap,
        daily_cap=settings.daily_cap,
        quiet=settings.quiet,
        zone=settings.timezone,
        person_cap=settings.person_cap[0],
        person_window_ms=settings.person_cap[1] * pacing.DAY_MS,
    )


def rules_of(settings: Settings, account: str) -> pacing.Rules:
    """The limits of that account: its own, and those of the settings where it has none."""
    return own_rules(Account.get_or_none(Account.name == account), rules(settings))
