"""Puts a backup in the place of what is there, which is moved aside and never deleted.

Everything is read through, and checked, before anything is changed. What is changed is then written down in the file
`restoring.json` of the data folder, and done by renaming; as long as that file is there no process of ours starts. So a
restore that breaks off is finished by the next call, at whichever point it was. On PostgreSQL the tables that are there
go into a schema of their own, in the same transaction that brings those of the backup.

The epoch in the data folder is raised before anything else: whoever then starts finds an older database, see
`delivery/interruptions.py`.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import psycopg
from psycopg import sql

from daemon import errors
from daemon.config import Settings
from daemon.db import faults, inspection
from daemon.db.sqlite import SQLITE
from daemon.delivery import interruptions
from daemon.delivery.interruptions import Mark
from daemon.files import durable
from daemon.files.data_folder import RESTORING
from daemon.i18n.instants import instant
from daemon.ops import archive, snapshot, under_way
from daemon.ops.alone import alone
from daemon.ops.archive import File, Manifest
from daemon.ops.backup import ATTACHMENTS, BESIDE

DATABASES = {"database.sqlite": "sqlite", "database.dump": "postgresql"}
MEMBER = re.compile(rf"{'|'.join(map(re.escape, (*DATABASES, *BESIDE)))}|{ATTACHMENTS}[A-Za-z0-9_-]{{1,64}}")
STAGING = ".restore-"  # begins the names of folders that have what is unpacked
WITH_SQLITE = ("-wal", "-shm", "-closed")  # beside the database, and of no use without it


@dataclass(frozen=True)
class Restored:
    """What was restored. manifest: None where an earlier restore was finished; kept: where what was there is now: the
    folders, and the schema in the database."""

    manifest: Manifest | None
    kept: list[str]


@dataclass(frozen=True)
class _Step:
    """One thing to do: what is at `place` goes to `kept`, and what is at `staged`, if anything, goes there."""

    staged: str | None
    place: str
    kept: str

    def do(self) -> None:
        """Also where part of it is done already."""
        place, kept = Path(self.place), Path(self.kept)
        if self.staged is None:
            if os.path.lexists(place):
                place.rename(kept)
        elif os.path.lexists(self.staged):
            if os.path.lexists(place):
                place.rename(kept)
            Path(self.staged).rename(place)


@dataclass(frozen=True)
class _Plan:
    """All that is to be done, as `restoring.json` has it. dump: of PostgreSQL, with the schema that the tables which
    are there get; folders: that are deleted at the end; epoch: that the data folder gets."""

    steps: list[_Step]
    dump: str | None
    schema: str
    folders: list[str]
    epoch: int = 0

    @property
    def kept(self) -> list[str]:
        folders = sorted({str(Path(step.kept).parent) for step in self.steps if os.path.lexists(step.kept)})
        return folders + ([f"schema {self.schema}"] if self.dump else [])


def restore(settings: Settings, file: Path, key: Path | None, now: int) -> Restored:
    """Restore that backup; if an earlier restore broke off, finish that one instead. key: the file with the secret key.

    Raises BackupRefused (a process of ours runs, the backup is damaged, newer than this program, or of another kind of
    database), OSError. Nothing was changed then.
    """
    folder = settings.data_dir.resolve()
    durable.make_folder(folder)
    under_way.by_its_owner(folder)
    with under_way.one_at_a_time(folder), alone(settings.db_url) as look_again:
        plan = _unfinished(folder)
        if plan is not None:
            _carry_out(settings, folder, plan)
            return Restored(None, plan.kept)
        _sweep(settings, folder)
        stamp = f"{instant(now):%Y%m%dT%H%M%SZ}-{secrets.token_hex(2)}"
        with ExitStack() as undo:
            staging = _folder(folder / f"{STAGING}{stamp}", undo)
            manifest = _unpack(file, archive.identities(key), staging)
            _check(settings, manifest, staging)
            plan = _planned(settings, folder, staging, stamp, manifest, undo)
            undo.callback((folder / RESTORING).unlink, missing_ok=True)
            _note(folder, plan)
            look_again()  # unpacking takes a while; who starts from here on is kept out by the note
            undo.pop_all()  # from here on it is finished, not undone
        _carry_out(settings, folder, plan)
    return Restored(manifest, plan.kept)


def _sweep(settings: Settings, folder: Path) -> None:
    """Delete what restores that were killed before anything was changed have left."""
    places = {folder}
    if settings.db_url.startswith(SQLITE):
        places.add(Path(settings.db_url.removeprefix(SQLITE)).parent)
    for each in [each for place in places for each in place.glob(f"{STAGING}*")]:
        shutil.rmtree(each, ignore_errors=True)


def _folder(path: Path, undo: ExitStack) -> Path:
    path.mkdir(mode=0o700)
    undo.callback(shutil.rmtree, path, ignore_errors=True)
    return path


def _unpack(file: Path, identities: Sequence[Any], staging: Path) -> Manifest:
    """Raises BackupRefused, OSError."""

    def take(name: str, content: IO[bytes]) -> File:
        if not MEMBER.fullmatch(name):
            raise errors.BackupRefused(f"{name} does not belong in a backup: use another one.")
        place = staging / name
        place.parent.mkdir(mode=0o700, exist_ok=True)
        with os.fdopen(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            copied = archive.copied(content, out)
            out.flush()
            os.fsync(out.fileno())
        return copied

    return archive.read(file, identities, take)


def _check(settings: Settings, manifest: Manifest, staging: Path) -> None:
    """Whether this version, with these settings, can go on with it. Raises BackupRefused."""
    known = {path.stem for path in inspection.MIGRATIONS.glob("[0-9]*.py")}
    if newer := sorted(set(manifest.steps) - known):
        raise errors.BackupRefused(
            f"The backup was made by a newer wasender (step {newer[-1]}): install that version or a later one."
        )
    wanted = "sqlite" if settings.db_url.startswith(SQLITE) else "postgresql"
    if manifest.database != wanted:
        raise errors.BackupRefused(
            f"The backup is of a database of {manifest.database}, and the settings name one of {wanted}: restore it "
            "with WASENDER_DATABASE_URL as it was then; `wasender migrate` moves from SQLite to PostgreSQL."
        )
    if not any((staging / name).is_file() for name, kind in DATABASES.items() if kind == wanted):
        raise errors.BackupRefused("There is no database in the backup: use another one.")
    if wanted == "sqlite" and snapshot.looked_at(staging / "database.sqlite").rows != manifest.rows:
        raise errors.BackupRefused("The database in the backup has other rows than were put in: use another one.")


def _planned(settings: Settings, folder: Path, staging: Path, stamp: str, manifest: Manifest, undo: ExitStack) -> _Plan:
    """Nothing is moved yet, but the database to the disk that it belongs to."""
    kept = folder / f"before-restore-{stamp}"
    steps = [
        _Step(str(staging / name), str(folder / name), str(kept / name)) for name in BESIDE if name in manifest.files
    ]
    attachments = staging / ATTACHMENTS.rstrip("/")
    attachments.mkdir(mode=0o700, exist_ok=True)
    durable.sync(attachments)
    steps.append(_Step(str(attachments), str(folder / attachments.name), str(kept / attachments.name)))
    folders, dump = [str(staging)], None
    if manifest.database == "sqlite":
        file = Path(settings.db_url.removeprefix(SQLITE))
        ready, beside = staging / "database.sqlite", kept
        if file.parent.resolve() != folder:  # perhaps another disk, where nothing can be renamed to
            other = _folder(file.parent / f"{STAGING}{stamp}", undo)
            shutil.copyfile(ready, other / ready.name)
            durable.sync(other / ready.name)
            ready, beside = other / ready.name, file.parent / kept.name
            folders.append(str(other))
        with_it = [file.with_name(f"{file.name}{ending}") for ending in WITH_SQLITE]
        steps += [_Step(None, str(each), str(beside / each.name)) for each in with_it]
        steps.append(_Step(str(ready), str(file), str(beside / file.name)))
    else:
        dump = str(staging / "database.dump")
    durable.sync(staging)
    known = max(interruptions.read(folder / interruptions.FILE).epoch, manifest.epoch)
    return _Plan(steps, dump, f"before_restore_{stamp.lower().replace('-', '_')}", folders, known + 1)


def _note(folder: Path, plan: _Plan) -> None:
    part = folder / f"{RESTORING}.part"
    text = {"steps": [list(vars(step).values()) for step in plan.steps]} | {
        name: getattr(plan, name) for name in ("dump", "schema", "folders", "epoch")
    }
    part.write_text(json.dumps(text))
    durable.keep(part, folder / RESTORING)


def _unfinished(folder: Path) -> _Plan | None:
    try:
        text = (folder / RESTORING).read_text()
    except FileNotFoundError:
        return None
    given = json.loads(text)
    return _Plan(**given | {"steps": [_Step(*step) for step in given["steps"]]})


def _carry_out(settings: Settings, folder: Path, plan: _Plan) -> None:
    """Do what is left of it."""
    interruptions.raise_to(folder / interruptions.FILE, Mark(plan.epoch))
    if plan.dump is not None:
        _bring_in(settings.db_url, Path(plan.dump), plan.schema)
    parents = {Path(step.kept).parent for step in plan.steps} | {Path(step.place).parent for step in plan.steps}
    for parent in parents:
        durable.make_folder(parent)
    for step in plan.steps:
        step.do()
    for parent in parents:
        durable.sync(parent)
        if parent.name.startswith("before-restore-") and not any(parent.iterdir()):
            parent.rmdir()  # there was nothing
    (folder / RESTORING).unlink()
    durable.sync(folder)
    for each in plan.folders:
        shutil.rmtree(each, ignore_errors=True)


def _bring_in(url: str, dump: Path, aside: str) -> None:
    """The tables of the dump, in place of those that are there; once. Raises BackupRefused."""
    try:
        with snapshot.connected(url) as own:
            (schema,) = own.execute("SELECT current_schema()").fetchone() or (None,)
            done = own.execute("SELECT 1 FROM pg_namespace WHERE nspname = %s", (aside,)).fetchone()
            owned = sql.SQL("ALTER SCHEMA {} RENAME TO {}").format(
                sql.Identifier(schema or "public"), sql.Identifier(aside)
            )
            move = owned.as_string(own)
            made = sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(schema or "public")).as_string(own)
    except psycopg.Error as error:
        raise errors.BackupRefused(f"The database does not answer ({faults.said(error)}).") from None
    if done:
        return
    script = dump.with_name("restore.sql")
    snapshot.run(
        url, dump.parent, ["pg_restore", f"--schema={schema or 'public'}", "--no-owner", f"--file={script}", str(dump)]
    )
    script.chmod(0o600)
    # terse: its details and its context would repeat what rows have in them
    stops = ["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--set=VERBOSITY=terse", "--single-transaction"]
    snapshot.run(url, dump.parent, ["psql", *stops, f"--command={move}", f"--command={made}", f"--file={script}"])
