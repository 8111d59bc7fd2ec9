"""A full disk is 507, wherever it is met; and how much a stranger may send."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import peewee
import pytest
from pydantic import BaseModel

from daemon.api import endpoint
from daemon.api.answers import Answer
from daemon.api.endpoint import Caller as Asked
from daemon.api.endpoint import Open
from daemon.config import Settings
from daemon.contacts import uploads
from daemon.db import proxy
from daemon.files import durable
from daemon.http import make_app
from daemon.server.connections import ANONYMOUS_BYTES
from tests.http.conftest import KEY, Caller, form


async def test_an_attachment_that_finds_no_room(api: Caller, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Its bytes go to a device that is always full; nothing of it stays."""
    part = tmp_path / "part"
    part.symlink_to("/dev/full")
    monkeypatch.setattr(uploads, "new_part", lambda _settings: part)

    refused = await api.post("/upload_attachment", status=507, data=form(b"x" * 1_000_000, "a.pdf"))

    assert "urn:wasender:problem:disk-full" == refused["type"]
    assert "free some space" in refused["detail"]
    assert not part.is_symlink()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
async def test_one_that_cannot_be_kept(api: Caller, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """The last step fails: it is on no list."""

    def full(*_: Any) -> None:
        raise OSError(number, "full")

    monkeypatch.setattr(durable, "keep", full)
    await api.post("/upload_attachment", status=507, data=form(b"x", "a.pdf"))


async def test_other_trouble_with_files_is_no_full_disk(api: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is unforeseen, and logged."""

    def broken(*_: Any) -> None:
        raise OSError(errno.EIO, "broken")

    monkeypatch.setattr(durable, "keep", broken)
    await api.post("/upload_attachment", status=500, data=form(b"x", "a.pdf"))


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/send", {"numbers": ["+4915110000000"], "message": "Hi " * 1_300}),
        ("POST", "/templates", {"name": "a", "text": "Hi " * 1_300}),
        ("POST", "/suppressions", {"number": "+4915110000000", "reason": "x" * 400}),
    ],
)
async def test_a_database_without_room(
    api: Caller, monkeypatch: pytest.MonkeyPatch, method: str, path: str, body: dict[str, Any]
) -> None:
    """Every write says so; what is only read still is."""
    execute = type(proxy.database.obj).execute_sql

    def full(self: Any, sql: str, params: Any = None) -> Any:
        if sql.startswith(("INSERT", "UPDATE")):
            raise peewee.OperationalError("database or disk is full")
        return execute(self, sql, params)

    monkeypatch.setattr(type(proxy.database.obj), "execute_sql", full)

    assert "urn:wasender:problem:disk-full" == (await api.ask(method, path, 507, json=body))["type"]
    await api.get("/jobs")


# A stranger's body


class Signed(BaseModel):
    """What a service sends that has no key of ours."""

    text: str


class Taken(Answer):
    """Its length."""

    length: int


@pytest.fixture
def signed() -> Iterator[None]:
    """An endpoint that takes 64 KB from anybody, as one that checks a signature may."""

    def take(caller: Asked, *, body: Signed) -> Taken:
        """Take what is signed."""
        return Taken(length=len(body.text))

    endpoint.post("/signed", scope=Open.ALWAYS, tag="health", anonymous_bytes=64 * 1024)(take)
    yield
    endpoint.REGISTRY.pop()


@pytest.mark.usefixtures("signed")
async def test_an_endpoint_may_take_more_from_strangers(settings: Settings, database: str, aiohttp_client: Any) -> None:
    """As much as it declares; others take what a login needs."""
    stranger = Caller(await aiohttp_client(make_app(settings, KEY)), None)

    for length in (10, ANONYMOUS_BYTES, 60 * 1024):
        assert length == (await stranger.post("/signed", {"text": "x" * length}))["length"]
    refused = await stranger.post("/signed", {"text": "x" * 65 * 1024}, status=413)
    assert "64 KB" in refused["detail"]
