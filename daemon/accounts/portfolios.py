"""How many people a business may begin to write to in 24 hours, by Meta's rules, and how many it has: a row for each
business account, shared by all its numbers, and a row for each person.

Who has written in the last 24 hours is no such person (`delivery/windows.py`). A person is one, however many messages
they get, until 24 hours after the last. A message that is known not to have reached them does not count.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import partial
from typing import Any

import peewee
import structlog

from daemon.accounts import pacing
from daemon.db.clock import AHEAD_MS
from daemon.db.connection import after_commit, write
from daemon.db.prepared import Prepared, param
from daemon.db.proxy import locked, tuples
from daemon.models import Portfolio, PortfolioPerson
from daemon.states import PersonKey

log = structlog.get_logger()

FEW = 2_000  # rows that are deleted in one transaction
KEPT_MS = 3 * pacing.DAY_MS  # those of a business that sends nothing: a clock that is two days ahead is not noticed


@dataclass(frozen=True)
class Reach:
    """most: how many people in 24 hours, None for any number; people: how many there were."""

    most: int | None
    people: int


def told(business: str, most: int | None, now: int) -> None:
    """Meta has told the limit; None: there is none."""
    mine = Portfolio.business == business
    with write():
        Portfolio.insert(business=business, told_at=now).on_conflict_ignore().execute()
        changed = Portfolio.most.is_null() if most is not None else Portfolio.most.is_null(False)
        changed |= Portfolio.most != most if most is not None else False
        if Portfolio.update(most=most, told_at=now).where(mine, changed).execute():
            after_commit(partial(log.info, "portfolio.limited", business=business, most=most))


def reach(business: str, now: int) -> Reach:
    """The limit, and how many people count towards it now."""
    most, people = _counted(business)
    if most is None:
        return Reach(None, 0)
    old = _how_many_old(business=business, until=now - pacing.DAY_MS).fetchone()[0]
    return Reach(most, people - int(old))


def _counted(business: str) -> tuple[int | None, int]:
    return (_of(False, business=business).fetchone() if business else None) or (None, 0)


def room(business: str, now: int) -> int | None:
    """How many more people it may begin to write to, less than none where the limit was lowered; None: any number.
    Part of the caller's transaction: forgets whom it wrote to more than 24 hours ago."""
    most, people = _counted(business)
    return None if most is None else most - people + _forget(business, now - pacing.DAY_MS, now)


def opens_at(business: str, now: int, waiting: int = 1) -> int | None:
    """When it may begin to write to the last of so many people, if it writes to nobody else; None: now, or there is no
    limit."""
    found = reach(business, now)
    if found.most is None or waiting <= (free := max(found.most - found.people, 0)):
        return None
    if not found.most:
        return now + pacing.DAY_MS
    # Places become free in the order in which they were taken: those of the last 24 hours, then those that are taken
    # now; then, a day later each time, those of the people who got them.
    days, place = divmod(waiting - 1 - free, found.most)
    too_many = max(found.people - found.most, 0)
    taken_at = now
    if place < found.people - too_many:
        span = {"since": now - pacing.DAY_MS, "ahead": now + AHEAD_MS}
        row = _nth_oldest(business=business, nth=too_many + place, **span).fetchone()
        taken_at = row[0] if row else now
    return int(taken_at) + (days + 1) * pacing.DAY_MS


def lock(business: str) -> bool:
    """Part of the caller's transaction, before it locks any person: nobody else counts until it ends. Whether there is
    a limit."""
    row = _of(True, business=business).fetchone() if business else None
    return row is not None and row[0] is not None


def take(business: str, person: PersonKey, message: int, now: int) -> bool:
    """Part of the caller's transaction, which has the lock: the person is written to now. Whether the limit allows it;
    otherwise nothing is changed."""
    who = {"business": business, "person": person}
    found, at = _person(**who).fetchone() or (None, 0)
    if found is not None and now - pacing.DAY_MS < at <= now + AHEAD_MS:
        _again(id=found, at=now, message=message)
        return True
    if found is not None:
        _drop(id=found)
        _shift(business=business, by=-1)
    if not _one_more(business=business).rowcount:
        return False
    _new(**who, at=now, message=message)
    return True


def counted(business: str, people: Collection[PersonKey], now: int) -> set[PersonKey]:
    """Which of these people count towards the limit already."""
    rows = ((person, _person(business=business, person=person).fetchone()) for person in people)
    return {person for person, row in rows if row and now - pacing.DAY_MS < row[1] <= now + AHEAD_MS}


def some_counted(business: str, most: int, turn: int, now: int) -> set[PersonKey]:
    """People who count towards the limit, at most so many; others in the next turn, until all have had theirs."""
    turns = -(-reach(business, now).people // most)
    if not turns:
        return set()
    span = {"since": now - pacing.DAY_MS, "ahead": now + AHEAD_MS}
    rows = _some(business=business, **span, most=most, before=turn % turns * most)
    return {row[0] for row in rows.fetchall()}


def give_back(message: int) -> None:
    """Part of the caller's transaction: the message did not reach the person whom it was counted for."""
    for business in sorted({row[0] for row in _by_message(message=message).fetchall()}):
        lock(business)
        # Read again: until it had the lock, another message to the same person may have been counted in its place.
        for theirs, found, before_at in _by_message(message=message).fetchall():
            if theirs != business:
                continue
            if before_at is not None:
                _as_before(id=found)
            elif _drop(id=found).rowcount:
                _shift(business=business, by=-1)


def prune(now: int) -> None:
    """Forget whom businesses wrote to more than KEPT_MS ago, also those that write to nobody any more."""
    for (business,) in tuples(Portfolio.select(Portfolio.business)):
        more = FEW
        while more == FEW:
            with write():
                more = _forget(business, now - KEPT_MS, now)


def _forget(business: str, until: int, now: int) -> int:
    """Those of up to then; returns how many. `FEW`: there may be more."""
    old = ((False, until), (True, now + AHEAD_MS))  # or written while the clock was ahead
    if not any(_outside(ahead, business=business, at=at, few=1).fetchall() for ahead, at in old):
        return 0
    lock(business)
    gone = 0
    for ahead, at in old:
        ids = [row[0] for row in _outside(ahead, business=business, at=at, few=FEW - gone).fetchall()]
        gone += PortfolioPerson.delete().where(PortfolioPerson.id.in_(ids)).execute() if ids else 0
    _shift(business=business, by=-gone)
    return gone


@Prepared
def _of(to_change: bool) -> Any:
    found = Portfolio.select(Portfolio.most, Portfolio.people).where(Portfolio.business == param("business"))
    return locked(found) if to_change else found


@Prepared
def _how_many_old() -> Any:
    mine = (PortfolioPerson.business == param("business"), PortfolioPerson.at <= param("until"))
    return PortfolioPerson.select(peewee.fn.COUNT(PortfolioPerson.id)).where(*mine)


@Prepared
def _nth_oldest() -> Any:
    mine = (PortfolioPerson.business == param("business"), PortfolioPerson.at > param("since"))
    oldest = PortfolioPerson.select(PortfolioPerson.at).where(*mine, PortfolioPerson.at <= param("ahead"))
    return oldest.order_by(PortfolioPerson.at).limit(1).offset(param("nth"))


@Prepared
def _person() -> Any:
    who = (PortfolioPerson.business == param("business"), PortfolioPerson.person == param("person"))
    return PortfolioPerson.select(PortfolioPerson.id, PortfolioPerson.at).where(*who)


@Prepared
def _some() -> Any:
    mine = (PortfolioPerson.business == param("business"), PortfolioPerson.at > param("since"))
    some = PortfolioPerson.select(PortfolioPerson.person).where(*mine, PortfolioPerson.at <= param("ahead"))
    return some.order_by(PortfolioPerson.at).limit(param("most")).offset(param("before"))


@Prepared
def _again() -> Any:
    changes = {"at": param("at"), "before_at": PortfolioPerson.at, "message": param("message")}
    return PortfolioPerson.update(changes).where(PortfolioPerson.id == param("id"))


@Prepared
def _as_before() -> Any:
    changes = {"at": PortfolioPerson.before_at, "before_at": None, "message": 0}
    return PortfolioPerson.update(changes).where(PortfolioPerson.id == param("id"))


@Prepared
def _new() -> Any:
    return PortfolioPerson.insert({name: param(name) for name in ("business", "person", "at", "message")})


@Prepared
def _drop() -> Any:
    return PortfolioPerson.delete().where(PortfolioPerson.id == param("id"))


@Prepared
def _by_message() -> Any:
    columns = (PortfolioPerson.business, PortfolioPerson.id, PortfolioPerson.before_at)
    return PortfolioPerson.select(*columns).where(PortfolioPerson.message == param("message"))


@Prepared
def _shift() -> Any:
    return Portfolio.update(people=Portfolio.people + param("by")).where(Portfolio.business == param("business"))


@Prepared
def _one_more() -> Any:
    mine = (Portfolio.business == param("business"), Portfolio.people < Portfolio.most)
    return Portfolio.update(people=Portfolio.people + 1).where(*mine)


@Prepared
def _outside(ahead: bool) -> Any:
    """Those before, or ahead of, that time."""
    at = PortfolioPerson.at
    outside = at > param("at") if ahead else at <= param("at")
    mine = (PortfolioPerson.business == param("business"), outside)
    return PortfolioPerson.select(PortfolioPerson.id).where(*mine).order_by(at).limit(param("few"))
