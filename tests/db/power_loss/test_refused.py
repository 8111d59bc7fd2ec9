"""A damaged database is refused and left as it is."""

from __future__ import annotations

import hashlib
import json
import os
import random
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from daemon import errors
from daemon.campaigns import recipients
from daemon.db import connection, proxy
from daemon.delivery import job_moves
from tests.conftest import ROOT
from tests.db.power_loss.victims import PAGE, look, wal_of

# What is refused


def rubbish(file: Path) -> None:
    file.write_bytes(b"This is a shopping list, not a database.\n" * 300)


def headless(file: Path) -> None:
    with file.open("r+b") as opened:
        opened.write(b"\xff" * 100)


def cut_short(file: Path) -> None:
    os.truncate(file, 5000)


def a_page_lost(file: Path) -> None:
    """The one where the table of the messages begins; those that the start reads are as they were."""
    with closing(sqlite3.connect(file)) as asked:
        (root,) = asked.execute("SELECT rootpage FROM sqlite_master WHERE name = 'message'").fetchone()
    with file.open("r+b") as opened:
        opened.seek((root - 1) * PAGE)
        opened.write(random.Random(5).randbytes(PAGE))


def newer(file: Path) -> None:
    """It has a step that this program does not know, in its -wal."""
    with closing(sqlite3.connect(file)) as written, written:
        written.execute("INSERT INTO schema_migration (name, applied) VALUES ('9999_later', '2030-01-01')")
        written.commit()
        kept = {path: path.read_bytes() for path in (file, wal_of(file))}
    for path, content in kept.items():
        path.write_bytes(content)


def emptied(file: Path) -> None:
    file.write_bytes(b"")


def gone(file: Path) -> None:
    file.unlink()


def content(file: Path) -> dict[str, str]:
    """The file's and its -wal's; the -shm is nothing but an index, and an empty -wal says nothing."""
    there = [path for path in (file, wal_of(file)) if path.exists() and path.stat().st_size]
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in there}


@pytest.mark.parametrize("damage", [rubbish, headless, cut_short, a_page_lost])
def test_a_damaged_file_is_refused_and_left_as_it_is(left, damage):
    """It may still be repaired or restored: one line says so, and not a byte changes."""
    file, _ = left
    look(file)
    damage(file)
    refused_unchanged(file)


@pytest.mark.parametrize("damage", [rubbish, headless, newer, emptied, gone])
def test_what_is_refused_keeps_its_wal(left, damage):
    """It may hold the only copy of what was sent last."""
    file, _ = left
    damage(file)
    refused_unchanged(file)


def refused_unchanged(file: Path) -> None:
    before = content(file)
    with pytest.raises(errors.DatabaseUnusable) as refused:
        connection.connect(f"sqlite:///{file}")
    assert "\n" not in str(refused.value)
    assert proxy.database.obj is None or proxy.database.is_closed()
    assert before == content(file)


def test_a_damaged_page_that_is_met_later_is_no_riddle(left):
    """The disk has failed while wasender ran: whoever comes upon the page is told what to do."""
    file, _ = left
    look(file)
    connection.connect(f"sqlite:///{file}")
    try:
        a_page_lost(file)
        with pytest.raises(errors.DatabaseUnusable, match="restore it from a backup"), connection.available():
            recipients.page(job_moves.job(1), recipients.Selection())
    finally:
        connection.close()


def test_an_empty_file_is_a_new_database(tmp_path):
    """As a person makes one with `touch`, or a first start that came to nothing."""
    (tmp_path / "wasender.db").touch()
    assert [[], [], [], [], []] == look(tmp_path / "wasender.db")


@pytest.mark.parametrize("program", ["http", "sender"])
@pytest.mark.parametrize("damage", [rubbish, newer])
def test_a_process_says_in_one_line_why_it_does_not_start(left, tmp_path, program, damage):
    """supervisord tries again and again; each time nothing but this line comes of it."""
    file, _ = left
    look(file)
    damage(file)
    settings = {"WASENDER_DATA_DIR": str(file.parent), "WASENDER_TRANSPORT": "dryrun", "WASENDER_PORT": "0"}
    ended = subprocess.run(
        [sys.executable, "-m", f"daemon.{program}"],
        env=os.environ | settings | {"PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    told = [json.loads(line) for line in ended.stdout.splitlines()]
    assert (1, "") == (ended.returncode, ended.stderr)
    assert ["process.refused", "process.stopped"] == [event["event"] for event in told]
    words = "newer wasender" if damage is newer else "was left as it is"
    assert words in told[0]["reason"] and "\n" not in told[0]["reason"]
