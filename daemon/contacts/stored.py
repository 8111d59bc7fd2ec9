"""The room that uploads and attachments take: a limit for all of them, and those that nobody uses go after a while."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection
from contextlib import suppress
from functools import partial
from pathlib import Path

import peewee
import structlog

from daemon import errors
from daemon.config import Settings
from daemon.contacts import row_sets
from daemon.contacts.refusals import Why
from daemon.db.clock import AHEAD_MS
from daemon.db.connection import after_commit, write
from daemon.models import Attachment, Upload

log = structlog.get_logger()

MB = 1024 * 1024
DAY_MS = 24 * 3_600_000
BATCH = 500  # ids in one statement
SETTLED_MS = 3_600_000  # no upload is without a byte for so long, nor a file without its row
DOUBT = ".doubt"
ID = re.compile(r"[0-9a-f]{16}")
SETS = (Upload.people_set, Upload.repeated_set, Upload.rejected_set, Upload.sheet_set)


def room(settings: Settings, size: int) -> None:
    """See that a file of `size` bytes still fits in. Raises StorageFull.

    Of files that come at the same moment each may find the room that is left, so the limit may be passed by as many.
    """
    if taken() + size > settings.max_stored_mb * MB:
        raise errors.StorageFull(settings.max_stored_mb, settings.keep_unused_days)


def taken() -> int:
    """Bytes that all uploads and attachments take."""
    sums = (table.select(peewee.fn.SUM(table.size)).scalar() for table in (Upload, Attachment))
    return sum(int(each or 0) for each in sums)


def use(upload_id: str | None, attachments: Collection[str], now: int) -> None:
    """Part of the transaction that makes a campaign of them: its attachments stay for good, and the upload for a while
    from now on. Raises AttachmentMissing when one was deleted meanwhile."""
    if upload_id is not None:
        Upload.update(used_at=now).where(Upload.id == upload_id).execute()
    ids = sorted(set(attachments))
    batches = (Attachment.id.in_(list(batch)) for batch in peewee.chunked(ids, BATCH))
    if sum(Attachment.update(used_at=now).where(chosen).execute() for chosen in batches) != len(ids):
        raise errors.AttachmentMissing(Why.ATTACHMENT_DELETED)


def prune(settings: Settings, kept: Callable[[], set[str]], now: int) -> tuple[int, int]:
    """Delete the uploads and attachments that nobody has used in KEEP_UNUSED_DAYS; returns how many of each.

    kept: ids of attachments that are needed though no campaign has them yet.
    """
    before = now - settings.keep_unused_days * DAY_MS
    with write():
        old = list(Upload.select(Upload.id, *SETS).where(Upload.used_at < before))
        row_sets.let_go(*(getattr(row, each.name) for row in old for each in SETS))
        uploads = sum(Upload.delete().where(Upload.id == row.id).execute() for row in old)
        unused = Attachment.select(Attachment.id).where(Attachment.used_at.is_null(), Attachment.created_at < before)
        ids = {row.id for row in unused}
        ids -= kept() if ids else set()
        for batch in peewee.chunked(sorted(ids), BATCH):
            theirs = (Attachment.id.in_(list(batch)), Attachment.used_at.is_null())  # somebody may just have used one
            Attachment.delete().where(*theirs).execute()
            ids -= {row.id for row in Attachment.select(Attachment.id).where(Attachment.id.in_(list(batch)))}
        for each in ids:
            with suppress(OSError):  # a full disk gets no emptier by keeping them
                doubt(settings, each).touch(mode=0o600)
        after_commit(partial(remove, settings, ids))
        if uploads or ids:
            after_commit(partial(log.info, "upload.forgotten", uploads=uploads, attachments=len(ids)))
    return uploads, len(ids)


def attachment_path(settings: Settings, attachment_id: str) -> Path:
    """Where an attachment's bytes lie; the id is ours, not the caller's."""
    return settings.data_dir.resolve() / "attachments" / attachment_id


def doubt(settings: Settings, attachment_id: str) -> Path:
    """A file that is there while that attachment's row comes or goes. If the process dies meanwhile, it tells `settle`
    to look: whoever looked for all files without a row would delete each of them beside a wrong or an empty database.
    """
    return attachment_path(settings, f"{attachment_id}{DOUBT}")


def settle(settings: Settings, now: int) -> int:
    """Remove the files whose process died after their rows had gone, or before these came; returns how many. now: by
    the clock of this machine, as the files are."""
    old, gone = [], 0
    for mark in attachment_path(settings, "").glob(f"*{DOUBT}"):
        with suppress(OSError):  # it has been settled meanwhile, or cannot be now
            age = now - mark.stat().st_mtime_ns // 1_000_000
            if age < -AHEAD_MS:  # the clock was wrong then, or is another machine's: its age begins now
                os.utime(mark, ns=(now * 1_000_000, now * 1_000_000))
            elif age >= SETTLED_MS:
                old.append(mark.name.removesuffix(DOUBT))
    for batch in peewee.chunked(old, BATCH):
        there = {row.id for row in Attachment.select(Attachment.id).where(Attachment.id.in_(list(batch)))}
        for each in batch:
            with suppress(OSError):
                if each in there:
                    doubt(settings, each).unlink(missing_ok=True)
                else:
                    remove(settings, [each])
                    gone += 1
    if gone:
        log.info("upload.swept", count=gone)
    return gone


def without_row(settings: Settings) -> list[Path]:
    """Files of attachments that no row names, and no process is at: an earlier version was killed while it came or
    went, or they are another database's. Whose they are, only a person knows."""
    found = {each.name: each for each in attachment_path(settings, "").glob("*") if ID.fullmatch(each.name)}
    for batch in peewee.chunked(sorted(found), BATCH):
        for row in Attachment.select(Attachment.id).where(Attachment.id.in_(list(batch))):
            del found[row.id]
    return [each for each in found.values() if not doubt(settings, each.name).exists()]


def remove(settings: Settings, ids: Collection[str]) -> None:
    """Delete the files of these attachments. Raises OSError."""
    for each in ids:
        attachment_path(settings, each).unlink(missing_ok=True)
        doubt(settings, each).unlink(missing_ok=True)
