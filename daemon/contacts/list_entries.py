"""Who is on a contact list: found, a page at a time, and exported."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Any

import peewee

from daemon import errors
from daemon.contacts import masking
from daemon.contacts.person import Person
from daemon.contacts.refusals import Why
from daemon.contacts.unfinished_lists import there
from daemon.db.proxy import database, in_order, tuples
from daemon.formats import notations, tabular
from daemon.models import ContactList, ListEntry
from daemon.states import E164, PersonKey

BATCH = 500
BYTES_EACH = 100
PAGE = 50
NUMBER_TITLE = "whatsapp_number"  # of an export's first column: none is taken for telephone numbers before it
_IN_JSON = frozenset('":,{}[]\\')
_IN_NUMBERS = frozenset("0123456789+ ()-./")


@dataclass(frozen=True)
class Entry:
    """Somebody on a list. fields: those that hold something."""

    id: int
    number: E164
    fields: dict[str, str]


def find(list_id: int) -> ContactList:
    """The list by that id. Raises NotFound."""
    return one(ContactList.select().where(ContactList.id == list_id, there()), list_id)


def size(list_id: int) -> int:
    """What a list's people take, in bytes, roughly."""
    return int(ListEntry.select().where(ListEntry.list == list_id).count()) * BYTES_EACH


def one(query: Any, list_id: int) -> ContactList:
    """The list that the query finds. Raises NotFound."""
    row = query.first()
    if row is None:
        raise errors.NotFound(Why.NO_LIST, list=list_id)
    found: ContactList = row
    return found


def entries(
    list_id: int, search: str = "", cursor: int | None = None, limit: int = PAGE
) -> tuple[list[Entry], int | None]:
    """People on the list, in the order they were added, from behind the cursor; and the cursor of the next page.

    search: a part of the number (however it is written) or of any field, in whatever case. Raises NotFound.
    """
    wanted, columns = tabular.clean(masking.searchable(search)).casefold(), find(list_id).columns
    digits = "".join(filter(str.isdigit, wanted)) if wanted and _IN_NUMBERS.issuperset(wanted) else ""
    digits = re.sub(r"^00?(?=[1-9])", "", digits)  # as it is dialled
    # The fields are stored as JSON: what may also be a title of theirs or a sign of JSON's is looked at again here.
    doubtful = bool(wanted) and (bool(_IN_JSON & set(wanted)) or any(wanted in name for name in columns))
    rows: list[Entry] = []
    while len(rows) <= limit:
        query = of(list_id).order_by(ListEntry.id)
        if cursor is not None:
            query = query.where(ListEntry.id > cursor)
        if wanted:
            query = query.where(_matching(tabular.clean(search), digits))
        size = limit + 1 - len(rows) if not doubtful else 20 * BATCH
        with in_order():
            batch = read(query.limit(size))
        rows += [row for row in batch if not doubtful or _matches(row, wanted, digits)] if wanted else batch
        if len(batch) < size:
            break
        cursor = batch[-1].id
    return rows[:limit], rows[limit - 1].id if len(rows) > limit else None


def persons(list_id: int) -> frozenset[PersonKey]:
    """Who is on the list, in whatever notation. Raises NotFound."""
    rows = tuples(ListEntry.select(ListEntry.person, ListEntry.number).where(ListEntry.list == list_id))
    find(list_id)  # now: of one whose deletion had begun, some were missing
    return frozenset(person or Person(number).key for person, number in rows)


def some(list_id: int, ids: Sequence[int]) -> list[Entry]:
    """Those of the list who have these ids, in the order they were added. Raises NotFound (the list)."""
    find(list_id)
    batches = (of(list_id).where(ListEntry.id.in_(list(batch))) for batch in peewee.chunked(sorted(ids), BATCH))
    return [each for query in batches for each in read(query.order_by(ListEntry.id))]


def _matching(search: str, digits: str) -> Any:
    """SQLite knows capitals of ASCII only, so the usual ways to write a word are tried."""
    written = {search, search.lower(), search.upper(), search.title(), search.capitalize()}
    fields = ListEntry.fields.cast("TEXT")
    found = [fields.contains(json.dumps(each, ensure_ascii=False)[1:-1]) for each in sorted(written)]
    if digits:
        found += [ListEntry.number.contains(digits), ListEntry.person.contains(digits)]
        found += [ListEntry.person**pattern for pattern in notations.patterns(digits)]
    return reduce(or_, found)


def _matches(row: Entry, wanted: str, digits: str) -> bool:
    key = Person(row.number).key
    ways = (row.number, key, *notations.former(key)) if digits else ()
    if any(digits in way for way in ways):
        return True
    return any(wanted in value.casefold() for value in row.fields.values())


def export(list_id: int) -> Iterator[str]:
    """The list as CSV, a part at a time: no spreadsheet takes a cell for a formula, and it can be imported again.

    Raises NotFound with the first part.
    """
    columns, cursor = find(list_id).columns, None
    yield _csv([[NUMBER_TITLE, *map(tabular.harmless, columns)]])
    while True:
        rows, cursor = entries(list_id, cursor=cursor, limit=2 * BATCH)
        yield _csv([[row.number, *(tabular.harmless(row.fields.get(name, "")) for name in columns)] for row in rows])
        if cursor is None:
            return


def _csv(rows: list[list[str]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()


def of(list_id: int) -> Any:
    """The query for all entries of a list, for `read`."""
    return ListEntry.select(ListEntry.id, ListEntry.number, ListEntry.fields).where(ListEntry.list == list_id)


def read(query: Any) -> list[Entry]:
    """What `of` selects, in one go: Peewee's own reading costs several times as much."""
    rows = database.execute(query).fetchall()
    fields = json.loads(f"[{','.join(row[2] for row in rows)}]")
    return [Entry(row[0], row[1], each) for row, each in zip(rows, fields, strict=True)]
