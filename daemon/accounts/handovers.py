"""Everything that has left this machine, one row for each hand-over: this is what the caps count.

A message that is sent again has two rows. When a message turns out never to have left, its row is deleted in the same
transaction, so that it does not use up a cap. `delivery/moves.py` adds and deletes the rows of messages.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import peewee

from daemon.contacts.person import Person
from daemon.db.clock import AHEAD_MS, lately
from daemon.db.connection import write
from daemon.db.prepared import Given, Prepared, among, param, several
from daemon.db.proxy import tuples
from daemon.models import Account, Handover, Message, Minute, Purpose
from daemon.states import E164, PersonKey
from daemon.transports.protocol import REHEARSED

MINUTE_MS = 60_000
KEPT_MS = 3 * 86_400_000  # no cap looks back for longer than a day


def keep(account: str, number: E164, purpose: Purpose, at: int, message: int | None = None, job: int = 0) -> None:
    """Count a hand-over that begins now; part of the caller's transaction. job: of the message."""
    _tick(account=account, at=at // MINUTE_MS * MINUTE_MS, job=job, by=1)
    _keep(account=account, number=number, person=Person(number).key, kind=purpose.value, at=at, message=message)


@Prepared
def _keep() -> Any:
    return Handover.insert({name: param(name) for name in ("account", "number", "person", "kind", "at", "message")})


def keep_all(
    account: str, left: Sequence[tuple[E164, PersonKey, int]], purpose: Purpose, at: int, job: int, missed: bool
) -> None:
    """The same for several of one job, by number, person and message. missed: nobody gets them."""
    _tick(account=account, at=at // MINUTE_MS * MINUTE_MS, job=job, by=len(left))
    rows = [{"number": number, "person": person, "message": message} for number, person, message in left]
    _keep_all.for_all(rows, account=account, kind=purpose.value, at=at, missed=missed)


@Prepared
def _keep_all() -> Any:
    given = Given(number=Handover.number, person=Handover.person, message=Handover.message)
    return given.inserted(Handover, "account", "kind", "at", "missed")


@Prepared
def _tick() -> Any:
    new = Minute.insert({name: param(name) for name in ("account", "at", "job")} | {"count": param("by")})
    mine = [Minute.account, Minute.at, Minute.job]
    return new.on_conflict(conflict_target=mine, update={Minute.count: Minute.count + peewee.EXCLUDED["count"]})


def undo(message: int, job: int) -> None:
    """Uncount the message's last hand-over, which never left; part of the caller's transaction. job: of the message."""
    for handover, account, at in _last(message=message).fetchall():
        _forget(handover, account, at, job)


def _forget(handover: int, account: str, at: int, job: int = 0) -> None:
    Handover.delete().where(Handover.id == handover).execute()
    _tick(account=account, at=at // MINUTE_MS * MINUTE_MS, job=job, by=-1)


@Prepared
def _last() -> Any:
    newest = Handover.id == _newest_of_message()
    return Handover.select(Handover.id, Handover.account, Handover.at).where(newest)


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


def arrive(account: str, number: E164, purpose: Purpose, at: int, message: int, job: int) -> None:
    """The person did get it, whatever was said about its last hand-over; part of the caller's transaction."""
    if not _arrive(message=message).rowcount:
        keep(account, number, purpose, at, message, job)


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
        own = Handover.select(Handover.id, Handover.account, Handover.at).where(*mine, lately(Handover.at, 0, now))
        for handover, _, at in tuples(own.order_by(Handover.id.desc()).limit(1)):
            _forget(handover, account, at)


def forget_rehearsed(account: str, now: int) -> None:
    """Uncount what a dry run has handed over since the longest cap looks back; part of the caller's transaction."""
    rehearsed = peewee.fn.SUBSTR(Message.transport_id, 1, len(REHEARSED)) == REHEARSED
    mine = (Handover.account == account, Handover.at > now - KEPT_MS, rehearsed)
    minute = Handover.at / MINUTE_MS
    counted = Handover.select(minute, Message.job, peewee.fn.COUNT(Handover.id)).join(Message).where(*mine)
    for number, job, count_ in tuples(counted.group_by(peewee.SQL("1"), Message.job)):
        _tick(account=account, at=int(number) * MINUTE_MS, job=job, by=-count_)
    theirs = Handover.select(Handover.id).join(Message).where(*mine)
    Handover.delete().where(Handover.id.in_(theirs)).execute()


def nth_newest(account: str, n: int, since: int, now: int, job: int | None = None) -> int | None:
    """The time of the n-th newest hand-over since `since` of the account, or of one of its jobs; None when there are
    fewer."""
    left = n
    for begins, number in _counted(account, since, now, job):
        if left <= number:
            of_job = {} if job is None else {"job": job}
            span = _span(begins, since, now)
            row = _nth_within(job is not None, account=account, **span, **of_job, before=left - 1).fetchone()
            return row[0] if row else None
        left -= number
    return None


def last(account: str) -> int | None:
    """When the account last handed something over, UTC ms."""
    newest: int | None = Handover.select(peewee.fn.MAX(Handover.at)).where(Handover.account == account).scalar()
    return newest


def count(account: str, since: int, now: int, job: int | None = None) -> int:
    """How many hand-overs the account, or one of its jobs, had since `since`."""
    return sum(number for _, number in _counted(account, since, now, job))


def by_minute(account: str, since: int, now: int, job: int | None = None) -> list[tuple[int, int]]:
    """The hand-overs since `since` of the account, or of one of its jobs: the minutes (beginning, how many), oldest
    first."""
    return [(max(begins, since + 1), number) for begins, number in reversed(_counted(account, since, now, job))]


def _counted(account: str, since: int, now: int, job: int | None) -> list[tuple[int, int]]:
    """The minutes since then in which there were any, newest first. If a minute lies only partly in that time, its
    hand-overs are counted one by one."""
    of_job = {} if job is None else {"job": job}
    span = {"first": since - MINUTE_MS, "ahead": now + AHEAD_MS}
    found = []
    for begins, number in _minutes(job is not None, account=account, **span, **of_job).fetchall():
        if begins <= since or begins + MINUTE_MS - 1 > now + AHEAD_MS:
            within = _within(job is not None, account=account, **_span(begins, since, now), **of_job)
            number = within.fetchone()[0]
        if number > 0:
            found.append((begins, int(number)))
    return found


def _span(begins: int, since: int, now: int) -> dict[str, int]:
    return {"since": max(since, begins - 1), "ahead": min(begins + MINUTE_MS - 1, now + AHEAD_MS)}


@Prepared
def _minutes(of_job: bool) -> Any:
    number = Minute.count if of_job else peewee.fn.SUM(Minute.count)
    mine = (Minute.account == param("account"), Minute.at > param("first"), Minute.at <= param("ahead"))
    query = Minute.select(Minute.at, number).where(*mine).order_by(Minute.at.desc())
    return query.where(Minute.job == param("job")) if of_job else query.group_by(Minute.at)


@Prepared
def _nth_within(of_job: bool) -> Any:
    return _some(Handover.at, of_job).order_by(Handover.at.desc()).limit(1).offset(param("before"))


@Prepared
def _within(of_job: bool) -> Any:
    return _some(peewee.fn.COUNT(Handover.id), of_job)


def _some(what: Any, of_job: bool) -> Any:
    mine = (Handover.account == param("account"), Handover.at > param("since"), Handover.at <= param("ahead"))
    query = Handover.select(what).where(*mine)
    return query.join(Message).where(Message.job == param("job")) if of_job else query


def forget_minutes(now: int) -> int:
    """Delete the counts that no cap looks back to; returns how many."""
    with write():
        return int(Minute.delete().where(Minute.at < now - KEPT_MS).execute())


def got(persons: Sequence[PersonKey], since: int, now: int, but: int) -> dict[PersonKey, int]:
    """How many campaigns these people were sent since `since`, from any account; without those who got none.

    but: the id of a job that is not counted, because it is about to write to them: several messages of one job, to
    people who share a number, are one campaign.
    """
    return dict(_got(since=since, ahead=now + AHEAD_MS, but=but, among=several(persons)).fetchall())


@Prepared
def _got() -> Any:
    theirs = (among(Handover.person), Handover.at > param("since"), Handover.at <= param("ahead"))
    ours = Message.alias()
    another = ours.job.is_null() | (ours.job != param("but"))
    counted = Handover.select(Handover.person, _campaigns(ours))
    found = counted.join(ours, peewee.JOIN.LEFT_OUTER, on=Handover.message == ours.id)
    return found.where(*theirs, _counts(), another).group_by(Handover.person)


def often(cap: int, since: int, now: int) -> Any:
    """A query of the people (their keys) who have got at least `cap` campaign messages since `since`."""
    theirs = Handover.select(Handover.person).join(Message, peewee.JOIN.LEFT_OUTER, on=Handover.message == Message.id)
    theirs = theirs.where(lately(Handover.at, since, now), _counts())
    return theirs.group_by(Handover.person).having(_campaigns(Message) >= cap)


def _campaigns(message: Any) -> Any:
    """SQL: how many campaigns the hand-overs, joined with their messages, belong to; one without its message is one."""
    return peewee.fn.COUNT(message.job.distinct()) + peewee.fn.COUNT(
        peewee.Case(None, [(message.job.is_null(), Handover.id)])
    )


def reached(since: int, now: int) -> Any:
    """A query of the people (their keys) who got a campaign message since then, from any account."""
    accounts = Account.select(Account.name)  # there is an index by account and time
    theirs = (Handover.account.in_(accounts), lately(Handover.at, since, now), _counts())
    return Handover.select(Handover.person).where(*theirs)


def _counts() -> Any:
    """SQL: whether a hand-over counts towards how often a person may be messaged."""
    return (Handover.kind == Purpose.CAMPAIGN.value) & ~Handover.missed
