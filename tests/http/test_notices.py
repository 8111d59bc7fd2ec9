"""A test mail by page and API, which say what the mail server did; who is told of notices as they come."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from daemon.config import Settings
from daemon.db import clock
from daemon.db.connection import write
from daemon.i18n.coded import refusal
from daemon.ops import mailing, notices
from daemon.ops.notices import Found
from daemon.ops.refusals import Notice as Says
from daemon.pages import notice_words
from daemon.server import mail_tests
from daemon.server.visitors import SETTINGS
from daemon.states import Role
from tests.support.drafting import look, send
from tests.support.mailbox import Mailbox
from tests.support.rig import free_port

PATH = "/app/notices"


@pytest.fixture
def mailbox() -> Iterator[tuple[Mailbox, int]]:
    box = Mailbox()
    controller = Controller(box, hostname="127.0.0.1", port=free_port())
    controller.start()
    yield box, controller.port
    controller.stop()


@pytest.fixture
def settings(make_settings: Callable[..., Settings], mailbox: tuple[Mailbox, int]) -> Settings:
    of = {"smtp_host": "127.0.0.1", "smtp_port": mailbox[1], "smtp_security": "none", "mail_to": "ops@example.org"}
    return make_settings(**of)


async def test_a_test_mail_is_sent_and_what_the_server_said_is_told(
    member: Any, browser: Any, mailbox: tuple[Mailbox, int]
) -> None:
    """By administrators only, and three a minute at most, whoever asks and however."""
    box, _ = mailbox
    assert "Send a test mail" in await look(member, PATH)
    assert "see whether it arrives" in await (await send(member, f"{PATH}/test", again=True)).text()
    assert "This is a test." in box.mails[0].get_content()
    await send(member, f"{PATH}/test", again=True)
    box.refuses = "550 <b>nobody</b> with that name"
    refused = await send(member, f"{PATH}/test", again=True)
    text = await refused.text()
    assert 502 == refused.status and "it answered 550" in text and "nobody" not in text
    limited = await send(member, f"{PATH}/test", again=True)
    assert 429 == limited.status and "Only 3 test mails are sent a minute" in await limited.text()
    operator = await browser(Role.OPERATOR)
    page = await look(operator, PATH)
    assert "Send a test mail" not in page and "Show notices" in page
    assert 403 == (await send(operator, f"{PATH}/test", again=True)).status


async def test_a_program_is_told_by_a_code(api: Any, mailbox: tuple[Mailbox, int], monkeypatch: Any) -> None:
    """Whether the server took it, refused it or was not there, and when there can be another one."""
    told = [await api.post("/notices/test")]
    mailbox[0].refuses = "451 later"
    told.append(await api.post("/notices/test"))
    monkeypatch.setitem(api.client.app[SETTINGS].__dict__, "smtp_port", free_port())
    told.append(await api.post("/notices/test"))
    found = [(each["success"], each["code"]) for each in told]
    assert [(True, "mail_taken"), (False, "mail_refused"), (False, "mail_unreached")] == found
    late = await api.send("POST", "/notices/test")
    assert 429 == late.status and 0 < int(late.headers["Retry-After"]) <= mail_tests.WITHIN_S + 1


def noted(code: Says, **values: Any) -> None:
    with write():
        notices.note(Found(f"{code} {clock.now_ms()}", "default", refusal(code, **values)), clock.now_ms())


async def test_open_pages_are_told_what_is_noted(api: Any, settings: Settings) -> None:
    """By code, without a name; those who may not use all accounts are told nothing of it."""
    noted(Says.LOGGED_OUT, account="Zeferina")
    noted(Says.FINISHED, job="Spring", sent=1, total=1, failed=0)
    found = notices.newest().notices
    assert ["notice_finished", "notice_logged_out"] == [code for _, code in found]
    async with api.client.get("/events?types=state", headers=api.headers) as stream:
        event = ""
        async for line in stream.content:
            if line.startswith(b"event:"):
                event = line.decode().partition(":")[2].strip()
            elif line.startswith(b"data:") and event == "notices":
                told = json.loads(line.decode().partition(":")[2])
                break
    assert {"notices": [list(each) for each in found]} == told
    shown = json.loads(notice_words.words())
    assert {each.value for each in Says} - {"notice_times"} == set(shown)


async def test_without_a_mail_server_they_are_noted_all_the_same(member: Any, make_settings: Any) -> None:
    """What is due is over then: a mail server that is set later does not send it."""
    noted(Says.BACKUP_FAILED, why="full")
    mailing.seen_only(clock.now_ms() + notices.GATHER_MS + 1)
    assert [] == mailing.due(clock.now_ms() + notices.AGAIN_MS)
    assert 1 == len(notices.newest().notices)
