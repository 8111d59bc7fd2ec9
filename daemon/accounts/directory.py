"""What is known of each WhatsApp account: its sender writes, everyone reads."""

from __future__ import annotations

from functools import partial
from typing import Any

import structlog

from daemon import errors
from daemon.accounts import ownership, pacing
from daemon.db.clock import AHEAD_MS
from daemon.db.connection import after_commit, write
from daemon.db.prepared import Prepared, param
from daemon.models import Account
from daemon.states import AccountState, Hold
from daemon.transports.protocol import Health

log = structlog.get_logger()
OWN_HOLDS = frozenset({Hold.FAILURES, Hold.CANARY})  # a sender's own verdict, which its successor cannot see
RESTRICTIONS = frozenset({Hold.RESTRICTED, Hold.TEMPORARY_BAN})  # after these an account is careful for a while
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
