"""When an account may send next: the pace stored in its row, and the caps, counted from its hand-overs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import peewee

from daemon.accounts import handovers, ownership, pacing
from daemon.db.connection import write
from daemon.db.prepared import Prepared, param
from daemon.models import Account

NO_RULES = pacing.Rules()
SENDS = 8  # about so many of the last ones make up how long a send takes


def opening(account: str, now: int, rules: pacing.Rules) -> pacing.Opening:
    """The earliest time at which the account may hand over a message, and what it waits for.

    rules: those of the settings; the account's own limits are read from its row.
    """
    return opening_and_rules(account, now, rules)[0]


def opening_and_rules(account: str, now: int, rules: pacing.Rules) -> tuple[pacing.Opening, pacing.Rules]:
    """Like `opening`, but also returns the rules with the account's own limits."""

    def nth_newest(n: int, since: int) -> int | None:
        return handovers.nth_newest(account, n, since, now)

    at, why, paced_at, *own = _paced(account=account).fetchone() or (0, pacing.Why.READY, 0, *[None] * 7)
    rules = pacing.own(rules, *own)
    if paced_at > now:  # the clock was set back since then: keep the length of the pause
        at = now + at - paced_at
    return pacing.opening(now, pacing.Opening(at, pacing.Why(why)), rules, nth_newest), rules


@Prepared
def _paced() -> Any:
    columns = (Account.next_send_at, Account.next_reason, Account.paced_at)
    caps = (Account.hourly_cap, Account.daily_cap, Account.quiet_hours, Account.timezone)
    own = (*caps, Account.long_pause_every, Account.long_pause_min, Account.long_pause_max)
    return Account.select(*columns, *own).where(Account.name == param("account"))


def follow_clock(account: str, now: int) -> None:
    """If the clock was set back to before the pause began, count the pause from now: otherwise it would last until the
    clock has caught up."""
    row = _paced(account=account).fetchone()
    if row and row[2] > now:
        with write():  # a transaction of its own: inside the claim's, the account is locked after the job
            owner = ownership.token(account)
            _count_from_now(owner is not None, account=account, owner=owner, now=now)


@Prepared
def _count_from_now(owned: bool) -> Any:
    length = Account.next_send_at - Account.paced_at
    return Account.update(next_send_at=length + param("now"), paced_at=param("now")).where(
        *ownership.guarded(owned), Account.paced_at > param("now")
    )


_set: ContextVar[list[dict[str, Any]] | None] = ContextVar("set", default=None)  # what was set last, in a batch


@contextmanager
def batch() -> Iterator[Callable[[], None]]:
    """One transaction with many moves of one account: what one move has set, the next need not set again. Gives a
    function to call when a move was undone, because what it had set may be undone, too."""
    last: list[dict[str, Any]] = []
    token = _set.set(last)
    try:
        yield last.clear
    finally:
        _set.reset(token)


def set_pace(account: str, now: int, gap: pacing.Gap) -> None:
    """Let the account's next message wait for `gap`, counted from now. Raises AccountLost."""
    owner, last = ownership.token(account), _set.get()
    values = {"at": now + gap.ms, "why": gap.why.value, "streak": gap.streak, "now": now, "account": account}
    timed = {"took": gap.took_ms} if gap.took_ms else {}
    if last == [values | timed]:
        return
    ownership.check(_pace(owner is not None, bool(timed), owner=owner, **values, **timed).rowcount, account)
    if last is not None:
        last[:] = [values | timed]


@Prepared
def _pace(owned: bool, timed: bool) -> Any:
    changes: dict[str, Any] = {"next_send_at": param("at"), "next_reason": param("why"), "streak": param("streak")}
    if timed:  # a mean in which the last ones count most
        mean = (Account.send_ms * (SENDS - 1) + param("took")) / SENDS
        changes["send_ms"] = peewee.Case(None, [(Account.send_ms > 0, mean)], param("took"))
    return Account.update(changes, paced_at=param("now")).where(*ownership.guarded(owned))


def require_owner(account: str) -> None:
    """Raises AccountLost if another sender owns the account by now. A message claimed just before that shows is taken
    over by the new owner: `submit`, which writes to the account's row, is refused."""
    owner = ownership.token(account)
    if owner is not None and not _owned(account=account, owner=owner).fetchone():
        raise ownership.lost(account)


@Prepared
def _owned() -> Any:
    return Account.select(peewee.Value(1)).where(*ownership.guarded(True))
