"""Uploads: contacts files and attachments, which are referred to by their ids afterwards."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from daemon.api import endpoint
from daemon.api.endpoint import Caller
from daemon.api.forms import ContactsFile, StoredFile
from daemon.api.schemas.common import Rejected
from daemon.api.schemas.library import Attachment, Upload
from daemon.contacts import uploads
from daemon.server.scopes import Scope


@endpoint.post("/upload", scope=Scope.SEND, tag="uploads")
def upload(caller: Caller, *, file: ContactsFile) -> Upload:
    """Upload a contacts file (CSV, XLSX, TXT, vCard); send to it by its `upload_id`."""
    found = uploads.add_contacts(file.data, file.filename, caller.settings.default_country)
    return Upload.model_validate(found | {"rejected": rejected_rows(found["rejected"])})


@endpoint.post("/upload_attachment", scope=Scope.SEND, tag="uploads")
def upload_attachment(caller: Caller, *, file: StoredFile) -> Attachment:
    """Upload a picture, video, audio file or document; attach it to messages by its `attachment_id`."""
    return Attachment.model_validate(uploads.add_attachment(caller.settings, file.path, file.filename))


def rejected_rows(rows: Iterable[Mapping[str, Any]]) -> list[Rejected]:
    """Rows that were left out, as every endpoint shows them."""
    return [Rejected.model_validate({"position": row.get("row", row.get("index")), **row}) for row in rows]
