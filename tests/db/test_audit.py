"""The audit log: it is only added to, one entry with each effect, and whatever is changed in it is noticed."""

from __future__ import annotations

import asyncio
import json
import os
import threading
from pathlib import Path
from typing import Any

import peewee
import pytest
from structlog.testing import capture_logs

from daemon import errors
from daemon.auth import audit, audit_reading, passwords, users
from daemon.auth.audit import Deed
from daemon.auth.audit_reading import Checked, Wanted
from daemon.config import Settings, secret_key
from daemon.db import clock as db_clock
from daemon.db import connection, proxy
from daemon.models import AuditEntry, AuditHead, User
from daemon.ops import audit_upkeep
from daemon.states import AuditResult, Role
from tests.support.at_once import at_once
from tests.support.commanding import invoke
from tests.support.logins import GOOD
from tests.support.plans import reading
from tests.support.rig import eventually

SEAL = b"what entries are sealed with"
DAY_MS = 24 * 3_600_000
MANY = 5_000
OF_A_PAGE = 500  # entries, about, that a page may read with those of its index

pytestmark = pytest.mark.usefixtures("fresh_database", "database")


def deed(action: str = "users.create", who: str = "Anna", at: int | None = None) -> Deed:
    return Deed(who, action, SEAL, db_clock.now_ms if at is None else lambda: at, "192.0.2.1", "user:1")


def done(times: int = 1, **what: Any) -> None:
    for _ in range(times):
        deed(**what).over(AuditResult.DONE)


def checked(known: tuple[int, str] | None = None) -> Checked:
    return audit_reading.check(SEAL, known)


def entries(wanted: Wanted = Wanted()) -> list[audit_reading.Entry]:  # noqa: B008
    return [row for rows in audit_reading.every(wanted) for row in rows]


def test_an_effect_and_its_entry_are_one() -> None:
    """What is undone leaves none, what is done has it in its own transaction, with what was made."""
    with audit.done_by(deed()), pytest.raises(RuntimeError), connection.write():
        users.create("Ben", Role.VIEWER, GOOD, "Anna", 1)
        raise RuntimeError
    assert (0, []) == (User.select().count(), entries())

    with audit.done_by(deed()):
        made = users.create("Ben", Role.VIEWER, GOOD, "Anna", 1)
        users.create("Cleo", Role.VIEWER, GOOD, "Anna", 1)
    (entry,) = entries()
    assert ("user", str(made.id), "done", "Anna") == (entry.kind, entry.target, entry.result, entry.who)


def test_an_effect_whose_entry_cannot_be_written_is_undone(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise errors.DiskFull

    monkeypatch.setattr(audit, "add", full)
    with audit.done_by(deed()), pytest.raises(errors.DiskFull):
        users.create("Ben", Role.VIEWER, GOOD, "Anna", 1)
    assert 0 == User.select().count()


REFUSED = {
    "changed": lambda: AuditEntry.update(who="Ben").where(AuditEntry.id == 2).execute(),
    "deleted": lambda: AuditEntry.delete().where(AuditEntry.id == 2).execute(),
    "deleted as too old": lambda: AuditHead.update(pruned=2).execute(),
    "replaced": lambda: replaced(AuditEntry.insert(**row(2) | {"who": "Ben"})).execute(),
    "begun anew": lambda: AuditHead.delete().execute(),
    "turned back": lambda: AuditHead.update(last=1).execute(),
}


def row(entry_id: int) -> dict[str, Any]:
    return dict(AuditEntry.select().where(AuditEntry.id == entry_id).dicts().get())


def replaced(insert: Any) -> Any:
    """In place of the row that is there, as each database does it."""
    if proxy.on_postgres():
        return insert.on_conflict(conflict_target=[AuditEntry.id], preserve=[AuditEntry.who])
    return insert.on_conflict_replace()


@pytest.mark.parametrize("how", REFUSED)
def test_the_database_refuses_to_change_it(how: str) -> None:
    done(3)
    before = list(AuditEntry.select().dicts())
    with pytest.raises(peewee.IntegrityError, match="only added to"):
        REFUSED[how]()
    assert before == list(AuditEntry.select().dicts())
    if proxy.on_postgres():
        with pytest.raises(peewee.IntegrityError, match="only added to"):
            proxy.database.execute_sql("TRUNCATE audit_entry")


TAMPERED = {
    "changed": (lambda: AuditEntry.update(who="Ben").where(AuditEntry.id == 3).execute(), 3),
    "moved": (lambda: AuditEntry.update(at=7).where(AuditEntry.id == 1).execute(), 1),
    "taken out": (lambda: AuditEntry.delete().where(AuditEntry.id == 3).execute(), 3),
    "taken from the end": (lambda: AuditEntry.delete().where(AuditEntry.id == 5).execute(), 5),
    "cut off at the beginning": (lambda: cut_off(2), 2),
    "cut off at the end": (lambda: turned_back(3), 4),
}


def cut_off(until: int) -> None:
    AuditHead.update(pruned=until, pruned_digest=row(until)["digest"]).execute()
    AuditEntry.delete().where(AuditEntry.id <= until).execute()


def turned_back(to: int) -> None:
    AuditHead.update(last=to, digest=row(to)["digest"]).execute()
    AuditEntry.delete().where(AuditEntry.id > to).execute()


@pytest.mark.parametrize("how", TAMPERED)
def test_what_somebody_with_the_database_does_to_it_is_noticed(how: str) -> None:
    """Who can drop the triggers lacks the key. Of the end it shows by an entry that was noted elsewhere."""
    done(5)
    noted = (4, row(4)["digest"])
    assert (5, None) == (checked(noted).count, checked(noted).broken)
    for table in ("audit_entry", "audit_head"):
        drop_triggers(table)
    tamper, first = TAMPERED[how]
    tamper()
    assert first == checked(noted).broken


def drop_triggers(table: str) -> None:
    if proxy.on_postgres():
        proxy.database.execute_sql(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        return
    for trigger in ("audit_entry_kept", "audit_entry_stays", "audit_entry_new", "audit_head_kept", "audit_head_stays"):
        proxy.database.execute_sql(f"DROP TRIGGER IF EXISTS {trigger}")


def test_another_key_is_another_log() -> None:
    done(2)
    assert 1 == audit_reading.check(b"another key").broken


def test_those_who_write_at_once_make_one_chain() -> None:
    """Without gaps, whoever waits for whom."""

    def some() -> None:
        for _ in range(5):
            with audit.done_by(deed()), connection.write():
                User.update(language="de").execute()

    assert [None] * 4 == at_once(*[some] * 4)
    assert (20, None) == (checked().count, checked().broken)


def test_old_entries_go_and_the_rest_is_whole() -> None:
    """That they went is an entry, and the chain begins where they end; young ones stay, whatever is set."""
    now = db_clock.now_ms()
    done(3, at=now - 800 * DAY_MS)
    done(2, at=now - 5 * DAY_MS)
    assert 3 == audit.prune(SEAL, 730, now)
    assert ["audit.prune", "users.create", "users.create"] == [each.action for each in entries()]
    assert (3, None, 3) == (checked().count, checked().broken, checked().pruned)
    assert 0 == audit.prune(SEAL, 730, now)
    with pytest.raises(peewee.IntegrityError, match="only added to"):
        audit.prune(SEAL, 1, now)


def test_pages_are_by_who_what_and_when(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each costs as much as it shows, however many there are."""
    fill()
    for wanted, count in (
        (Wanted(), 100),
        (Wanted(who="Anna"), 20),
        (Wanted(action="jobs.stop"), 20),
        (Wanted(since=MANY - 30), 30),
        (Wanted(until=30), 30),
        (Wanted(who="Anna", since=10, until=1_000), 3),
    ):
        with reading(monkeypatch) as reads:
            rows, after = audit_reading.page(wanted, None)
        assert (count, count == 100) == (len(rows), after is not None)
        assert rows == sorted(rows, key=lambda each: (-each.at, -each.id))
        assert reads.rows < OF_A_PAGE, wanted
    assert MANY == len({each.id for each in entries()})


def fill() -> None:
    rows = [
        {"id": n, "at": n, "who": "Anna" if n % 250 == 0 else f"user {n % 7}", "identity": "", "kind": "", "target": "",
         "action": "jobs.stop" if n % 250 == 1 else "jobs.send", "address": "", "result": "done", "code": "",
         "digest": ""}
        for n in range(MANY)
    ]  # fmt: skip
    with connection.write():
        for some in peewee.chunked(rows, 50):
            AuditEntry.insert_many(some).execute()
    proxy.database.execute_sql("ANALYZE")


def test_what_a_command_has_done_comes_into_the_log(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """With how it ended, under who ran it; each once."""
    monkeypatch.setattr("getpass.getuser", lambda: "root")
    monkeypatch.setenv("SUDO_USER", "anna")
    with audit_upkeep.noted(settings, "backup.make", 1):
        pass
    with pytest.raises(errors.BackupRefused), audit_upkeep.noted(settings, "backup.restore", 2, "one.backup"):
        raise errors.BackupRefused("It is no backup.")
    assert 2 == audit_upkeep.take_in(settings, db_clock.now_ms())
    assert 0 == audit_upkeep.take_in(settings, db_clock.now_ms())
    told = [(each.action, each.target, each.result, each.who) for each in entries()]
    who = "command line (anna as root)"
    assert sorted(told) == [("backup.make", "", "done", who), ("backup.restore", "one.backup", "refused", who)]


def test_of_two_http_processes_one_takes_it_in(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also if both look at once; what is noted meanwhile comes with the next."""
    real, others = audit.add, []

    def add(*given: Any) -> None:
        with audit_upkeep.noted(settings, "backup.make", 2):
            pass
        others.append(audit_upkeep.take_in(settings, 3))
        real(*given)

    with audit_upkeep.noted(settings, "database.migrate", 1):
        pass
    with monkeypatch.context() as patched:
        patched.setattr(audit, "add", add)
        assert (1, [0]) == (audit_upkeep.take_in(settings, 3), others)
    assert 1 == audit_upkeep.take_in(settings, 3)
    assert ["backup.make", "database.migrate"] == sorted(each.action for each in entries())


def test_what_is_noted_while_the_file_is_taken_in_is_not_lost(settings: Settings) -> None:
    """Who has opened it waits, and notes it in the next one."""

    def note() -> None:
        with audit_upkeep.noted(settings, "backup.make", 2):
            pass

    file = settings.data_dir / audit_upkeep.WAITING
    file.touch()
    other = threading.Thread(target=note)
    with audit_upkeep._in_hand(file) as ours:
        other.start()
        eventually(lambda: any("->" in line and f":{file.stat().st_ino} " in line for line in locks()))
        file.unlink()
    other.join(30)
    assert ours and 1 == audit_upkeep.take_in(settings, 3)


def locks() -> list[str]:
    return Path("/proc/locks").read_text().splitlines()


def test_a_command_works_where_nothing_can_be_noted(settings: Settings) -> None:
    """A backup of a full disk is made, above all; and a note of which a part was written spoils no other."""
    file = settings.data_dir / audit_upkeep.WAITING
    file.symlink_to("/dev/full")
    with capture_logs() as logged, audit_upkeep.noted(settings, "backup.make", 1):
        pass
    assert ["audit.entry_lost"] == [line["event"] for line in logged]
    file.unlink()
    file.write_text('{"at": 1, "who": "comm')
    with audit_upkeep.noted(settings, "backup.make", 2):
        pass
    assert 1 == audit_upkeep.take_in(settings, 3)


def test_a_note_is_written_whole(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """The system may take a part of it, as where the disk is nearly full."""
    write = os.write
    with monkeypatch.context() as patched:
        patched.setattr(os, "write", lambda descriptor, text: write(descriptor, text[:7]))
        with audit_upkeep.noted(settings, "backup.make", 1):
            pass
    assert 1 == audit_upkeep.take_in(settings, 3)


def test_old_entries_go_where_notes_cannot_be_taken_in(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each part of the upkeep is tried by itself."""
    parts = list[str]()

    async def timed(work: Any, *_: Any) -> Any:
        parts.append(work.__name__)
        raise KeyError("broken")

    async def ends(_: float) -> None:
        raise asyncio.CancelledError

    monkeypatch.setattr(asyncio, "sleep", ends)
    with capture_logs() as logged, pytest.raises(asyncio.CancelledError):
        asyncio.run(audit_upkeep.run(settings, timed))
    assert ["take_in", "steady", "keep_anchor"] == parts
    assert ["audit.upkeep_failed"] * 3 == [line["event"] for line in logged]


def test_a_clock_that_jumps_takes_no_entry_at_once(settings: Settings) -> None:
    """Old ones go in an hour, if it still says so; not in a run before, by another process or after a restart."""

    def run(now: int) -> None:
        async def timed(work: Any, *given: Any) -> Any:
            if work is audit_upkeep.keep_anchor:  # the last of a round
                raise asyncio.CancelledError
            return work(*given, now)

        with pytest.raises(asyncio.CancelledError):
            asyncio.run(audit_upkeep.run(settings, timed))

    now = db_clock.now_ms()
    old = now - (settings.keep_audit_days - 1) * DAY_MS
    done(3, at=old)
    run(now)
    with capture_logs() as logged:
        run(now + 10 * DAY_MS)
    run(now + 10 * DAY_MS)
    assert (3, "keeping.waited") == (len(entries()), logged[-1]["event"])
    run(now + 10 * DAY_MS + 3_600_000)
    assert ["audit.prune"] == [each.action for each in entries()]


def test_what_strangers_choose_is_stored_as_it_can_be_seen(database: str) -> None:
    """Also where the database takes no NUL, or may have to take the entry when it is moved there."""
    what = deed("keys.use", who="a\x00b")
    what.target = "\x00\x1b[31m\u202e\ud800é x" + "y" * 200
    what.over(AuditResult.REFUSED, "wrong_key")
    (entry,) = entries()
    assert ("a\ufffdb", "\ufffd\ufffd[31m\ufffd\ufffdé x" + "y" * 117) == (entry.who, entry.target)
    assert checked().broken is None


def test_the_newest_is_noted_outside_of_the_database(settings: Settings) -> None:
    """Also where the clock was set back before it, and stays noted when it has gone from it."""
    done(2)
    done(at=db_clock.now_ms() - DAY_MS)
    audit_upkeep.keep_anchor(settings, 1)
    noted = audit_upkeep.anchor(settings)
    assert (3, row(3)["digest"]) == noted
    for table in ("audit_entry", "audit_head"):
        drop_triggers(table)
    turned_back(2)
    done(2)
    audit_upkeep.keep_anchor(settings, 1)
    assert noted == audit_upkeep.anchor(settings)
    assert 3 == checked(noted).broken


def test_a_command_on_this_machine_needs_no_login(settings: Settings, database: str, monkeypatch: Any) -> None:
    """Where nobody can log in, nor with the key of the log, which may be handed over to the service only: the password
    is changed and noted in one transaction, by whoever ran it. It is not where it cannot be noted."""
    monkeypatch.setattr("getpass.getuser", lambda: "root")
    monkeypatch.delenv("SUDO_USER", raising=False)
    ben = users.create("Ben", Role.ADMIN, GOOD, "test", 1)
    where = {"WASENDER_DATABASE_URL": database, "WASENDER_DATA_DIR": str(settings.data_dir)}
    with capture_logs():  # which the command itself leaves out
        done = invoke("users", "reset-password", "Ben", "--local", "--json", **where)
    made = json.loads(done.stdout)
    assert passwords.matches(made["password"], users.find(ben.id).password)
    unknown = invoke("users", "reset-password", "Cleo", "--local", **where)
    assert (4, True) == (unknown.exit_code, "There is no user Cleo (Ben)." in unknown.stderr)
    assert not (settings.data_dir / "secret_key").exists() and 0 == AuditEntry.select().count()
    file, kept = settings.data_dir / audit_upkeep.WAITING, users.find(ben.id).password
    noted = file.rename(settings.data_dir / "noted")
    file.symlink_to("/dev/full")
    refused = invoke("users", "reset-password", "Ben", "--local", **where)
    assert (True, kept) == ("No space left" in refused.stderr, users.find(ben.id).password)
    noted.rename(file)
    assert 1 == audit_upkeep.take_in(settings, db_clock.now_ms())
    (entry,) = entries()
    assert ("users.password_reset", "user", str(ben.id), "command line (root)", "") == (
        entry.action, entry.kind, entry.target, entry.who, entry.address,
    )  # fmt: skip
    assert audit_reading.check(secret_key(settings)).broken is None
