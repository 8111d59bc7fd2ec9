"""Who agreed to be messaged: when, how and to which text, who recorded it, and whether they withdrew it.

What was recorded is not changed: something newer is put beside it. Whoever withdraws is on the suppression list from
then on, and only a consent of a later time counts again; the list itself is left as it is by a consent.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import peewee
import structlog

from daemon import errors
from daemon.config import Settings
from daemon.contacts import erased, importer, suppression
from daemon.contacts.person import Person
from daemon.contacts.refusals import Why
from daemon.db.connection import after_commit, write
from daemon.db.proxy import database, on_postgres, tuples
from daemon.db.records import record as recorded
from daemon.i18n.instants import instant
from daemon.models import Consent
from daemon.states import E164, ConsentHow, PersonKey

log = structlog.get_logger()

BATCH = 500
LONGEST = 4_000  # characters of the text that was agreed to
LONGEST_WORDS = 500
DAY_MS = 86_400_000
WRITING = 0x636F_6E73  # an arbitrary number: the advisory lock of who writes consents
WITHDRAWN = "withdrew their consent"  # why they are on the suppression list


@dataclass(frozen=True)
class Given:
    """A consent. at: UTC ms, day_only: of a day without a time; text: what was agreed to."""

    at: int
    how: ConsentHow
    words: str = ""
    text: str = ""
    day_only: bool = False

    @property
    def until(self) -> int:
        """When it was given at the latest."""
        return self.at + DAY_MS - 1 if self.day_only else self.at


@dataclass(frozen=True)
class Row:
    """What was recorded once. The names are those of the table."""

    number: E164
    given_at: int | None
    day_only: bool
    how: str
    words: str
    text: str
    recorded_by: str
    recorded_at: int
    withdrawn_at: int | None
    withdrawn_how: str
    withdrawn_words: str
    withdrawn_by: str

    @property
    def counts(self) -> bool:
        """Whether it is a consent that was not withdrawn."""
        return self.given_at is not None and self.withdrawn_at is None


@dataclass(frozen=True)
class Known:
    """What is known of one person's consent. rows: newest first; suppressed: they get nothing, whatever they agreed to;
    entry: why, where that is known."""

    number: E164
    rows: list[Row]
    suppressed: bool
    entry: suppression.Entry | None

    @property
    def given(self) -> bool:
        return bool(self.rows) and self.rows[0].counts


def of(settings: Settings, number: str) -> Known:
    """Raises InvalidNumber."""
    return _known(importer.one(number, settings.default_country))


def record(settings: Settings, number: str, given: Given, by: str, now: int) -> Known:
    """Record it, in any notation of the number. The same once more changes nothing. Raises InvalidNumber, InvalidInput;
    IllegalMove where they withdrew at that time or later."""
    plain = importer.one(number, settings.default_country)
    check(given, now)
    with write():
        if (since := put([(plain, given)], by, now).get(plain)) is not None:
            raise errors.IllegalMove(Why.CONSENT_WITHDRAWN_SINCE, day=f"{instant(since):%Y-%m-%d}")
    return _known(plain)


def check(given: Given, now: int) -> None:
    """Raises InvalidInput."""
    _not_later(given.at, now)
    check_words(given.how, given.words, given.text)


def _not_later(at: int, now: int) -> None:
    if at > now + DAY_MS:  # by the calendar of wherever they are
        raise errors.InvalidInput(Why.CONSENT_IN_FUTURE)


def check_words(how: ConsentHow, words: str, text: str = "") -> None:
    """Raises InvalidInput."""
    for said, most in ((words, LONGEST_WORDS), (text, LONGEST)):
        if len(said) > most:
            raise errors.InvalidInput(Why.CONSENT_WORDS_LONG, most=f"{most:,}")
    if how is ConsentHow.OTHER and not words.strip():
        raise errors.InvalidInput(Why.CONSENT_OTHER_HOW)


def put(
    people: Sequence[tuple[E164, Given]], by: str, now: int, newer_only: bool = False, left: set[E164] | None = None
) -> dict[E164, int]:
    """Part of the caller's transaction: record these, each person once; returns when those withdrew who did so since,
    for whom nothing is recorded. newer_only: where something newer is known, it stays. left: is told who is left as
    they are."""
    keys = {number: Person(number).key for number, _ in people}
    there = {row.person: row for row in _latest(keys.values())}
    rows, replaced, since = [], [], {}
    for number, given in people:
        before = there.get(keys[number])
        if before is not None and before.withdrawn_at is not None and before.withdrawn_at >= given.at:
            since[number] = before.withdrawn_at
            continue
        if before is not None and before.withdrawn_at is None and _stays(before, given, newer_only):
            if left is not None:
                left.add(number)
            continue
        if before is not None:
            replaced.append(before.id)
        rows.append({
            "number": number, "person": keys[number], "given_at": given.at, "day_only": given.day_only,
            "how": given.how, "words": given.words, "text": given.text, "recorded_by": by, "recorded_at": now,
        })  # fmt: skip
    if replaced:
        Consent.update(latest=False).where(Consent.id.in_(replaced)).execute()
    if rows:
        Consent.insert_many(rows).execute()
        after_commit(partial(log.info, "consent.recorded", count=len(rows), who=by))
    return since


def _stays(before: Consent, given: Given, newer_only: bool) -> bool:
    said = (before.given_at, before.day_only, before.how, before.words, before.text)
    same = said == (given.at, given.day_only, given.how, given.words, given.text)
    return same or (newer_only and before.given_at is not None and before.given_at >= given.at)


def withdraw(settings: Settings, number: str, at: int, how: ConsentHow, words: str, by: str, now: int) -> Known:
    """They want no messages any more: from when this returns on they get none. One that is later than the one before is
    put beside it. Raises InvalidNumber, InvalidInput, DatabaseBusy as `suppression.suppress`."""
    plain = importer.one(number, settings.default_country)
    _not_later(at, now)
    check_words(how, words)
    changes = {"withdrawn_at": at, "withdrawn_how": how, "withdrawn_words": words, "withdrawn_by": by}
    with write():
        before = next(iter(_latest([Person(plain).key])), None)
        earlier = before.withdrawn_at if before is not None else None
        if before is not None and earlier is None:
            Consent.update(changes).where(Consent.id == before.id).execute()
        elif earlier is None or earlier < at:
            if before is not None:
                Consent.update(latest=False).where(Consent.id == before.id).execute()
            key = Person(plain).key
            Consent.create(number=plain, person=key, recorded_by=by, recorded_at=now, **changes)
        suppression.put(plain, WITHDRAWN, by, now)
        after_commit(partial(log.info, "consent.withdrawn", who=by))
    suppression.await_submits()
    return _known(plain)


def _latest(people: Iterable[PersonKey]) -> list[Consent]:
    """What was recorded last of each of them; nobody else records anything of them until the transaction ends."""
    if on_postgres():  # on SQLite the transaction has locked the whole database already
        database.execute_sql("SELECT pg_advisory_xact_lock(%s)", (WRITING,))
    query = Consent.select().where(Consent.person.in_(sorted(set(people))), Consent.latest)
    return list(query.order_by(Consent.id))


def _known(plain: E164) -> Known:
    rows = Consent.select().where(Consent.person == Person(plain).key).order_by(Consent.id.desc())
    try:
        entry = suppression.find(plain)
    except errors.NotFound:
        entry = None
    return Known(plain, [recorded(Row, row) for row in rows], bool(suppression.among([plain])), entry)


def among(people: Iterable[PersonKey]) -> set[PersonKey]:
    """Those of the people who agreed and did not withdraw it."""
    found: set[PersonKey] = set()
    for batch in peewee.chunked(sorted(set(people)), BATCH):
        found |= {person for (person,) in tuples(counting().where(Consent.person.in_(list(batch))))}
    return found


def counting() -> Any:
    """The query for the people whose consent counts."""
    return Consent.select(Consent.person).where(
        Consent.latest, Consent.withdrawn_at.is_null(), Consent.given_at.is_null(False)
    )


def any_yet() -> bool:
    """Whether consents are recorded here at all."""
    return bool(counting().exists())


def never_again(numbers: Iterable[E164]) -> set[E164]:
    """Those whose data was erased: nothing is recorded of them by the way."""
    keys = {number: Person(number).key for number in numbers}
    gone = erased.among(keys.values())
    return {number for number, key in keys.items() if key in gone}
