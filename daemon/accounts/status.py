"""An account's status: its limits and their use, what it waits for, its campaigns, and the last command to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from daemon import errors
from daemon.accounts import commands, directory, handovers, pace, pacing
from daemon.accounts import limits as account_limits
from daemon.accounts.directory import AccountRow, Described
from daemon.accounts.refusals import Why
from daemon.config import Settings
from daemon.contacts import importer
from daemon.db.clock import within
from daemon.i18n.coded import Coded, refusal
from daemon.states import AccountState

NAMED = 5  # so many accounts are named in a sentence at most
LINKED = frozenset({AccountState.READY, AccountState.HELD})


def rules(settings: Settings, account: AccountRow) -> pacing.Rules:
    """The account's limits: its own, and those of the settings where it has none."""
    return account_limits.own_rules(settings, account)


@dataclass(frozen=True)
class InForce:
    """The limits in force, wherever they come from; quiet_hours: "" for none."""

    hourly_cap: int
    daily_cap: int
    quiet_hours: str
    timezone: str


@dataclass(frozen=True)
class Used:
    """Hand-overs of the last hour and the last 24 hours, which is what the caps count."""

    hour: int
    day: int


@dataclass(frozen=True)
class Told:
    """The last command, for readers outside: its outcome as a sentence, and beside it as a code."""

    what: str
    stage: str
    who: str
    at: int
    ended_at: int | None
    outcome: str | None
    code: str | None


@dataclass(frozen=True)
class Seen(Described):
    """An account with its last command, and the times of the screenshot and the page check if there are any."""

    wish: Told | None
    screenshot_at: int | None
    page_check_at: int | None


@dataclass(frozen=True)
class Report(Seen):
    """An account as `GET /accounts/{name}` shows it. opens_at: when the next message may go out, UTC ms, None: now;
    opens_why: what it waits for. number: its own, where it is known."""

    number: str | None
    limits: InForce
    used: Used
    opens_at: int | None
    opens_why: pacing.Why


def report(settings: Settings, account: AccountRow, now: int) -> Report:
    """All that is known of the account, limits and their use included."""
    limits = rules(settings, account)
    opens = pace.opening(account.name, now, account_limits.rules(settings))
    return Report(
        **vars(seen(account, now)),
        number=directory.own_number(settings, account),
        limits=InForce(
            hourly_cap=limits.hourly_cap,
            daily_cap=limits.daily_cap,
            quiet_hours="-".join(f"{at:%H:%M}" for at in limits.quiet or ()),
            timezone=limits.zone,
        ),
        used=Used(
            hour=handovers.count(account.name, now - pacing.HOUR_MS, now),
            day=handovers.count(account.name, now - pacing.DAY_MS, now),
        ),
        opens_at=opens.at if opens.at > now else None,
        opens_why=opens.why,
    )


def seen(account: AccountRow, now: int) -> Seen:
    """The account, its last command, and the time of the screenshot."""
    at = account.screenshot_at
    there = at and within(at, now, commands.KEEP_MS + 1)
    described = vars(directory.describe(account, now))
    return Seen(
        **described,
        wish=told(account, now),
        screenshot_at=at if there else None,
        page_check_at=commands.page_checked_at(account.name, now),
    )


def lacking(settings: Settings, accounts: Sequence[AccountRow], now: int) -> Coded | None:
    """Which accounts wait for a sender, because there are more of them than senders; None where that is not so."""
    without = [account.called for account in accounts if not directory.alive(account, now)]
    senders = max(settings.senders, len(accounts) - len(without))
    if not without or len(accounts) <= senders:
        return None
    shown = ", ".join(without[:NAMED]) + (" …" if len(without) > NAMED else "")
    return refusal(Why.MORE_THAN_SENDERS, accounts=shown, senders=senders, wanted=len(accounts))


def told(account: AccountRow, now: int) -> Told | None:
    """The last command, None if there was none."""
    found = commands.last(account, now)
    if found is None:
        return None
    outcome = found.outcome
    said = {"outcome": str(outcome), "code": outcome.code} if outcome else {"outcome": None, "code": None}
    return Told(found.what, found.stage, found.who, found.at, found.ended_at, **said)


def ask(settings: Settings, name: str, what: commands.What, who: str, now: int, number: str | None = None) -> None:
    """Send the account's sender a command. number: of the phone to link, for LINK_BY_CODE, in any notation.

    Raises NotFound, InvalidNumber, IllegalMove (already linked, not linked, or the sender is busy with a command).
    """
    account = directory.find(name)
    if what in (commands.What.LINK_BY_CODE, commands.What.LINK_BY_QR) and account.state in LINKED:
        raise errors.IllegalMove(Why.ALREADY_LINKED, name=name)
    if what is commands.What.LOG_OUT and account.state == AccountState.NEEDS_LINK:
        raise errors.IllegalMove(Why.NOT_LINKED, name=name)
    of_phone = None if number is None else importer.one(number, directory.country(settings, name))
    commands.ask(name, what, who, now, of_phone)
