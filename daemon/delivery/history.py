"""The history: one row for every move of a message, and its log line."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

import structlog

from daemon.db.connection import after_commit
from daemon.db.prepared import Given, Prepared, param
from daemon.i18n.coded import Filed, Told, filed
from daemon.models import Event
from daemon.states import State
from daemon.telemetry import logs

log = structlog.get_logger()

PART = "part"  #: a part of it is out; the message stays where it is
RECEIPT = "receipt"  #: who moved it, where that was neither a sender nor a person
REQUEUED = frozenset({State.PENDING, State.CANCELLED})
SAD = frozenset({"fail", "lose", "retry", "bounce", "expire"})
LOGGED = {  # move -> its event, see logs.EVENTS
    "claim": "message.claimed",
    "release": "message.released",
    "submit": "message.submitted",
    "accept": "message.accepted",
    "confirm": "message.confirmed",
    "tick": "message.ticked",
    "retry": "message.retried",
    "requeue": "message.requeued",
    "fail": "message.failed",
    "lose": "message.lost",
    "skip": "message.skipped",
    "cancel": "message.cancelled",
    "deliver": "message.delivered",
    "read": "message.read",
    "bounce": "message.bounced",
    "expire": "message.expired",
    "reinstate": "message.reinstated",
    "doubt": "message.doubted",
    "settle": "message.settled",
    "resend": "message.resent",
}


COLUMNS = ("message", "at", "who", "move", "source", "target", "why", "coded", "lease")


@Prepared
def record() -> Any:
    return Event.insert({name: param(name) for name in COLUMNS})


@Prepared
def record_all() -> Any:
    """Of many; `who` has made all these moves."""
    columns = {name: getattr(Event, name) for name in COLUMNS if name != "who"}
    return Given(**columns).inserted(Event, "who")


def words(why: Told | None) -> str | None:
    """A reason as it is read."""
    return None if why is None else str(why)


def code(why: Told | None) -> str | None:
    """The same as its column of codes keeps it, for statements that do not convert."""
    return None if why is None else stored(filed(why))


def stored(kept: Filed | None) -> str | None:
    """What was `filed`, as a column of codes keeps it."""
    found: str | None = Event.coded.db_value(kept)
    return found


def ended_by(message_id: int, lease: str, target: State) -> bool:
    """Whether the holder of this lease has itself brought the message to that state. If the job was stopped in between,
    `pending` has become `cancelled`; to the sender both are the same."""
    there = REQUEUED if target in REQUEUED else {target}
    made = Event.select().where(*_under(message_id, lease), Event.who == "sender", Event.target.in_(there))
    return bool(made.exists())


def settled(message_id: int, lease: str) -> bool:
    """Whether a receipt has settled the message while this lease held it."""
    return bool(Event.select().where(*_under(message_id, lease), Event.who == RECEIPT).exists())


def _under(message_id: int, lease: str) -> tuple[Any, ...]:
    return Event.message == message_id, Event.lease == lease


def announce(message: Any, name: str, why: Told | None) -> None:
    """Log the move of a message, or of what is read of one, once the transaction has committed."""
    announce_all([(message, name, why)])


def announce_all(moved: Iterable[tuple[Any, str, Told | None]]) -> None:
    """The same for several: (message, move, reason)."""
    lines: list[tuple[str, dict[str, Any]]] = []
    for message, name, why in moved:
        details = {"why": str(why)} if why else {}
        ids = {"job_id": message.job_id, "message_id": message.id, "attempt": message.attempts}
        lines.append((name, ids | details))
    after_commit(partial(_say, lines))


def _say(lines: list[tuple[str, dict[str, Any]]]) -> None:
    with logs.together():
        for name, details in lines:
            (log.warning if name in SAD else log.info)(LOGGED[name], **details)
