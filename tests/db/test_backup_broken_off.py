"""Backups and restores that are killed, that meet each other, or that find somebody using what they replace, or
no place for what they bring."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import pwd
import re
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import psycopg
import pytest

from daemon import errors
from daemon.db import clock as db_clock
from daemon.db import connection
from daemon.delivery import interruptions
from daemon.delivery.interruptions import FILE, Presence
from daemon.files.data_folder import RESTORING
from daemon.models import Message
from daemon.ops import alone, archive, backup, backup_failures, migrate, restore, under_way
from daemon.ops.backup import Keep
from daemon.ops.backup_failures import Failure
from tests.conftest import NOW
from tests.support import forks
from tests.support.rig import eventually

pytestmark = pytest.mark.usefixtures("fresh_database")


def make(settings: Any, to: Path | None = None) -> backup.Made:
    return backup.make(settings, to, (), Keep(), db_clock.now_ms())


@pytest.mark.parametrize("backend", ["sqlite"])
def test_an_empty_database_takes_no_backups_place(bench: Any, tmp_path: Path) -> None:
    """One that was lost, or is being replaced: it is told, and old backups stay."""
    made = make(bench.settings, tmp_path)
    connection.close()
    file = Path(bench.settings.db_url.removeprefix("sqlite:///"))
    aside = file.rename(tmp_path / "aside")
    file.touch()
    with pytest.raises(errors.BackupRefused, match="nothing of wasender's"):
        backup.make(bench.settings, tmp_path, (), Keep(days=1), db_clock.now_ms() + 2 * backup.DAY_MS)
    assert made.file.exists()
    assert backup_failures.last(bench.settings.data_dir) is not None
    aside.rename(file)
    connection.connect(bench.settings.db_url)


def test_what_a_killed_backup_leaves_goes_with_the_next(bench: Any, tmp_path: Path) -> None:
    """A copy of the database in the clear; and that it was killed is told, but not while it runs."""
    folder, kept = bench.settings.data_dir, tmp_path / "kept"
    copy, old, young, mine = (
        folder / f"{backup.STAGING}x", kept / ".wasender-20300131T030000Z.backup.4567cdef.part",
        kept / ".wasender-20300131T040000Z.backup.age.0123abcd.part", kept / ".wasender-notes.part",
    )  # fmt: skip
    with under_way.one_at_a_time(folder):
        (folder / backup_failures.FILE).write_text(json.dumps({"at": NOW, "why": backup_failures.ENDED}))
        assert backup_failures.last(folder) is None
        with pytest.raises(errors.BackupRefused, match="under way"):
            make(bench.settings)
    assert Failure(NOW, backup_failures.ENDED) == backup_failures.last(folder)
    kept.mkdir()
    copy.mkdir()
    for each in (copy / "database.sqlite", old, young, mine):
        each.touch()
    for each in (old, mine):
        os.utime(each, (0, 0))

    make(bench.settings, kept)

    assert (False, False, True, True) == tuple(each.exists() for each in (copy, old, young, mine))
    assert backup_failures.last(folder) is None


@pytest.mark.parametrize("backend", ["sqlite"])
@pytest.mark.parametrize("names", [1, 2])
def test_another_installations_backup_of_the_same_second_stays(
    bench: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, names: int
) -> None:
    """Where two have one folder, also on a disk that knows one name for a file; nor is a person's file replaced."""
    now, real = db_clock.now_ms(), archive.read
    named, rivals = tmp_path / "mine", [tmp_path / backup._name(False, now + after) for after in (0, 1000)]

    def no_link(*_given: Any) -> None:
        raise PermissionError(errno.EPERM, "one name")

    def meanwhile(part: Path, *given: Any) -> Any:
        assert [part] == list(tmp_path.glob(".*.part"))
        for each in (named, *rivals):
            each.write_text("another's")
        return real(part, *given)

    if names == 1:
        monkeypatch.setattr(Path, "hardlink_to", no_link)
    monkeypatch.setattr(archive, "read", meanwhile)
    with pytest.raises(errors.BackupRefused, match=r"There is a file .*/mine already"):
        backup.make(bench.settings, named, (), Keep(), now)
    rivals[0].unlink()
    made = backup.make(bench.settings, tmp_path, (), Keep(), now)
    assert tmp_path / backup._name(False, now + 2000) == made.file and real(made.file, ())
    assert ["another's"] * 3 == [each.read_text() for each in (named, *rivals)]
    assert [] == list(tmp_path.glob(".*.part"))


def test_nothing_is_saved_where_a_restore_has_broken_off(bench: Any) -> None:
    """Half of it would be an earlier moment."""
    (bench.settings.data_dir / RESTORING).touch()
    with pytest.raises(errors.BackupRefused, match="broken off"):
        make(bench.settings)


@pytest.mark.parametrize("backend", ["postgresql"])  # SQLite's file is locked meanwhile
def test_who_connects_while_a_backup_is_unpacked_is_noticed(
    bench: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing was changed then, so that it can go on."""
    settings, folder = bench.settings, bench.settings.data_dir
    Presence(settings).beat(db_clock.now_ms())
    made, real = make(settings, tmp_path), restore._unpack
    connection.close()
    monkeypatch.setattr(alone, "LEAVING_S", 0.1)
    others: list[Any] = []

    def unpack(*given: Any) -> Any:
        others.append(psycopg.connect(settings.db_url))
        return real(*given)

    before = {each.name for each in folder.iterdir()}
    epoch = interruptions.read(folder / FILE)
    try:
        with monkeypatch.context() as patched:
            patched.setattr(restore, "_unpack", unpack)
            with pytest.raises(errors.BackupRefused, match="connected"):
                restore.restore(settings, made.file, None, NOW)
        assert (epoch, before) == (interruptions.read(folder / FILE), {each.name for each in folder.iterdir()})
    finally:
        for each in others:
            each.close()
        connection.connect(settings.db_url)


def test_a_restore_that_dies_before_its_first_step_still_raises_the_epoch(
    bench: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is finished by the next, after which nothing is sent on. What one left that died earlier goes."""
    settings, folder = bench.settings, bench.settings.data_dir
    Presence(settings).beat(db_clock.now_ms())
    made = make(settings, tmp_path)
    left = folder / f"{restore.STAGING}x"
    left.mkdir()
    connection.close()

    class Died(BaseException):
        pass

    def died(*_given: Any) -> None:
        raise Died

    with monkeypatch.context() as patched, pytest.raises(Died):
        patched.setattr(restore, "_carry_out", died)
        restore.restore(settings, made.file, None, NOW)
    assert (folder / RESTORING).exists() and not left.exists()
    restore.restore(settings, tmp_path / "any", None, NOW)
    assert made.manifest.epoch < interruptions.read(folder / FILE).epoch
    connection.connect(settings.db_url)


@pytest.mark.parametrize("backend", ["sqlite"])
def test_a_process_that_has_waited_for_a_restore_that_died_does_not_start(
    bench: Any, environment: dict[str, str], tmp_path: Path
) -> None:
    """It had looked for a broken one before it waited."""
    connection.close()
    folder = bench.settings.data_dir
    with Path(bench.settings.db_url.removeprefix("sqlite:///") + "-in-use").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with forks.start(["-m", "daemon.http"], environment, tmp_path, stdout=subprocess.PIPE) as process:
            try:
                eventually(lambda: waits(process.pid))
                (folder / RESTORING).touch()
                fcntl.flock(lock, fcntl.LOCK_UN)
                assert process.stdout and "process.refused" in process.stdout.read()
                assert 1 == process.wait(30)
            finally:
                process.kill()


@pytest.mark.parametrize("backend", ["postgresql"])
def test_who_may_not_move_the_schema_is_told_before_anything_is_noted(bench: Any, tmp_path: Path) -> None:
    """Else no process starts until somebody has made it the owner: that is so of a database of before PostgreSQL 15."""
    made, url = make(bench.settings, tmp_path), bench.settings.db_url
    connection.close()
    with psycopg.connect(url, autocommit=True) as own:
        own.execute("DROP ROLE IF EXISTS guest")
        own.execute("CREATE ROLE guest LOGIN")
    try:
        guest = re.sub(r"//[^@/]*@", "//guest@", url)
        assert guest != url
        with pytest.raises(errors.BackupRefused, match="may not move the schema public"):
            restore.restore(bench.settings.model_copy(update={"database_url": guest}), made.file, None, NOW)
        assert not (bench.settings.data_dir / RESTORING).exists()
    finally:
        with psycopg.connect(url, autocommit=True) as own:
            own.execute("DROP ROLE guest")
    connection.connect(url)


def waits(pid: int) -> bool:
    """Whether a process waits for a lock of a file."""
    return any("->" in line and f" {pid} " in line for line in Path("/proc/locks").read_text().splitlines())


@pytest.mark.parametrize("backend", ["sqlite"])
def test_root_is_told_to_be_the_user_whose_folder_it_is(
    bench: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is made then; a backup to elsewhere root may make."""
    folder = bench.settings.data_dir
    made = make(bench.settings, tmp_path)
    if os.geteuid() == 0:
        os.chown(folder, 65_534, 65_534)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    owner = pwd.getpwuid(folder.stat().st_uid).pw_name
    before = {each.name for each in folder.iterdir()}
    for work in (
        lambda: make(bench.settings),
        lambda: restore.restore(bench.settings, made.file, None, NOW),
        lambda: migrate.migrate(bench.settings, "postgresql://127.0.0.1/name", lambda *_: None),
    ):
        with pytest.raises(errors.BackupRefused, match=f"sudo -u {owner} "):
            work()
    assert before == {each.name for each in folder.iterdir()}


@pytest.mark.parametrize("backend", ["sqlite"])
def test_what_cannot_be_moved_is_refused_before_anything_is_noted(
    bench: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that is mounted; a folder whose disk is not there. A database behind a link stays behind it."""
    settings, folder = bench.settings, bench.settings.data_dir
    bench.queue(5)
    (folder / "attachments").mkdir(exist_ok=True)
    (folder / "api_key").write_text("a key of some length, 4711\n")
    made = make(settings, tmp_path)
    connection.close()
    with monkeypatch.context() as patched:
        (tmp_path / "mounts").write_text(f"37 36 0:40 / {folder / 'api_key'} rw - ext4 /dev/sda1 rw\n")
        patched.setattr(restore, "MOUNTS", tmp_path / "mounts")
        with pytest.raises(errors.BackupRefused, match="api_key is mounted"):
            restore.restore(settings, made.file, None, NOW)
    away = (folder / "attachments").rename(tmp_path / "away")
    (folder / "attachments").symlink_to(tmp_path / "disk")
    with pytest.raises(errors.BackupRefused, match="see whether its disk is mounted"):
        restore.restore(settings, made.file, None, NOW)
    assert not [*folder.glob("restor*"), *folder.glob(".restore*")]
    away.rename(tmp_path / "disk")
    file = folder / "wasender.db"
    (tmp_path / "fast").mkdir()
    file.symlink_to(file.rename(tmp_path / "fast" / file.name))
    restore.restore(settings, made.file, None, NOW)
    assert file.is_symlink() and list((tmp_path / "fast").glob("before-restore-*/wasender.db"))
    connection.connect(settings.db_url)
    assert 5 == Message.select().count()


@pytest.mark.parametrize("backend", ["postgresql"])
def test_a_backup_of_another_schema_is_refused_and_nothing_is_changed(
    bench: Any, tmp_path: Path, postgresql: Any
) -> None:
    """Nothing of it would come where the tables are looked for; nor is one taken that lacks rows."""
    bench.queue(5)
    made = make(bench.settings, tmp_path)
    other = postgresql.new_database(migrated=False)
    with psycopg.connect(other, autocommit=True) as own:
        own.execute("CREATE SCHEMA app")
    there = f"{other}{'&' if '?' in other else '?'}options=-csearch_path%3Dapp"
    connection.connect(there)
    connection.close()
    named = bench.settings.model_copy(update={"database_url": there})
    with pytest.raises(errors.BackupRefused, match=r"in the schema public, .* whose schema is app"):
        restore.restore(named, made.file, None, NOW)
    nowhere = bench.settings.model_copy(update={"database_url": there.replace("Dapp", "Dnone")})
    with pytest.raises(errors.BackupRefused, match="search_path"):
        restore.restore(nowhere, made.file, None, NOW)
    fewer = archive.Manifest(**vars(made.manifest) | {"files": {}, "rows": made.manifest.rows | {"message": 6}})
    with tarfile.open(made.file) as tar, archive.written(tmp_path / "fewer", fewer) as writer:
        tar.extract("database.dump", tmp_path)
        writer.add("database.dump", tmp_path / "database.dump")
    with pytest.raises(errors.BackupRefused, match="other rows"):
        restore.restore(bench.settings, tmp_path / "fewer", None, NOW)
    connection.connect(bench.settings.db_url)
    assert not (bench.settings.data_dir / RESTORING).exists() and 5 == Message.select().count()
    with psycopg.connect(other) as own:
        assert [("app",)] == own.execute("SELECT DISTINCT schemaname FROM pg_tables WHERE tablename = 'job'").fetchall()
    same = make(bench.settings.model_copy(update={"database_url": there}), tmp_path / "app.backup")
    connection.close()
    restore.restore(named, same.file, None, NOW)
    connection.connect(bench.settings.db_url)
