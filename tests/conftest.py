"""What tests of all kinds share: settings in a temporary folder, a database, people to write to, a clock."""

from __future__ import annotations

import gc
import os
import shutil
import signal
import sys
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from daemon import config
from daemon.config import Settings
from daemon.contacts import file_reading
from daemon.contacts.importer import Contact
from daemon.db import clock as db_clock
from daemon.db import connection, inspection, proxy, schema, sqlite
from tests.support import postgres
from tests.support.blank import blank_file

ROOT = Path(__file__).resolve().parents[1]
BACKENDS = ["sqlite", "postgresql"]  # tests/db runs on each, see its conftest
WAITING = ["crash", "browser"]  # folders whose tests mostly wait
NOW = 1_767_261_600_000  # 2026-01-01 10:00 UTC

# Hundreds of processes are started: they find our code compiled, as those of a user do.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
# A shell that starts us in the background has us ignore Ctrl-C, and with us all that is started here.
signal.signal(signal.SIGINT, signal.default_int_handler)


class Clock:
    """Stands still until it is moved; called like `db.now_ms`."""

    def __init__(self, now: int = NOW) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now

    def advance(self, ms: int) -> int:
        self.now += ms
        return self.now


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that wait (for a page, for what was killed to come back) lie between those that reckon, so that at all
    times some of those who run them do either; those with the most tests come first. Towards the end only the latter,
    quick files, are left."""
    kinds: dict[bool, list[Path]] = {True: [], False: []}
    tests = Counter(item.path for item in items)
    for path in tests:
        kinds[path.parent.name in WAITING].append(path)
    kinds[True].sort(key=lambda path: (WAITING.index(path.parent.name), -tests[path]))
    place = {
        path: (nth / len(paths) * (0.8 if waits else 1), not waits)
        for waits, paths in kinds.items()
        for nth, path in enumerate(paths)
    }
    items.sort(key=lambda item: place[item.path])


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """What a test that passed has printed is read by nobody; handing it from process to process takes a while."""
    report = yield
    if report.passed:
        report.sections = []
    return report


def pytest_collection_finish() -> None:
    """Thousands of tests and all that was imported stay to the end: looking through them for what can be freed, again
    and again, took a tenth of the time; looking rarely through what tests make saves as much as a thirtieth."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


@pytest.fixture(autouse=True, scope="session")
def _plain_logs() -> None:
    """One short line an event, for the report of a test that failed; `capture_logs` sees events as they are."""
    structlog.configure(
        processors=[structlog.processors.format_exc_info, structlog.processors.KeyValueRenderer(key_order=["event"])]
    )


@pytest.fixture(autouse=True, scope="session")
def _the_process_that_reads_files_ends() -> Iterator[None]:
    """All tests share it, as far as it is not about itself."""
    yield
    file_reading.READER.stop()


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """A developer's own settings must not decide what a test sees."""
    for name in list(os.environ):
        if name.startswith(config.PREFIX):
            monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def _no_database_of_another_test() -> Iterator[None]:
    """What a test has connected is gone with it: one without a database would be told the time by one that was
    dropped. What a file's tests share stays."""
    shared = proxy.database.obj
    yield
    if proxy.database.obj is not shared:
        connection.close()
        proxy.database.obj = shared


@pytest.fixture(scope="session")
def postgresql() -> Iterator[postgres.Server]:
    """A PostgreSQL server of this test run's own. Missing: the test is skipped, and fails where CI is set."""
    postgres.only_where_installed()
    with postgres.Server() as server:
        yield server


@pytest.fixture
def backend() -> str:
    """The kind of database; a folder whose tests are about it has them run on each."""
    return "sqlite"


@pytest.fixture
def database_url(backend: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Where an empty database is, or can be made."""
    (tmp_path / "data").mkdir(exist_ok=True)
    if backend == "sqlite":
        yield f"sqlite:///{tmp_path / 'data' / 'wasender.db'}"
    else:
        server: postgres.Server = request.getfixturevalue("postgresql")
        fresh = "fresh_database" in request.fixturenames
        url = server.new_database() if fresh else server.lend()
        yield url
        (server.drop if fresh else server.take_back)(url)


@pytest.fixture
def fresh_database() -> None:
    """For tests of what outlasts the rows, as the planner's statistics: their database is a new one."""


@pytest.fixture
def database(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A connected, migrated, empty database; yields its URL, for other processes."""
    # No test in this process pulls the plug, and waiting for the disk would take most of its time.
    monkeypatch.setitem(sqlite.PRAGMAS, "synchronous", "off")
    if database_url.startswith("sqlite"):
        shutil.copy(blank_file(), database_url.removeprefix("sqlite:///"))
    with monkeypatch.context() as known:  # that it is sound and today's: looking takes longer than many a test
        known.setattr(schema, "upgrade", lambda *_: None)
        known.setattr(inspection, "judge", lambda *_: None)
        connection.connect(database_url)
    yield database_url
    connection.close()


@pytest.fixture
def make_settings(tmp_path: Path, database_url: str) -> Callable[..., Settings]:
    """Settings of a quick dry run in a temporary folder, with the changes given."""

    def make(**changes: Any) -> Settings:
        quick: dict[str, Any] = {
            "_env_file": None,
            "data_dir": tmp_path / "data",
            "database_url": database_url,
            "transport": "dryrun",
            "timezone": "UTC",
            "delay_min": 0,
            "delay_max": 0,
            "long_pause_every": 0,
        }
        if {"data_dir", "database_url"} & set(changes) or not all(
            isinstance(e, (str, int, float)) for e in changes.values()
        ):
            return config.load(**quick | changes)
        like = _settings_like(repr(sorted(changes.items())), _outside(), quick | changes)
        return like.model_copy(update={"data_dir": quick["data_dir"], "database_url": database_url})

    return make


_LOADED: dict[tuple[str, str], Settings] = {}


def _settings_like(changes: str, outside: str, values: dict[str, Any]) -> Settings:
    """Settings that differ from those wanted in their folder and database only: most tests want the same, and
    reading them takes longer than what many tests do with them."""
    if (changes, outside) not in _LOADED:
        _LOADED[changes, outside] = config.load(**values)
    return _LOADED[changes, outside]


def _outside() -> str:
    """What else settings are read from."""
    return repr(sorted((name, value) for name, value in os.environ.items() if name.upper().startswith(config.PREFIX)))


@pytest.fixture
def settings(make_settings: Callable[..., Settings]) -> Settings:
    """See `make_settings`."""
    return make_settings()


@pytest.fixture
def people() -> Callable[..., list[Contact]]:
    """A factory of recipients: `people(3)`, or `people(3, first=100)` for other numbers."""

    def make(count: int, first: int = 0) -> list[Contact]:
        return [Contact(n + 1, f"+491511{first + n:07}", {"name": f"Person {first + n}"}) for n in range(count)]

    return make


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of `campaigns`; for the outbox the time is an argument."""
    clock = Clock()
    monkeypatch.setattr(db_clock, "now_ms", clock)
    return clock


@pytest.fixture
def environment(settings: Settings, database_url: str) -> dict[str, str]:
    """The environment of a real process of ours that uses `settings`; start it in a temporary folder."""
    return {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "WASENDER_DATA_DIR": str(settings.data_dir),
        "WASENDER_DATABASE_URL": database_url,
        "WASENDER_TRANSPORT": "dryrun",
        "WASENDER_DELAY_MIN": "0",
        "WASENDER_DELAY_MAX": "0",
        "WASENDER_LONG_PAUSE_EVERY": "0",
    }
