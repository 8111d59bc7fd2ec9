"""How an account stands: its limits, today's use of them, what it waits for, its campaigns, what was asked of it."""

from __future__ import annotations

from typing import Any

from daemon import accounts, campaigns, contacts, errors, handovers, outbox, pacing, wishes
from daemon.config import Settings
from daemon.db import within
from daemon.models import OPEN, Account, Job
from daemon.transports import AccountState

JOBS_SHOWN = 5
LINKED = frozenset({AccountState.READY, AccountState.HELD})


def rules(settings: Settings, account: Account) -> pacing.Rules:
    """What limits the account: its own limits, and the settings' where it has none."""
    return accounts.own_rules(account, campaigns.rules(settings))


def report(settings: Settings, account: Account, now: int) -> dict[str, Any]:
    """The account as `GET /accounts/{name}` shows it.

    limits: what holds, whoever set it. used: hand-overs of the last hour and the last 24 hours, which is what the
    caps count. opens_at: when its next message may go out, None for now; opens_why: what it waits for until then.
    """
    limits = rules(settings, account)
    opens = outbox.opening(account.name, now, campaigns.rules(settings))
    return accounts.describe(account, now) | {
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
    """What was wished for last, and since when there is a picture to be seen."""
    at = account.screenshot_at
    return {
        "wish": wishes.describe(account, now),
        "screenshot_at": at if at and within(at, now, wishes.KEEP_MS + 1) else None,
    }


def jobs(account: Account) -> list[Job]:
    """Its campaigns that are not over, the newest first."""
    mine = Job.select().where(Job.account == account.name, Job.state.in_(sorted(OPEN)))
    return list(mine.order_by(Job.id.desc()).limit(JOBS_SHOWN))


def wish(settings: Settings, name: str, what: wishes.What, who: str, now: int, number: str | None = None) -> Account:
    """Ask the account's sender for something. number: the phone's, of LINK_BY_CODE, as people write it.

    Raises NotFound, InvalidNumber, IllegalMove (it is linked already, or not linked, or its sender is at another one).
    """
    account = accounts.find(name)
    if what in (wishes.What.LINK_BY_CODE, wishes.What.LINK_BY_QR) and account.state in LINKED:
        raise errors.IllegalMove(f"Account {name} is linked already: log it out first.")
    if what is wishes.What.LOG_OUT and account.state == AccountState.NEEDS_LINK:
        raise errors.IllegalMove(f"Account {name} is not linked: there is nothing to log out of.")
    if number is not None:
        found = contacts.parse_numbers([number], settings.default_country)
        if found.rejected:
            raise errors.InvalidNumber(found.rejected[0].reason)
        number = found.contacts[0].number
    return wishes.ask(name, what, who, now, number)
