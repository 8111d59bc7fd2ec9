"""An account's limits: its own caps, quiet hours and time zone, and those of the settings where it has none."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Any, TypedDict

import phonenumbers
import structlog

from daemon import errors
from daemon.accounts import directory, pacing
from daemon.accounts.directory import AccountRow
from daemon.accounts.refusals import Why
from daemon.config import Settings, hours, known_zone
from daemon.db import versions
from daemon.db.connection import after_commit, write
from daemon.db.proxy import locked
from daemon.i18n.coded import Phrase
from daemon.i18n.instants import zone_name
from daemon.models import Account

log = structlog.get_logger()

MAX_CAP = 1_000_000
MAX_ZONE = 64
SEND_MS = 4_000  # opening a chat, writing and WhatsApp's tick, before any was measured


class Limits(TypedDict, total=False):
    """Limits of an account's own; None leaves one to the settings. A cap of 0 means no cap, quiet hours of "" none."""

    hourly_cap: int | None
    daily_cap: int | None
    quiet_hours: str | None
    timezone: str | None


def set_limits(name: str, limits: Limits, who: str, version: int | None = None) -> AccountRow:
    """Set those of the account's own limits that are given. Effective from the next claim on.

    version: `limits_version` of what the caller has read, None to set whatever is there. Raises NotFound, InvalidInput,
    and EditConflict when somebody has changed a limit since.
    """
    checked = {field: value if value is None else CHECKS[field](value) for field, value in limits.items()}
    with write():
        row = locked(Account.select().where(Account.name == name)).first()
        if row is None:
            raise errors.NotFound(Why.NO_ACCOUNT, name=name)
        changed = {field: value for field, value in checked.items() if getattr(row, field) != value}
        if changed:
            versions.check(Phrase("account"), row.limits_version, version)
            Account.update(**changed, limits_version=row.limits_version + 1).where(Account.name == name).execute()
            after_commit(partial(log.info, "account.limited", account=name, who=who, limits=sorted(changed)))
    return directory.find(name)


def set_country(name: str, country: str, who: str) -> None:
    """Set the country of numbers that the page is given without one. Raises NotFound, InvalidInput."""
    if country not in phonenumbers.SUPPORTED_REGIONS:
        raise errors.InvalidInput(Why.COUNTRY_UNFIT)
    with write():
        directory.find(name)
        Account.update(country=country).where(Account.name == name).execute()
        after_commit(partial(log.info, "account.limited", account=name, who=who, limits=["country"]))


def _cap(value: int) -> int:
    if not 0 <= value <= MAX_CAP:
        raise errors.InvalidInput(Why.CAP_UNFIT, most=MAX_CAP)
    return value


def _hours(text: str) -> str:
    if not text.strip():
        return ""
    found = hours(re.sub(r"\s", "", text).replace("–", "-"))
    if found is None or found[0] == found[1]:
        raise errors.InvalidInput(Why.QUIET_HOURS_UNFIT)
    return f"{found[0]:%H:%M}-{found[1]:%H:%M}"


def _zone(text: str) -> str:
    if not known_zone(text.strip()) or len(text.strip()) > MAX_ZONE:
        raise errors.InvalidInput(Why.UNKNOWN_TIME_ZONE)
    return zone_name(text.strip())


CHECKS: dict[str, Callable[[Any], Any]] = {
    "hourly_cap": _cap,
    "daily_cap": _cap,
    "quiet_hours": _hours,
    "timezone": _zone,
}


def own_rules(account: AccountRow | None, rules: pacing.Rules) -> pacing.Rules:
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
        zone=settings.zone,
        person_cap=settings.person_cap[0],
        person_window_ms=settings.person_cap[1] * pacing.DAY_MS,
    )


def send_ms(settings: Settings, account: str) -> int:
    """How long a send takes by itself, measured or, before the first one, about as long as in a browser."""
    return directory.send_ms(account, SEND_MS if settings.transport == "browser" else 0)


def rules_of(settings: Settings, account: str) -> pacing.Rules:
    """The limits of that account: its own, and those of the settings where it has none."""
    return own_rules(directory.known(account), rules(settings))
