"""A private PostgreSQL server for tests, from the distribution's package; no cluster of the machine is touched."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections import Counter
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any

import psutil
import psycopg
import pytest

from daemon.db import connection
from daemon.db.schema import HISTORY
from tests.support.rig import eventually, free_port

USER = "wasender"
TEMPLATE = "template_wasender"
PREFIX = "wasender-pg-"
MEMORY = Path("/dev/shm")
MEMORY_NEEDED, MEMORY_LEFT = 4 << 30, 6 << 30  # for the servers of a test run; for everybody else
LEFT_BEHIND_S = 3600  # what is older and has no server was left by a test run that was killed
MANY_DEAD_ROWS = 5_000  # nobody cleans up behind deletions here
SPEED = {"fsync": "off", "full_page_writes": "off", "autovacuum": "off"}  # what only a power cut would miss

_OURS = "relnamespace = 'public'::regnamespace"
_SEQUENCES = f"relkind = 'S' AND {_OURS} AND NOT starts_with(relname, '{HISTORY}')"
_ALONE = """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()"""
_LOOKS = f"""SELECT concat(
    (SELECT string_agg(concat(relname, relkind, relnatts, relchecks, relhastriggers), ' ' ORDER BY relname)
     FROM pg_class WHERE {_OURS}),
    (SELECT string_agg(name, ' ' ORDER BY name) FROM {HISTORY}))"""
# A table that has never had a row has no page. The function lives as long as the connection does.
_EMPTY = f"""SET lock_timeout = '5s'; SET session_replication_role = replica;
    CREATE FUNCTION pg_temp.emptied() RETURNS bigint LANGUAGE plpgsql AS $$
    DECLARE name text; gone bigint; total bigint := 0;
    BEGIN
        FOR name IN SELECT relname FROM pg_class WHERE relkind = 'r' AND {_OURS}
            AND relname <> '{HISTORY}' AND pg_relation_size(oid) > 0
        LOOP
            EXECUTE format('DELETE FROM %I', name);
            GET DIAGNOSTICS gone = ROW_COUNT;
            total := total + gone;
        END LOOP;
        PERFORM setval(oid, 1, false) FROM pg_class
            WHERE CASE WHEN {_SEQUENCES} THEN pg_sequence_last_value(oid) IS NOT NULL ELSE false END;
        RETURN total;
    END $$"""


def find_binaries() -> Path | None:
    """Where `initdb` and `postgres` are, the newest first: Debian keeps them off the PATH."""
    places = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda place: -int(place.parent.name))
    if found := shutil.which("initdb"):
        places.append(Path(found).resolve().parent)
    return next((place for place in places if (place / "initdb").exists() and (place / "postgres").exists()), None)


def only_where_installed() -> None:
    """Skips a test where there is no PostgreSQL; in CI, where there has to be one, it fails."""
    if find_binaries() is None:
        reason = "PostgreSQL is not installed: apt-get install postgresql"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)


class Server:
    """One server in a temporary folder, with a migrated template; `with Server() as server`.

    durable: write to the disk as in production, for measuring; tests go without. address: of this machine, at which it
    can be reached by others, too; they need no password.
    """

    def __init__(self, durable: bool = False, address: str | None = None) -> None:
        binaries = find_binaries()
        if binaries is None:
            raise FileNotFoundError("PostgreSQL is not installed: apt-get install postgresql")
        self._binaries = binaries
        self._options = {} if durable else SPEED
        self._address = address
        self._numbers = count(1)
        self._process: subprocess.Popen[bytes] | None = None
        self._idle: list[str] = []
        self._dead_rows: Counter[str] = Counter()
        self._cleaners: dict[str, psycopg.Connection[Any]] = {}
        self.folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=None if durable else _in_memory()))
        self.port = free_port()

    def __enter__(self) -> Server:
        self.folder.chmod(0o755)
        if os.geteuid() == 0:  # PostgreSQL refuses to run as root
            owner = pwd.getpwnam("postgres")
            os.chown(self.folder, owner.pw_uid, owner.pw_gid)
        settings = ["--username", USER, "--auth", "trust", "--encoding", "UTF8", "--locale", "C.UTF-8", "--no-sync"]
        self._run("initdb", "--pgdata", str(self.folder / "data"), *settings)
        if self._address:
            with (self.folder / "data" / "pg_hba.conf").open("a") as allowed:
                allowed.write(f"host all all {self._address}/24 trust\n")
        self.start()
        self.execute(f"CREATE DATABASE {TEMPLATE}")
        connection.connect(self.url(TEMPLATE))
        connection.close()
        with psycopg.connect(self.url(TEMPLATE)) as own:
            self._as_made = _looks(own)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop(signal.SIGQUIT)  # nothing has to be written down any more
        shutil.rmtree(self.folder, ignore_errors=True)

    def url(self, name: str) -> str:
        """The address of a database on this server."""
        return f"postgresql://{USER}@127.0.0.1:{self.port}/{name}"

    def socket_url(self, name: str) -> str:
        """The same through the Unix socket."""
        return f"postgresql://{USER}@/{name}?host={self.folder}&port={self.port}"

    def new_database(self, migrated: bool = True) -> str:
        """The URL of a fresh database."""
        name = f"test_{next(self._numbers)}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            source = TEMPLATE if migrated else "template0"
            # Its files are copied: through the log, as is usual, it takes more than twice as long.
            made = f"CREATE DATABASE {name} TEMPLATE {source} STRATEGY FILE_COPY"
            connection.execute(made)  # type: ignore[arg-type, unused-ignore]
        return self.url(name)

    def lend(self) -> str:
        """The URL of an empty database that others may have used before; making one takes a hundred times as long."""
        return self._idle.pop() if self._idle else self.new_database()

    def take_back(self, url: str) -> None:
        """Empty a lent database for the next one; if its tables are not as they were made, it is dropped."""
        try:
            as_found = self._cleared(url)
        except psycopg.Error:
            as_found = ""
        if as_found == self._as_made and self._dead_rows[url] < MANY_DEAD_ROWS:
            self._idle.append(url)
        else:
            self.drop(url)

    def _cleared(self, url: str) -> str:
        """Delete all rows; returns what the schema looks like. The connection is kept: a new one costs as much as the
        rest."""
        try:
            return self._clear(url)
        except psycopg.OperationalError:  # the server was started anew since
            self._leave(url)
            return self._clear(url)

    def _clear(self, url: str) -> str:
        if url not in self._cleaners:
            self._cleaners[url] = psycopg.connect(url, autocommit=True)
            self._cleaners[url].execute(_EMPTY)  # type: ignore[arg-type, unused-ignore]
        own = self._cleaners[url]
        own.execute(_ALONE)
        (rows,) = own.execute("SELECT pg_temp.emptied()").fetchone() or (0,)
        self._dead_rows[url] += rows
        return _looks(own)

    def _leave(self, url: str) -> None:
        if url in self._cleaners:
            self._cleaners.pop(url).close()

    def drop(self, url: str) -> None:
        """Remove a database, whoever is connected to it."""
        self._leave(url)
        self.execute(f"DROP DATABASE IF EXISTS {url.rpartition('/')[2]} WITH (FORCE)")

    def execute(self, sql: str) -> None:
        """Run one statement as the superuser."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(sql)  # type: ignore[arg-type, unused-ignore]

    def start(self) -> None:
        """Returns when it takes connections."""
        addresses = ",".join(["127.0.0.1", *([self._address] if self._address else [])])
        options = {"listen_addresses": addresses, "port": self.port, "unix_socket_directories": self.folder}
        words = [word for name, value in (options | self._options).items() for word in ("-c", f"{name}={value}")]
        command = [self._binaries / "postgres", "-D", self.folder / "data", *words]
        # The death signal: a test run that is killed leaves no server behind.
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "INT", *command], stdout=log, stderr=log, cwd="/", **_as_postgres()
            )
        eventually(self._answers, what="PostgreSQL answers")

    @property
    def pid(self) -> int:
        """Of its first process; the others are its children."""
        assert self._process
        return self._process.pid

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """SIGINT: clients are thrown out, all is written down. SIGQUIT: as when the machine loses its power."""
        for url in list(self._cleaners):
            self._leave(url)
        if self._process and self._process.poll() is None:
            self._process.send_signal(how)
            self._process.wait(60)

    def restart(self, how: signal.Signals = signal.SIGINT) -> None:
        """See `stop`; at the same address."""
        self.stop(how)
        self.start()

    def _run(self, program: str, *words: str) -> None:
        done = subprocess.run(
            [self._binaries / program, *words], cwd="/", capture_output=True, text=True, check=False, **_as_postgres()
        )
        assert 0 == done.returncode, done.stdout + done.stderr

    def _answers(self) -> bool:
        if self._process and self._process.poll() is not None:
            raise RuntimeError(f"PostgreSQL ended: {(self.folder / 'log').read_text()[-2000:]}")
        try:
            psycopg.connect(self.url("postgres")).close()
        except psycopg.OperationalError:
            return False
        return True


def _in_memory() -> Path | None:
    """Where files cost little, None where there is no room for that: a database is a thousand files, and some hundred
    are made in a test run."""
    if not MEMORY.is_dir() or shutil.disk_usage(MEMORY).free < MEMORY_NEEDED:
        return None
    if psutil.virtual_memory().available < MEMORY_NEEDED + MEMORY_LEFT:
        return None
    for old in MEMORY.glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):
            if time.time() - old.stat().st_mtime > LEFT_BEHIND_S and not (old / "data" / "postmaster.pid").exists():
                shutil.rmtree(old, ignore_errors=True)
    return MEMORY


def _looks(own: psycopg.Connection[Any]) -> str:
    """What the schema is like, in a word to compare."""
    (looks,) = own.execute(_LOOKS).fetchone() or ("",)  # type: ignore[arg-type, unused-ignore]
    return str(looks)


def _as_postgres() -> dict[str, Any]:
    return {"user": "postgres", "group": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}
