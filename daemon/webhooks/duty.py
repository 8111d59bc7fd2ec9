"""Work that one of several http processes does at a time: whoever has the lease. It is renewed long before its end, and
what the work writes is written only while it is held. Nobody waits for the lease of a process that is provably dead."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import peewee

from daemon.accounts.ownership import Place
from daemon.db.connection import write
from daemon.db.prepared import Prepared, param
from daemon.db.proxy import locked
from daemon.models import Duty

LEASE_MS = 20_000


def hold(name: str, owner: str, place: Place, now: int) -> bool:
    """Take the lease, or renew it; whether it is ours until LEASE_MS from now. One that lies further ahead was given
    while the clock was wrong, and is over."""
    with write():
        Duty.insert(name=name, owner="", until=0).on_conflict_ignore().execute()
        row = locked(Duty.select().where(Duty.name == name)).get()
        over = row.owner == owner or not now < row.until <= now + LEASE_MS
        if not over and not _ended(row, place):
            return False
        changes = {"owner": owner, "until": now + LEASE_MS, "place": asdict(place)}
        Duty.update(changes).where(Duty.name == name).execute()
        return True


def _ended(row: Duty, place: Place) -> bool:
    holder = Place(**row.place) if row.place else None
    if holder is None or (holder.pid, holder.started) == (place.pid, place.started):
        return False
    return place.has_ended(holder, row.owner)


def held(name: str, owner: str, now: int) -> peewee.Node:
    """SQL condition: the lease is ours now."""
    mine = Duty.select(peewee.Value(1)).where(Duty.name == name, Duty.owner == owner, Duty.until > now)
    condition: peewee.Node = peewee.fn.EXISTS(mine)
    return condition


def ours(name: str, owner: str, now: int) -> bool:
    """Whether the lease is ours; part of the transaction of the work, so that it stays so until that ends."""
    return _ours(name=name, owner=owner, now=now).fetchone() is not None


@Prepared
def _ours() -> Any:
    mine = (Duty.name == param("name"), Duty.owner == param("owner"), Duty.until > param("now"))
    return locked(Duty.select(Duty.name).where(*mine))


def leave(name: str, owner: str) -> None:
    """Give it back at once, so that nobody waits for its end."""
    with write():
        Duty.update(until=0).where(Duty.name == name, Duty.owner == owner).execute()
