"""Running the command `wasender` in this process, against an instance that runs."""

from __future__ import annotations

import functools
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import typer.testing
from typer.testing import CliRunner, Result

from daemon.cli.app import app
from tests.support.rig import Rig

# Built from all functions' signatures, which takes longer than most commands do.
typer.testing._get_command = functools.cache(typer.testing._get_command)

CONTACTS = (
    "name,phone,city\nAda,+4915112345670,Berlin\nBob,+4915112345671,Bonn\nAda again,+49 151 12345670,\nCarl,123,\n"
)


class Silent(BaseHTTPRequestHandler):
    """Says nothing of what it answers."""

    def log_message(self, *_: object) -> None:
        """Nothing."""


@contextmanager
def in_its_place(handler: type[Silent], **known: Any) -> Iterator[Any]:
    """A server that is not wasender, and answers as it is told to. known: attributes of it."""
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        vars(server).update(known)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield server
        server.shutdown()


def invoke(*words: object, stdin: str | None = None, color: bool = False, **environment: str) -> Result:
    """What the command writes with these settings, and its exit code. A traceback is an error of the test."""
    done = CliRunner().invoke(
        app, [str(each) for each in words], stdin, env=environment, color=color, prog_name="wasender"
    )
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


class Command:
    """Runs commands against an instance, each as its user would, in the data folder's installation."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.environment = {"WASENDER_DATA_DIR": str(rig.data), "WASENDER_PORT": str(rig.port)}

    def __call__(self, *words: object, stdin: str | None = None, **environment: str) -> Result:
        """As `invoke`."""
        return invoke(*words, stdin=stdin, **self.environment | environment)

    def json(self, *words: object, exit_code: int = 0) -> Any:
        """The document that it answers with; nothing else is written."""
        done = self(*words, "--json")
        assert exit_code == done.exit_code, done.output
        if exit_code:
            return json.loads(done.stderr)["error"]
        assert "" == done.stderr
        return json.loads(done.stdout)


@contextmanager
def instance(folder: Path) -> Iterator[Command]:
    """An instance whose sender sends nothing, and commands for it."""
    with Rig(folder, transport="dryrun", delay_min=0, delay_max=0) as rig:
        rig.ready()
        yield Command(rig)
