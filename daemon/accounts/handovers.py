"""Everything that has left this machine, one row for each hand-over: this is what the caps count.

A message that is sent again has two rows. When a message turns out never to have left, its row is deleted in the same
transaction, so that it does not use up a cap. `delivery/moves.py` adds and deletes the rows of messages.
"""

from __future__ import annotations

from typing import Any

import peewee

from daemon.contacts.person import Person
from daemon.db.clock import AHEAD_MS, lately
from daemon.db.connection import write
from daemon.db.prepared import Prepared, param
from daemon.db.proxy import tuples
from daemon.models import Account, Handover, Message, Purpose
from daemon.states import E164, PersonKey


def keep(account: str, number: E164, purpose: Purpose, at: int, message: int | None = None) -> None:
    """Count a hand-over that begins now; part of the caller's transaction."""
    _keep(account=account, number=number, person=Person(number).key, kind=purpose.value, at=at, message=message)


@Prepared
def _keep() -> Any:
    return Handover.insert({name: param(name) for name in ("account", "number", "person", "kind", "at", "message")})


def undo(message: int) -> None:
    """Uncount the message's last hand-over, which never left; part of the caller's transaction."""
    _undo(message=message)


@Prepared
def _undo() -> Any:
    return Handover.delete().where(Handover.id == _newest_of_message())


def miss(message: int) -> None:
    """The message's last hand-over has left, so that it counts for the account, but the person did not get it, so that
    it does not count for them; part of the caller's transaction."""
    _miss(message=message)


@Prepared
def _miss() -> Any:
    return Handover.update(missed=True).where(Handover.id == _newest_of_message())


def missed(message: int) -> bool:
    """Whether its last hand-over left this machine but is known not to have reached the person."""
    newest = Handover.select(Handover.missed).where(Handover.message == message).order_by(Handover.id.desc())
    return bool(newest.limit(1).scalar())


def arrive(account: str, number: E164, purpose: Purpose, at: int, message: int) -> None:
    """The person did get it, whatever was said about its last hand-over; part of the caller's transaction."""
    if not _arrive(message=message).rowcount:
        keep(account, number, purpose, at, message)


@Prepared
def _arrive() -> Any:
    return Handover.update(missed=False).where(Handover.id == _newest_of_message())


def _newest_of_message() -> Any:
    other = Handover.alias()
    return other.select(peewee.fn.MAX(other.id)).where(other.message == param("message"))


def keep_own(account: str, number: E164, purpose: Purpose, now: int) -> None:
    """Like `keep`, for something that belongs to no job."""
    with write():
        keep(account, number, purpose, now)


def undo_own(account: str, number: E164, purpose: Purpose, now: int) -> None:
    """Like `undo`, for the last hand-over of this purpose, which belongs to no job."""
    mine = (Handover.account == account, Handover.person == Person(number).key, Handover.kind == purpose)
    with write():
        newest = Handover.select(peewee.fn.MAX(Handover.id)).where(*mine, lately(Handover.at, 0, now)).scalar()
        Handover.delete().where(Handover.id == newest).execute()


def nth_newest(account: str, n: int, since: int, now: int) -> int | None:
    """The time of the account's n-th newest hand-over since `since`; None when there are fewer."""
    row = _nth_newest(account=account, since=since, ahead=now + AHEAD_MS, before=n - 1).fetchone()
    return row[0] if row else None


@Prepared
def _nth_newest() -> Any:
    return _newest_first().where(*_of_account()).limit(1).offset(param("before"))


def count(account: str, since: int, now: int) -> int:
    """How many hand-overs the account had since `since`."""
    return int(_count(account=account, since=since, ahead=now + AHEAD_MS).fetchone()[0])


@Prepared
def _count() -> Any:
    return Handover.select(peewee.fn.COUNT(Handover.id)).where(*_of_account())


def times(account: str, since: int, now: int, job: int | None = None) -> list[int]:
    """The times of the hand-overs since `since` of the account, or of one of its jobs; oldest first."""
    query = Handover.select(Handover.at).where(Handover.account == account, lately(Handover.at, since, now))
    if job is not None:
        query = query.join(Message).where(Message.job == job)
    return [at for (at,) in tuples(query.order_by(Handover.at))]


def nth_newest_of_job(account: str, job: int, n: int, since: int, now: int) -> int | None:
    """Like `nth_newest`, for one of the account's jobs."""
    row = _nth_of_job(account=account, job=job, since=since, ahead=now + AHEAD_MS, before=n - 1).fetchone()
    return row[0] if row else None


@Prepared
def _nth_of_job() -> Any:
    return _newest_first().join(Message).where(*_of_job()).limit(1).offset(param("before"))


def count_of_job(account: str, job: int, since: int, now: int) -> int:
    """How many hand-overs one of the account's jobs had since `since`."""
    return int(_count_of_job(account=account, job=job, since=since, ahead=now + AHEAD_MS).fetchone()[0])


@Prepared
def _count_of_job() -> Any:
    return Handover.select(peewee.fn.COUNT(Handover.id)).join(Message).where(*_of_job())


def _newest_first() -> Any:
    return Handover.select(Handover.at).order_by(Handover.at.desc())


def _of_account() -> tuple[Any, ...]:
    return Handover.account == param("account"), Handover.at > param("since"), Handover.at <= param("ahead")


def _of_job() -> tuple[Any, ...]:
    return *_of_account(), Message.job == param("job")


def got(person: PersonKey, since: int, now: int, but: int) -> int:
    """How many campaign messages this person was sent since `since`, from any account.

    but: the id of a message that is not counted, because it is the one to be sent.
    """
    return int(_got(person=person, since=since, ahead=now + AHEAD_MS, but=but).fetchone()[0])


@Prepared
def _got() -> Any:
    theirs = (Handover.person == param("person"), Handover.at > param("since"), Handover.at <= param("ahead"))
    another = Handover.message.is_null() | (Handover.message != param("but"))
    return Handover.select(peewee.fn.COUNT(Handover.id)).where(*theirs, _counts(), another)


def often(cap: int, since: int, now: int) -> Any:
    """A query of the people (their keys) who have got at least `cap` campaign messages since `since`."""
    theirs = Handover.select(Handover.person).where(lately(Handover.at, since, now), _counts())
    return theirs.group_by(Handover.person).having(peewee.fn.COUNT(Handover.id) >= cap)


def reached(since: int, now: int) -> Any:
    """A query of the people (their keys) who got a campaign message since then, from any account."""
    accounts = Account.select(Account.name)  # there is an index by account and time
    theirs = (Handover.account.in_(accounts), lately(Handover.at, since, now), _counts())
    return Handover.select(Handover.person).where(*theirs)


def _counts() -> Any:
    """SQL: whether a hand-over counts towards how often a person may be messaged."""
    return (Handover.kind == Purpose.CAMPAIGN.value) & ~Handover.missed
