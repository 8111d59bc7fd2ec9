"""What is known of each WhatsApp account: its sender writes, everyone reads."""

from __future__ import annotations

from functools import partial
from typing import Any

import structlog

from daemon import errors
from daemon.db import Prepared, after_commit, param, write
from daemon.models import Account
from daemon.transports import AccountState, Health

log = structlog.get_logger()

SILENT_AFTER_MS = 15_000  # a sender reports at least every few seconds; past this it is taken for dead


def open_account(name: str, now: int) -> None:
    """Make sure the account has a row, and say that its sender is coming up."""
    with write():
        Account.insert(name=name).on_conflict_ignore().execute()
    report(name, Health(AccountState.STARTING), now)


def report(name: str, health: Health, now: int) -> None:
    """Store what the sender sees. The QR payload is kept only while it is needed, and never logged."""
    with write():
        row = Account.get_by_id(name)
        changed = (row.state, row.hold, row.detail) != (health.state, health.hold, health.detail)
        Account.update(
            state=health.state,
            hold=health.hold,
            detail=health.detail,
            until=health.until_ms,
            qr=health.qr,
            seen_at=now,
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


def streak(name: str) -> int:
    """How many messages the account has sent since its last long pause."""
    row = _streak(name=name).fetchone()
    return int(row[0]) if row else 0


@Prepared
def _streak() -> Any:
    return Account.select(Account.streak).where(Account.name == param("name"))


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
    }
