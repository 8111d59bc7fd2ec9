"""A private PostgreSQL server for tests, from the distribution's package; no cluster of the machine is touched."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any

import psycopg

from daemon.db import connection
from tests.support.rig import eventually, free_port

USER = "wasender"
TEMPLATE = "template_wasender"
SPEED = {"fsync": "off", "full_page_writes": "off", "autovacuum": "off"}  # what only a power cut would miss


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
        eventually(self._answers, 30, "PostgreSQL answers")

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """SIGINT: clients are thrown out, all is written down. SIGQUIT: as when the machine loses its power."""
        if self._process and self._process.poll() is None:
            self._process.send_signal(how)
            self._process.wait(30)

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
