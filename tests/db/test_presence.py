"""An SQLite file is read through at a start by one process only, and only where it was not closed in order."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from daemon import errors
from daemon.db import connection, inspection, presence
from daemon.models import Template
from tests.conftest import ROOT
from tests.support.rig import eventually

KILLED = """
import os, sys
from daemon.db import connection, presence
from daemon.models import Template
with presence.present(sys.argv[1]) as seat:
    connection.connect(sys.argv[1], seat.sound)
    seat.share()
    Template.create(name="kept", text="t", created_at=1, updated_at=1)
    os._exit(9)
"""


@pytest.fixture
def backend() -> str:
    return "sqlite"


@pytest.fixture
def checks(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Grows with each time that the file is read through."""
    made: list[object] = []
    real = inspection._read_through
    monkeypatch.setattr(inspection, "_read_through", lambda reader: (made.append(reader), real(reader)))
    return made


def life(url: str, during: Callable[[], Any] = lambda: None) -> None:
    """A process's life, from its start to its orderly end."""
    with presence.present(url) as seat:
        connection.connect(url, seat.sound)
        seat.share()
        try:
            during()
        finally:
            connection.close()


def killed(url: str) -> None:
    """A process that wrote something and was killed, as all are in a power cut."""
    assert 9 == subprocess.run([sys.executable, "-c", KILLED, url], cwd=ROOT, check=False).returncode


def write() -> None:
    Template.create(name="another", text="t", created_at=1, updated_at=1)


def file_of(url: str) -> Path:
    return Path(url.removeprefix("sqlite:///"))


def test_what_was_closed_in_order_is_not_read_through(database_url, checks):
    """However much was written before."""
    life(database_url, write)
    assert [] == checks  # a new file
    for _ in range(3):
        life(database_url)
    assert [] == checks


def test_after_a_kill_it_is_read_through_once(database_url, checks):
    life(database_url)
    killed(database_url)
    life(database_url)
    assert 1 == len(checks)
    life(database_url)
    assert 1 == len(checks)


def test_of_two_that_start_after_a_kill_one_reads_it_through(database_url, checks):
    """The second waits for the first, and then for nothing."""
    killed(database_url)
    with presence.present(database_url) as first, ThreadPoolExecutor(1) as threads:
        connection.connect(database_url, first.sound)

        def second() -> bool:
            with presence.present(database_url) as seat:
                return seat.sound

        waiting = threads.submit(second)
        assert not waiting.done()
        first.share()
        assert waiting.result(10)
        life(database_url)
        connection.close()
    assert 1 == len(checks)


def test_one_that_dies_beside_another_asks_for_no_reading(database_url, checks):
    """Nobody pulled the plug: the other one has had it open all the time."""
    life(database_url, lambda: (killed(database_url), life(database_url)))
    assert [] == checks


def test_where_the_first_has_found_it_damaged_the_second_looks_for_itself(database_url, checks):
    """It must not take the word of one who gave none."""
    killed(database_url)
    with ThreadPoolExecutor(1) as threads:
        with pytest.raises(errors.DatabaseUnusable), presence.present(database_url) as seat:

            def second() -> bool:
                with presence.present(database_url) as mine:
                    return mine.sound

            waiting = threads.submit(second)
            assert not seat.sound
            raise inspection.unusable("it is damaged")
        assert not waiting.result(10)


def test_a_file_that_was_put_in_its_place_is_read_through(database_url, checks):
    """A restored copy, or one that a failing disk has changed: it is not as it was left."""
    life(database_url, write)
    file = file_of(database_url)
    copy = file.read_bytes()
    file.unlink()
    file.write_bytes(copy)
    life(database_url)
    assert 1 == len(checks)


def test_a_wal_that_was_left_is_reason_enough(database_url, checks):
    """The file itself may not have changed since the last orderly end."""
    life(database_url)
    before = file_of(database_url).stat()
    killed(database_url)
    eventually(lambda: file_of(database_url).with_name("wasender.db-wal").stat().st_size, what="a -wal is left")
    assert before.st_size == file_of(database_url).stat().st_size
    life(database_url)
    assert 1 == len(checks)


def test_a_folder_that_cannot_be_written_to_is_told_by_the_database(tmp_path):
    """Not by a lock file that cannot be made."""
    with (
        pytest.raises(errors.DatabaseUnusable),
        presence.present(f"sqlite:///{tmp_path / 'no' / 'wasender.db'}") as seat,
    ):
        connection.connect(f"sqlite:///{tmp_path / 'no' / 'wasender.db'}", seat.sound)
