"""A private PostgreSQL server for tests, from the distribution's package; no cluster of the machine is touched."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections import Counter
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any

import psycopg

from daemon.db import connection
from daemon.db.schema import HISTORY
from tests.support.rig import eventually, free_port

USER = "wasender"
TEMPLATE = "template_wasender"
MANY_DEAD_ROWS = 5_000  # nobody cleans up behind deletions here
SPEED = {"fsync": "off", "full_page_writes": "off", "autovacuum": "off"}  # what only a power cut would miss

_OURS = "relnamespace = 'public'::regnamespace"
_ALONE = """SET lock_timeout = '5s'; SET session_replication_role = replica;
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()"""
_LOOKS = f"""SELECT concat(
    (SELECT string_agg(concat(relname, relkind, relnatts, relchecks, relhastriggers), ' ' ORDER BY relname)
     FROM pg_class WHERE {_OURS}),
    (SELECT string_agg(name, ' ' ORDER BY name) FROM {HISTORY}))"""


def find_binaries() -> Path | None:
    """Where `initdb` and `postgres` are, the newest first: Debian keeps them off the PATH."""
    places = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda place: -int(place.parent.name))
    if found := shutil.which("initdb"):
        places.append(Path(found).resolve().parent)
    return next((place for place in places if (place / "initdb").exists() and (place / "postgres").exists()), None)


class Server:
    """One server in a temporary folder, with a migrated template; `with Server() as server`.

    durable: write to the disk as in production, for measuring; tests go without.
    """

    def __init__(self, durable: bool = False) -> None:
        binaries = find_binaries()
        if binaries is None:
            raise FileNotFoundError("PostgreSQL is not installed: apt-get install postgresql")
        self._binaries = binaries
        self._options = {} if durable else SPEED
        self._numbers = count(1)
        self._process: subprocess.Popen[bytes] | None = None
        self._idle: list[str] = []
        self._dead_rows: Counter[str] = Counter()
        self.folder = Path(tempfile.mkdtemp(prefix="wasender-pg-"))
        self.port = free_port()

    def __enter__(self) -> Server:
        self.folder.chmod(0o755)
        if os.geteuid() == 0:  # PostgreSQL refuses to run as root
            owner = pwd.getpwnam("postgres")
            os.chown(self.folder, owner.pw_uid, owner.pw_gid)
        settings = ["--username", USER, "--auth", "trust", "--encoding", "UTF8", "--locale", "C.UTF-8", "--no-sync"]
        self._run("initdb", "--pgdata", str(self.folder / "data"), *settings)
        self.start()
        self.execute(f"CREATE DATABASE {TEMPLATE}")
        connection.connect(self.url(TEMPLATE))
        connection.close()
        self._as_made = self._clear(self.url(TEMPLATE), [])
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
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
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {source}")  # type: ignore[arg-type, unused-ignore]
        return self.url(name)

    def lend(self) -> str:
        """The URL of an empty database that others may have used before; making one takes a hundred times as long."""
        return self._idle.pop() if self._idle else self.new_database()

    def take_back(self, url: str) -> None:
        """Empty a lent database for the next one; if its tables are not as they were made, it is dropped."""
        tables = self._as_made[1]
        try:
            as_found = self._clear(url, tables)
        except psycopg.Error:
            as_found = None
        if as_found == self._as_made and self._dead_rows[url] < MANY_DEAD_ROWS:
            self._idle.append(url)
        else:
            self.drop(url)

    def _clear(self, url: str, tables: list[str]) -> tuple[str, list[str]]:
        """Delete all rows of these tables; returns what the schema looks like, and the tables it has."""
        with psycopg.connect(url, autocommit=True) as own:
            own.execute(_ALONE)
            deletes = own.execute("; ".join(f'DELETE FROM "{table}"' for table in tables) or "SELECT")  # type: ignore[arg-type, unused-ignore]
            self._dead_rows[url] += max(deletes.rowcount, 0)
            while deletes.nextset():
                self._dead_rows[url] += max(deletes.rowcount, 0)
            own.execute(
                "SELECT setval(oid, 1, false) FROM pg_class"
                f" WHERE relkind = 'S' AND {_OURS} AND NOT starts_with(relname, '{HISTORY}')"
            )
            (looks,) = own.execute(_LOOKS).fetchone() or ("",)
            found = own.execute(
                "SELECT relname FROM pg_class WHERE relkind = 'r' AND " + _OURS + " ORDER BY 1"
            ).fetchall()
            return looks, [name for (name,) in found if name != HISTORY]

    def drop(self, url: str) -> None:
        """Remove a database, whoever is connected to it."""
        self.execute(f"DROP DATABASE IF EXISTS {url.rpartition('/')[2]} WITH (FORCE)")

    def execute(self, sql: str) -> None:
        """Run one statement as the superuser."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(sql)  # type: ignore[arg-type, unused-ignore]

    def start(self) -> None:
        """Returns when it takes connections."""
        options = {"listen_addresses": "127.0.0.1", "port": self.port, "unix_socket_directories": self.folder}
        words = [word for name, value in (options | self._options).items() for word in ("-c", f"{name}={value}")]
        command = [self._binaries / "postgres", "-D", self.folder / "data", *words]
        # The death signal: a test run that is killed leaves no server behind.
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "INT", *command], stdout=log, stderr=log, cwd="/", **_as_postgres()
            )
        eventually(self._answers, what="PostgreSQL answers")

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """SIGINT: clients are thrown out, all is written down. SIGQUIT: as when the machine loses its power."""
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


def _as_postgres() -> dict[str, Any]:
    return {"user": "postgres", "group": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}
