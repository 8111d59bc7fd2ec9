"""Uploads: contacts files and attachments, which are referred to by their ids afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from aiohttp import web

from daemon.accounts import directory
from daemon.api import endpoint
from daemon.api.endpoint import Caller
from daemon.api.forms import ContactsFile, StoredFile
from daemon.api.schemas.common import Rejected
from daemon.api.schemas.library import Attachment, Upload, UploadRow
from daemon.campaigns.idempotency import Once
from daemon.config import Settings
from daemon.contacts import file_reading, importer, repairs, uploads
from daemon.db import clock
from daemon.errors import ChoosePhoneColumn, ReadingBusy
from daemon.server import heavy
from daemon.server.scopes import Scope
from daemon.server.visitors import in_db

PREVIEW = 20


@endpoint.post("/upload", scope=Scope.SEND, errors=(ReadingBusy, ChoosePhoneColumn), tag="uploads", tries=True)
async def upload(caller: Caller, request: web.Request, *, file: ContactsFile, once: Once) -> Upload:
    """Upload a contacts file (CSV, XLSX, TXT, vCard); send to it by its `upload_id`.

    Where it is not certain which column has the telephone numbers, the answer is 422 `choose-phone-column` with the
    `candidates` and an `upload_id`: repeat the request with one of them as `phone_column`, or give it beside the
    `upload_id` wherever that is used.
    """
    name, size = file.file.name, file.file.size
    country = await in_db(request, directory.country, caller.settings)
    incoming, loop = uploads.Incoming(), asyncio.get_running_loop()

    def sink(rows: list[Any], repeated: bool) -> None:
        """Store a batch before the next one comes."""
        asyncio.run_coroutine_threadsafe(_store(request, size, incoming, rows, repeated), loop).result()

    try:
        people = await file_reading.contacts(file.file, country, said=file.said, sink=sink)
    except ChoosePhoneColumn as doubt:
        raise await heavy.timed(request, size, uploads.in_doubt, caller.settings, doubt, name) from None
    return await heavy.timed(request, size, _keep, caller.settings, incoming, people, name, once)


async def _store(request: web.Request, size: int, incoming: uploads.Incoming, rows: list[Any], repeated: bool) -> None:
    async with heavy.turn(request, size):
        await in_db(request, incoming.take, rows, repeated)


@endpoint.post("/upload_attachment", scope=Scope.SEND, tag="uploads", tries=True)
def upload_attachment(caller: Caller, *, file: StoredFile, once: Once) -> Attachment:
    """Upload a picture, video, audio file or document; attach it to messages by its `attachment_id`."""
    now = clock.now_ms()

    def stored(put: Callable[[], uploads.Attachment]) -> Attachment:
        return once.run(lambda: _attachment(put()), now)

    return uploads.keep_attachment(caller.settings, file.path, file.filename, now, stored)


def _attachment(row: uploads.Attachment) -> Attachment:
    return Attachment(attachment_id=row.id, filename=row.filename, size=row.size, kind=row.kind)


def _keep(
    settings: Settings, incoming: uploads.Incoming, people: importer.ContactList, name: str, once: Once, now: int
) -> Upload:
    meant = repairs.suggested(people.rejected, directory.country(settings))
    put = incoming.prepared(settings, people, name, now)
    return once.run(lambda: _upload(put(), people, meant), now)


def _upload(row: uploads.Upload, found: importer.ContactList, meant: repairs.Suggested) -> Upload:
    """The upload, and how its file was read; its preview holds the first contacts only."""
    return Upload(
        upload_id=row.id,
        filename=row.filename,
        total=row.total,
        unique=len(row.contacts),
        duplicates=row.duplicates,
        rejected=Rejected.every(list(row.rejected), meant, "row"),
        columns=row.columns,
        phone_column=row.phone_column,
        sheet=found.sheet,
        hidden_rows=found.hidden_rows,
        hidden_columns=found.hidden_columns,
        encoding=found.encoding,
        encoding_sure=found.encoding_sure,
        preview=[
            UploadRow(row=each.position, number=each.number, fields=each.fields) for each in row.contacts[:PREVIEW]
        ],
    )
