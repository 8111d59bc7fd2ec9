"""Whoever starts wasender waits while the database is brought up to date, and is told so."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import psycopg
import pytest

from daemon import errors
from daemon.db import connection, looking, schema
from daemon.ops import preflight
from tests.db import steps


@contextmanager
def locked(url: str) -> Iterator[None]:
    """As an upgrade holds it."""
    if url.startswith("sqlite:///"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)) as writer:
            writer.execute("BEGIN IMMEDIATE")
            yield
    else:
        with psycopg.connect(url) as server:
            server.execute("SELECT pg_advisory_xact_lock(%s)", (schema.LOCK,))
            yield


@pytest.fixture
def old(nothing: str, tmp_path: Path) -> str:
    """A database of an earlier version."""
    steps.build(nothing, steps.steps_until(steps.STEPS[0], tmp_path / "steps"))
    return nothing


def test_an_upgrade_is_told_from_other_work(old: str) -> None:
    """It lacks steps, and is locked; one without the other is none."""
    assert not looking.upgrading(old)
    with locked(old):
        assert looking.upgrading(old)
    connection.connect(old)
    connection.close()
    with locked(old):
        assert not looking.upgrading(old)


def test_where_there_is_no_database_there_is_no_upgrade(nothing: str) -> None:
    """Nor is one made by looking."""
    assert not looking.upgrading(nothing)


class Answers(BaseHTTPRequestHandler):
    """An http process that answers."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Nothing."""


def test_the_start_waits_for_it(
    old: str, make_settings: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Past its usual patience, and no longer than the upgrade lasts."""
    monkeypatch.setattr(preflight, "PATIENCE_S", 0.2)
    looked: list[bool] = []
    upgrading = looking.upgrading

    def look(url: str) -> bool:
        looked.append(upgrading(url))
        if len(looked) == 2:  # it has ended, and http answers
            threading.Thread(target=server.serve_forever, daemon=True).start()
        return looked[-1]

    monkeypatch.setattr(looking, "upgrading", look)
    with HTTPServer(("127.0.0.1", 0), Answers, bind_and_activate=False) as server:
        server.server_bind()
        settings = make_settings(database_url=old, port=server.server_port)
        with pytest.raises(errors.SetupError, match="does not start"):
            preflight.wait_for_http(settings, os.getpid())
        assert [False] == looked
        looked.clear()
        server.server_activate()
        with locked(old):
            preflight.wait_for_http(settings, os.getpid())
        server.shutdown()
    assert 1 == capsys.readouterr().out.count("brought up to date")
