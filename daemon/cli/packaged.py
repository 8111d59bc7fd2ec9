"""`wasender start` where wasender is installed by pip: what scripts/start does in a checkout, in the current folder."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import NoReturn

import typer

from daemon.cli import settings
from daemon.cli.exits import Exit, Failure
from daemon.files import release

CONF = Path("run/supervisord.conf")
PYTHON = '"%(here)s/../.venv/bin/python"'  #: in the checkout's configuration


def run(data: Path | None, port: int | None) -> NoReturn:
    """Become supervisord. wasender.env, data/ and run/ are in this folder; Chromium and its driver have to be there.

    Raises Failure, ConfigError and SetupError.
    """
    os.umask(0o077)  # what it writes is for its owner only
    if port is not None:
        os.environ["WASENDER_PORT"] = str(port)
    if data is not None:
        os.environ["WASENDER_DATA_DIR"] = str(data.absolute())
    found = settings.load(None)
    from daemon.ops import preflight

    preflight.write_senders(found)
    preflight.check(found)
    CONF.write_text(configuration())
    typer.echo(f"wasender: page {preflight.address(found)}/app\nwasender: API key: {preflight.key(found)}")
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", "supervisor.supervisord", "-n", "-c", str(CONF)])  # noqa: S606


def configuration() -> str:
    """That of a checkout, with this Python."""
    file = release.shipped("etc/supervisord.conf")
    if file is None or not file.is_file():
        raise Failure("no_configuration", "The package lacks etc/supervisord.conf: install it again.", Exit.NOT_SET_UP)
    return file.read_text().replace(PYTHON, shlex.quote(sys.executable).replace("%", "%%"))
