"""The -wal that a kill leaves, whole and damaged, and copies of a database that is in use."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest

from daemon import errors
from daemon.db import connection, proxy
from tests.db.power_loss.victims import (
    FRAME,
    LEFT,
    MOST,
    WAL_HEAD,
    books,
    copy,
    look,
    wal_of,
)


def test_a_wal_that_ends_anywhere_shows_what_was_committed_up_to_there(left, after, tmp_path):
    """Between frames and within them: exactly the transactions that are whole, in their order. A third of
    the frames, and the places around the end of each transaction."""
    file, death = left
    wal = wal_of(file).read_bytes()
    dice = random.Random(2)
    between = range(WAL_HEAD, len(wal) + 1, FRAME)
    last = {size + near for size in death.sizes[1:] for near in (-FRAME, -1, 0, FRAME) if size + near <= len(wal)}
    ends = {0, WAL_HEAD - 1, *between[::3], *last, *(start - dice.randrange(1, FRAME) for start in between[1::5])}
    cut = copy(file, tmp_path / "cut")
    before = cut.read_bytes()
    shown = []
    for end in sorted(ends):
        cut.write_bytes(before)
        wal_of(cut).write_bytes(wal[:end])
        whole = sum(size <= end for size in death.sizes[1:])
        assert after[whole] == look(cut), end
        shown.append(whole)
    assert set(range(LEFT + 1)) == set(shown)


@pytest.mark.parametrize(("frame", "lost"), [("the last", 1), ("a middle", 10)])
def test_a_frame_with_rubbish_ends_the_wal(left, after, tmp_path, frame, lost):
    """Its checksum tells. What comes behind it is not looked at either, and SQLite does not say so."""
    file, death = left
    broken = copy(file, tmp_path / "broken", "-wal")
    with wal_of(broken).open("r+b") as wal:
        wal.seek(death.sizes[LEFT + 1 - lost] - 100)
        wal.write(random.Random(3).randbytes(100))
    assert after[LEFT - lost] == look(broken)


@pytest.mark.parametrize("shm", ["as it was", "missing", "of an earlier time", "rubbish"])
def test_a_wal_that_was_left_is_taken_in_by_the_next_start(nursery, left, after, tmp_path, blank, shm):
    """The -shm only says what is in the -wal: it is made anew."""
    file, _ = left
    moved = copy(file, tmp_path / "moved", "-wal")
    index = Path(f"{moved}-shm")
    if shm == "as it was":
        shutil.copy(f"{file}-shm", index)
    elif shm == "of an earlier time":
        earlier = copy(blank, tmp_path / "earlier")
        nursery.victim(earlier, 7)
        shutil.copy(f"{earlier}-shm", index)
    elif shm == "rubbish":
        index.write_bytes(random.Random(4).randbytes(32_768))
    assert after[LEFT] == look(moved)
    assert [moved.name] == [path.name for path in moved.parent.iterdir()], "closed in order, all is in one file"
    assert after[LEFT] == look(moved)


def test_what_an_earlier_round_has_left_in_the_wal_is_not_read_again(nursery, file, after):
    """A full -wal is written over from its beginning; the old frames behind have another salt."""
    death = nursery.victim(file, MOST)
    assert len(set(death.sizes[-5:])) == 1, "it has not begun anew"
    assert after[MOST] == look(file)


# Copies


def test_a_copy_without_its_wal_is_an_older_state(left, after, tmp_path):
    """Consistent in itself, but without what was sent since: that would be sent again."""
    file, _ = left
    assert after[0] == look(copy(file, tmp_path / "alone"))


def test_a_copy_made_by_sqlite_is_complete_while_others_write(left, after, tmp_path):
    """As `sqlite3 wasender.db ".backup …"` and VACUUM INTO make it."""
    file, _ = left
    connection.connect(f"sqlite:///{file}")
    proxy.database.execute_sql("VACUUM INTO ?", (str(tmp_path / "copy.db"),))
    connection.close()
    assert after[LEFT] == look(tmp_path / "copy.db")


def test_a_wal_of_another_database_costs_what_was_there(nursery, left, after, blank, tmp_path):
    """A fact about SQLite that docs/power-loss.md warns of: it takes it for its own. That the pages of both do not fit
    together may be noticed, or not.

    So before a backup is put in place, the -wal of what it replaces has to go.
    """
    backup = copy(blank, tmp_path / "backup")
    nursery.victim(backup, 60)
    assert after[60] == look(backup)
    shutil.copy(wal_of(left[0]), wal_of(backup))
    try:
        connection.connect(f"sqlite:///{backup}")
        found = books()
        connection.close()
    except errors.DatabaseUnusable as error:
        found = str(error)
    assert after[60] != found
