"""Backups: whole, at any moment, and never restored over what runs; a restored campaign waits for a person."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import sqlite3
import stat
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import peewee
import pytest

from daemon import config, errors
from daemon.auth import audit, audit_reading
from daemon.campaigns import confirming
from daemon.campaigns.confirming import Choice
from daemon.config import Settings
from daemon.contacts import uploads
from daemon.db import clock as db_clock
from daemon.db import connection, proxy
from daemon.delivery import interruptions
from daemon.delivery.interruptions import FILE, Presence
from daemon.files import data_folder
from daemon.files.data_folder import RESTORING
from daemon.i18n.instants import instant
from daemon.models import Attachment, AuditEntry, Job, Message
from daemon.ops import alone, archive, audit_upkeep, backup, backup_failures, erase, restore, snapshot
from daemon.ops.backup import Keep
from daemon.states import AuditResult
from tests.conftest import NOW
from tests.support.commanding import invoke
from tests.support.scripted import MARK, Hang, ScriptedTransport, until

pytestmark = pytest.mark.usefixtures("fresh_database")  # of PostgreSQL: nobody else is connected to it
ALL = Keep()


def make(settings: Settings, to: Path | None = None, *keys: str, keep: Keep = ALL) -> backup.Made:
    return backup.make(settings, to, keys, keep, db_clock.now_ms())


def put_back(settings: Settings, file: Path, key: Path | None = None) -> restore.Restored:
    """Restore it while nobody is connected, and connect again."""
    connection.close()
    try:
        return restore.restore(settings, file, key, NOW)
    finally:
        connection.connect(settings.db_url)


def rows() -> dict[str, int]:
    """How many rows each table has."""
    tables = [name for name in proxy.database.get_tables() if not name.startswith("sqlite_")]
    return {name: peewee.Table(name).bind(proxy.database).select().count() for name in tables}


@pytest.fixture
def stocked(bench: Any) -> Any:
    """A bench with a campaign of five with a file, and a key."""
    folder = bench.settings.data_dir
    Presence(bench.settings).beat(db_clock.now_ms())
    config.api_key(bench.settings)
    part = folder / "part"
    part.write_bytes(b"the price list")
    bench.queue(5, attachments=[uploads.add_attachment(bench.settings, part, "prices.pdf", db_clock.now_ms()).id])
    return bench


def test_a_backup_has_all_of_it_and_only_its_owner_reads_it(stocked: Any) -> None:
    """The counts are of the same moment; the data folder is otherwise as it was."""
    before = {each.name for each in stocked.settings.data_dir.iterdir()}
    made = make(stocked.settings)
    assert rows() == made.manifest.rows and 5 == made.manifest.rows["message"]
    (row,) = Attachment.select()
    kind = "database.sqlite" if not proxy.on_postgres() else "database.dump"
    assert {kind, "api_key", f"attachments/{row.id}"} == set(made.manifest.files)
    assert 0o600 == stat.S_IMODE(made.file.stat().st_mode)
    assert before | {backup.FOLDER} == {each.name for each in stocked.settings.data_dir.iterdir()}
    assert made.manifest == archive.read(made.file, [])
    with tarfile.open(made.file) as tar:
        assert archive.MANIFEST == tar.getnames()[-1]
        assert {0o600} == {each.mode for each in tar.getmembers()}


async def test_a_campaign_that_is_restored_in_the_middle_waits_for_a_person(stocked: Any, tmp_path: Path) -> None:
    """Two had got it when the backup was made, a third one since. Who may have got it is set aside, nobody gets it
    twice; and what was there before the restore is kept."""
    settings, third, fourth = stocked.settings, Hang(), Hang()
    first, second = ScriptedTransport(prepare=[MARK, MARK, third, MARK, fourth]), ScriptedTransport()
    people, (job,) = [person.number for person in stocked.people(5)], Job.select()
    async with stocked.sending(first):
        await until(third.entered.is_set, "two have got it")
        made = make(settings, tmp_path)
    async with stocked.sending(first):
        await until(fourth.entered.is_set, "the third one has got it")
    known = Message.select().where(Message.sent_at.is_null(False)).count()
    attachments = settings.data_dir / "attachments"
    shutil.rmtree(attachments)

    done = put_back(settings, made.file)

    assert [] == [each for each in settings.data_dir.iterdir() if each.name.startswith((".restore", RESTORING))]
    assert b"the price list" == next(attachments.iterdir()).read_bytes()
    assert 3 == known and 2 == Message.select().where(Message.sent_at.is_null(False)).count()
    assert 3 == kept_rows(settings, done.kept)
    async with stocked.sending(second):
        await until(lambda: second.count("health") > 20, "the sender looks at the account")
        assert [] == second.out
        (waiting,) = confirming.waiting(settings)
        assert (True, 2, 3) == (waiting.restored, waiting.out, waiting.pending)
        confirming.confirm(job.id, Choice.UNCERTAIN, "kim", db_clock.now_ms(), 1)
        await until(lambda: len(second.out) == 2, "the others get it")
    assert people == first.out + second.out
    (aside,) = Message.select().where(Message.state == "uncertain")
    assert people[2] == aside.number


def kept_rows(settings: Settings, kept: list[str]) -> int:
    """How many were sent by what was kept."""
    query = "SELECT count(*) FROM {}message WHERE sent_at IS NOT NULL"
    if proxy.on_postgres():
        (schema,) = [each.removeprefix("schema ") for each in kept if each.startswith("schema ")]
        return int(proxy.database.execute_sql(query.format(f"{schema}.")).fetchone()[0])
    (folder,) = kept
    with sqlite3.connect(Path(folder) / "wasender.db") as old:
        return int(old.execute(query.format("")).fetchone()[0])


def test_a_new_folder_gets_all_of_it(stocked: Any, tmp_path: Path) -> None:
    """After the loss of a machine: the keys, and whose folder it is, too; and the audit log is whole."""
    sealed = config.secret_key(stocked.settings)
    audit.Deed("Anna", "jobs.send", sealed, db_clock.now_ms).over(AuditResult.DONE)
    made = make(stocked.settings, tmp_path)
    before, key = rows(), (stocked.settings.data_dir / "api_key").read_text()
    fresh = stocked.settings.model_copy(update={"data_dir": tmp_path / "elsewhere"})
    if not proxy.on_postgres():
        fresh = fresh.model_copy(update={"database_url": ""})
    done = put_back(fresh, made.file)
    assert before == rows()
    assert key == (fresh.data_dir / "api_key").read_text()
    assert sealed == config.secret_key(fresh)
    audit.Deed("Anna", "jobs.send", sealed, db_clock.now_ms).over(AuditResult.DONE)
    assert (2, None) == (audit_reading.check(sealed).count, audit_reading.check(sealed).broken)
    with pytest.raises(peewee.IntegrityError, match="only added to"):
        AuditEntry.delete().execute()
    assert made.manifest.epoch < interruptions.read(fresh.data_dir / FILE).epoch
    assert done.manifest == made.manifest
    Presence(fresh).beat(db_clock.now_ms())
    assert 1 == confirming.count()


def test_the_audit_log_is_whole_after_a_restore(stocked: Any, tmp_path: Path) -> None:
    """Although an entry was noted outside of the database that the backup does not have; and it is noticed all the same
    if one goes from now on."""
    settings = stocked.settings
    key = config.secret_key(settings)
    deed = audit.Deed("Anna", "jobs.send", key, db_clock.now_ms)
    deed.over(AuditResult.DONE)
    made = make(settings, tmp_path)
    deed.over(AuditResult.DONE)
    audit_upkeep.keep_anchor(settings, NOW)
    done = put_back(settings, made.file)
    assert audit_reading.check(key, audit_upkeep.anchor(settings)).broken is None
    assert any((Path(each) / audit_upkeep.HEAD).exists() for each in done.kept)
    audit_upkeep.keep_anchor(settings, NOW)
    assert audit_reading.newest() == audit_upkeep.anchor(settings)


def test_it_is_encrypted_for_the_holder_of_the_key_only(stocked: Any, tmp_path: Path) -> None:
    """Read through all the same before it gets its name; nothing of it is in the clear."""
    secret, public = archive.new_key()
    key, other = tmp_path / "key", tmp_path / "other"
    key.write_text(f"# mine\n{secret}\n")
    other.write_text(archive.new_key()[0])
    made = make(stocked.settings, tmp_path, public)
    assert made.encrypted and made.file.name.endswith(".backup.age")
    assert made.file.read_bytes().startswith(archive.AGE)
    for wrong in (None, other):
        with pytest.raises(errors.BackupRefused):
            put_back(stocked.settings, made.file, wrong)
    before = rows()
    assert made.manifest == put_back(stocked.settings, made.file, key).manifest
    assert before == rows()


@pytest.mark.parametrize("encrypted", [False, True])
def test_a_file_that_is_not_whole_is_refused_and_nothing_is_changed(
    stocked: Any, tmp_path: Path, encrypted: bool
) -> None:
    """Cut off anywhere, or with a byte changed anywhere."""
    secret, public = archive.new_key()
    key = tmp_path / "key"
    key.write_text(secret)
    made = make(stocked.settings, tmp_path, *[public] if encrypted else [])
    content, folder = made.file.read_bytes(), stocked.settings.data_dir
    damaged = tmp_path / "damaged"
    connection.close()
    before = {each.name for each in folder.iterdir()}
    for place in range(0, len(content), max(1, len(content) // 12)):
        for data in (content[:place], content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]):
            damaged.write_bytes(data)
            try:
                archive.read(damaged, archive.identities(key))
            except errors.BackupRefused:
                if data:  # once of those that are cut off and once of those that are changed is enough
                    continue
                with pytest.raises(errors.BackupRefused):
                    restore.restore(stocked.settings, damaged, key, NOW)
            else:  # of the header, or of how something is compressed that is the same all the same
                assert not encrypted and made.manifest == archive.read(damaged, [])
    assert before == {each.name for each in folder.iterdir()} - {"wasender.db-in-use"}
    connection.connect(stocked.settings.db_url)
    assert 5 == rows()["message"]


def test_a_backup_of_a_newer_version_or_another_database_is_refused(stocked: Any, tmp_path: Path) -> None:
    """Before anything is changed."""
    made = make(stocked.settings, tmp_path)
    with archive.written(tmp_path / "newer", _like(made.manifest, steps=["9999_tomorrow"])) as writer:
        writer.add("api_key", stocked.settings.data_dir / "api_key")
    with pytest.raises(errors.BackupRefused, match="newer wasender"):
        put_back(stocked.settings, tmp_path / "newer")
    other = "sqlite" if proxy.on_postgres() else "postgresql"
    with archive.written(tmp_path / "other", _like(made.manifest, database=other)):
        pass
    with pytest.raises(errors.BackupRefused, match="WASENDER_DATABASE_URL"):
        put_back(stocked.settings, tmp_path / "other")
    with archive.written(tmp_path / "strange", _like(made.manifest)) as writer:
        writer.add("../elsewhere", stocked.settings.data_dir / "api_key")
    with pytest.raises(errors.BackupRefused, match="does not belong"):
        put_back(stocked.settings, tmp_path / "strange")
    assert not (tmp_path / "elsewhere").exists() and not (stocked.settings.data_dir / FILE).read_text().startswith("9")


def _like(manifest: archive.Manifest, **changes: Any) -> archive.Manifest:
    return archive.Manifest(**vars(manifest) | {"files": {}} | changes)


def test_nothing_is_restored_under_a_process_that_runs(
    stocked: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On SQLite by the lock that each of our processes holds, on PostgreSQL by its connection."""
    made = make(stocked.settings, tmp_path)
    monkeypatch.setattr(alone, "LEAVING_S", 0.1)
    if proxy.on_postgres():  # this test is connected
        with pytest.raises(errors.BackupRefused, match="connected to the database"):
            restore.restore(stocked.settings, made.file, None, NOW)
        return
    with (stocked.settings.data_dir / "wasender.db-in-use").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        with pytest.raises(errors.BackupRefused, match="stop wasender first"):
            put_back(stocked.settings, made.file)
    put_back(stocked.settings, made.file)


class Died(BaseException):
    """As if the process had been killed at that point."""


@pytest.fixture
def dies_at(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Have the next restore die before its step of that number; whatever it would do afterwards is not done."""

    def install(number: int) -> None:
        left = [number]
        real = os.rename
        bring, unlink = restore._bring_in, Path.unlink

        def counted() -> None:
            left[0] -= 1
            if left[0] < 0:
                raise Died

        def rename(self: Path, target: Any) -> Any:
            counted()
            real(self, target)
            return Path(target)

        def bring_in(*given: Any) -> None:
            counted()
            bring(*given)
            counted()

        def unlinked(self: Path, **given: Any) -> None:
            if self.name == RESTORING:
                counted()
            unlink(self, **given)

        monkeypatch.setattr(Path, "rename", rename)
        monkeypatch.setattr(restore, "_bring_in", bring_in)
        monkeypatch.setattr(Path, "unlink", unlinked)

    return install


def ends(settings: Settings, file: Path, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether a restore ends before it dies; what was patched for it is undone."""
    try:
        restore.restore(settings, file, None, NOW)
    except Died:
        return False
    finally:
        monkeypatch.undo()
    return True


def test_a_restore_that_dies_anywhere_is_finished_by_the_next(
    stocked: Any, tmp_path: Path, dies_at: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until then no process of ours starts; then everything is there, and what was there before as well."""
    settings, folder = stocked.settings, stocked.settings.data_dir
    made = make(settings, tmp_path)
    finished = number = 0
    while not finished:
        Job.update(name=f"now {number}").execute()
        (folder / "api_key").write_text(f"key number {number} of them\n")
        connection.close()
        dies_at(number)
        finished = number if ends(settings, made.file, monkeypatch) else 0
        if not finished:
            with pytest.raises(errors.SetupError):
                data_folder.prepare(settings.data_dir)
            done = restore.restore(settings, tmp_path / "any", None, NOW)
            assert done.manifest is None
            (before,) = [Path(each) for each in done.kept if not each.startswith("schema ")]
            assert f"key number {number} of them\n" == (before / "api_key").read_text()
        data_folder.prepare(settings.data_dir)
        connection.connect(settings.db_url)
        assert [5, 1] == [Message.select().count(), Job.select().where(Job.name != f"now {number}").count()]
        number += 1
        if proxy.on_postgres() and number > 3:  # from there on it does as on SQLite
            number = 99
    assert finished >= 4
    assert not list(folder.glob(".restore*"))


@pytest.mark.parametrize("fixed", ["mounted", "link"])
def test_a_folder_that_cannot_be_moved_stays_and_its_files_are_replaced(
    stocked: Any, tmp_path: Path, dies_at: Callable[[int], None], monkeypatch: pytest.MonkeyPatch, fixed: str
) -> None:
    """Attachments on another disk, as docs/scaling.md has them; whenever the restore dies. Nothing of it is lost, and
    what does not belong to us is left alone."""
    settings, place = stocked.settings, stocked.settings.data_dir / "attachments"
    made, (row,) = make(settings, tmp_path), Attachment.select()
    (place / "lost+found").mkdir()
    if fixed == "link":
        place.symlink_to(place.rename(tmp_path / "disk"))
    where = str(place).replace("t", r"\164")  # as the kernel writes a blank
    (tmp_path / "mounts").write_text(f"36 35 98:0 / / rw\n37 36 0:40 / {where} rw shared:1 - nfs4 host:/ rw\n")
    disk = place.stat().st_ino
    finished = number = 0
    while not finished:
        (place / row.id).write_text(f"another file {number}")
        (place / f"new{number}").write_text("made since")
        connection.close()
        dies_at(number)
        if fixed == "mounted":
            monkeypatch.setattr(restore, "MOUNTS", tmp_path / "mounts")
        finished = number if ends(settings, made.file, monkeypatch) else 0
        if not finished:
            restore.restore(settings, tmp_path / "any", None, NOW)
        assert (disk, fixed == "link") == (place.stat().st_ino, place.is_symlink())
        (kept,) = [each for each in place.glob("before-restore-*") if (each / f"new{number}").exists()]
        assert f"another file {number}" == (kept / row.id).read_text()
        assert {row.id, "lost+found"} == {each.name for each in place.iterdir() if "before" not in each.name}
        assert "the price list" == (place / row.id).read_text()
        number += 1
        if proxy.on_postgres() and number > 3:  # from there on it does as on SQLite
            number = 99
    assert finished >= 4
    connection.connect(settings.db_url)
    assert str(kept) in erase.copies(settings)
    assert proxy.on_postgres() == any(each.startswith("schema before_restore_") for each in erase.copies(settings))


def test_old_backups_go_and_nothing_else(stocked: Any, tmp_path: Path) -> None:
    """By number or by age, a backup stays where either keeps it."""
    settings, day = stocked.settings, backup.DAY_MS
    now, kept = db_clock.now_ms(), tmp_path / "kept"
    kept.mkdir()
    (kept / "wasender-notes.txt").write_text("mine")
    files = [backup.make(settings, kept, (), ALL, now - age * day).file for age in (9, 5, 2)]
    made = backup.make(settings, kept, (), Keep(count=2), now)
    assert files[:2] == sorted(made.deleted)
    again = backup.make(settings, kept, (), Keep(count=1, days=3), now + day - 1)
    assert ([], 3) == (again.deleted, len(list(kept.glob("wasender-2*"))))
    last = backup.make(settings, kept, (), Keep(days=1), now + 9 * day)
    assert ([files[2]], 2) == (last.deleted, last.spared)
    last = backup.make(settings, kept, (), Keep(days=1), now + 10 * day + 1_000)
    assert [made.file, again.file] == sorted(last.deleted)
    assert (kept / "wasender-notes.txt").exists()


def test_a_clock_that_jumps_takes_no_backup(tmp_path: Path) -> None:
    """Thirty of a month, and then a year ahead: they stay until the new ones span a month, too. Where backups are made
    more rarely than they are kept, the one before stays."""

    def made(day: int, days: int) -> tuple[int, int]:
        at = NOW + day * backup.DAY_MS
        file = tmp_path / f"wasender-{instant(at):%Y%m%dT%H%M%SZ}.backup"
        file.touch()
        deleted, spared = backup._prune(file, Keep(days=days), at, [])
        return len(deleted), spared

    (tmp_path / "wasender-99999999T999999Z.backup").touch()
    assert [(0, 0)] * 30 == [made(day, 30) for day in range(30)]
    assert [(0, 30)] * 31 == [made(395 + day, 30) for day in range(31)]
    assert [(31, 0), (1, 0), (1, 0)] == [made(395 + day, 30) for day in (31, 32, 33)]
    assert [(23, 8), (8, 1), (1, 1), (1, 1)] == [made(day, 7) for day in (500, 530, 560, 590)]
    assert 3 == len(list(tmp_path.iterdir()))


@pytest.mark.parametrize("backend", ["sqlite"])
def test_a_backup_is_made_also_where_an_old_one_cannot_be_deleted(stocked: Any, tmp_path: Path) -> None:
    """It is said which, others go, and nobody is mailed that no backup was made."""
    old, other = (tmp_path / f"wasender-200{n}0131T030000Z.backup" for n in (2, 1))
    old.mkdir()
    other.touch()
    settings = stocked.settings
    where = {"WASENDER_DATABASE_URL": settings.db_url, "WASENDER_DATA_DIR": str(settings.data_dir)}
    done = invoke("backup", "--to", str(tmp_path), "--keep", "1", **where)
    assert 0 == done.exit_code, done.output
    assert f"{old} cannot be deleted: Is a directory." in done.stdout and f"{other} was deleted." in done.stdout
    assert backup_failures.last(settings.data_dir) is None and not other.exists()


@pytest.mark.parametrize("backend", ["sqlite"])
def test_that_the_clock_may_be_wrong_is_said(stocked: Any, tmp_path: Path) -> None:
    """It is no failure."""
    (tmp_path / "wasender-20010131T030000Z.backup").touch()
    settings = stocked.settings
    where = {"WASENDER_DATABASE_URL": settings.db_url, "WASENDER_DATA_DIR": str(settings.data_dir)}
    done = invoke("backup", "--to", str(tmp_path), "--keep-days", "30", **where)
    assert (0, True) == (done.exit_code, "Older backups stay (1): for more than 30 days" in done.stdout), done.output


def test_what_cannot_be_saved_says_so_and_leaves_nothing(
    stocked: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that is there already, a folder that is not, keys that are none, a file that cannot be read back."""
    there = tmp_path / "there"
    there.write_text("mine")
    for to, keys, keep in (
        (there, [], ALL),
        (tmp_path / "no" / "such", [], ALL),
        (tmp_path / "one", [], Keep(count=3)),
        (tmp_path, ["age1nonsense"], ALL),
        (tmp_path, [str(there)], ALL),
    ):
        with pytest.raises(errors.BackupRefused):
            make(stocked.settings, to, *keys, keep=keep)
    with pytest.raises(errors.BackupRefused, match=r"There is no folder .*/unmounted: make it, or look"):
        make(stocked.settings, tmp_path / "unmounted", keep=Keep(days=30))  # nightly: no file in the disk's place
    monkeypatch.setattr(archive, "CHUNK", 1 << 16)

    def damaged(*_given: Any) -> None:
        raise errors.BackupRefused("damaged")

    monkeypatch.setattr(archive, "read", damaged)
    with pytest.raises(errors.BackupRefused, match="damaged"):
        make(stocked.settings, tmp_path / "one")
    assert {"there", "data"} == {each.name for each in tmp_path.iterdir()} - {"stderr"}
    assert "mine" == there.read_text()


def test_an_attachment_that_is_lost_is_named(stocked: Any, tmp_path: Path) -> None:
    """The rest is saved all the same."""
    (row,) = Attachment.select()
    (stocked.settings.data_dir / "attachments" / row.id).unlink()
    made = make(stocked.settings, tmp_path)
    assert [row.id] == made.manifest.missing
    assert [row.id] == json.loads(json.dumps(archive.read(made.file, []).missing))
    assert uploads.attachments([row.id])


@pytest.mark.parametrize("backend", ["postgresql"])  # SQLite needs none
def test_without_its_programs_postgresql_is_not_saved(
    stocked: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And it is said which."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(snapshot, "DEBIAN", tmp_path)
    with pytest.raises(errors.BackupRefused, match="no pg_dump"):
        make(stocked.settings, tmp_path)
