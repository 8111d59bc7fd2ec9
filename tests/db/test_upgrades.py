"""Upgrades keep every row: from each earlier schema, with rows in every table, also when killed on the way."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from playhouse.schema_diff import diff_models

from daemon import errors, models
from daemon.db import connection, inspection, postgres, proxy, schema, sqlite
from tests.crash.disks import SmallDisk, only_for_root
from tests.db import steps
from tests.db.steps import STARTER, STEPS

LOSES = 'def up(migrator, db):\n    db.execute_sql("DELETE FROM event WHERE id = 1")\n'
DANGLES = "def up(migrator, db):\n    db.execute_sql('UPDATE message SET job_id = 99')\n"
KILLS = 24  #: so many at most, unless EVERY_STATEMENT is set
FOURTH = [*steps.ORDER[:-4:4], *steps.ORDER[-4:]]  #: schemas; what landed between two of them goes the same way
REBUILDS = """
from peewee import IntegerField
def up(migrator, db):
    migrator.migrate(migrator.add_column("job", "priority", IntegerField(default=0)))
"""


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody pulls the plug here, and waiting for the disk takes most of the time."""
    monkeypatch.setitem(sqlite.PRAGMAS, "synchronous", "off")


@pytest.fixture
def old(nothing: str, tmp_path: Path) -> dict[str, steps.Table]:
    """The database at `nothing` as the first version left it; its rows."""
    return steps.build(nothing, steps.steps_until(STEPS[0], tmp_path / "steps"))


_shapes: dict[str, Any] = {}  # of a new database, by backend: it is made once


@pytest.fixture
def new_shape(backend: str, tmp_path: Path, request: pytest.FixtureRequest) -> Any:
    """The columns and indexes of a database that this version has made."""
    if backend not in _shapes:
        fresh = f"sqlite:///{tmp_path / 'fresh.db'}"
        if backend != "sqlite":
            fresh = request.getfixturevalue("postgresql").new_database(migrated=False)
        connection.connect(fresh)
        _shapes[backend] = steps.shape()
        connection.close()
    return _shapes[backend]


def test_a_step_that_has_landed_stays_as_it_is() -> None:
    """Somebody's database was made by it. What it did wrong is put right by a later one."""
    now = {name: sha256((inspection.MIGRATIONS / f"{name}.py").read_bytes()).hexdigest() for name in STEPS}

    assert steps.landed() == {name: digest for name, digest in now.items() if name in steps.landed()}


@pytest.mark.parametrize("last", steps.ORDER if os.environ.get("EVERY_STATEMENT") else FOURTH)
def test_every_row_outlives_the_upgrade(nothing: str, new_shape: Any, tmp_path: Path, last: str) -> None:
    """From the schemas there have been (each with EVERY_STATEMENT): what stood in each table stands there still,
    and the schema is the models', and that of a new database, column by column and index by index."""
    before = steps.build(nothing, steps.steps_landed(last, tmp_path / "steps"))
    assert {steps.ROWS} == {len(rows) for rows in before.values()}
    connection.connect(nothing)
    assert before == steps.rows(before)
    assert new_shape == steps.shape()
    assert not diff_models(proxy.database.obj, models.TABLES)
    if not proxy.on_postgres():
        assert (1,) == proxy.database.execute_sql("PRAGMA foreign_keys").fetchone()
        assert [] == proxy.database.execute_sql("PRAGMA foreign_key_check").fetchall()
    connection.close()


def test_no_step_rebuilds_a_table(nothing: str, old: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """On SQLite a rebuilt table is dropped, which costs time and room, and is where rows were lost."""
    said: list[str] = []
    for kind in (sqlite.Sqlite, postgres.Postgres):
        execute = kind.execute_sql

        def told(self: Any, sql: str, params: Any = None, execute: Any = execute) -> Any:
            said.append(sql.upper())
            return execute(self, sql, params)

        monkeypatch.setattr(kind, "execute_sql", told)
    connection.connect(nothing)
    connection.close()
    assert any("ADD COLUMN" in sql for sql in said)
    assert [] == [sql for sql in said if sql.startswith(("DROP TABLE", "DELETE"))]


def test_when_a_message_ended_is_taken_from_its_history(nothing: str, old: Any) -> None:
    """The third step asks the history, which must still be there when it does."""
    connection.connect(nothing)
    assert [1, None, None] == [message.ended_at for message in models.Message.select().order_by(models.Message.id)]
    connection.close()


def test_what_has_left_counts_against_the_caps_after_the_upgrade(nothing: str, old: Any) -> None:
    """Each message that may be out has its hand-over; one that failed or waits has none."""
    connection.connect(nothing)
    columns = ("id", "account", "number", "person", "at", "kind", "message_id", "missed")
    found = models.Handover.select().order_by(models.Handover.id)
    assert [(1, "k2", "k2", "k2", 2, "campaign", 2, False)] == [tuple(getattr(e, c) for c in columns) for e in found]
    connection.close()


def some_of(total: int) -> list[int]:
    """The statements to kill before: all of them if EVERY_STATEMENT is set, else KILLS at most.

    The first two and the last few, among which is the COMMIT, and others at equal distances between them.
    """
    if os.environ.get("EVERY_STATEMENT") or total <= KILLS:
        return list(range(1, total + 1))
    ends = [1, 2, *range(total - 4, total + 1)]
    inner = KILLS - len(ends)
    return sorted({*ends, *(2 + (total - 7) * n // inner for n in range(1, inner + 1))})


@pytest.mark.parametrize("total", [7, KILLS, KILLS + 1, 100, 1_000])
def test_the_short_form_stays_short(total: int) -> None:
    """However many steps there are, and with what is decisive in it."""
    chosen = some_of(total)

    assert len(chosen) <= KILLS
    assert {1, 2, total - 1, total} <= set(chosen) <= set(range(1, total + 1))
    assert max(b - a for a, b in pairwise(chosen)) <= total / (KILLS - 8) + 1


def test_an_upgrade_killed_at_any_statement_completes(
    backend: str, nothing: str, old: Any, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """SIGKILL before a statement: whatever is left is whole, and the next start goes on from it."""
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(["tests.db.steps"])

    def upgrade(url: str, die_before: int, *more: Any) -> int | None:
        process = processes.Process(target=steps.die_at, args=(url, die_before, *more))
        process.start()
        process.join(60)
        return process.exitcode

    if backend == "sqlite":
        other = f"sqlite:///{tmp_path / 'other.db'}"
    else:
        other = request.getfixturevalue("postgresql").new_database(migrated=False)
    steps.build(other, steps.steps_until(STEPS[0], tmp_path / "again"))
    assert -signal.SIGKILL == upgrade(other, 40)  # what it leaves, as a copy of the file, is not made once more
    hear, tell = processes.Pipe(duplex=False)
    assert 0 == upgrade(other, 0, tell)
    total = hear.recv()
    assert total > 40

    for at in some_of(total):
        if not (ended := upgrade(nothing, at)):
            assert at > total - 4  # killed behind the COMMIT, the one before has left nothing to do
            break
        assert -signal.SIGKILL == ended
        steps.open_as_it_is(nothing)
        assert old == steps.rows(old), f"killed before statement {at}"
        connection.close()
    assert 0 == upgrade(nothing, 0)
    connection.connect(nothing)
    assert old == steps.rows(old)
    assert not diff_models(proxy.database.obj, models.TABLES)
    connection.close()


def test_processes_may_start_at_once_on_an_old_database(
    nothing: str, old: Any, environment: Any, tmp_path: Path
) -> None:
    """One brings it up to date, the others wait for that."""
    starters = [
        subprocess.Popen(
            [sys.executable, "-c", STARTER, nothing], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, env=environment, cwd=tmp_path,
        )
        for _ in range(3)
    ]  # fmt: skip
    for starter in starters:
        assert starter.stdout and starter.stdin
        assert "ready\n" == starter.stdout.readline()
    for starter in starters:
        assert starter.stdin
        starter.stdin.write("\n")
        starter.stdin.flush()
    said = [starter.communicate(timeout=60) for starter in starters]
    assert [0] * 3 == [starter.returncode for starter in starters], said
    assert 1 == sum("database.upgraded" in out for out, _ in said)
    connection.connect(nothing)
    assert old == steps.rows(old)
    connection.close()


@pytest.mark.parametrize(
    ("step", "reason"), [(LOSES, "1 of 3 rows of event would be lost"), (DANGLES, "job")], ids=["loses", "dangles"]
)
def test_a_step_that_loses_something_is_refused(
    nothing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, reason: str
) -> None:
    """Whatever a later step does wrong: the database stays as it was."""
    before = steps.build(nothing, inspection.MIGRATIONS)
    monkeypatch.setattr(inspection, "MIGRATIONS", _and(step, tmp_path))
    with pytest.raises(errors.DatabaseUnusable, match=f"not brought up to date.*{reason}.*left as it is"):
        connection.connect(nothing)
    monkeypatch.undo()
    connection.connect(nothing)
    assert before == steps.rows(before)
    connection.close()


def test_a_step_that_rebuilds_a_table_keeps_what_refers_to_it(
    nothing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Steps should not, see CONTRIBUTING.md; where one does all the same, nothing is lost."""
    before = steps.build(nothing, inspection.MIGRATIONS)
    monkeypatch.setattr(inspection, "MIGRATIONS", _and(REBUILDS, tmp_path))
    connection.connect(nothing)
    assert before == steps.rows(before)
    connection.close()


def _and(step: str, tmp_path: Path) -> Path:
    """The steps there are, and one more."""
    folder = steps.steps_until(STEPS[-1], tmp_path / "more")
    (folder / "9000_more.py").write_text(step)
    return folder


class TestCopy:
    """The copy of an SQLite file that is made before it is brought up to date."""

    @pytest.fixture
    def backend(self) -> str:
        """PostgreSQL's administrators have pg_dump."""
        return "sqlite"

    @pytest.fixture
    def file(self, nothing: str, old: Any) -> Path:
        """The database of the first version."""
        return Path(nothing.removeprefix(sqlite.SQLITE))

    def test_it_is_kept_until_the_upgrade_is_proved(self, nothing: str, old: Any, file: Path) -> None:
        """Whole, for its owner's eyes only, until another start has found the upgraded database in order."""
        copy = schema.copy_of(file, STEPS[1])
        assert f"{file.name}.before-{STEPS[1][:4]}" == copy.name
        connection.connect(nothing)
        connection.close()
        assert 0o600 == stat.S_IMODE(copy.stat().st_mode)
        assert {file.name, copy.name} == {path.name for path in file.parent.glob("wasender.db*")}
        steps.open_as_it_is(f"sqlite:///{copy}")
        assert old == steps.rows()
        connection.close()
        connection.connect(nothing)
        connection.close()
        assert not copy.exists()

    def test_it_stays_where_the_upgraded_database_is_not_in_order(self, nothing: str, file: Path) -> None:
        """It may be the only whole one."""
        connection.connect(nothing)
        connection.close()
        raw = sqlite3.connect(file)
        raw.execute("UPDATE event SET message_id = 77")
        raw.commit()
        raw.close()
        connection.connect(nothing)
        connection.close()
        assert schema.copy_of(file, STEPS[1]).exists()

    def test_only_our_own_copies_are_removed(self, nothing: str, file: Path) -> None:
        """A copy that somebody has made is theirs, however alike its name is."""
        theirs = [file.with_name(f"{file.name}.before-{end}") for end in ("holidays", "9999", f"{STEPS[1][:4]}.bak")]
        for path in theirs:
            path.touch()
        for _ in range(2):
            connection.connect(nothing)
            connection.close()
        assert all(path.exists() for path in theirs)

    def test_a_new_database_needs_none(self, tmp_path: Path) -> None:
        """There is nothing to keep."""
        (tmp_path / "new").mkdir()
        connection.connect(f"sqlite:///{tmp_path / 'new' / 'wasender.db'}")
        connection.close()
        assert ["wasender.db"] == [path.name for path in (tmp_path / "new").iterdir()]

    def test_without_it_nothing_is_begun(self, nothing: str, old: Any, file: Path) -> None:
        """One sentence with what to do, and not a byte changes."""
        before = file.read_bytes()
        obstacle = schema.copy_of(file, STEPS[1]).with_suffix(f".before-{STEPS[1][:4]}.part")
        obstacle.mkdir()
        with pytest.raises(errors.DatabaseUnusable, match=r"no copy of the database.*free 1 MB.*left as it is"):
            connection.connect(nothing)
        assert before == file.read_bytes()
        obstacle.rmdir()
        connection.connect(nothing)
        assert old == steps.rows(old)
        connection.close()

    def test_a_disk_without_room_for_it(self, tmp_path: Path) -> None:
        """Nothing half is left behind to take the last room; with room it goes on."""
        only_for_root()
        disk = tmp_path / "disk"
        disk.mkdir()
        url = f"sqlite:///{disk / 'wasender.db'}"
        with SmallDisk(disk):
            old = steps.build(url, steps.steps_until(STEPS[0], tmp_path / "first"))
            filler = disk / "filler"
            filler.write_bytes(bytes(shutil.disk_usage(disk).free - 50_000))
            with pytest.raises(errors.DatabaseUnusable, match=r"no copy of the database.*full.*left as it is"):
                connection.connect(url)
            assert {"wasender.db", "filler"} == {path.name for path in disk.iterdir()}
            filler.unlink()
            connection.connect(url)
            assert old == steps.rows(old)
            connection.close()
