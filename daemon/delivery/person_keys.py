"""The person of rows that a process of an earlier version wrote, while it still ran beside this one."""

from __future__ import annotations

from typing import Any

from daemon.contacts.person import Person
from daemon.db.connection import write
from daemon.db.proxy import tuples
from daemon.models import Account, Handover, Message, Suppression
from daemon.states import E164

BATCH = 1_000


def complete(_now: int) -> int:
    """Say whose those rows are, that opt-outs and caps find them; returns how many there were."""
    accounts = [name for (name,) in tuples(Account.select(Account.name))]
    return (
        _complete(Suppression, Suppression.number)
        + _complete(Handover, Handover.id)
        + sum(_complete(Message, Message.id, Message.account == account) for account in accounts)
    )


def _complete(table: Any, key: Any, *which: Any) -> int:
    done = 0
    while True:
        with write():
            rows = tuples(table.select(key, table.number).where(*which, table.person.is_null()).limit(BATCH))
            for at, number in rows:
                table.update(person=Person(E164(number)).key).where(key == at).execute()
        done += len(rows)
        if len(rows) < BATCH:
            return done
