"""What is known of each WhatsApp account: its sender writes, everyone reads."""

from __future__ import annotations

from functools import partial
from typing import Any

import structlog

from daemon import errors, pacing
from daemon.db import Prepared, after_commit, param, write
from daemon.models import Account
from daemon.transports import AccountState, Health, Hold

log = structlog.get_logger()

RESTRICTIONS = frozenset({Hold.RESTRICTED, Hold.TEMPORARY_BAN})  # after these an account is careful for a while
SILENT_AFTER_MS = 15_000  # a sender reports at least every few seconds; past this it is taken for dead


def open_account(name: str, now: int) -> Health | None:
    """Make sure the account has a row, and say that its sender is coming up.

    Returns the hold for a run of failures that an earlier sender began and that lasts yet.
    """
    with write():
        Account.insert(name=name).on_conflict_ignore().execute()
    row = Account.get_by_id(name)
    report(name, Health(AccountState.STARTING), now)
    if row.hold == Hold.FAILURES and row.until and row.until > now:
        return Health(AccountState.HELD, Hold.FAILURES, row.until, row.detail)
    return None


def report(name: str, health: Health, now: int) -> None:
    """Store what the sender sees. The QR payload is kept only while it is needed, and never logged."""
    with write():
        row = Account.get_by_id(name)
        changed = (row.state, row.hold, row.detail) != (health.state, health.hold, health.detail)
        careful = {"slow_until": now + pacing.SLOW_MS} if health.hold in RESTRICTIONS else {}
        Account.update(
            state=health.state,
            hold=health.hold,
            detail=health.detail,
            until=health.until_ms,
            qr=health.qr,
            known_chats=health.known_chats,
            seen_at=now,
            **careful,
        ).where(Account.name == name).execute()
        if changed:
            say = log.info if health.hold is None else log.warning
            details = {"state": health.state, "hold": health.hold, "detail": health.detail}
            after_commit(partial(say, "account.changed", account=name, **details))


def seen(name: str, now: int) -> None:
    """Its sender lives, also while it is too busy to look at the account."""
    with write():
        Account.update(seen_at=now).where(Account.name == name).execute()


def leave(name: str) -> None:
    """Its sender has ended in order: the account counts as silent at once."""
    with write():
        Account.update(seen_at=0).where(Account.name == name).execute()


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
    return (int(row[0]), row[1] > now) if row else (0, False)


@Prepared
def _pace() -> Any:
    return Account.select(Account.streak, Account.slow_until).where(Account.name == param("name"))


def canary_due(name: str, every_ms: int, now: int) -> bool:
    """Whether the last message to itself is longer ago than that."""
    row = Account.get_by_id(name)
    return not 0 <= now - int(row.canary_at) < every_ms


def canary_confirmed(name: str, now: int) -> None:
    """The account's message to itself was read back."""
    with write():
        Account.update(canary_at=now).where(Account.name == name).execute()


def every() -> list[Account]:
    """All accounts, by name."""
    return list(Account.select().order_by(Account.name))


def alive(account: Account, now: int) -> bool:
    """Whether its sender has reported lately."""
    return bool(now - account.seen_at < SILENT_AFTER_MS)


def can_send(account: Account | None, now: int) -> bool:
    """Whether a message could go out now, as far as the account is concerned."""
    return account is not None and account.state == AccountState.READY and alive(account, now)


def describe(account: Account, now: int) -> dict[str, Any]:
    """The account as the API shows it: without the QR payload, which only `qr.svg` draws."""
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
        "slow_until": account.slow_until if account.slow_until > now else None,
        "canary_at": account.canary_at or None,
    }
