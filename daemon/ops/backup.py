"""Makes a backup while everything goes on: database, attachments, keys and a manifest in one file, which is read
through before it gets its name; and deletes old ones."""

from __future__ import annotations

import re
import secrets
import shutil
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from daemon import errors
from daemon.accounts import home
from daemon.config import Settings
from daemon.contacts.stored import attachment_path
from daemon.files import durable, release, trouble
from daemon.files.data_folder import RESTORING
from daemon.i18n.instants import instant
from daemon.ops import archive, backup_failures, snapshot, under_way
from daemon.ops.archive import Manifest

FOLDER = "backups"  # in the data folder, where no other place is named
NAME = re.compile(r"wasender-(\d{8}T\d{6}Z)\.backup(?:\.age)?")
PART = re.compile(r"\.(.+?)(?:\.[0-9a-f]{8})?\.part")  # while it is written; earlier versions had no number in it
BESIDE = ("api_key", "secret_key", home.FILE, "selectors.toml")  # of the data folder, where they are there
ATTACHMENTS = "attachments/"
STAGING = ".backup-"  # begins the name of a folder in the data folder that has a copy of the database for a while
DAY_MS = 24 * 3_600_000


@dataclass(frozen=True)
class Made:
    """A backup that was made. deleted: old ones that had to go; stuck: why others could not be deleted; spared: how
    many stay although they are too old, as the clock may be wrong."""

    file: Path
    size: int
    manifest: Manifest
    encrypted: bool
    deleted: list[Path]
    stuck: list[str]
    spared: int = 0


@dataclass(frozen=True)
class Keep:
    """Which backups in a folder stay: the newest so many, and those that are younger than so many days; None: all.

    Where none was made for longer than that, the clock may have jumped: of those of before the days are counted back
    from the newest of them.
    """

    count: int | None = None
    days: int | None = None


def make(settings: Settings, to: Path | None, public_keys: Sequence[str], keep: Keep, now: int) -> Made:
    """Make one. to: a folder, or a file that is not there; None: the folder `backups` in the data folder. public_keys:
    see `archive.recipients`. Raises BackupRefused, DatabaseUnusable, OSError."""
    if to is None:
        under_way.by_its_owner(settings.data_dir)
    with backup_failures.noted(settings.data_dir, now):
        return _made(settings, to, public_keys, keep, now)


def _made(settings: Settings, to: Path | None, public_keys: Sequence[str], keep: Keep, now: int) -> Made:
    wanted = archive.recipients(public_keys)
    if (settings.data_dir / RESTORING).exists():
        raise errors.BackupRefused("A restore has broken off: run `wasender restore` once more, it finishes it.")
    file, ours = _place(settings, to, bool(wanted), bool(keep.count or keep.days), now)
    _sweep(settings.data_dir, file, now)
    if file.exists() and not ours:
        raise _taken(file)
    with tempfile.TemporaryDirectory(prefix=STAGING, dir=settings.data_dir) as staging:
        taken = snapshot.take(settings.db_url, Path(staging))
        if not taken.steps:  # it may be empty because of a fault, and old backups are not to go for it
            raise errors.BackupRefused("There is nothing of wasender's in the database: see what the settings name.")
        manifest = Manifest(now, release.version(), taken.kind, taken.steps, taken.epoch, taken.rows)
        part = file.with_name(f".{file.name}.{secrets.token_hex(4)}.part")
        try:
            identity, passing = archive.passing_key() if wanted else (None, None)
            with archive.written(part, manifest, [*wanted, passing] if wanted else ()) as writer:
                writer.add(taken.file.name, taken.file)
                for name in BESIDE:
                    if (settings.data_dir / name).is_file():
                        writer.add(name, settings.data_dir / name)
                for each in taken.attachments:
                    try:
                        writer.add(f"{ATTACHMENTS}{each}", attachment_path(settings, each))
                    except FileNotFoundError:  # lost, or deleted meanwhile, as nobody has used it for long
                        manifest.missing.append(each)
            archive.read(part, [identity] if wanted else ())
            file = _put(part, file, ours, now)
        finally:
            part.unlink(missing_ok=True)
    size, stuck = file.stat().st_size, list[str]()
    deleted, spared = _prune(file, keep, now, stuck) if ours else ([], 0)
    return Made(file, size, manifest, bool(wanted), deleted, stuck, spared)


def _place(settings: Settings, to: Path | None, encrypted: bool, pruned: bool, now: int) -> tuple[Path, bool]:
    """The file, and whether it has a name of ours. pruned: old ones are deleted, so that it has to be a folder."""
    folder = settings.data_dir / FOLDER if to is None else to
    if to is None:
        durable.make_folder(folder)
    if not folder.is_dir():
        missing = folder if pruned else folder.parent
        if not missing.is_dir():
            raise errors.BackupRefused(f"There is no folder {missing}: make it, or look whether its disk is mounted.")
        return folder, False
    return folder / _name(encrypted, now), True


def _name(encrypted: bool, now: int) -> str:
    return f"wasender-{instant(now):%Y%m%dT%H%M%SZ}.backup{'.age' if encrypted else ''}"


def _put(part: Path, file: Path, ours: bool, now: int) -> Path:
    """Give it its name; the next free one where another installation's backup in the folder has it. Raises
    BackupRefused where a person has named the file, which is there now."""
    while True:
        try:
            durable.keep_new(part, file)
        except FileExistsError:
            if not ours:
                raise _taken(file) from None
            now += 1000
            file = file.with_name(_name(file.suffix == ".age", now))
        else:
            return file


def _taken(file: Path) -> errors.BackupRefused:
    return errors.BackupRefused(f"There is a file {file} already: name another one.")


def _sweep(data_dir: Path, file: Path, now: int) -> None:
    """Delete what backups that were killed have left; of parts, which may belong to another data folder's backup that
    is being made, only old ones."""
    for each in data_dir.glob(f"{STAGING}*"):
        shutil.rmtree(each, ignore_errors=True)
    for each in file.parent.glob(".*.part"):
        found = PART.fullmatch(each.name)
        if found and (found[1] == file.name or NAME.fullmatch(found[1])):
            with suppress(OSError):  # it has got its name just now, or is another user's
                if each.stat().st_mtime < (now - DAY_MS) / 1000:
                    each.unlink()


def _prune(made: Path, keep: Keep, now: int, stuck: list[str]) -> tuple[list[Path], int]:
    """Delete what need not stay; never the one that was just made, nor any other file. Also how many of those that are
    too old stay, as the clock may be wrong. stuck: gets why one could not be deleted, which is not this backup's
    failure."""
    if keep.count is None and keep.days is None:
        return [], 0
    try:
        files = list(made.parent.iterdir())
    except OSError as error:
        stuck.append(f"{made.parent} cannot be read: {trouble.reason(error)}.")
        return [], 0
    times = {path: at for path in files if (at := _made_at(path.name)) is not None}
    newest = sorted(times, key=lambda path: times[path], reverse=True)
    stay, spared = {made, *newest[: keep.count or 0]}, set[Path]()
    if keep.days is not None:
        days = keep.days * DAY_MS
        young = {path for path in newest if path == made or times[path] >= (now - days) // 1000 * 1000}
        last = max((times[path] for path in newest if path not in young), default=now)
        if last < min(times[path] for path in young) - days:  # nobody made one for as long, or the clock has jumped
            spared = {path for path in newest if times[path] >= last - days} - young - stay
        stay |= young | spared
    deleted = []
    for path in newest:
        if path in stay:
            continue
        try:
            path.unlink(missing_ok=True)
            deleted.append(path)
        except OSError as error:
            stuck.append(f"{path} cannot be deleted: {trouble.reason(error)}.")
    return deleted, len(spared)


def _made_at(name: str) -> int | None:
    """When a backup of that name was made (UTC ms); None where it is no name of ours."""
    found = NAME.fullmatch(name)
    with suppress(ValueError):  # digits that are no date
        return int(datetime.strptime(found[1], "%Y%m%dT%H%M%S%z").timestamp()) * 1000 if found else None
    return None
