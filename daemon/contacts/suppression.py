"""Who must not be written to: the list, how it grows, and a record of each removal.

It is looked at when a message is claimed and again when it is submitted (`outbox`), for every campaign, and nothing
switches that off.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import partial, reduce
from operator import or_
from typing import Any

import peewee
import structlog

from daemon import errors
from daemon.auth import audit
from daemon.config import Settings
from daemon.contacts import erased, importer, masking, number_list, phone, several_numbers, uploads
from daemon.contacts.person import Person
from daemon.contacts.reasons import Fault
from daemon.contacts.refusals import Why
from daemon.db.connection import after_commit, write
from daemon.db.proxy import locked, tuples
from daemon.db.records import record
from daemon.formats import notations
from daemon.models import Account, Job, Message, Removal, Suppression
from daemon.states import E164, OPEN, PersonKey
from daemon.telemetry import progress
from daemon.telemetry.progress import Stage

log = structlog.get_logger()

PAGE = 100
BATCH = 500
MOST_PASTED = 100_000
LONGEST_REASON = 500
REPLY = "reply"  # the source of those who wrote STOP
WHATSAPP = "whatsapp"  # of those who have told WhatsApp that they want no marketing, and nobody else
ERASED = "erased"  # of another number of somebody whose data was erased
NO_MARKETING = "asked WhatsApp for no marketing"  # and their reason
ASKED = "asked not to be written to"  # where nobody gives another reason
REMOVALS_SHOWN = 20
PASTED = "a pasted list"  # where it came from, in place of a file's name


@dataclass(frozen=True)
class Imported:
    """What became of a list: how many were added, were there already or came twice in it. rejected: what was refused,
    or added as it is written though its country has no such number. encoding: of the file, where it is a guess."""

    added: int = 0
    present: int = 0
    duplicates: int = 0
    rejected: list[importer.Rejected] = field(default_factory=list)
    encoding: str | None = None

    @property
    def refused(self) -> int:
        """How many rows were not added."""
        return sum(each.why.code != Fault.TAKEN_AS_WRITTEN for each in self.rejected)


@dataclass(frozen=True)
class Entry:
    """Somebody on the list. created_at, confirmed_at (when they were told so): UTC ms."""

    number: E164
    reason: str
    source: str
    created_at: int
    confirmed_at: int | None


@dataclass(frozen=True)
class Removed:
    """Somebody who was on the list, and why they were taken off. Times are UTC ms."""

    number: E164
    reason: str
    source: str
    created_at: int
    removed_at: int
    removed_by: str
    why: str


def suppress(settings: Settings, number: str, reason: str, who: str, now: int) -> Entry:
    """Never write to this number again: from when this returns nothing more is handed over.

    Who is on the list stays there as they are. Raises InvalidNumber, InvalidInput; DatabaseBusy also where the number
    is on the list already, but a hand-over that had begun could not be waited for.
    """
    plain, told = _written_to(settings, number), _reason(reason)
    with write():
        audit.about("number", masking.masked(plain))
        put(plain, told, who, now)
        entry = find(plain)
    await_submits()
    return entry


def put(number: E164, reason: str, source: str, now: int) -> bool:
    """Part of the caller's transaction: put the number (E.164) on the list; whether it was not there before. An entry
    that is WhatsApp's alone becomes this one.

    It waits for nobody: a job may be locked for long, and an opt-out must not be lost over that. Once it has committed,
    claims and submits see it.
    """
    person, told = Person(number).key, {"reason": reason, "source": source, "created_at": now}
    added = not _present([person]) and bool(_add([{"number": number, "person": person, **told}]))
    if added:
        after_commit(partial(log.info, "suppression.added", source=source))
    else:
        _asked_beside_whatsapp([person], told)
    return added


def _asked_beside_whatsapp(people: Iterable[PersonKey], told: dict[str, Any]) -> None:
    """What WhatsApp has put on the list it also takes off again: not those who were put there otherwise, too."""
    if told["source"] != WHATSAPP:
        theirs = (Suppression.person.in_(list(people)), Suppression.source == WHATSAPP)
        Suppression.update(told).where(*theirs).execute()


def _add(rows: list[dict[str, Any]]) -> int:
    """Add those whose number is not there. One that is there without a person, by a process of an earlier version, gets
    theirs: else nobody would find it."""
    insert = Suppression.insert_many(rows).on_conflict(
        conflict_target=[Suppression.number],
        update={Suppression.person: peewee.EXCLUDED.person},
        where=Suppression.person.is_null(),
    )
    return int(insert.as_rowcount().execute())


def _present(people: Iterable[PersonKey]) -> set[PersonKey]:
    """Those of the people who are on the list and stay there: a removal that has begun is waited for."""
    theirs = Suppression.select(Suppression.person).where(Suppression.person.in_(list(people)))
    return {person for (person,) in tuples(locked(theirs.order_by(Suppression.number)))}


def await_submits() -> None:
    """Wait for those who have looked at the list and not yet committed that they send: they hold their job.

    In a transaction of its own, after the one that has changed the list: what waits here could be given up.
    """
    with write():
        list(locked(Job.select(Job.id).where(Job.state.in_(OPEN)).order_by(Job.id)))


def import_found(found: importer.ContactList, filename: str, reason: str, who: str, now: int) -> Imported:
    """Add everybody whom a contacts file was found to hold. Raises InvalidInput."""
    return _import(found, _reason(reason), f"{who}: {uploads.safe_name(filename)}", who, now)


def in_upload(settings: Settings, upload_id: str, phone_column: str) -> tuple[importer.ContactList, str]:
    """What is in a file that was kept until a person said which column has the numbers, and the file's name.

    Raises NotFound, ChoosePhoneColumn, InvalidInput.
    """
    upload = uploads.find(upload_id)
    if upload.sheet is None or not phone_column:
        uploads.chosen(upload_id, settings.default_country, None)
    return uploads.found_in(upload, settings.default_country, phone_column, trusted=True), upload.filename


def import_text(settings: Settings, text: str, reason: str, who: str, now: int) -> Imported:
    """Add the numbers of a text that was pasted. Raises InvalidInput."""
    return import_found(in_text(settings, text), PASTED, reason, who, now)


def in_text(settings: Settings, text: str) -> importer.ContactList:
    """The numbers of a text that was pasted: one on each line, or commas or blanks between. Raises InvalidInput."""
    if sum(map(text.count, "\n\r,;\t ")) > MOST_PASTED:
        raise errors.InvalidInput(Why.TOO_MUCH_PASTED, most=f"{MOST_PASTED:,}")
    values = number_list.numbers(text) or number_list.apart(text)
    if not values:
        raise errors.InvalidInput(Why.NOTHING_TO_IMPORT)
    values = [number for value in values for number in several_numbers.every(value)]
    found = importer.parse_numbers(values, settings.default_country, opt_out=True)
    counted = [replace(each, position=each.position + 1) for each in found.rejected]  # as a person counts
    return replace(found, rejected=counted)


def _import(found: importer.ContactList, reason: str, source: str, who: str, now: int) -> Imported:
    """In small transactions: a sender waits for none of them, and a repeat adds only what is missing."""
    added = 0
    numbers = sorted(contact.number for contact in found.contacts)  # in one order, as others may add them, too
    alike: dict[str, Any] = {"reason": reason, "source": source, "created_at": now}
    progress.told(Stage.STORING, 0, len(numbers))
    for before, batch in enumerate(peewee.chunked(numbers, BATCH)):
        progress.settled(Stage.STORING, BATCH * before, len(numbers))
        with write():
            keys = {number: Person(number).key for number in batch}
            there = _present(keys.values())
            rows = [{"number": number, "person": key, **alike} for number, key in keys.items() if key not in there]
            if rows:
                added += _add(rows)
            _asked_beside_whatsapp(keys.values(), alike)
    await_submits()
    guessed = None if found.encoding_sure else found.encoding
    done = Imported(added, len(numbers) - added, found.duplicates, found.rejected, guessed)
    log.info("suppression.imported", added=added, present=done.present, rejected=len(done.rejected), who=who)
    return done


def remove(settings: Settings, number: str, why: str, who: str, now: int) -> None:
    """Take a person off the list, by either notation of their number, also one whose data was erased; who did it and
    why is kept.

    Raises InvalidNumber, InvalidInput, NotFound.
    """
    plain, told = _listed_number(settings, number), _reason(why)
    with write():
        rows = list(locked(Suppression.select().where(Suppression.person == Person(plain).key)))
        if not erased.lift([Person(plain).key]) and not rows:
            raise errors.NotFound(Why.NOT_SUPPRESSED)
        audit.about("number", masking.masked(plain))
        _take_off(rows, who, told, now)


def _take_off(rows: list[Suppression], who: str, why: str, now: int) -> None:
    for row in rows:
        Removal.create(
            number=row.number,
            reason=row.reason,
            source=row.source,
            created_at=row.created_at,
            removed_at=now,
            removed_by=who,
            why=why,
        )
    # Those that were seen and no others: in another notation they may have asked again at this moment.
    Suppression.delete().where(Suppression.number.in_([row.number for row in rows])).execute()
    after_commit(partial(log.info, "suppression.removed", who=who))


def lift(number: E164, source: str, why: str, now: int) -> bool:
    """Part of the caller's transaction: take a person off the list again, where that source has put them there and
    nobody else; whether it was so."""
    rows = list(locked(Suppression.select().where(Suppression.person == Person(number).key)))
    if not rows or any(row.source != source for row in rows):
        return False
    _take_off(rows, source, why, now)
    return True


def find(number: E164) -> Entry:
    """The entry of the person with this number (E.164), who may be listed in another notation. Raises NotFound."""
    rows = list(Suppression.select().where(Suppression.person == Person(number).key).order_by(Suppression.created_at))
    if not rows:
        raise errors.NotFound(Why.NOT_SUPPRESSED)
    return _entry(next((row for row in rows if row.number == number), rows[0]))


def source_of(number: E164) -> str | None:
    """Who has put the person with this number on the list; WHATSAPP only where nobody else has. None: they are not on
    it, or because they were erased."""
    theirs = Suppression.select(Suppression.source).where(Suppression.person == Person(number).key)
    found = [source for (source,) in tuples(theirs.order_by(Suppression.created_at))]
    return next((source for source in found if source != WHATSAPP), found[0] if found else None)


def among(numbers: Iterable[E164]) -> set[E164]:
    """Those of the numbers (E.164) whose people are on the list."""
    wanted = {number: Person(number).key for number in numbers}
    rows = Suppression.select(Suppression.person).where(Suppression.person.in_(sorted(set(wanted.values()))))
    listed = {person for (person,) in tuples(rows)} | erased.among(wanted.values())
    return {number for number, person in wanted.items() if person in listed}


def count() -> int:
    """How many are on the list."""
    return int(Suppression.select().count())


@dataclass(frozen=True)
class Wanted:
    """Whose entries are asked for; None for anybody's. source: who or what put them there. since, until: put there from
    the one on, and before the other, UTC ms."""

    person: PersonKey | None = None
    source: str | None = None
    since: int | None = None
    until: int | None = None

    @property
    def conditions(self) -> list[Any]:
        given = [
            (self.person, Suppression.person == self.person),
            (self.source, Suppression.source == self.source),
            (self.since, Suppression.created_at >= self.since),
            (self.until, Suppression.created_at < self.until),
        ]
        return [condition for value, condition in given if value is not None]


def page(
    search: str = "", cursor: str | None = None, limit: int = PAGE, wanted: Wanted = Wanted()
) -> tuple[list[Entry], str | None]:
    """The list, newest first, from behind the cursor; and the cursor of the next page. Raises InvalidInput.

    search: a part of the number, in whichever way it is written, or of the reason or the source.
    """
    query = _matching(search)
    if wanted.conditions:
        query = query.where(*wanted.conditions)
    if cursor:
        at, number = _place(cursor)
        query = query.where(Suppression.created_at <= at, (Suppression.created_at < at) | (Suppression.number < number))
    rows = list(query.order_by(Suppression.created_at.desc(), Suppression.number.desc()).limit(limit + 1))
    last = rows[limit - 1] if len(rows) > limit else None
    after = f"{last.created_at}.{last.number.removeprefix('+')}" if last else None
    return [_entry(row) for row in rows[:limit]], after


def _matching(search: str) -> Any:
    query = Suppression.select()
    text = masking.searchable(" ".join(search.split()))
    if not text:
        return query
    digits = "".join(sign for sign in text if sign.isdecimal())
    if digits and not any(sign.isalpha() for sign in text):
        part = re.sub(r"^00?(?=[1-9])", "", digits)
        found = [Suppression.person**pattern for pattern in notations.patterns(part)]
        return query.where(reduce(or_, found, Suppression.number.contains(part) | Suppression.person.contains(part)))
    return query.where(Suppression.reason.contains(text) | Suppression.source.contains(text))


def _place(cursor: str) -> tuple[int, str]:
    at, _, digits = cursor.partition(".")
    if not (at.isdecimal() and digits.isdecimal() and len(cursor) < 60):
        raise errors.InvalidInput(Why.CURSOR_UNFIT)
    return int(at), f"+{digits}"


def removals() -> list[Removed]:
    """Who was taken off the list last, newest first."""
    rows = Removal.select().order_by(Removal.id.desc()).limit(REMOVALS_SHOWN)
    return [record(Removed, row) for row in rows]


def _entry(row: Suppression) -> Entry:
    return record(Entry, row)


def _reason(text: str) -> str:
    plain = " ".join(text.split())
    if len(plain) > LONGEST_REASON:
        raise errors.InvalidInput(Why.REASON_TOO_LONG, most=LONGEST_REASON)
    return plain


def _written_to(settings: Settings, number: str) -> E164:
    """As `_one_number`; also one that an earlier version took for a campaign. Raises InvalidNumber."""
    try:
        return _one_number(settings, number)
    except errors.InvalidNumber:
        if (given := phone.as_given(number, settings.default_country)) and _in_a_campaign(given):
            return given
        raise


def _in_a_campaign(number: E164) -> bool:
    accounts = Account.select(Account.name)  # there is an index by account and person
    theirs = (Message.account.in_(accounts), Message.person == Person(number).key)
    return bool(Message.select().where(*theirs).exists())


def _listed_number(settings: Settings, number: str) -> E164:
    """As `_one_number`; also one that was added as it is written. Raises InvalidNumber."""
    try:
        return _one_number(settings, number)
    except errors.InvalidNumber:
        if given := phone.as_given(number, settings.default_country):
            return given
        raise


def _one_number(settings: Settings, number: str) -> E164:
    """The number as a campaign reads it: everybody who can be written to can be suppressed. Raises InvalidNumber."""
    return importer.one(number, settings.default_country)
