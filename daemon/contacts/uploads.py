"""Uploaded contacts files and attachments: kept by id, never named by a path.

A contacts file is stored as it was read. An attachment's bytes lie in DATA_DIR/attachments/<id>, its name
and kind in the database. Limits and kinds: docs/whatsapp-web.md.
"""

from __future__ import annotations

import contextlib
import hashlib
import mimetypes
import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

import structlog

from daemon import errors
from daemon.config import Settings
from daemon.contacts import importer, row_sets, stored
from daemon.contacts.refusals import Unsent, Why
from daemon.contacts.row_sets import Rows
from daemon.contacts.stored import attachment_path
from daemon.db import clock
from daemon.db.connection import write
from daemon.db.proxy import locked
from daemon.db.records import record
from daemon.files import durable
from daemon.formats import filenames, media
from daemon.formats.tabular import Row
from daemon.models import Attachment as AttachmentRow
from daemon.models import Upload as UploadRow
from daemon.states import Kind
from daemon.transports.protocol import Attachment as File

MEDIA_LIMIT = 16 * 1024 * 1024  # above it WhatsApp takes a photo or video only as a document
PHOTOS = frozenset({"image/jpeg", "image/png", "image/webp"})
VIDEOS = frozenset({"video/mp4", "video/3gpp", "video/quicktime"})
AUDIOS = frozenset({"audio/aac", "audio/amr", "audio/mp4", "audio/mpeg", "audio/ogg", "audio/wav"})
MEDIA_TYPES = {  # ours, because `mimetypes` takes .3gp for audio and knows many others only by /etc/mime.types
    "jpg": "image/jpeg", "jpeg": "image/jpeg", "jpe": "image/jpeg", "jfif": "image/jpeg", "png": "image/png",
    "webp": "image/webp", "heic": "image/heic", "heif": "image/heif",
    "mp4": "video/mp4", "3gp": "video/3gpp", "3gpp": "video/3gpp", "mov": "video/quicktime", "qt": "video/quicktime",
    "aac": "audio/aac", "amr": "audio/amr", "m4a": "audio/mp4", "mp3": "audio/mpeg", "ogg": "audio/ogg",
    "oga": "audio/ogg", "opus": "audio/ogg", "wav": "audio/wav",
}  # fmt: skip
# (content, ending) of ISO media files, of which both begin alike: the ending tells.
ALIKE = {("video/mp4", each) for each in ("audio/mp4", "video/3gpp", "video/quicktime")} | {("audio/mp4", "video/mp4")}
MAX_NAME = 120
JOINERS = "\u200c\u200d"  # invisible, but emoji, Persian and Indian words are others without them

log = structlog.get_logger()


Kept = TypeVar("Kept")


@dataclass(frozen=True)
class Upload:
    """A contacts file as it was read. phone_column: title of the column of numbers; contacts, rejected: read from the
    database in pieces; repeated: likewise, the duplicates, None where there are none, or an earlier version has not
    kept them; sheet: its rows, where a person has to say which column has the numbers; candidates: what those columns
    are called."""

    id: str
    filename: str
    total: int
    duplicates: int
    columns: list[str]
    phone_column: str | None
    contacts: Rows[importer.Contact]
    rejected: Rows[importer.Rejected]
    repeated: Rows[importer.Contact] | None = None
    sheet: Rows[Row] | None = None
    candidates: list[str] | None = None


class Incoming:
    """Rows of a contacts file that is being read: stored as they come, and an upload once the file is read to its end.

    What has not become an upload is nobody's, and deleted later. Its methods are for database threads.
    """

    def __init__(self) -> None:
        self._people: int | None = None
        self._repeated: int | None = None
        self.count = 0

    def take(self, rows: Sequence[Sequence[Any]], repeated: bool = False) -> None:
        """Contacts as [row, number, fields]; or such that stand among them already. Raises StorageFull."""
        if repeated:
            self._repeated = row_sets.begin() if self._repeated is None else self._repeated
            row_sets.append(self._repeated, rows)
            return
        if self._people is None:
            self._people = row_sets.begin(distinct=True)
        self.count = row_sets.append(self._people, rows)

    def prepared(
        self, settings: Settings, found: importer.ContactList, filename: str, now: int
    ) -> Callable[[], Upload]:
        """What makes them an upload, with what else was found in the file, in one short transaction. Raises
        StorageFull."""
        if self._people is None:
            self._people = row_sets.begin(distinct=True)
        values = _about(found) | {"total": found.total + self.count}
        rejected = [each.stored(whole=True) for each in found.rejected]
        put = _prepared(settings, filename, values, now, self._people, self._repeated, rejected)
        return lambda: find(put())


@dataclass(frozen=True)
class Attachment:
    """A file that can be sent. kind: what WhatsApp takes it as; size: in bytes; created_at: UTC ms."""

    id: str
    filename: str
    kind: Kind
    mimetype: str
    size: int
    sha256: str
    created_at: int


def add_contacts(settings: Settings, found: importer.ContactList, filename: str, now: int) -> Upload:
    """Keep what was found in a contacts file. Raises StorageFull."""
    people = row_sets.keep(_contacts(found.contacts), distinct=True)
    repeated = _repeated(found)
    rejected = [each.stored(whole=True) for each in found.rejected]
    about = _about(found) | {"total": found.total}
    return find(_prepared(settings, filename, about, now, people, repeated, rejected)())


def in_doubt(settings: Settings, doubt: errors.ChoosePhoneColumn, filename: str, now: int) -> errors.ChoosePhoneColumn:
    """Keep a file of which a person has to say where its numbers are; the error that says so, with its id.

    Raises StorageFull.
    """
    sheet = row_sets.keep(doubt.rows)
    unread = {"total": 0, "duplicates": 0, "columns": [], "candidates": doubt.candidates}
    upload_id = _prepared(settings, filename, unread, now, None, None, (), sheet)()
    return errors.ChoosePhoneColumn(doubt.candidates, doubt.rows, upload_id)


def _about(found: importer.ContactList) -> dict[str, Any]:
    """What an upload keeps of a file beside its rows."""
    return {"duplicates": found.duplicates, "columns": found.columns, "phone_column": found.phone_column}


def _repeated(found: importer.ContactList) -> int | None:
    return row_sets.keep(_contacts(found.repeated)) if found.repeated else None


def _contacts(people: Iterable[importer.Contact]) -> Iterator[list[Any]]:
    return ([each.position, each.number, each.fields] for each in people)


def _prepared(
    settings: Settings,
    filename: str,
    values: dict[str, Any],
    now: int,
    people: int | None,
    repeated: int | None,
    rejected: Sequence[Any],
    sheet: int | None = None,
) -> Callable[[], str]:
    """What stores an upload whose rows are in these sets, once all is there that takes long, and answers its id. Raises
    StorageFull: then the sets are let go."""
    refused = row_sets.keep(rejected)
    sets = {"people_set": people, "repeated_set": repeated, "rejected_set": refused, "sheet_set": sheet}
    size = row_sets.size(*sets.values())
    try:
        stored.room(settings, size)
    except errors.StorageFull:
        row_sets.let_go(*sets.values())
        raise
    upload_id = secrets.token_hex(8)
    named = {"id": upload_id, "filename": safe_name(filename), "created_at": now, "used_at": now, "size": size}

    def put() -> str:
        with write():
            row_sets.hold(*sets.values())
            UploadRow.create(**named, **sets, **values)
        return upload_id

    return put


def chosen(upload_id: str, default_country: str, phone_column: str | None) -> Upload:
    """An upload that was read, for one in doubt with that column of numbers; what is chosen stays chosen.

    Raises NotFound, ChoosePhoneColumn (there is doubt, and nothing said), InvalidInput.
    """
    upload = find(upload_id)
    if upload.sheet is None:
        if phone_column and phone_column.casefold() != (upload.phone_column or "").casefold():
            raise errors.InvalidInput(Why.PHONE_COLUMN_CHOSEN, column=upload.phone_column)
        return upload
    if not phone_column:
        if upload.phone_column is None:
            raise errors.ChoosePhoneColumn(upload.candidates or [], upload_id=upload.id)
        return upload
    if phone_column == upload.phone_column:  # as each of a program's requests says
        return upload
    found = found_in(upload, default_country, phone_column)
    people = row_sets.keep(_contacts(found.contacts), distinct=True)
    repeated = _repeated(found)
    rejected = row_sets.keep([each.stored(whole=True) for each in found.rejected])
    sets = {"people_set": people, "repeated_set": repeated, "rejected_set": rejected}
    values = _about(found) | {"total": found.total} | sets
    with write():
        row = locked(UploadRow.select().where(UploadRow.id == upload_id)).first()
        if row is not None:  # with what somebody else may have chosen since it was read
            row_sets.let_go(*(getattr(row, each) for each in sets))
            row_sets.hold(*sets.values())
            values["size"] = row_sets.size(row.sheet_set, *sets.values())
            UploadRow.update(**values).where(UploadRow.id == upload_id).execute()
        return find(upload_id)


def found_in(upload: Upload, default_country: str, phone_column: str, trusted: bool = False) -> importer.ContactList:
    """What the rows of an upload in doubt hold with that column of numbers. Arguments: as of `importer.read`.

    Raises InvalidInput.
    """
    return importer.from_rows(list(upload.sheet or ()), upload.filename, default_country, trusted, phone_column)


def _contact(row: Sequence[Any]) -> importer.Contact:
    return importer.Contact(*row)


def size(upload_id: str) -> int:
    """Characters of an upload's rows; 0 if there is none of that id."""
    return int(UploadRow.select(UploadRow.size).where(UploadRow.id == upload_id).scalar() or 0)


def find(upload_id: str) -> Upload:
    """The upload by that id. Raises NotFound."""
    row = UploadRow.get_or_none(UploadRow.id == upload_id)
    if row is None:
        raise errors.NotFound(Why.NO_UPLOAD, upload=f"{upload_id[:32]!r}")
    return record(
        Upload,
        row,
        contacts=row_sets.rows(row.people_set, _contact),
        repeated=None if row.repeated_set is None else row_sets.rows(row.repeated_set, _contact),
        rejected=row_sets.rows(row.rejected_set, lambda each: importer.restored([each])[0]),
        sheet=None if row.sheet_set is None else row_sets.rows(row.sheet_set, lambda each: Row(*each)),
    )


def add_attachment(settings: Settings, part: Path, filename: str, now: int) -> Attachment:
    """Keep the file at `part` (moved, not copied; see `new_part`) as an attachment, also through a power cut.

    Raises UnreadableFile when it is empty, StorageFull.
    """
    return keep_attachment(settings, part, filename, now, lambda put: put())


def keep_attachment(
    settings: Settings, part: Path, filename: str, now: int, within: Callable[[Callable[[], Attachment]], Kept]
) -> Kept:
    """The same, and what `within` makes of it: it is given what stores the row, to call it in its own transaction. If
    it does not, the file is deleted."""
    size = part.stat().st_size
    if not size:
        raise errors.UnreadableFile(Why.UPLOAD_EMPTY)
    stored.room(settings, size)
    with part.open("rb") as file:
        name, mimetype = by_content(safe_name(filename), file.read(media.HEAD))
        file.seek(0)
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    attachment = Attachment(
        id=secrets.token_hex(8),
        filename=name,
        kind=kind_of(mimetype, size),
        mimetype=mimetype,
        size=size,
        sha256=digest,
        created_at=now,
    )
    # On the disk before anybody hears of it: a power cut must not leave a campaign with half of a file.
    place = attachment_path(settings, attachment.id)
    durable.make_folder(place.parent)
    stored.doubt(settings, attachment.id).touch(mode=0o600)
    durable.keep(part, place)

    def put() -> Attachment:
        with write():
            AttachmentRow.create(**vars(attachment))
        return attachment

    try:
        kept = within(put)
    except BaseException:
        stored.remove(settings, [attachment.id])
        raise
    stored.doubt(settings, attachment.id).unlink(missing_ok=True)
    return kept


def new_part(settings: Settings) -> Path:
    """The file for an attachment's bytes while they are received; the caller removes what is left."""
    place = attachment_path(settings, f"{secrets.token_hex(8)}.part")
    durable.make_folder(place.parent)
    return place


def sweep(settings: Settings, now: int) -> int:
    """Remove what uploads have left that ended in the middle, with their process; returns how many.

    One to which bytes still come is newer than SETTLED_MS. now: by the clock of this machine, as the files are.
    """
    swept = 0
    for part in attachment_path(settings, "").glob("*.part"):
        with contextlib.suppress(OSError):  # it has ended in order meanwhile, or cannot be removed now
            if not clock.within(int(part.stat().st_mtime * 1000), now, stored.SETTLED_MS):
                part.unlink()
                swept += 1
    if swept:
        log.info("upload.swept", count=swept)
    return swept


def mimetype_of(filename: str) -> str:
    """By the ending, the same on every machine for what WhatsApp takes as a photo, video or audio."""
    ending = Path(filename).suffix[1:].lower()
    return MEDIA_TYPES.get(ending) or mimetypes.guess_type(filename)[0] or "application/octet-stream"


def by_content(filename: str, head: bytes) -> tuple[str, str]:
    """(name, media type) of a file that begins so: WhatsApp takes it for what it is, whatever it is called.

    A photo, video or audio under another ending gets one of its own behind it, as browsers go by endings; what is
    something else, and only called like one, is a document. The ending counts where the content does not tell.
    """
    called, found = mimetype_of(filename), media.sniff(head)
    shown = PHOTOS | VIDEOS | AUDIOS
    if found is None or (found, called) in ALIKE:
        return filename, called
    if found not in shown:
        return filename, found if called in shown or called.startswith("image/") else called
    if _medium(found) == _medium(called):
        return filename, found
    ending = next(ending for ending, kind in MEDIA_TYPES.items() if kind == found)
    return safe_name(f"{filename}.{ending}"), found


def _medium(mimetype: str) -> int | None:
    return next((at for at, kinds in enumerate((PHOTOS, VIDEOS, AUDIOS)) if mimetype in kinds), None)


def kind_of(mimetype: str, size: int) -> Kind:
    """What WhatsApp takes the file as; a photo or video above its media limit goes as a document."""
    if mimetype in PHOTOS and size <= MEDIA_LIMIT:
        return Kind.PHOTO
    if mimetype in VIDEOS and size <= MEDIA_LIMIT:
        return Kind.VIDEO
    if mimetype in AUDIOS and size <= MEDIA_LIMIT:
        return Kind.AUDIO
    return Kind.DOCUMENT


def attachments(ids: Sequence[str]) -> list[Attachment]:
    """The attachments by those ids, in order. Raises NotFound."""
    known = {row.id: row for row in those(ids)}
    missing = [wanted for wanted in ids if wanted not in known]
    if missing:
        raise errors.NotFound(Why.NO_ATTACHMENT, attachment=f"{missing[0][:32]!r}")
    return [known[wanted] for wanted in ids]


def those(ids: Sequence[str]) -> list[Attachment]:
    """The attachments by those ids that there are."""
    rows = AttachmentRow.select().where(AttachmentRow.id.in_(list(ids))) if ids else ()
    return [record(Attachment, row, kind=Kind(row.kind)) for row in rows]


def intact(settings: Settings, ids: Sequence[str]) -> list[Attachment]:
    """The attachments by those ids, in order, whose files are what was uploaded.

    Raises NotFound, AttachmentMissing, AttachmentDamaged.
    """
    found = attachments(ids)
    for row in found:
        check(settings, row)
    return found


def check(settings: Settings, row: Attachment) -> None:
    """See that an attachment's file is what was uploaded. Raises AttachmentMissing, AttachmentDamaged."""
    place = attachment_path(settings, row.id)
    try:
        status = place.stat()
        same = status.st_size == row.size and _digest(place, status.st_ino, status.st_mtime_ns) == row.sha256
    except OSError:
        raise errors.AttachmentMissing(Why.ATTACHMENT_GONE, file=row.filename) from None
    if not same:
        raise errors.AttachmentDamaged(Why.ATTACHMENT_DAMAGED, file=row.filename)


@lru_cache(1024)
def _digest(place: Path, _inode: int, _changed_ns: int) -> str:
    """SHA-256 of a file; read once for everybody who gets it, as long as nobody writes to it."""
    with place.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def files(settings: Settings, ids: Sequence[str], to_send: bool = True) -> tuple[File, ...]:
    """The attachments as a transport takes them. to_send: else only what they are called matters.

    Raises AttachmentLost (or, more exactly, AttachmentMissing or AttachmentDamaged).
    """
    try:
        rows = attachments(ids)
    except errors.NotFound:
        raise errors.AttachmentLost(Unsent.ATTACHMENT_NOT_STORED) from None
    for row in rows if to_send else ():
        _must_be_there(settings, row)
    return tuple(
        File(attachment_path(settings, row.id), row.filename, row.kind, row.mimetype, row.size) for row in rows
    )


def _must_be_there(settings: Settings, row: Attachment) -> None:
    try:
        check(settings, row)
    except errors.AttachmentLost as error:
        raise type(error)(Unsent.ATTACHMENT_LOST, attachment=row.id) from None


def safe_name(filename: str) -> str:
    """The last part of a client's file name, without what a file system or a log could trip over."""
    name = filename.replace("\\", "/").rsplit("/", 1)[-1]
    name = "".join(sign for sign in name if sign in JOINERS or (sign.isprintable() and sign not in '<>:"|?*'))
    name = name.strip(". " + JOINERS)
    if len(name) > MAX_NAME:
        stem, dot, ending = name.rpartition(".")
        name = (stem[: MAX_NAME - len(ending) - 1] + dot + ending) if dot and len(ending) < 12 else name[:MAX_NAME]
    return filenames.short(name) or "file"
