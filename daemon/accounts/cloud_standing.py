"""What Meta has told about an account beside its messages: when anything came, and that it may not send for now. The
account's sender reads it, and shows the hold as its own."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import structlog

from daemon.accounts import pacing
from daemon.db.clock import AHEAD_MS, within
from daemon.db.connection import after_commit, write
from daemon.db.prepared import Prepared, param
from daemon.i18n.coded import Told, filed, told
from daemon.models import CloudStanding, Message
from daemon.states import AccountState, Hold
from daemon.transports.protocol import Health

log = structlog.get_logger()

HEARD_EVERY_MS = 60_000  # more closely nobody needs to know it
UNNAMED_MS = pacing.DAY_MS  # how long a hold lasts at most whose end Meta does not name
LATE_MS = 3_600_000  # a report that is older says nothing about now: if it goes on, the next message shows it
_NONE: dict[str, Any] = {"hold": None, "until": None, "detail": None, "coded": None}


@dataclass(frozen=True)
class Standing:
    """heard_at: when something last came by webhook, asked_at: when it was last asked for instead, UTC ms; 0: never.
    hold: that Meta has told of and that is not over; None for none. Without a time where Meta names no end: then it
    ends as soon as Meta says, being asked, that the number can send. told_at: when it, or its end, was told of."""

    heard_at: int
    asked_at: int
    hold: Health | None
    told_at: int = 0


def of(account: str, now: int) -> Standing:
    """What is known of it."""
    row = CloudStanding.get_or_none(CloudStanding.account == account)
    if row is None:
        return Standing(0, 0, None)
    heard_at = row.heard_at if row.heard_at <= now + AHEAD_MS else 0
    if not row.hold or not (now < row.until if row.until else within(row.told_at, now, UNNAMED_MS)):
        return Standing(heard_at, row.asked_at, None, row.told_at)
    health = Health(AccountState.HELD, Hold(row.hold), row.until, told(row.detail, row.coded))
    return Standing(heard_at, row.asked_at, health, row.told_at)


def heard(account: str, now: int) -> None:
    """Part of the caller's transaction: something has come for it."""
    known = _heard_at(account=account).fetchone()
    if known and within(known[0], now, HEARD_EVERY_MS):
        return
    old = (CloudStanding.heard_at <= now - HEARD_EVERY_MS) | (CloudStanding.heard_at > now + AHEAD_MS)
    if not CloudStanding.update(heard_at=now).where(CloudStanding.account == account, old).execute():
        CloudStanding.insert(account=account, heard_at=now).on_conflict_ignore().execute()


@Prepared
def _heard_at() -> Any:
    return CloudStanding.select(CloudStanding.heard_at).where(CloudStanding.account == param("account"))


def asked(account: str, now: int) -> None:
    """Part of the caller's transaction: Meta was asked for what it has not told."""
    if not CloudStanding.update(asked_at=now).where(CloudStanding.account == account).execute():
        CloudStanding.insert(account=account, asked_at=now).on_conflict_ignore().execute()


def hold(account: str, kind: Hold, until: int | None, detail: Told, now: int) -> None:
    """Part of the caller's transaction: it may not send until then; where no end is named until one that is known
    already: what fails over it says less than what has told of it."""
    with write():
        before = of(account, now).hold
        if until is None and before is not None and (before.hold is kind or before.until_ms is None):
            return
        ends = until or (before.until_ms if before else None)
        changes = {"hold": kind.value, "until": ends, "detail": str(detail), "coded": filed(detail)}
        CloudStanding.insert(account=account).on_conflict_ignore().execute()
        CloudStanding.update(told_at=now, **changes).where(CloudStanding.account == account).execute()
        after_commit(partial(log.warning, "account.hold_told", account=account, hold=kind.value, until=until))


def release(account: str, now: int) -> None:
    """Part of the caller's transaction: that is over."""
    CloudStanding.update(_NONE | {"told_at": now}).where(CloudStanding.account == account).execute()


def end(account: str, told_at: int, now: int) -> None:
    """Likewise, if nothing else has been told of since then."""
    mine = (CloudStanding.account == account, CloudStanding.told_at == told_at)
    with write():
        CloudStanding.update(_NONE | {"told_at": now}).where(*mine).execute()


def is_news(account: str, handed_at: int, at: int, now: int) -> bool:
    """Whether a report of then, on a message that was handed over at that time, says that the account cannot send now:
    not one that is late, nor where a hold has ended or something else has gone out since; nor where one without an end
    stands already."""
    known = of(account, now)
    ended = known.hold is None and handed_at <= known.told_at <= now + AHEAD_MS
    stands = known.hold is not None and known.hold.until_ms is None
    if at < now - LATE_MS or ended or stands:
        return False
    return not went_out(account, handed_at, at)


def trial_over(account: str, since: int, now: int) -> bool:
    """Whether something has gone out since a hold without an end was told of; at the latest it counts as proved after
    as long as such a hold lasts at most."""
    return not within(since, now, UNNAMED_MS) or went_out(account, since)


def went_out(account: str, handed_at: int, at: int = 0) -> bool:
    """Whether something that was handed over after that has gone out, and did so after `at`: Meta takes messages that
    it will not send, so that its answer does not show it."""
    later = (Message.account == account, Message.submitted_at > handed_at, Message.sent_at > at)
    return bool(Message.select(Message.id).where(*later).exists())
