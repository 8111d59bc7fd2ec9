"""Checks made by `scripts/start` before it starts supervisord. If something is wrong, it prints one clear line.

Run as `python -m daemon.ops.preflight`; prints the data folder, the page's address and where the key is, a line each.
With `--wait PID` it waits until the http process answers, as long as supervisord (process PID) is running. Otherwise it
also writes for supervisord how many senders there are to be; with `--senders` only that.
"""

from __future__ import annotations

import http.client
import os
import socket
import sys
import time
import urllib.request
from pathlib import Path

from daemon import config, errors
from daemon.config import Settings
from daemon.files import data_folder, durable, trouble
from daemon.ops.refusals import Why

PATIENCE_S = 30
UPGRADE_S = 3600  #: at most, for a database to be brought up to date
SENDERS = Path("run/senders.conf")
#: asks this machine itself: a proxy that the environment names would answer in its place
HERE = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def check(settings: Settings) -> None:
    """Raises SetupError or ConfigError for the first thing that would stop wasender from running."""
    data_folder.prepare(settings.data_dir)
    config.api_key(settings)
    config.secret_key(settings)
    _check_port(settings)
    if settings.transport == "browser":
        from daemon.transports.browser.chrome import find_chrome, find_chromedriver

        find_chrome(settings.chrome)
        find_chromedriver(settings.chromedriver)


def _check_port(settings: Settings) -> None:
    try:
        family = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)[0][0]
        socket.create_server((settings.host, settings.port), family=family).close()
    except OSError as error:
        raise errors.PortTaken(settings.host, settings.port, trouble.reason(error)) from error


def write_senders(settings: Settings) -> None:
    """How many senders there are beside the first, where `etc/supervisord.conf` reads it: supervisord itself knows only
    the environment, not `wasender.env`. Raises SetupError."""
    with trouble.told():
        SENDERS.parent.mkdir(exist_ok=True)
        draft = SENDERS.with_suffix(".new")
        draft.write_text(f"[program:senders]\nnumprocs={settings.senders - 1}\n")
        durable.keep(draft, SENDERS)


def wait_for_http(settings: Settings, pid: int) -> None:
    """Wait until the http process answers; longer while the database is brought up to date. Raises SetupError when
    supervisord (`pid`) is gone or it takes too long."""
    from daemon.db import looking  # takes a while to import

    log = settings.data_dir / "wasender.log"
    began = time.monotonic()
    give_up, told = began + PATIENCE_S, False
    while True:
        try:
            with HERE.open(address(settings) + "/health", timeout=2):
                return
        except (OSError, http.client.HTTPException):  # the latter of something that speaks no HTTP
            time.sleep(0.1)
        if not Path(f"/proc/{pid}").exists():
            raise errors.SetupError(Why.SUPERVISORD_ENDED, log=log)
        if time.monotonic() > give_up:
            if time.monotonic() < began + UPGRADE_S and looking.upgrading(settings.db_url):
                if not told:
                    print("wasender: the database is brought up to date, which takes a while", flush=True)  # noqa: T201
                told, give_up = True, time.monotonic() + PATIENCE_S
                continue
            raise errors.SetupError(Why.HTTP_NOT_UP, log=log)


def address(settings: Settings) -> str:
    """The address of the http process, for a browser."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"http://{host}:{settings.port}"


def key(settings: Settings) -> str:
    """Where the API key is, for a person."""
    return "in the setting WASENDER_API_KEY" if settings.api_key else f"in the file {settings.data_dir / 'api_key'}"


def main() -> int:
    try:
        settings = config.load()
        for name, meant in config.unknown_settings(os.environ).items():
            hint = f": did you mean {meant}?" if meant else ": see the table in README.md."
            print(f"wasender: there is no setting {name}{hint}", file=sys.stderr)  # noqa: T201
        if sys.argv[1:2] == ["--wait"]:
            wait_for_http(settings, int(sys.argv[2]))
            return 0
        write_senders(settings)
        if sys.argv[1:2] == ["--senders"]:
            return 0
        check(settings)
    except errors.DaemonError as error:
        print(f"wasender: {error}", file=sys.stderr)  # noqa: T201
        return 1
    print(settings.data_dir.resolve(), address(settings) + "/app", key(settings), sep="\n")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
