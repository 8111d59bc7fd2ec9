"""What the audit log needs beside its entries: those of commands that ran on this machine without the database, the
deletion of old ones, and a note of the newest one, outside of the database.

A backup, restore or move to PostgreSQL is noted in a file of the data folder, because the database may be another one
afterwards, or of an earlier schema, and what a command changes in it, because the key of the log may be known to the
http process only. That takes the file in. If it dies between that and deleting the file, the entries are there twice.
"""

from __future__ import annotations

import asyncio
import fcntl
import getpass
import json
import os
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import structlog

from daemon import errors
from daemon.auth import audit, audit_reading
from daemon.auth.audit import Deed
from daemon.config import Settings, secret_key
from daemon.db.connection import write
from daemon.files import durable
from daemon.ops import keeping
from daemon.ops.keeping import Beside
from daemon.states import AuditResult

log = structlog.get_logger()

WAITING = "audit-waiting.jsonl"  # in the data folder
HEAD = "audit-head.json"  # likewise: id and digest of an entry, as it was some time ago
EVERY_S = 30.0
PRUNED_EVERY_S = 3_600.0


@dataclass(frozen=True)
class Note:
    """What a command has done. at: UTC ms, by this machine's clock."""

    at: int
    who: str
    action: str
    target: str
    result: AuditResult
    code: str
    kind: str = ""


def on_this_machine() -> str:
    """Who runs a command here, for the log."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # an id without a name
        user = str(os.getuid())
    asker = os.environ.get("SUDO_USER")
    return f"command line ({f'{asker} as {user}' if asker and asker != user else user})"


@contextmanager
def noted(settings: Settings, action: str, now: int, target: str = "") -> Iterator[None]:
    """A command does that in here, from now on; how it ends is noted in the data folder. Where nothing can be written
    there, as its disk is full, that is logged, and the command is not kept from its work."""
    try:
        yield
    except errors.DaemonError as error:
        _note(settings, action, now, target, AuditResult.REFUSED, error.told.code)
        raise
    except BaseException:
        _note(settings, action, now, target, AuditResult.FAILED, "unforeseen")
        raise
    _note(settings, action, now, target, AuditResult.DONE, "")


def change(settings: Settings, action: str, now: int, kind: str, target: str) -> None:
    """Part of the caller's transaction, as the last thing before the commit: a command changes that in the database. It
    is noted in the data folder. Raises OSError."""
    _append(settings.data_dir, Note(now, on_this_machine(), action, target, AuditResult.DONE, "", kind))


def _note(settings: Settings, action: str, now: int, target: str, result: AuditResult, code: str) -> None:
    folder = settings.data_dir
    if not folder.is_dir():  # nothing was ever here
        return
    try:
        _append(folder, Note(now, on_this_machine(), action, target, result, code))
    except OSError as error:
        log.error("audit.entry_lost", action=action, result=result.value, reason=os.strerror(error.errno or 0))


def _append(folder: Path, note: Note) -> None:
    while not _appended(folder, note):
        pass


def _appended(folder: Path, note: Note) -> bool:
    """False where the file was taken in just now: it is no longer read."""
    descriptor = os.open(folder / WAITING, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if not _is_at(folder / WAITING, descriptor):
            return False
        owner = folder.stat()
        if os.geteuid() == 0 and owner.st_uid != 0:
            os.fchown(descriptor, owner.st_uid, owner.st_gid)  # the http process has to read it
        text = f"\n{json.dumps(asdict(note))}\n".encode()  # what is before may be a part of a line
        while text:  # all of it, or an error: a disk that is nearly full takes a part
            text = text[os.write(descriptor, text) :]
        os.fsync(descriptor)
        return True
    finally:
        os.close(descriptor)


def _is_at(file: Path, descriptor: int) -> bool:
    with suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(descriptor), file.stat())
    return False


@contextmanager
def _in_hand(file: Path) -> Iterator[bool]:
    """Whether it is there, and nobody else has it in hand; it is ours then until the end."""
    with ExitStack() as stack:
        ours = False
        with suppress(FileNotFoundError, BlockingIOError):
            descriptor = os.open(file, os.O_RDONLY)
            stack.callback(os.close, descriptor)
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            ours = _is_at(file, descriptor)
        yield ours


def take_in(settings: Settings, now: int) -> int:
    """Make entries of what commands have noted; how many. Of several http processes one does it."""
    file = settings.data_dir / WAITING
    taken = file.with_suffix(".taken")
    with _in_hand(file) as ours:
        if ours and not taken.exists():
            file.rename(taken)
    with _in_hand(taken) as ours:
        if not ours:
            return 0
        notes = list(_read(taken))
        with write():
            for note in notes:
                deed = Deed(
                    note.who, note.action, secret_key(settings), lambda: now, kind=note.kind, target=note.target
                )
                audit.add(deed, AuditResult(note.result), note.code, min(note.at, now))
        taken.unlink()
    return len(notes)


def _read(file: Path) -> Iterator[Note]:
    for line in file.read_text("utf-8", "replace").splitlines():
        with suppress(ValueError, TypeError):  # the disk was full
            yield Note(**json.loads(line))


def anchor(settings: Settings) -> tuple[int, str] | None:
    """The id and digest that were noted outside of the database; None where there are none."""
    try:
        found = json.loads((settings.data_dir / HEAD).read_text())
        return int(found["id"]), str(found["digest"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def keep_anchor(settings: Settings, now: int) -> None:
    """Note the newest entry outside of the database, and in the log of this process: so it is noticed if entries at the
    end are taken away. What is noted already stays if it is no longer there."""
    newest, before = audit_reading.newest(), anchor(settings)
    if newest is None or (before is not None and (newest[0] <= before[0] or not audit_reading.has(*before))):
        return
    entry_id, digest = newest
    part = settings.data_dir / f"{HEAD}.part"
    part.write_text(json.dumps({"id": entry_id, "digest": digest}))
    durable.keep(part, settings.data_dir / HEAD)
    log.info("audit.sealed", entry_id=entry_id, digest=digest)


async def run(settings: Settings, timed: Callable[..., Any]) -> None:
    """All of it, each part whatever became of the others, at once and then again and again, until cancelled. timed:
    runs work on a database thread, with the time."""
    pruned_at = -PRUNED_EVERY_S
    while True:
        works: list[Callable[[], Awaitable[object]]] = [partial(timed, take_in, settings)]
        if time.monotonic() - pruned_at >= PRUNED_EVERY_S:
            pruned_at = time.monotonic()
            works += [partial(_prune, settings, timed), partial(timed, keep_anchor, settings)]
        for work in works:
            try:
                await work()
            except Exception:
                log.exception("audit.upkeep_failed")
        await asyncio.sleep(EVERY_S)


async def _prune(settings: Settings, timed: Callable[..., Any]) -> None:
    if await timed(keeping.steady, Beside.AUDIT):
        while await timed(audit.prune, secret_key(settings), settings.keep_audit_days) == audit.MOST:
            pass
