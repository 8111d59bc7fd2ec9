"""What Meta has told about an account beside its messages: when anything came, and that it may not send for now. The
account's sender reads it, and shows the hold as its own."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import structlog

from daemon.accounts import pacing
from daemon.db.connection import after_commit, write
from daemon.db.prepared import Prepared, param
from daemon.i18n.coded import Told, filed, told
from daemon.models import CloudStanding
from daemon.states import AccountState, Hold
from daemon.transports.protocol import Health

log = structlog.get_logger()

HEARD_EVERY_MS = 60_000  # more closely nobody needs to know it
UNNAMED_MS = pacing.DAY_MS  # how long a hold lasts whose end Meta does not name: then sending is tried again


@dataclass(frozen=True)
class Standing:
    """heard_at: when something last came by webhook, asked_at: when it was last asked for instead, UTC ms; 0: never.
    hold: that Meta has told of and that is not over; None for none."""

    heard_at: int
    asked_at: int
    hold: Health | None


def of(account: str, now: int) -> Standing:
    """What is known of it."""
    row = CloudStanding.get_or_none(CloudStanding.account == account)
    if row is None:
        return Standing(0, 0, None)
    if not row.hold or not now < (row.until or 0):
        return Standing(row.heard_at, row.asked_at, None)
    health = Health(AccountState.HELD, Hold(row.hold), row.until, told(row.detail, row.coded))
    return Standing(row.heard_at, row.asked_at, health)


def heard(account: str, now: int) -> None:
    """Part of the caller's transaction: something has come for it."""
    known = _heard_at(account=account).fetchone()
    if known and known[0] >= now - HEARD_EVERY_MS:
        return
    mine = CloudStanding.account == account
    if not CloudStanding.update(heard_at=now).where(mine, CloudStanding.heard_at < now - HEARD_EVERY_MS).execute():
        CloudStanding.insert(account=account, heard_at=now).on_conflict_ignore().execute()


@Prepared
def _heard_at() -> Any:
    return CloudStanding.select(CloudStanding.heard_at).where(CloudStanding.account == param("account"))


def asked(account: str, now: int) -> None:
    """Part of the caller's transaction: Meta was asked for what it has not told."""
    if not CloudStanding.update(asked_at=now).where(CloudStanding.account == account).execute():
        CloudStanding.insert(account=account, asked_at=now).on_conflict_ignore().execute()


def hold(account: str, kind: Hold, until: int | None, detail: Told, now: int) -> None:
    """Part of the caller's transaction: it may not send until then; where no end is named for a day, or as long as is
    known already: what fails over it says less than what has told of it."""
    with write():
        before = of(account, now).hold
        if until is None and before is not None and before.hold is kind:
            return
        ends = until or max(now + UNNAMED_MS, before.until_ms or 0 if before else 0)
        changes = {"hold": kind.value, "until": ends, "detail": str(detail), "coded": filed(detail)}
        CloudStanding.insert(account=account).on_conflict_ignore().execute()
        CloudStanding.update(told_at=now, **changes).where(CloudStanding.account == account).execute()
        after_commit(partial(log.warning, "account.hold_told", account=account, hold=kind.value, until=until))


def release(account: str, now: int) -> None:
    """Part of the caller's transaction: that is over."""
    none = {"hold": None, "until": None, "detail": None, "coded": None, "told_at": now}
    CloudStanding.update(none).where(CloudStanding.account == account).execute()
