"""Puts a backup in the place of what is there, which is moved aside and never deleted.

Everything is read through, and checked, before anything is changed. What is changed is then written down in the file
`restoring.json` of the data folder, and done by renaming; as long as that file is there no process of ours starts. So a
restore that breaks off is finished by the next call, at whichever point it was. On PostgreSQL the tables that are there
go into a schema of their own, in the same transaction that brings those of the backup. A folder that is mounted, or a
link, cannot be moved: its files go into folders in it.

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
from typing import IO, Any, LiteralString

import psycopg
from psycopg import sql

from daemon import errors
from daemon.config import Settings
from daemon.db import faults, inspection
from daemon.db.schema import HISTORY
from daemon.db.sqlite import SQLITE
from daemon.delivery import interruptions
from daemon.delivery.interruptions import Mark
from daemon.files import durable
from daemon.files.data_folder import RESTORING
from daemon.i18n.instants import instant
from daemon.models import TABLES
from daemon.ops import archive, snapshot, under_way
from daemon.ops.alone import alone
from daemon.ops.archive import File, Manifest
from daemon.ops.audit_upkeep import HEAD
from daemon.ops.backup import ATTACHMENTS, BESIDE

DATABASES = {"database.sqlite": "sqlite", "database.dump": "postgresql"}
MEMBER = re.compile(rf"{'|'.join(map(re.escape, (*DATABASES, *BESIDE)))}|{ATTACHMENTS}[A-Za-z0-9_-]{{1,64}}")
STAGING = ".restore-"  # begins the names of folders that have what is unpacked
WITH_SQLITE = ("-wal", "-shm", "-closed")  # beside the database, and of no use without it
KEPT = "before-restore-"  # begins the names of folders that have what was there
KEPT_SCHEMA = "before_restore_"  # likewise of schemas
MOUNTS = Path("/proc/self/mountinfo")
MAY_MOVE: LiteralString = """SELECT pg_has_role(nspowner, 'USAGE')
    AND has_database_privilege(current_database(), 'CREATE') FROM pg_namespace WHERE nspname = current_schema()"""
SCRIPT = "restore.sql"  # of the dump, beside it
SCHEMA = re.compile(rf"^\d+; \d+ \d+ TABLE (.+) {HISTORY} ", re.MULTILINE)
COPY = re.compile(rb'COPY (?:"(?:[^"]|"")+"|[^." ]+)\.("(?:[^"]|"")+"|[^" ]+) \(.*\) FROM stdin;\n')
END = b"\\.\n"  # of a table's rows


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
    places = {folder, folder / ATTACHMENTS}
    if settings.db_url.startswith(SQLITE):
        places.add(_file(settings).parent)
    for each in [each for place in places for each in place.glob(f"{STAGING}*")]:
        shutil.rmtree(each, ignore_errors=True)


def _file(settings: Settings) -> Path:
    """Of the database; where its name is a link, the file that it leads to is replaced, and the link stays."""
    return Path(settings.db_url.removeprefix(SQLITE)).resolve()


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
    if wanted == "postgresql":
        _check_dump(settings.db_url, staging / "database.dump", manifest)


def _check_dump(url: str, dump: Path, manifest: Manifest) -> None:
    """Whether the dump's tables belong into this database, with as many rows as were put in. Raises BackupRefused."""
    listing = dump.with_name("listing")
    snapshot.run(url, dump.parent, ["pg_restore", "--list", f"--file={listing}", str(dump)])
    found, schema = SCHEMA.search(listing.read_text("utf-8", "replace")), _schema(url)
    if found is None:
        raise errors.BackupRefused("There is no database in the backup: use another one.")
    if found[1] != schema:
        raise errors.BackupRefused(
            f"The backup has its tables in the schema {found[1]}, and the settings name a database whose schema is "
            f"{schema}: restore it where that is {found[1]}, too (search_path says which it is)."
        )
    if not _asked(url, MAY_MOVE):
        raise errors.BackupRefused(
            f"The user in WASENDER_DATABASE_URL may not move the schema {schema} aside: make it the owner of the "
            "database and of the schema."
        )
    script = _script(url, dump, schema)
    copied, ours = _copied(script), {HISTORY, *(table._meta.table_name for table in TABLES)}
    if any(copied.get(name) != count for name, count in manifest.rows.items() if name in ours):
        raise errors.BackupRefused("The database in the backup has other rows than were put in: use another one.")


def _copied(script: Path) -> dict[str, int]:
    """How many rows the script brings into each table: a line is a row."""
    counts: dict[str, int] = {}
    with script.open("rb") as lines:
        for line in lines:
            if found := COPY.fullmatch(line):
                name, count = found[1].decode().strip('"'), 0
                while next(lines, END) != END:
                    count += 1
                counts[name] = count
    return counts


def _planned(settings: Settings, folder: Path, staging: Path, stamp: str, manifest: Manifest, undo: ExitStack) -> _Plan:
    """Nothing is moved yet, but the database to the disk that it belongs to."""
    kept = folder / f"{KEPT}{stamp}"
    steps = [
        _Step(str(staging / name), str(folder / name), str(kept / name)) for name in BESIDE if name in manifest.files
    ]
    steps.append(_Step(None, str(folder / HEAD), str(kept / HEAD)))  # of an entry that the backup may not have
    attachments = staging / ATTACHMENTS.rstrip("/")
    attachments.mkdir(mode=0o700, exist_ok=True)
    durable.sync(attachments)
    folders, dump = [str(staging)], None
    place = folder / attachments.name
    if place.is_symlink() or _mounted(place):
        other = _folder_in(place, stamp, undo)
        steps += _inside(place, attachments, other, stamp)
        folders.append(str(other))
    else:
        steps.append(_Step(str(attachments), str(place), str(kept / attachments.name)))
    if manifest.database == "sqlite":
        file = _file(settings)
        ready, beside = staging / "database.sqlite", kept
        if file.parent != folder:  # perhaps another disk, where nothing can be renamed to
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
    if fixed := [step.place for step in steps if _mounted(Path(step.place))]:
        raise errors.BackupRefused(f"{fixed[0]} is mounted there, so that it cannot be moved aside: unmount it first.")
    durable.sync(staging)
    known = max(interruptions.read(folder / interruptions.FILE).epoch, manifest.epoch)
    return _Plan(steps, dump, f"{KEPT_SCHEMA}{stamp.lower().replace('-', '_')}", folders, known + 1)


def _mounted(path: Path) -> bool:
    """Whether something is mounted just there: then it cannot be renamed."""
    points = [line.split()[4] for line in MOUNTS.read_text().splitlines()]
    return str(path) in [re.sub(r"\\(\d{3})", lambda found: chr(int(found[1], 8)), point) for point in points]


def _folder_in(place: Path, stamp: str, undo: ExitStack) -> Path:
    """A folder for what is put into a folder that stays. Raises BackupRefused, OSError."""
    if not place.is_dir():
        raise errors.BackupRefused(f"{place} leads nowhere: see whether its disk is mounted.")
    return _folder(place / f"{STAGING}{stamp}", undo)


def _inside(place: Path, staged: Path, ready: Path, stamp: str) -> list[_Step]:
    """Have each file of a folder replaced, and the others moved aside, where the folder itself has to stay."""
    for each in staged.iterdir():
        shutil.copyfile(each, ready / each.name)
        (ready / each.name).chmod(0o600)
        durable.sync(ready / each.name)
    durable.sync(ready)
    there, new = {each.name for each in place.iterdir() if each.is_file()}, {each.name for each in ready.iterdir()}
    kept = place / f"{KEPT}{stamp}"
    return [
        _Step(str(ready / name) if name in new else None, str(place / name), str(kept / name))
        for name in sorted(there | new)
    ]


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
        if parent.name.startswith(KEPT) and not any(parent.iterdir()):
            parent.rmdir()  # there was nothing
    (folder / RESTORING).unlink()
    durable.sync(folder)
    for each in plan.folders:
        shutil.rmtree(each, ignore_errors=True)


def _bring_in(url: str, dump: Path, aside: str) -> None:
    """The tables of the dump, in place of those that are there; once. Raises BackupRefused."""
    schema = _schema(url)
    try:
        with snapshot.connected(url) as own:
            done = own.execute("SELECT 1 FROM pg_namespace WHERE nspname = %s", (aside,)).fetchone()
            owned = sql.SQL("ALTER SCHEMA {} RENAME TO {}").format(sql.Identifier(schema), sql.Identifier(aside))
            move = owned.as_string(own)
            made = sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(schema)).as_string(own)
    except psycopg.Error as error:
        raise errors.BackupRefused(f"The database does not answer ({faults.said(error)}).") from None
    if done:
        return
    script = dump.with_name(SCRIPT)
    if not script.exists():  # begun by an earlier version
        script = _script(url, dump, schema)
    # terse: its details and its context would repeat what rows have in them
    stops = ["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--set=VERBOSITY=terse", "--single-transaction"]
    snapshot.run(url, dump.parent, ["psql", *stops, f"--command={move}", f"--command={made}", f"--file={script}"])


def _asked(url: str, query: LiteralString) -> Any:
    """Raises BackupRefused."""
    try:
        with snapshot.connected(url) as own:
            return (own.execute(query).fetchone() or (None,))[0]
    except psycopg.Error as error:
        raise errors.BackupRefused(f"The database does not answer ({faults.said(error)}).") from None


def _schema(url: str) -> str:
    """In which the tables are. Raises BackupRefused."""
    schema = _asked(url, "SELECT current_schema()")
    if schema is None:
        raise errors.BackupRefused("None of the schemas that the database's search_path names is there: make it first.")
    return str(schema)


def _script(url: str, dump: Path, schema: str) -> Path:
    """What brings the dump's tables in. Raises BackupRefused."""
    script = dump.with_name(SCRIPT)
    snapshot.run(url, dump.parent, ["pg_restore", f"--schema={schema}", "--no-owner", f"--file={script}", str(dump)])
    script.chmod(0o600)
    durable.sync(script)
    return script
