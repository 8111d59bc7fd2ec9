"""Messages that WhatsApp has taken, and of which nothing was reported since: what was told may have been lost, or
nothing can be told to this installation at all. Then their transport is asked (`transports.protocol.Reports`)."""

from __future__ import annotations

from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from daemon.accounts import cloud_standing, pacing
from daemon.db.connection import write
from daemon.db.proxy import tuples
from daemon.models import Message
from daemon.states import State

SILENT_MS = 10 * 60_000  # after which a report counts as overdue: mostly they come within seconds
SOON_MS = 30_000  # the same where none can come
EXPECTED_MS = 3_600_000  # so long after a hand-over at the latest something is told about it
FOLLOWED_MS = 3 * pacing.DAY_MS  # so long after its hand-over a message is followed where nothing is told
AT_ONCE = 25  # messages that are asked for in one go
LOOKED_AT = 200  # rows that are looked at for them
FOLLOWED = frozenset({State.ACCEPTED, State.SENT, State.DELIVERED})


@dataclass(frozen=True)
class Place:
    """How far a round has come: all up to this time (of acceptance or hand-over) and this message."""

    at: int = 0
    message_id: int = 0


@dataclass(frozen=True)
class Due:
    """Whose reports are asked for: WhatsApp's ids. after: where the round goes on; None: it is over."""

    ids: list[str]
    after: Place | None


def polls(account: str, now: int) -> bool:
    """Whether nothing comes by webhook: nothing ever has, or nothing about what was handed over since. Then Meta is
    asked for what it would tell; what people write does not come then, nor that they want no more."""
    heard_at = cloud_standing.of(account, now).heard_at
    since, until = heard_at + EXPECTED_MS, now - EXPECTED_MS
    unheard = (Message.account == account, Message.submitted_at > since, Message.submitted_at < until)
    return not heard_at or bool(Message.select(Message.id).where(*unheard).exists())


def due(account: str, after: Place, now: int) -> Due:
    """The next ones of a round through the account's messages, and that the transport is asked now."""
    alone = polls(account, now)
    found = _followed(account, after, now) if alone else _overdue(account, after, now)
    if found.ids and alone:
        with write():
            cloud_standing.asked(account, now)
    return found


def _overdue(account: str, after: Place, now: int) -> Due:
    late = (Message.account == account, Message.state == State.ACCEPTED.value, Message.accepted_at <= now - SILENT_MS)
    columns = (Message.accepted_at, Message.id, Message.transport_id)
    query = Message.select(*columns).where(*late, *_behind(Message.accepted_at, after))
    return _some(tuples(query.order_by(Message.accepted_at, Message.id).limit(LOOKED_AT)), after)


def _followed(account: str, after: Place, now: int) -> Due:
    since = max(after, Place(now - FOLLOWED_MS), key=attrgetter("at"))
    mine = (Message.account == account, Message.submitted_at <= now - SOON_MS, *_behind(Message.submitted_at, since))
    columns = (Message.submitted_at, Message.id, Message.transport_id, Message.state)
    rows = tuples(Message.select(*columns).where(*mine).order_by(Message.submitted_at, Message.id).limit(LOOKED_AT))
    return _some([(at, id_, name if state in FOLLOWED else None) for at, id_, name, state in rows], after)


def _behind(at: Any, place: Place) -> tuple[Any, ...]:
    """Those after that place: a whole batch has one time."""
    return at >= place.at, (at > place.at) | (Message.id > place.message_id)


def _some(rows: list[tuple[int, int, str | None]], after: Place) -> Due:
    ids: list[str] = []
    last = after
    for at, message_id, transport_id in rows:
        if len(ids) == AT_ONCE:
            return Due(ids, last)
        last = Place(at, message_id)
        if transport_id:
            ids.append(transport_id)
    return Due(ids, last if len(rows) == LOOKED_AT else None)
