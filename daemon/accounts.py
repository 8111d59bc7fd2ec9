"""What is known of each WhatsApp account: its sender writes, everyone reads."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import structlog

from daemon import errors, ownership, pacing
from daemon.config import hours, known_zone
from daemon.db import AHEAD_MS, Prepared, after_commit, param, write
from daemon.models import Account
from daemon.transports import AccountState, Health, Hold

log = structlog.get_logger()

OWN_HOLDS = frozenset({Hold.FAILURES, Hold.CANARY})  # a sender's own verdict, which its successor cannot see
RESTRICTIONS = frozenset({Hold.RESTRICTED, Hold.TEMPORARY_BAN})  # after these an account is careful for a while
MAX_CAP = 1_000_000
MAX_ZONE = 64
SILENT_AFTER_MS = 15_000  # a sender reports at least every few seconds; past this it is taken for dead


def open_account(name: str, now: int) -> Health | None:
    """Make sure the account has a row, and say that its sender is coming up.

    Returns the hold of the sender's own that an earlier one began and that lasts yet: it is kept until the account is
    seen to send, however often a sender is started meanwhile.
    """
    with write():
        Account.insert(name=name).on_conflict_ignore().execute()
    report(name, Health(AccountState.STARTING), now)
    kept = Account.get_by_id(name).kept_hold
    if kept and kept["at"] - AHEAD_MS <= now < kept["until"]:  # else it has ended, or began while the clock was ahead
        return Health(AccountState.HELD, Hold(kept["hold"]), kept["until"], kept["detail"])
    return None


def report(name: str, health: Health, now: int) -> None:
    """Store what the sender sees. QR payload and pairing code are kept only while needed, and never logged.

    As with all that a sender writes here: raises AccountLost when another one owns the account by now."""
    with write():
        row = Account.get_by_id(name)
        changed = (row.state, row.hold, row.detail) != (health.state, health.hold, health.detail)
        careful = {"slow_until": now + pacing.SLOW_MS} if health.hold in RESTRICTIONS else {}
        changes = Account.update(
            state=health.state,
            hold=health.hold,
            detail=health.detail,
            until=health.until_ms,
            qr=health.qr,
            **_linking(row, health, now),
            **_kept(health, now),
            known_chats=health.known_chats,
            seen_at=now,
            **careful,
        )
        ownership.check(changes.where(ownership.guard(name)).execute(), name)
        if changed:
            say = log.info if health.hold is None else log.warning
            details = {"state": health.state, "hold": health.hold, "detail": health.detail}
            after_commit(partial(say, "account.changed", account=name, **details))


def _linking(row: Account, health: Health, now: int) -> dict[str, Any]:
    """The code to enter on the phone, since when it is shown, and the number it is for while that is the way."""
    changes: dict[str, Any] = {"link_code": health.link_code}
    if health.link_code != row.link_code:
        changes["link_code_at"] = now if health.link_code else None
    if health.qr or health.usable:
        changes["link_number"] = None
    return changes


def _kept(health: Health, now: int) -> dict[str, Any]:
    """What outlives the sender; it is over once the account is seen to send."""
    if health.hold in OWN_HOLDS and health.until_ms:
        kept = {"hold": health.hold, "until": health.until_ms, "detail": health.detail, "at": now}
        return {"kept_hold": kept}
    return {"kept_hold": None} if health.usable else {}


def failing(name: str) -> dict[str, Any] | None:
    """The run of failures that its last sender has left, see `failures.Failures.loads`."""
    row = Account.get_or_none(Account.name == name)
    return row.failing if row else None


def keep_failing(name: str, run: dict[str, Any] | None) -> None:
    """Keep the account's run of failures for the next sender."""
    with write():
        ownership.check(Account.update(failing=run).where(ownership.guard(name)).execute(), name)


def seen(name: str, now: int) -> None:
    """Its sender lives, also while it is too busy to look at the account."""
    with write():
        ownership.check(Account.update(seen_at=now).where(ownership.guard(name)).execute(), name)


def leave(name: str) -> None:
    """Its sender has ended in order: the account counts as silent at once, unless another one has it already."""
    gone = {"seen_at": 0, "qr": None, "link_code": None, "link_code_at": None}
    with write():
        Account.update(gone).where(ownership.guard(name)).execute()


def find(name: str) -> Account:
    """The account by that name. Raises NotFound."""
    row = Account.get_or_none(Account.name == name)
    if row is None:
        raise errors.NotFound(f"There is no account named {name}: GET /accounts lists them.")
    account: Account = row
    return account


def pace(name: str, now: int) -> tuple[int, bool]:
    """How many messages the account has sent since its last long pause, and whether it is slow after a restriction."""
    row = _pace(name=name).fetchone()
    return (int(row[0]), slow(row[1], now)) if row else (0, False)


@Prepared
def _pace() -> Any:
    return Account.select(Account.streak, Account.slow_until).where(Account.name == param("name"))


def slow(until: int, now: int) -> bool:
    """Whether the account is to be careful yet; longer than SLOW_MS it never is: the clock was ahead then."""
    return now < until <= now + pacing.SLOW_MS


def canary_due(name: str, every_ms: int, now: int) -> bool:
    """Whether the last message to itself is longer ago than that."""
    row = Account.get_by_id(name)
    return not 0 <= now - int(row.canary_at) < every_ms


def canary_confirmed(name: str, now: int) -> None:
    """The account's message to itself was read back."""
    with write():
        ownership.check(Account.update(canary_at=now).where(ownership.guard(name)).execute(), name)


def every() -> list[Account]:
    """All accounts, by name."""
    return list(Account.select().order_by(Account.name))


def limit(name: str, changes: Mapping[str, Any], who: str) -> Account:
    """Set limits of the account's own: hourly_cap, daily_cap, quiet_hours, timezone; None for what the settings say.

    A cap of 0 and quiet hours of "" are none at all. They hold from the next claim on. Raises NotFound, InvalidInput.
    """
    checked = {field: value if value is None else LIMITS[field](value) for field, value in changes.items()}
    with write():
        row = find(name)
        if checked:
            Account.update(checked).where(Account.name == name).execute()
            after_commit(partial(log.info, "account.limited", account=name, who=who, limits=sorted(checked)))
    return find(row.name)


def _cap(value: int) -> int:
    if not 0 <= value <= MAX_CAP:
        raise errors.InvalidInput(f"A cap is a number of messages, 0 (no cap) to {MAX_CAP}.")
    return value


def _hours(text: str) -> str:
    if not text.strip():
        return ""
    found = hours(re.sub(r"\s", "", text).replace("–", "-"))
    if found is None or found[0] == found[1]:
        raise errors.InvalidInput("Quiet hours are written as 21:00-08:00: two different times of 24 hours.")
    return f"{found[0]:%H:%M}-{found[1]:%H:%M}"


def _zone(text: str) -> str:
    if not known_zone(text.strip()) or len(text.strip()) > MAX_ZONE:
        raise errors.InvalidInput("This time zone is not known: use a name such as Europe/Berlin.")
    return text.strip()


LIMITS: dict[str, Callable[[Any], Any]] = {
    "hourly_cap": _cap,
    "daily_cap": _cap,
    "quiet_hours": _hours,
    "timezone": _zone,
}


def own_rules(account: Account | None, rules: pacing.Rules) -> pacing.Rules:
    """The account's own limits where it has any, else those of `rules`."""
    if account is None:
        return rules
    return pacing.own(rules, account.hourly_cap, account.daily_cap, account.quiet_hours, account.timezone)


def alive(account: Account, now: int) -> bool:
    """Whether its sender has reported lately; what it reported while the clock was ahead says nothing."""
    return abs(now - int(account.seen_at)) < SILENT_AFTER_MS


def can_send(account: Account | None, now: int) -> bool:
    """Whether a message could go out now, as far as the account is concerned."""
    return account is not None and account.state == AccountState.READY and alive(account, now)


def describe(account: Account, now: int) -> dict[str, Any]:
    """The account as the API shows it: without the credentials, which only `qr.svg` and `link_code` give."""
    return {
        "name": account.name,
        "state": account.state,
        "alive": alive(account, now),
        "hold": account.hold,
        "detail": account.detail,
        "until": account.until,
        "can_send": can_send(account, now),
        "seen_at": account.seen_at or None,
        "next_send_at": account.next_send_at or None,
        "next_reason": account.next_reason,
        "known_chats": account.known_chats,
        "slow_until": account.slow_until if slow(account.slow_until, now) else None,
        "canary_at": account.canary_at or None,
        "link_code_at": account.link_code_at,
        "hourly_cap": account.hourly_cap,
        "daily_cap": account.daily_cap,
        "quiet_hours": account.quiet_hours,
        "timezone": account.timezone,
    }
