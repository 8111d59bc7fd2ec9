"""Since when somebody has written to an account, and for how long free text may be sent to them: for a day, by the
rules of the Cloud API. Also whose number belongs to a user's id, as far as WhatsApp has told both."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import peewee

from daemon.accounts import pacing
from daemon.contacts.person import Person
from daemon.db.clock import AHEAD_MS, within
from daemon.db.connection import write
from daemon.db.prepared import Given, Prepared, among, several
from daemon.db.proxy import tuples
from daemon.models import KnownUser, LastWrote
from daemon.states import E164, PersonKey

WINDOW_MS = pacing.DAY_MS
KEEP_MS = 90 * pacing.DAY_MS
FEW = 2_000


def wrote(account: str, person: PersonKey, at: int, now: int) -> None:
    """They have written then."""
    latest = LastWrote.insert(account=account, person=person, at=at)
    one = [LastWrote.account, LastWrote.person]
    earlier = (LastWrote.at < at) | (LastWrote.at > now + AHEAD_MS)
    with write():
        latest.on_conflict(conflict_target=one, update={LastWrote.at: at}, where=earlier).execute()


def window(account: str, person: PersonKey, now: int) -> int | None:
    """Until when free text may be sent to them (UTC ms); None where that is over, or they never wrote."""
    return windows([(account, person)], now).get((account, person))


def windows(people: Collection[tuple[str, PersonKey]], now: int) -> dict[tuple[str, PersonKey], int]:
    """The same for several; without those to whom none may be sent."""
    if not people:
        return {}
    accounts, persons = ({each[place] for each in people} for place in (0, 1))
    theirs = (LastWrote.account.in_(sorted(accounts)), LastWrote.person.in_(sorted(persons)))
    rows = tuples(LastWrote.select(LastWrote.account, LastWrote.person, LastWrote.at).where(*theirs))
    return {(account, person): at + WINDOW_MS for account, person, at in rows if within(at, now, WINDOW_MS)}


def learn(pairs: Mapping[str, E164], now: int) -> dict[str, E164]:
    """Part of the caller's transaction: whose numbers these ids of users (BSUID) belong to. Returns what is news."""
    if not pairs:
        return {}
    known: dict[str, E164] = dict(_known(among=several(sorted(pairs))).fetchall())
    new = [{"bsuid": bsuid, "number": number} for bsuid, number in sorted(pairs.items()) if known.get(bsuid) != number]
    if new:
        _learn.for_all(new, at=now)
    return {each["bsuid"]: E164(each["number"]) for each in new}


@Prepared
def _known() -> Any:
    return KnownUser.select(KnownUser.bsuid, KnownUser.number).where(among(KnownUser.bsuid))


@Prepared
def _learn() -> Any:
    new = Given(bsuid=KnownUser.bsuid, number=KnownUser.number).inserted(KnownUser, "at")
    found = {KnownUser.number: peewee.EXCLUDED.number, KnownUser.at: peewee.EXCLUDED.at}
    return new.on_conflict(conflict_target=[KnownUser.bsuid], update=found)


def number_of(phone: E164 | None, bsuid: str | None) -> E164 | None:
    """Their number, where it is told or known."""
    if phone is not None or bsuid is None:
        return phone
    found: E164 | None = KnownUser.select(KnownUser.number).where(KnownUser.bsuid == bsuid).scalar()
    return found


def key_of(number: E164) -> PersonKey:
    return Person(number).key


def prune(now: int) -> None:
    """Forget who has not written for long: their window is over."""
    old = (LastWrote.at < now - KEEP_MS,)
    with write():
        LastWrote.delete().where(*old).execute()
