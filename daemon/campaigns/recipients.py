"""The recipients of one job: filtered by state or by a search, a page at a time in file order.

Pages are addressed by the id they start after or end before, so the last of a million costs no more than the first.
"""

from __future__ import annotations

import json
import re
import unicodedata
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Any

import peewee

from daemon import errors
from daemon.campaigns.refusals import Why
from daemon.campaigns.rows import JobRow, MessageRow, messages
from daemon.contacts import masking
from daemon.db.proxy import in_order, on_postgres, tuples
from daemon.delivery import reasons
from daemon.formats import notations
from daemon.models import Message
from daemon.states import State

PAGE = 100
MAX_SEARCH = 200
MANY = 10_000
SOME_DIGITS = 3  # with fewer of them a word beside others, such as 7 in "room 7", is not a part of a number

_BETWEEN_DIGITS = re.compile(r"[\s()+./\u00a0\u2010-\u2015-]")
_STRUCTURE = ("{", "}", ",", ":")


@dataclass(frozen=True)
class Selection:
    """Which of a job's recipients: those in that state (None: in any) that the text finds ("": all); code: only those
    that have failed for the reason with that code; late: only those sent before this time, UTC ms, that do not show as
    delivered.

    The text is looked for in names and all other fields, in the reason, and in the number: any digits of it, written
    with or without spaces, +49…, 0049… or 0… (without the country code).
    """

    state: str | None = None
    search: str = ""
    code: str | None = None
    late: int | None = None


@dataclass(frozen=True)
class Page:
    """Some recipients, in file order. before, after: cursors of the neighbouring pages, None if there is none."""

    rows: list[MessageRow]
    before: int | None
    after: int | None


def page(
    job: JobRow, selection: Selection, after: int | None = None, before: int | None = None, limit: int = PAGE
) -> Page:
    """The recipients after the id `after`, those before the id `before`, or the first ones.

    Raises InvalidInput (no such state, or a search that is not possible).
    """
    chosen = where(job, selection, after)
    if selection.state and not getattr(job, selection.state):
        return Page([], None, None)
    if before is not None and after is None:
        backward = Message.select().where(where(job, selection, before=before)).order_by(Message.id.desc())
        with in_order():
            rows = messages(backward.limit(limit + 1))
        if len(rows) > limit:
            rows = rows[limit - 1 :: -1]
            return Page(rows, rows[0].id, rows[-1].id)
        # Else it is the first page, which is shown full.
    with in_order():
        rows = messages(Message.select().where(chosen).order_by(Message.id).limit(limit + 1))
    more = len(rows) > limit
    rows = rows[:limit]
    first = (rows[0].id if rows else after + 1) if after is not None else None
    return Page(rows, first, rows[-1].id if more else None)


def counts(job: JobRow, selection: Selection) -> dict[str, int]:
    """How many recipients the search finds in each state, whatever state is selected; of late ones MANY at most."""
    if selection.code and not selection.search.strip():
        failed = reasons.of(job.id).get(selection.code, 0)
        return {state.value: failed if state is State.FAILED else 0 for state in State}
    if not selection.search.strip() and selection.late is None:
        return {state.value: getattr(job, state.value) for state in State}
    if selection.late is not None:
        many = Message.select(Message.id).where(where(job, selection)).limit(MANY).count()
        return {state.value: many if state is State.SENT else 0 for state in State}
    state = peewee.fn.COALESCE(Message.state, "")  # not the column: SQLite would follow its index, row by row
    query = Message.select(state, peewee.fn.COUNT(Message.id)).where(
        where(job, Selection(None, selection.search, selection.code))
    )
    found = dict(tuples(query.group_by(peewee.SQL("1"))))
    return {each.value: found.get(each.value, 0) for each in State}


def neighbours(job: JobRow, message_id: int, selection: Selection) -> tuple[int | None, int | None]:
    """The ids of the recipients before and after this one of the job, in the selection."""
    earlier, later = where(job, selection, before=message_id), where(job, selection, message_id)
    with in_order():
        before = Message.select(Message.id).where(earlier).order_by(Message.id.desc()).limit(1).scalar()
        after = Message.select(Message.id).where(later).order_by(Message.id).limit(1).scalar()
    return before, after


def where(job: JobRow, selection: Selection, after: int | None = None, before: int | None = None) -> Any:
    """The condition that the selected recipients meet, those between these ids. Raises InvalidInput."""
    if selection.state is not None and selection.state not in set(State):
        raise errors.InvalidInput(Why.STATE_UNFIT, states=", ".join(State))
    # Without its ends PostgreSQL would go through the rows of all earlier jobs to find the first of this one; with two
    # lower ones SQLite takes the wrong one and goes through all of the job.
    chosen = (Message.job == job.id) & (Message.id >= _end(job, peewee.fn.MIN) if after is None else Message.id > after)
    chosen &= Message.id <= _end(job, peewee.fn.MAX) if before is None else Message.id < before
    if selection.code is not None:
        chosen &= Message.failed_by == selection.code  # it has failed: the state says no more, and has another index
    if selection.state is not None and not (selection.code and selection.state == State.FAILED):
        chosen &= Message.state == selection.state
    if selection.late is not None:
        chosen &= (Message.state == State.SENT.value) & (Message.sent_at < selection.late)
    phrases = _phrases(selection.search)
    for phrase in phrases:
        chosen &= _found_by(phrase, job.columns, len(phrases) == 1)
    return chosen


def _end(job: JobRow, edge: Any) -> Any:
    other = Message.alias()
    return other.select(edge(other.id)).where(other.job == job.id)


def _phrases(search: str) -> list[str]:
    """What to search for: a number as one phrase, otherwise each word. Raises InvalidInput."""
    text = " ".join(search.split())
    if len(text) > MAX_SEARCH:
        raise errors.InvalidInput(Why.SEARCH_TOO_LONG, most=MAX_SEARCH)
    masking.searchable(text)
    return [text] if _digits(text) else text.split()


def _digits(text: str) -> str:
    """The digits of what may be part of a number, "" for anything else."""
    plain = _BETWEEN_DIGITS.sub("", text)
    return "".join(str(unicodedata.decimal(sign)) for sign in plain) if plain.isdecimal() else ""


def _found_by(phrase: str, columns: list[str], alone: bool) -> Any:
    parts = [contains(_values(phrase, columns), json.dumps(phrase, ensure_ascii=False)[1:-1])]
    parts.append(contains(Message.error, phrase))
    if alone or len(_digits(phrase)) >= SOME_DIGITS:
        for pattern in _number_patterns(phrase):  # in either notation
            parts += [_like(Message.number, pattern), _like(Message.person, pattern)]
        parts += [_like(Message.person, pattern) for pattern in notations.patterns(_digits(phrase))]
    return reduce(or_, parts)


def _number_patterns(phrase: str) -> list[str]:
    digits = _digits(phrase)
    if not digits:
        return []
    if phrase.lstrip(" (").startswith("+"):
        return [f"+{digits}%"]
    patterns = [f"%{digits}%"]
    if digits.startswith("00"):
        patterns.append(f"+{digits[2:]}%")
    elif digits.startswith("0"):
        patterns += [f"+{'_' * code}{digits[1:]}%" for code in (1, 2, 3)]
    return patterns


def _values(phrase: str, columns: list[str]) -> Any:
    """The fields as they are stored; where the phrase is a part of a column's name or of JSON itself, their values."""
    names = [name for name in columns if phrase.casefold() in name.casefold()]
    fields: Any = Message.fields
    if phrase in _STRUCTURE:
        names = columns
    for name in names:
        fields = peewee.fn.REPLACE(fields, json.dumps(name, ensure_ascii=False) + ":", "")
    if phrase in _STRUCTURE:
        for signs in ('{"', '","', '"}'):
            fields = peewee.fn.REPLACE(fields, signs, '"')
        fields = peewee.fn.REPLACE(fields, "{}", "")
    return fields


def contains(column: Any, text: str) -> Any:
    """Whether the text contains it, ignoring case. Each database gets no more work than it needs: SQLite only knows
    English capitals, and PostgreSQL is slow with those of all languages."""
    spelled, kind = {text}, "LIKE"
    if not text.isascii() and not on_postgres():
        spelled |= {text.lower(), text.upper(), text.title()}
    elif on_postgres() and text.lower() != text.upper():
        kind = 'COLLATE "C" ILIKE' if text.isascii() else "ILIKE"
    escaped = [re.sub(r"([\\%_])", r"\\\1", each) for each in sorted(spelled)]
    return reduce(or_, (_like(column, f"%{each}%", kind) for each in escaped))


def _like(column: Any, pattern: str, kind: str = "LIKE") -> Any:
    value = peewee.Value(pattern, converter=False)  # as it is: a column's own type, such as JSON, is not the pattern's
    return peewee.NodeList((column, peewee.SQL(kind), value, peewee.SQL(r"ESCAPE '\'")))
