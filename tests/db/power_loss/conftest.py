"""Databases as victims have left them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon import config
from daemon.accounts import directory
from daemon.db import connection, sqlite
from tests.conftest import NOW
from tests.db.power_loss.victims import LEFT, MOST, Books, Death, Nursery, books, copy, work


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    nursery = Nursery()
    yield nursery
    nursery.close()


@pytest.fixture(scope="module")
def blank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with the schema and an account, closed in order."""
    file = tmp_path_factory.mktemp("blank") / "wasender.db"
    connection.connect(f"sqlite:///{file}")
    directory.open_account("default", NOW)
    connection.close()
    return file


@pytest.fixture
def file(blank: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return copy(blank, tmp_path / "data")


@pytest.fixture(scope="module")
def after(blank: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Books]:
    """after[n]: the books once n transactions have been committed; the same in every run of `work`."""
    file = copy(blank, tmp_path_factory.mktemp("after") / "data")
    settings = config.load(_env_file=None, data_dir=file.parent, transport="dryrun")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "time_ns", lambda: NOW * 1_000_000)
        patch.setitem(sqlite.PRAGMAS, "synchronous", "off")
        connection.connect(f"sqlite:///{file}")
        found = [books()]
        for _ in zip(range(MOST + 1), work(settings), strict=False):
            found.append(books())
        connection.close()
    return found


# The -wal that it leaves


@pytest.fixture
def left(nursery: Nursery, file: Path) -> tuple[Path, Death]:
    """What a killed process has left: a database, its -wal with LEFT transactions, and its -shm."""
    return file, nursery.victim(file, LEFT)
