"""The way from page to page: what each role is shown of it, and what waits beside an entry."""

from __future__ import annotations

import re
from typing import Any

from daemon.campaigns import create
from daemon.config import Settings
from daemon.db import clock
from daemon.models import Job, Reply, UnmatchedChat
from daemon.pages import navigation
from daemon.states import Role
from tests.conftest import ROOT

GROUPS = re.compile(r'<div class="side">(.*?)</div>', re.S)
BADGE = re.compile(
    r'href="([^"]+)"[^>]*>(?:(?!</a>).)*<b class="badge">([\d,]+)<span class="unseen"> ([^<]+)</span>', re.S
)


async def side(client: Any, path: str = "/app") -> str:
    found = GROUPS.search(await (await client.get(path, headers={"Accept": "text/html"})).text())
    assert found
    return found[1]


async def test_each_role_is_shown_where_it_may_go(browser: Any) -> None:
    """A group without entries has no title; a viewer gets nothing that would refuse them."""
    ways = {}
    for role in Role:
        shown = await side(await browser(role))
        ways[role.name] = re.findall(r'<li><a href="([^"]+)"', shown)
        assert ["Send", "People", "Settings"] == re.findall(r"<h2>(\w+)</h2>", shown)
    assert ["/app", "/app/decisions", "/app/replies", "/app/accounts", "/app/notices"] == ways["VIEWER"]
    assert {"/app/new", "/app/lists"} <= set(ways["OPERATOR"]) and "/app/users" not in ways["OPERATOR"]
    assert "/app/users" in ways["ADMIN"]


async def test_what_waits_is_counted_beside_its_entry(browser: Any, settings: Settings) -> None:
    """On every page, and nothing where nothing waits."""
    admin = await browser(Role.ADMIN)
    assert [] == BADGE.findall(await side(admin))
    order = create.Order("Hi", numbers=["+4930231250"], name="Spring")
    create.create(settings, order, "test", clock.now_ms())
    Job.update(uncertain=1_234, total=1_234).execute()
    now = clock.now_ms()
    UnmatchedChat.create(account="default", title="Ann", first_at=now, seen_at=now, count=1)
    for key in ("B1", "B2"):
        Reply.create(account="default", number="+4930231250", text="Yes", at=now, key=key, stop=False, fresh=True)
    waiting = [("/app/decisions", "1,234", "to decide"), ("/app/replies", "3", "new")]
    for path in ("/app", "/app/templates"):
        assert waiting == BADGE.findall(await side(admin, path))


def test_a_phone_shows_four_at_most() -> None:
    """Beside the menu."""
    assert [3, 4, 4] == [len(navigation.shortcuts(role)) for role in Role]


def test_every_entry_has_a_picture() -> None:
    """Otherwise it stands there with a gap."""
    drawn = (ROOT / "daemon" / "pages" / "static" / "icons.svg").read_text()
    entries = [entry for section in navigation.SECTIONS for entry in section.entries]
    assert entries and [] == [entry.name for entry in entries if f'id="{entry.name}"' not in drawn]
