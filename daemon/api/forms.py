"""Files sent as multipart/form-data: read as they arrive, into memory or onto the disk, up to a limit."""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from aiohttp import BodyPartReader, MultipartReader, web
from aiohttp.http_exceptions import BadHttpMessage

from daemon import errors
from daemon.api.refusals import Why
from daemon.contacts import file_reading, uploads
from daemon.contacts.file_reading import File
from daemon.contacts.importer import Said
from daemon.formats.storable import storable
from daemon.server.posted import parts, posted, readable
from daemon.server.visitors import SETTINGS

CHUNK = 256 * 1024
IN_MEMORY = 1024 * 1024  # of a contacts file; a larger one goes onto the disk
LONGEST_FIELD = 4 * 1024
# What aiohttp raises about a form that it cannot read: LookupError is about its charset, RuntimeError its encoding.
BROKEN = (ValueError, LookupError, RuntimeError, BadHttpMessage)


@dataclass(frozen=True)
class ContactsFile:
    """A contacts file, in the part `file`; it is open until the request ends. said: in parts of their own, or in the
    query. sha256: of the file's content.
    """

    file: File
    said: Said
    sha256: str

    @property
    def asked(self) -> dict[str, Any]:
        """What makes two requests the same."""
        return {"name": self.file.name, "sha256": self.sha256, **vars(self.said)}


@dataclass(frozen=True)
class StoredFile:
    """A file of any kind, in the part `file`; it is at `path` until the request ends, unless it is moved."""

    filename: str
    path: Path
    sha256: str

    @property
    def asked(self) -> dict[str, Any]:
        """What makes two requests the same."""
        return {"name": self.filename, "sha256": self.sha256}


@dataclass(frozen=True)
class ImportForm:
    """Numbers for the suppression list: a file, or a text. said: as of ContactsFile."""

    file: File | None
    numbers: str
    reason: str
    said: Said
    sha256: str = ""

    @property
    def asked(self) -> dict[str, Any]:
        """What makes two requests the same."""
        name = self.file.name if self.file else ""
        said = {"numbers": self.numbers, "reason": self.reason, **vars(self.said)}
        return {"name": name, "sha256": self.sha256, **said}


Form = ContactsFile | StoredFile | ImportForm


@asynccontextmanager
async def read(request: web.Request, kind: type[Form]) -> AsyncIterator[Form]:
    """The form's content; temporary files are deleted afterwards. Raises MalformedRequest, TooLarge."""
    if kind is ImportForm:
        yield await _import_form(request)
    elif kind is ContactsFile:
        with tempfile.SpooledTemporaryFile(IN_MEMORY) as kept:
            yield await _contacts_file(request, kept)
    else:
        place = uploads.new_part(request.app[SETTINGS])
        try:
            yield await _stored_file(request, place)
        finally:
            place.unlink(missing_ok=True)


async def _contacts_file(request: web.Request, place: IO[bytes]) -> ContactsFile:
    fields = dict(request.query)
    form, part = await _file_part(request, fields)
    size, digest = 0, hashlib.sha256()
    async for chunk in _chunks(form, part, fields):
        size += len(chunk)
        file_reading.refuse_large(size)
        digest.update(chunk)
        place.write(chunk)
    filename = readable(part.filename or "contacts")
    return ContactsFile(File(filename, place), _said(fields), digest.hexdigest())


def _said(given: Mapping[str, str]) -> Said:
    return Said(**{each.name: given.get(each.name, "").strip() or None for each in dataclasses.fields(Said)})


async def _stored_file(request: web.Request, place: Path) -> StoredFile:
    form, part = await _file_part(request)
    max_mb, size, digest = request.app[SETTINGS].max_upload_mb, 0, hashlib.sha256()
    with place.open("wb") as file:
        async for chunk in _chunks(form, part):
            size += len(chunk)
            if size > max_mb * 1024 * 1024:
                raise errors.TooLarge(Why.FILE_TOO_LARGE, limit=max_mb)
            digest.update(chunk)
            file.write(chunk)
    return StoredFile(readable(part.filename or "file"), place, digest.hexdigest())


async def _import_form(request: web.Request) -> ImportForm:
    form = await posted(request)
    sent, file, digest = form.get("file"), None, ""
    if isinstance(sent, web.FileField):
        file = File(sent.filename, sent.file)
        digest = await asyncio.to_thread(_digest, file)
    given = {**request.query, **{name: value for name, value in form.items() if isinstance(value, str)}}
    return ImportForm(file, given.get("numbers", ""), given.get("reason", "").strip(), _said(given), digest)


def _digest(file: File) -> str:
    found = hashlib.sha256()
    for part in file.parts():
        found.update(part)
    return found.hexdigest()


async def _file_part(
    request: web.Request, fields: dict[str, str] | None = None
) -> tuple[MultipartReader, BodyPartReader]:
    """The multipart form, and its part `file`. fields: filled with the texts before it. Raises MalformedRequest."""
    if request.content_type == "multipart/form-data":
        try:
            form = await request.multipart()
            async for part in parts(form):
                if part.name == "file":
                    return form, part
                if fields is not None:
                    await _field(part, fields)
        except BROKEN:
            pass
    raise errors.MalformedRequest(Why.NO_FILE_PART)


async def _field(part: BodyPartReader, fields: dict[str, str]) -> None:
    """Keep the text of a part, as far as one is that long. Raises what BROKEN holds."""
    data = await part.read_chunk(LONGEST_FIELD)
    while await part.read_chunk(CHUNK):
        pass
    fields.setdefault(part.name or "", storable(data.decode("utf-8", "replace")).strip())


async def _chunks(
    form: MultipartReader, part: BodyPartReader, fields: dict[str, str] | None = None
) -> AsyncIterator[bytes]:
    """The part's bytes, all of them. fields: filled with the texts behind it. Raises MalformedRequest."""
    try:
        while chunk := await part.read_chunk(CHUNK):
            yield bytes(chunk)
        async for after in parts(form):  # raises when no boundary follows
            if fields is not None:
                await _field(after, fields)
    except BROKEN:
        raise errors.MalformedRequest(Why.UPLOAD_CUT_OFF) from None
