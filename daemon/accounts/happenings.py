"""What happens to jobs and accounts, and which replies come, in rows of their own: with the history of messages they
are what event streams and webhooks tell (`campaigns/news.py`).

Each is written in the transaction of what it tells of, after something else has been written in it: PostgreSQL then
knows the transaction before it gives out the id, and no reader goes past an id that is still to come (`db/settled.py`).
"""

from __future__ import annotations

from typing import Any, TypedDict

import peewee

from daemon.db import proxy
from daemon.db.prepared import Prepared, param
from daemon.models import Event, Happening


class About(TypedDict, total=False):
    """What is kept of it, as JSON. Of a job: name, move, who, reason, code, counts; of an account: hold, detail, code,
    until; of a reply: reply, its id."""

    name: str
    move: str
    who: str
    reason: str | None
    code: str | None
    counts: dict[str, int]
    hold: str | None
    detail: str | None
    until: int | None
    reply: int


def note(kind: str, account: str, job_id: int | None, about: About, now: int) -> None:
    """It happened; part of the transaction in which it did. kind: such as `job.paused`."""
    _put(at=now, kind=kind, account=account, job=job_id, about=Happening.about.db_value(about))


@Prepared
def _put() -> Any:
    names = ("at", "kind", "account", "job", "about")
    return Happening.insert({"after": _newest(), **{name: param(name) for name in names}}).returning()


def _newest() -> peewee.Node:
    """The newest id of the history of messages, also one that is not committed yet."""
    if proxy.on_postgres():  # without a look at the table: others may be writing to it
        return peewee.SQL("(SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM event_id_seq)")
    newest: peewee.Node = peewee.fn.COALESCE(Event.select(peewee.fn.MAX(Event.id)), 0)
    return newest
