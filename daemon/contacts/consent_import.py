"""Consents recorded from what a list's columns say, for all people on it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import peewee

from daemon import errors
from daemon.config import Settings
from daemon.contacts import consent_columns, consents, list_entries
from daemon.contacts.consent_columns import Columns
from daemon.contacts.consents import Given
from daemon.contacts.list_entries import Entry
from daemon.contacts.refusals import Why
from daemon.db.connection import write
from daemon.formats.values import Fault, Unreadable
from daemon.models import ListEntry
from daemon.states import E164, ConsentHow
from daemon.telemetry import progress
from daemon.telemetry.progress import Stage

LOOKED_AT = 200  # people by whose fields columns are told
SHOWN = 100  # cells that are no dates


@dataclass(frozen=True)
class Wanted:
    """columns: their titles; how, text: of all whose columns say nothing; order: what comes first in 03/04/2026."""

    columns: Columns
    how: ConsentHow = ConsentHow.IMPORTED
    words: str = ""
    text: str = ""
    order: str = ""


@dataclass
class Outcome:
    """How many were recorded, known already (or newer), have no date, withdrew since or were erased; unreadable: cells
    that are no date, with the number, SHOWN at most, of so many."""

    recorded: int = 0
    present: int = 0
    undated: int = 0
    withdrawn: int = 0
    unreadable_count: int = 0
    unreadable: list[tuple[E164, str]] = field(default_factory=list)


def proposed(list_id: int) -> Columns:
    """The columns that speak of consent. Raises NotFound."""
    columns = list_entries.find(list_id).columns
    first = list_entries.read(list_entries.of(list_id).order_by(ListEntry.id).limit(LOOKED_AT))
    return consent_columns.proposed(columns, [each.fields for each in first])


def record(settings: Settings, list_id: int, wanted: Wanted, by: str, now: int) -> Outcome:
    """Record what the list says, in pieces: a repeat records what is missing. Where the day or the month may
    come first in a date, nothing is recorded. Raises NotFound, InvalidInput."""
    known = list_entries.find(list_id).columns
    for name in vars(wanted.columns).values():
        if name and name not in known:
            raise errors.InvalidInput(Why.CONSENT_COLUMN_UNKNOWN, name=f"{name[:40]!r}", known=", ".join(known))
    if not wanted.columns.date:
        raise errors.InvalidInput(Why.CONSENT_COLUMN_NOT_GIVEN, known=", ".join(known))
    people = list_entries.read(list_entries.of(list_id).order_by(ListEntry.id))
    done = Outcome()
    given = list(_given(people, wanted, settings.zone, now, done))
    gone = consents.never_again(number for number, _ in given)
    done.withdrawn += sum(number in gone for number, _ in given)
    rest = [(number, each) for number, each in given if number not in gone]
    progress.told(Stage.STORING, 0, len(rest))
    for before, batch in enumerate(peewee.chunked(rest, consents.BATCH)):
        progress.settled(Stage.STORING, before * consents.BATCH, len(rest))
        left: set[E164] = set()
        with write():
            since = consents.put(batch, by, now, newer_only=True, left=left)
        done.withdrawn += len(since)
        done.present += len(left)
        done.recorded += len(batch) - len(since) - len(left)
    return done


def _given(people: Iterable[Entry], wanted: Wanted, zone: str, now: int, done: Outcome) -> Iterable[tuple[E164, Given]]:
    """What each of them gave; the others are counted. Raises InvalidInput for a date that may be two."""
    found: list[tuple[E164, Given]] = []
    for each in people:
        cell = each.fields.get(wanted.columns.date, "").strip()
        if not cell:
            done.undated += 1
            continue
        try:
            at, day_only = consent_columns.day(cell, zone, wanted.order)
            words = each.fields.get(wanted.columns.how, "").strip() or wanted.words
            text = each.fields.get(wanted.columns.text, "").strip() or wanted.text
            given = Given(at, wanted.how, words, text, day_only)
            consents.check(given, now)
        except Unreadable as error:
            if error.why is Fault.DATE_AMBIGUOUS:
                raise errors.InvalidInput(Why.CONSENT_DAY_OR_MONTH, date=cell) from None
            _unreadable(done, each.number, cell)
        except (errors.InvalidInput, OverflowError, ValueError):
            _unreadable(done, each.number, cell)
        else:
            found.append((each.number, given))
    return found


def _unreadable(done: Outcome, number: E164, cell: str) -> None:
    done.unreadable_count += 1
    if len(done.unreadable) < SHOWN:
        done.unreadable.append((number, cell[:60]))
