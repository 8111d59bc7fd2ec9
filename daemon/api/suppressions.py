"""The suppression list: who must not be messaged. Not for viewers, because a search would reveal numbers."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Annotated

from aiohttp import web
from pydantic import Field

from daemon.accounts import directory
from daemon.api import endpoint
from daemon.api.answers import Csv
from daemon.api.endpoint import Caller
from daemon.api.forms import ImportForm
from daemon.api.parameters import MAX_LIMIT, Flag, Limit, Search, Since, TextCursor, ToNumber, Until
from daemon.api.schemas.common import Done, Rejected
from daemon.api.schemas.people import Imported, Suppress, Suppressed, Suppression, Suppressions, Unsuppress
from daemon.campaigns import report
from daemon.campaigns.idempotency import Once
from daemon.config import Settings
from daemon.contacts import file_reading, importer, repairs, suppression
from daemon.contacts.person import Person
from daemon.db import clock
from daemon.errors import ChoosePhoneColumn, NotFound, ReadingBusy
from daemon.i18n.instants import instant
from daemon.server import heavy
from daemon.server.scopes import Scope
from daemon.server.visitors import in_db, timed

HEAD = ["number", "reason", "source", "created_at", "confirmed_at"]

Found = Annotated[Search, Field(description="Only those with this text in their number, reason or source.")]
BySource = Annotated[str, Field(max_length=64, description="Only those that this user, or `reply`, put there.")]
ForExcel = Annotated[Flag, Field(description="Mark the file as UTF-8, which Excel needs.")]


@endpoint.get("/suppressions", scope=Scope.CONTROL, tag="suppressions")
def suppressions(
    caller: Caller,
    *,
    search: Found = "",
    number: ToNumber = "",
    source: BySource | None = None,
    since: Since | None = None,
    until: Until | None = None,
    cursor: TextCursor | None = None,
    limit: Limit = MAX_LIMIT,
) -> Suppressions:
    """The list, newest first, a page at a time."""
    person = Person(importer.one(number, directory.country(caller.settings))).key if number else None
    wanted = suppression.Wanted(person, source, since, until)
    rows, after = suppression.page(search, cursor, limit, wanted)
    return Suppressions(suppressions=[Suppression.model_validate(row) for row in rows], next_cursor=after)


@endpoint.post("/suppressions", scope=Scope.CONTROL, tag="suppressions")
def suppress(caller: Caller, *, body: Suppress) -> Suppressed:
    """Never message this number again, in whichever notation. A person who is already on the list keeps their entry."""
    return Suppressed.model_validate(
        suppression.suppress(
            directory.with_country(caller.settings), body.number, body.reason, caller.name, clock.now_ms()
        )
    )


@endpoint.delete("/suppressions", scope=Scope.ADMIN, errors=(NotFound,), tag="suppressions")
def unsuppress(caller: Caller, *, body: Unsuppress) -> Done:
    """Remove a person from the list, by any notation of their number. Who did it and why is recorded."""
    suppression.remove(directory.with_country(caller.settings), body.number, body.reason, caller.name, clock.now_ms())
    return Done()


@endpoint.post("/suppressions/import", scope=Scope.CONTROL, errors=(ReadingBusy, ChoosePhoneColumn), tag="suppressions")
async def import_suppressions(caller: Caller, request: web.Request, *, form: ImportForm, once: Once) -> Imported:
    """Add all numbers of a contacts file (`file`) or of a text (`numbers`), with one `reason`.

    phone_column, sheet, encoding: as of POST /upload.
    """
    settings = await in_db(request, directory.with_country, caller.settings)
    reason = form.reason or suppression.ASKED
    if form.file is not None:
        found = await file_reading.contacts(form.file, settings.default_country, trusted=True, said=form.said)
        size = form.file.size
        done = await heavy.timed(request, size, suppression.import_found, found, form.file.name, reason, caller.name)
    else:
        size = len(form.numbers)
        done = await heavy.timed(request, size, suppression.import_text, settings, form.numbers, reason, caller.name)
    return await timed(request, once.run, partial(_imported, settings, done))  # which may name many rows


def _imported(settings: Settings, done: suppression.Imported) -> Imported:
    meant = repairs.suggested(done.rejected, settings.default_country)
    rejected = Rejected.every(done.rejected, meant, "row")
    return Imported(
        added=done.added,
        present=done.present,
        already_there=done.present,
        duplicates=done.duplicates,
        duplicates_removed=done.duplicates,
        rejected=rejected,
        encoding=done.encoding,
    )


@endpoint.get("/suppressions/export.csv", scope=Scope.CONTROL, tag="suppressions")
def export_suppressions(caller: Caller, *, excel: ForExcel = False) -> Csv:
    """The whole list as CSV, which can be imported again."""
    return Csv("suppressions.csv", _parts(excel))


def _parts(excel: bool) -> Iterator[bytes]:
    yield ((report.EXCEL_MARK if excel else "") + report.as_csv([HEAD])).encode()
    cursor: str | None = None
    while True:
        rows, cursor = suppression.page("", cursor, MAX_LIMIT)
        yield report.as_csv([_line(row) for row in rows], plain=0).encode()
        if cursor is None:
            return


def _line(row: suppression.Entry) -> list[int | str]:
    return [row.number, row.reason, row.source, _iso(row.created_at), _iso(row.confirmed_at)]


def _iso(at: int | None) -> str:
    return instant(at).isoformat(timespec="seconds") if at else ""
