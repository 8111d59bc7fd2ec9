"""An account's status: its limits and their use, what it waits for, its campaigns, and the last command to it."""

from __future__ import annotations

from typing import Any

from daemon import errors
from daemon.accounts import commands, directory, handovers, pace, pacing
from daemon.accounts import limits as account_limits
from daemon.config import Settings
from daemon.contacts import importer
from daemon.db.clock import within
from daemon.models import Account
from daemon.states import AccountState

LINKED = frozenset({AccountState.READY, AccountState.HELD})


def rules(settings: Settings, account: Account) -> pacing.Rules:
    """The account's limits: its own, and those of the settings where it has none."""
    return account_limits.own_rules(account, account_limits.rules(settings))


def report(settings: Settings, account: Account, now: int) -> dict[str, Any]:
    """The account as `GET /accounts/{name}` shows it.

    limits: the limits in force, wherever they come from. used: hand-overs of the last hour and the last 24 hours,
    which is what the caps count. opens_at: when the next message may go out, None: now; opens_why: what it waits for.
    """
    limits = rules(settings, account)
    opens = pace.opening(account.name, now, account_limits.rules(settings))
    return directory.describe(account, now) | {
        "limits": {
            "hourly_cap": limits.hourly_cap,
            "daily_cap": limits.daily_cap,
            "quiet_hours": "-".join(f"{at:%H:%M}" for at in limits.quiet or ()),
            "timezone": limits.zone,
        },
        "used": {
            "hour": handovers.count(account.name, now - pacing.HOUR_MS, now),
            "day": handovers.count(account.name, now - pacing.DAY_MS, now),
        },
        "opens_at": opens.at if opens.at > now else None,
        "opens_why": opens.why,
        **asked(account, now),
    }


def asked(account: Account, now: int) -> dict[str, Any]:
    """The last command, and the time of the screenshot if there is one."""
    at = account.screenshot_at
    return {
        "wish": commands.describe(account, now),
        "screenshot_at": at if at and within(at, now, commands.KEEP_MS + 1) else None,
    }


def ask(settings: Settings, name: str, what: commands.What, who: str, now: int, number: str | None = None) -> Account:
    """Ask the account's sender for something. number: of the phone to be linked, for LINK_BY_CODE, in any notation.

    Raises NotFound, InvalidNumber, IllegalMove (linked already, not linked, or the sender is busy with a command).
    """
    account = directory.find(name)
    if what in (commands.What.LINK_BY_CODE, commands.What.LINK_BY_QR) and account.state in LINKED:
        raise errors.IllegalMove(f"Account {name} is already linked: log it out first.")
    if what is commands.What.LOG_OUT and account.state == AccountState.NEEDS_LINK:
        raise errors.IllegalMove(f"Account {name} is not linked: there is nothing to log out of.")
    of_phone = None if number is None else importer.one(number, settings.default_country)
    return commands.ask(name, what, who, now, of_phone)
