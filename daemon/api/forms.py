"""Files sent as multipart/form-data: read as they arrive, into memory or onto the disk, up to a limit."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from aiohttp import BodyPartReader, MultipartReader, web
from aiohttp.http_exceptions import BadHttpMessage

from daemon import errors
from daemon.contacts import file_reading, uploads
from daemon.contacts.file_reading import File
from daemon.server.visitors import SETTINGS, posted

CHUNK = 256 * 1024
IN_MEMORY = 1024 * 1024  # of a contacts file; a larger one goes onto the disk
# What aiohttp raises about a form that it cannot read: LookupError is about its charset, RuntimeError its encoding.
BROKEN = (ValueError, LookupError, RuntimeError, BadHttpMessage)


@dataclass(frozen=True)
class ContactsFile:
    """A contacts file, in the part `file`; it is open until the request ends."""

    file: File


@dataclass(frozen=True)
class StoredFile:
    """A file of any kind, in the part `file`; it is at `path` until the request ends, unless it is moved."""

    filename: str
    path: Path


@dataclass(frozen=True)
class ImportForm:
    """Numbers for the suppression list: a file, or a text."""

    file: File | None
    numbers: str
    reason: str


Form = ContactsFile | StoredFile | ImportForm


@asynccontextmanager
async def read(request: web.Request, kind: type[Form]) -> AsyncIterator[Form]:
    """The form's content; temporary files are deleted afterwards. Raises MalformedRequest, TooLarge."""
    if kind is ImportForm:
        yield await _import_form(request)
    elif kind is ContactsFile:
        with tempfile.SpooledTemporaryFile(IN_MEMORY) as kept:
            yield ContactsFile(await _contacts_file(request, kept))
    else:
        place = uploads.new_part(request.app[SETTINGS])
        try:
            yield await _stored_file(request, place)
        finally:
            place.unlink(missing_ok=True)


async def _contacts_file(request: web.Request, place: IO[bytes]) -> File:
    form, part = await _file_part(request)
    size = 0
    async for chunk in _chunks(form, part):
        size += len(chunk)
        file_reading.refuse_large(size)
        place.write(chunk)
    return File(part.filename or "contacts", place)


async def _stored_file(request: web.Request, place: Path) -> StoredFile:
    form, part = await _file_part(request)
    max_mb, size = request.app[SETTINGS].max_upload_mb, 0
    with place.open("wb") as file:
        async for chunk in _chunks(form, part):
            size += len(chunk)
            if size > max_mb * 1024 * 1024:
                raise errors.TooLarge(f"The file is larger than {max_mb} MB, the limit set by WASENDER_MAX_UPLOAD_MB.")
            file.write(chunk)
    return StoredFile(part.filename or "file", place)


async def _import_form(request: web.Request) -> ImportForm:
    form = await posted(request)
    given, file = form.get("file"), None
    if isinstance(given, web.FileField):
        file = File(given.filename, given.file)
    return ImportForm(file, str(form.get("numbers", "")), str(form.get("reason", "")).strip())


async def _file_part(request: web.Request) -> tuple[MultipartReader, BodyPartReader]:
    """The multipart form, and its part `file`. Raises MalformedRequest."""
    if request.content_type == "multipart/form-data":
        try:
            form = await request.multipart()
            async for part in form:
                if isinstance(part, BodyPartReader) and part.name == "file":
                    return form, part
        except BROKEN:
            pass
    raise errors.MalformedRequest(
        "Send the file as multipart/form-data in a part named file: curl -F file=@contacts.csv"
    )


async def _chunks(form: MultipartReader, part: BodyPartReader) -> AsyncIterator[bytes]:
    """The part's bytes, all of them. Raises MalformedRequest."""
    try:
        while chunk := await part.read_chunk(CHUNK):
            yield bytes(chunk)
        await form.next()  # raises when no boundary follows
    except BROKEN:
        raise errors.MalformedRequest("The upload was cut off: send the file again.") from None
