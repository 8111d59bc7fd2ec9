"""`wasender cloud-templates` and `wasender accounts cloud`, with the stand-in for Meta's API behind the API."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs
from typer.testing import Result

from daemon.accounts import directory
from daemon.cli.exits import Exit
from daemon.db import clock
from daemon.http import make_app
from daemon.models import Job
from standin.graph.server import serving
from standin.graph.world import BUSINESS_ID, NUMBER_ID, TOKEN, World
from tests.http.conftest import KEY, Caller
from tests.support.cloud_templates import header, listed, there
from tests.support.commanding import invoke

READY = {"name": "order_ready", "language": "en_US", "category": "UTILITY", "body": "Your order is ready."}
Run = Callable[..., Awaitable[Result]]


@pytest.fixture
async def run(make_settings: Any, database: str, aiohttp_client: Any, tmp_path: Path) -> AsyncIterator[Run]:
    """Runs a command against an application whose account is of the Cloud API."""
    directory.open_account("default", clock.now_ms())
    own = {"cloud_token": TOKEN, "cloud_business_account_id": BUSINESS_ID, "cloud_phone_number_id": NUMBER_ID}
    (tmp_path / "key").write_text(KEY)
    async with serving(World()) as graph:
        client = await aiohttp_client(make_app(make_settings(transport="cloud", cloud_url=graph.url, **own), KEY))
        await Caller(client, KEY).post("/cloud/templates", READY)

        async def ask(*words: object) -> Result:
            where = ("--url", f"http://127.0.0.1:{client.port}", "--key-file", tmp_path / "key")
            with capture_logs():  # of the server, which writes where the command does
                return await asyncio.to_thread(invoke, *words, *where)

        yield ask


async def test_templates_are_read_from_meta_listed_and_shown(run: Run) -> None:
    """By name, or by id where there are several; and whoever mistypes one is told where they are listed."""
    done = await run("cloud-templates", "sync", "--account", "default")
    listed = json.loads((await run("cloud-templates", "list", "--json")).stdout)["templates"]
    shown = await run("cloud-templates", "show", "order_ready", "--language", "en_US")
    unknown = await run("cloud-templates", "show", "nonesuch")

    assert f"default has {len(listed)} WhatsApp templates" in done.stdout
    assert ["order_ready"] == [each["name"] for each in listed if each["id"]]
    assert "order_ready (en_US) of default: " in shown.stdout
    assert READY["body"] in shown.stdout
    assert (Exit.USAGE, True) == (unknown.exit_code, "cloud-templates list" in unknown.stderr)


async def test_the_account_is_told_as_meta_sees_it(run: Run) -> None:
    """With the step that is missing; an account that is not there is named."""
    told = await run("accounts", "cloud", "default")
    steps = json.loads((await run("accounts", "cloud", "default", "--json")).stdout)["steps"]
    nobody = await run("accounts", "cloud", "shop")

    assert 0 == told.exit_code, told.output
    assert [] == [each["sentence"] for each in steps if each["sentence"] not in " ".join(told.stdout.split())]
    assert (Exit.NOT_FOUND, True) == (nobody.exit_code, "shop" in nobody.stderr)


async def test_a_template_is_sent_with_its_values(run: Run, tmp_path: Path) -> None:
    """From a file and one by one; the language is looked up where there is only one."""
    there(clock.now_ms(), listed("order_ready"), listed("order_ready", language="de"), listed("flyer", header("IMAGE")))
    to = ("send", "--number", "+4915110000000", "--json")
    ready = ("--cloud-template", "order_ready", "--template-language", "en_US")
    (tmp_path / "values.json").write_text('{"1": "Ada", "2": "16"}')
    (tmp_path / "flyer.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(64))
    done = await run(*to, *ready, "--values", tmp_path / "values.json", "--value", "2=17")
    flyer = await run(*to, "--cloud-template", "flyer", "--attach", tmp_path / "flyer.png")
    several = await run(*to, "--cloud-template", "order_ready", "--value", "1=Ada")
    missing = await run(*to, *ready, "--value", "1=Ada")

    assert (0, 0) == (done.exit_code, flyer.exit_code), done.output + flyer.output
    first, second = Job.select().order_by(Job.id)
    assert ("en_US", ["Ada", "17"]) == (first.template["language"], [each["text"] for each in first.template["body"]])
    assert 1 == len(second.attachments)
    assert (Exit.USAGE, True) == (several.exit_code, "en_US" in several.stderr)
    assert (Exit.REFUSED, True) == (missing.exit_code, "2" in missing.stderr)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--cloud-template", "a", "--value", "Ada"), "PLACE=TEXT"),
        (("--message", "Hi", "--value", "1=Ada"), "--cloud-template"),
        (("--message", "Hi", "--cloud-template", "a"), "once"),
    ],
)
async def test_values_without_a_template_are_refused(run: Run, words: tuple[str, ...], said: str) -> None:
    """Before anything is asked."""
    refused = await run("send", "--number", "+4915110000000", *words)
    assert (Exit.USAGE, True) == (refused.exit_code, said in refused.stderr)


async def test_what_an_account_has_of_its_own_is_set_from_files(run: Run, tmp_path: Path) -> None:
    """Secrets come from files and are not shown; what is not named stays, and only one file is the input."""
    (tmp_path / "token").write_text("EAA-a-token-of-its-own\n")
    (tmp_path / "secret").write_text("an-app-secret")
    directory.open_account("shop", clock.now_ms())
    done = await run("accounts", "cloud", "shop", "--phone-number-id", "77", "--token-file", tmp_path / "token",
                     "--app-secret-file", tmp_path / "secret")  # fmt: skip
    again = await run("accounts", "cloud", "shop", "--throughput", "40")
    twice = await run("accounts", "cloud", "shop", "--token-file", "-", "--app-secret-file", "-")
    gone = await run("accounts", "cloud", "shop", "--token-file", tmp_path / "nothing")
    account = directory.find("shop")

    assert (0, 0, Exit.USAGE) == (done.exit_code, again.exit_code, twice.exit_code), done.output + again.output
    assert "cannot be read" in gone.stderr
    assert ("cloud", "77", 40) == (account.transport, account.cloud_phone_number_id, account.cloud_throughput)
    assert ("EAA-a-token-of-its-own", "an-app-secret") == (account.cloud_token, account.cloud_app_secret)
    assert "a-token-of-its-own" not in done.output + again.output
