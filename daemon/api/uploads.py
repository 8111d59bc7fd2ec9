"""Uploads: contacts files and attachments, which are referred to by their ids afterwards."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from aiohttp import web

from daemon.api import endpoint
from daemon.api.endpoint import Caller
from daemon.api.forms import ContactsFile, StoredFile
from daemon.api.schemas.common import Rejected
from daemon.api.schemas.library import Attachment, Upload
from daemon.contacts import file_reading, uploads
from daemon.errors import ChoosePhoneColumn, ReadingBusy
from daemon.server.scopes import Scope
from daemon.server.visitors import in_db


@endpoint.post("/upload", scope=Scope.SEND, errors=(ReadingBusy, ChoosePhoneColumn), tag="uploads")
async def upload(caller: Caller, request: web.Request, *, file: ContactsFile) -> Upload:
    """Upload a contacts file (CSV, XLSX, TXT, vCard); send to it by its `upload_id`.

    Where it is not certain which column has the telephone numbers, the answer is 422 `choose-phone-column` with the
    `candidates` and an `upload_id`: repeat the request with one of them as `phone_column`, or give it beside the
    `upload_id` wherever that is used.
    """
    country, name = caller.settings.default_country, file.file.name
    try:
        people = await file_reading.contacts(file.file, country, said=file.said)
    except ChoosePhoneColumn as doubt:
        raise await in_db(request, uploads.in_doubt, caller.settings, doubt, name) from None
    found = await in_db(request, uploads.add_contacts, caller.settings, people, name)
    return Upload.model_validate(found | {"rejected": rejected_rows(found["rejected"])})


@endpoint.post("/upload_attachment", scope=Scope.SEND, tag="uploads")
def upload_attachment(caller: Caller, *, file: StoredFile) -> Attachment:
    """Upload a picture, video, audio file or document; attach it to messages by its `attachment_id`."""
    return Attachment.model_validate(uploads.add_attachment(caller.settings, file.path, file.filename))


def rejected_rows(rows: Iterable[Mapping[str, Any]]) -> list[Rejected]:
    """Rows that were left out, as every endpoint shows them."""
    return [Rejected.model_validate({"position": row.get("row", row.get("index")), **row}) for row in rows]
