"""Rights by account: who may use one account sees and moves nothing of another, at any address, by key or by login."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any
from urllib.parse import quote

import pytest
from aiohttp.test_utils import TestClient

from daemon import models
from daemon.accounts import directory, rights
from daemon.api import endpoint, events
from daemon.auth import keys, sessions, users
from daemon.campaigns import create, drafts
from daemon.campaigns.create import Order
from daemon.config import Settings
from daemon.db import clock
from daemon.http import make_app
from daemon.models import Account, Draft, Job, Message, Session, UnmatchedChat
from daemon.server import access
from daemon.server.visitors import COOKIE, SAFE
from daemon.states import Role, Scope
from tests.http.conftest import KEY, Caller
from tests.support import account_stock
from tests.support.keyed import keyed
from tests.support.signing_in import GOOD, look, someone, submit

Client = TestClient[Any, Any]
WORDS = {"north": "Aurora", "south": "Penguin"}  # stand in everything of the account
DIGITS = {"north": "15110000111", "south": "15110000999"}
OF_ALL = re.compile(  # the installation's, whoever uses it
    "/(lists|templates|suppressions|users|keys|webhooks"
    "|app/(static|templates|lists|suppressions|uploads|users|keys|webhooks))/"
)
NOWHERE = {"jobs": "99999", "messages": "99999", "accounts": "west", "drafts": "ef" * 16, "series": "99", "chats": "99"}
BODIES: dict[str, Any] = {  # of writes that need one
    "decide": {"sent": True},
    "reschedule": {"schedule_at": "2035-01-01T00:00Z"},
    "confirm": {"choice": "go_on"},
    "duplicate": {"people": "all"},
    "assign": {"number": "+4915110000999"},
    "link": {"number": "+4915110000000"},
    "PATCH": {"daily_cap": 7},
}


def fill(settings: Settings, account: str) -> dict[str, str]:
    return account_stock.fill(settings, account, WORDS[account], f"+49{DIGITS[account]}")


@pytest.fixture
def both(client: Client, settings: Settings) -> dict[str, dict[str, str]]:
    """An installation with two accounts; their ids."""
    return {account: fill(settings, account) for account in WORDS}


def by_key(client: Client) -> dict[str, str]:
    """The headers of a program that may do everything, in the north."""
    made = keys.create(keys.Terms("north", frozenset(Scope), ("north",)), "test", clock.now_ms())
    return {"X-API-KEY": made.secret}


def by_login(role: Role = Role.ADMIN) -> dict[str, str]:
    """The headers of a browser in which an administrator of the north is logged in."""
    user = users.create("Nora", role, GOOD, "test", clock.now_ms())
    users.limit_to(user.id, ["north"], "test")
    opened = sessions.open_session(users.find(user.id), clock.now_ms())
    row = sessions.session(opened.token, KEY, clock.now_ms())
    assert row is not None
    return {"Cookie": f"{COOKIE}={opened.token}", access.TOKEN_HEADER: row.csrf, "Sec-Fetch-Site": "same-origin"}


def routes(client: Client) -> list[tuple[str, str]]:
    """Every address as it is declared."""
    every = client.app.router.routes()
    return sorted({(each.method, each.resource.canonical) for each in every if each.resource and each.method != "HEAD"})


def filled(path: str, ids: dict[str, str]) -> str:
    """The address with that account's ids; what stands before an id says whose it is."""
    short = {"status": "jobs", "pause": "jobs", "resume": "jobs", "stop": "jobs", "retry": "jobs"}

    def one(found: re.Match[str]) -> str:
        before = path[: found.start()].rstrip("/").rpartition("/")[2]
        before = "cloud_templates" if "/cloud/templates/" in path else before
        if before in ids or before in short:
            return ids[short.get(before, before)]
        return {"what": "pause", "part": "status"}.get(found[1], "1")

    return re.sub(r"{(\w+)}", one, path)


def of_account(path: str) -> bool:
    """Whether it is about one thing that belongs to an account."""
    known = "jobs|status|pause|resume|stop|retry|messages|accounts|drafts|series|chats"
    return bool(re.search(rf"/({known}|cloud/templates)/{{", path))


async def answer(client: Client, method: str, path: str, headers: dict[str, str]) -> tuple[int, str]:
    what: dict[str, Any] = {"headers": headers, "allow_redirects": False}
    if method not in SAFE:
        what |= sent(method, path)
    async with client.request(method, path, **what) as response:
        if response.content_type == "text/event-stream" and response.status == 200:
            first = [await response.content.readuntil(b"\r\n\r\n") for _ in range(2)]
            return response.status, b"".join(first).decode()
        return response.status, (await response.read()).decode(errors="replace")


def sent(method: str, path: str) -> dict[str, Any]:
    """The body of a write."""
    last = path.rpartition("/")[2]
    if path.startswith("/app/"):
        if path.endswith("/preview"):
            return {"json": {"text": "x"}}
        return {
            "data": {
                "sent": "yes",
                "choice": "go_on",
                "timezone": "Europe/Berlin",
                "at": "2035-01-01T00:00",
                "text": "x",
                "number": "+4915110000000",
            }
        }
    body = BODIES.get(last) or BODIES.get(method)
    return {"json": body} if body is not None else {}


def told(text: str, account: str, asked: str = "") -> list[str]:
    """What an answer has of that account, beside the address that was asked for."""
    if f"/accounts/{account}" in asked:
        text = text.replace(account, "")
    plain = re.sub(r"[\s().\-/\u202f]", "", text)
    seen = [word for word in (WORDS[account],) if word in text]
    return seen + ([DIGITS[account]] if DIGITS[account] in plain else []) + re.findall(rf"\b{account}\b", text)


@pytest.mark.parametrize("way", ["key", "login"])
async def test_nothing_of_another_account_is_in_any_answer(client: Client, both: Any, way: str) -> None:
    """At every address there is, with the ids of the other account; of one's own there is something to see."""
    headers = by_key(client) if way == "key" else by_login()
    leaks, open_, mine = {}, {}, set()
    for method, path in routes(client):
        if method != "GET" or (way == "key" and path.startswith("/app")):
            continue  # a key opens no page
        theirs = filled(path, both["south"])
        status, text = await answer(client, method, theirs, headers)
        if found := told(text, "south", theirs):
            leaks[path] = found
        if of_account(path) and status not in (404, 302):
            open_[path] = status
        status, text = await answer(client, method, filled(path, both["north"]), headers)
        if found := [each for each in told(text, "south") if each]:
            leaks[path] = found
        if told(text, "north"):
            mine.add(path)

    assert {} == leaks
    assert {} == open_
    shown = "/accounts /accounts/{name} /events /jobs /jobs/{job_id}/messages /messages /messages/{message_id} /replies"
    pages = "/app /app/accounts /app/decisions /app/jobs/{id} /app/messages/{id} /app/new /app/replies /app/series"
    assert set((shown if way == "key" else f"{shown} {pages}").split()) <= mine


def snapshot(account: str) -> Any:
    """All that is stored of an account."""
    jobs = [row.id for row in Job.select(Job.id).where(Job.account == account)]
    found = [list(table.select().where(table.account == account).dicts()) for table in (Job, Message, UnmatchedChat)]
    found += [list(table.select().where(table.job.in_(jobs)).dicts()) for table in (models.JobStep,)]
    named = [row for row in Draft.select().dicts() if (row["data"].get("when") or {}).get("account") == account]
    repeats = [row for row in models.Series.select().dicts() if row["order"]["account"] == account]
    return [*found, list(Account.select().where(Account.name == account).dicts()), named, repeats]


@pytest.mark.parametrize("way", ["key", "login"])
async def test_nothing_of_another_account_can_be_changed(client: Client, both: Any, way: str) -> None:
    """Every write there is: as if it were not there, and it stays as it was."""
    headers = by_key(client) if way == "key" else by_login()
    before, wrong = snapshot("south"), {}
    for method, path in routes(client):
        if method in SAFE or not of_account(path) or (way == "key" and path.startswith("/app")):
            continue
        theirs = filled(path, both["south"])
        status, text = await answer(client, method, theirs, headers)
        nowhere, _ = await answer(client, method, filled(path, NOWHERE), headers)
        if status != nowhere or status not in (404, 303) or told(text, "south", theirs):
            wrong[f"{method} {path}"] = status

    assert {} == wrong
    assert before == snapshot("south")


async def test_every_address_is_of_one_account_or_of_all(client: Client) -> None:
    """A new one with an id says whose that is: otherwise nobody would look whether it asks for the rights."""
    unsure = [path for _, path in routes(client) if "{" in path and not of_account(path) and not OF_ALL.match(path)]
    assert [] == unsure


# Filters: none of them reaches further than the list without it


def filters(account: str, ids: dict[str, str]) -> dict[str, list[str]]:
    """What a filter is given to find something of that account, by the name of the filter."""
    word, job = WORDS[account], ids["jobs"]
    return {
        "account": [account], "search": [word, account, DIGITS[account]], "number": [f"+49{DIGITS[account]}"],
        "external_id": [f"order-{word}", f"person-{word}"], "job_id": [job], "wait": ["1"],
    }  # fmt: skip


async def test_no_filter_finds_anything_of_another_account(client: Client, both: Any) -> None:
    """Of every list, and every filter that names a thing; one's own is found with the same ones."""
    headers, leaks, found, tried = by_key(client), {}, set(), set()
    for one in endpoint.REGISTRY:
        if one.method != "GET" or one.path == "/events":
            continue
        for name in {each.name for each in one.in_query} & set(filters("south", both["south"])):
            for account in WORDS:
                for value in filters(account, both[account])[name]:
                    path = f"{filled(one.path, both[account])}?{name}={quote(value)}"
                    status, text = await answer(client, "GET", path, headers)
                    if account == "north":
                        found |= {(one.path, name)} if told(text, "north", path) else set()
                    elif (status == 200 and of_account(one.path)) or told(text.replace(value, ""), "south", path):
                        leaks[path] = (status, text)
            tried.add((one.path, name))

    assert {} == leaks
    of_all = {
        each
        for each in tried
        if each[0].partition("/{")[0] in ("/lists", "/templates", "/suppressions", "/people/export")
    }
    quiet = {("/status/{job_id}", "wait"), ("/jobs/{job_id}/report.xlsx", "search")}  # counts only, and packed
    assert tried - of_all - quiet == found - of_all - quiet


@pytest.mark.parametrize("account", ["south", "west"])
async def test_the_name_of_another_account_finds_as_little_as_nobodys(client: Client, both: Any, account: str) -> None:
    """So that it cannot be told whether there is one of that name."""
    headers = by_key(client)
    lists = {"/jobs": "jobs", "/messages": "messages", "/replies": "replies"}
    for path, name in lists.items():
        status, text = await answer(client, "GET", f"{path}?account={account}", headers)
        assert (200, {name: [], "next_cursor": None}) == (status, json.loads(text)), path


async def test_a_stream_tells_of_the_own_accounts_only(
    client: Client, both: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the very beginning, with each of its filters; a job of another account is none."""
    headers, north = by_key(client), both["north"]
    assert 404 == (await answer(client, "GET", f"/events?job={both['south']['jobs']}", headers))[0]
    assert 404 == (await answer(client, "GET", f"/events?job={NOWHERE['jobs']}", headers))[0]
    monkeypatch.setattr(events, "LOOK_S", 0.2)  # by its ping it is known that nothing more comes
    for query in ("", "&types=message,job,account,reply,state", "&account=north", f"&job={north['jobs']}"):
        seen = await told_by(client, f"/events?after=0.0{query}", headers)
        assert f'"job_id": {north["jobs"]}' in seen and "event: message." in seen
        assert [] == told(seen, "south")
        assert f'"job_id": {both["south"]["jobs"]},' not in seen
    seen = await told_by(client, "/events?after=0.0&account=south", headers)
    assert {"ping"} == set(re.findall(r"event: (\S+)", seen))


async def told_by(client: Client, path: str, headers: dict[str, str]) -> str:
    """All that a stream tells until it is quiet."""
    seen = ""
    async with client.get(path, headers=headers) as stream:
        async with asyncio.timeout(60):
            while not re.search(
                r"id: (?!0\.0)\S+\r\nevent: ping", seen
            ):  # it has gone on from the beginning to the end
                seen += (await stream.content.readuntil(b"\r\n\r\n")).decode()
    return seen


# Counters and sums


async def test_sums_are_those_of_the_own_accounts(client: Client, both: Any) -> None:
    """In metrics, badges, and on the first page."""
    everything, north = Caller(client, KEY), Caller(client, by_key(client)["X-API-KEY"])
    for state, count in (("uncertain", 2), ("pending", 2)):
        assert f'wasender_messages{{state="{state}"}} {count}.0' in await everything.text("/metrics")
        assert f'wasender_messages{{state="{state}"}} {count // 2}.0' in await north.text("/metrics")
    assert 'account="south"' not in await north.text("/metrics")
    front = await answer(client, "GET", "/app", by_login())
    badges = re.findall(r'<b class="badge">(\d+)<', front[1])
    assert ["1", "2"] == badges[:2]  # to decide; replies and chats


async def test_a_limited_reader_of_events_sees_them_however_busy_others_are(client: Client, settings: Settings) -> None:
    """The newest jobs of all are not looked at first, and then those of others left out."""
    own = fill(settings, "north")
    directory.ensure("south")
    for n in range(60):
        create.create(settings, Order("x", numbers=["+4915110000999"], account="south"), "test", clock.now_ms() + n)
    seen = set()
    async with client.get("/events", headers=by_key(client)) as stream:
        while not {"job", "account"} <= seen:
            event = (await stream.content.readuntil(b"\r\n\r\n")).decode()
            seen.add(event.partition("event: ")[2].split()[0])
            assert '"south"' not in event
            if '"job_id"' in event and f'"job_id": {own["jobs"]},' in event:
                break


# Sending


async def test_a_key_sends_from_its_accounts_only(client: Client, both: Any) -> None:
    north = Caller(client, by_key(client)["X-API-KEY"])
    body = {"numbers": ["+4915110000333"], "message": "Hi"}
    sent = await north.post("/send", body)  # its only account is meant
    assert "north" == Job.get_by_id(sent["job_id"]).account
    await north.post("/send", body | {"account": "north"})
    for name in ("south", "nobody", "default"):
        refused = await north.post("/send", body | {"account": name}, status=422)
        assert "no_such_account" == refused["code"]
        assert [] == told(refused["detail"].replace(f"{name}", ""), "south")
    again = {"people": "all", "account": "south"}
    assert 422 == (await north.send("POST", f"/jobs/{both['north']['jobs']}/duplicate", json=again)).status
    replaced = body | {"replaces": int(both["south"]["jobs"])}
    await north.post("/send", replaced, status=404)


async def test_who_has_several_accounts_says_which(client: Client, both: Any) -> None:
    program = keyed(Caller(client, KEY), "two", accounts=("north", "south"))
    body = {"numbers": ["+4915110000333"], "message": "Hi"}
    refused = await program.post("/send", body, status=422)
    assert ("say_which_account", "account") == (refused["code"], refused["errors"][0]["field"])
    await program.post("/send", body | {"account": "south"})
    wide = keyed(Caller(client, KEY), "wide", accounts=("default", "south"))
    assert "default" == Job.get_by_id((await wide.post("/send", body))["job_id"]).account


async def test_what_has_no_account_yet_is_its_makers(client: Client, both: Any) -> None:
    """A draft before its step When: others with other accounts do not see it, and its usual account is one's own."""
    headers = by_login()
    drafts.begin("ab" * 16, "somebody", clock.now_ms(), name="Of nobody")
    drafts.begin("cd" * 16, "Nora", clock.now_ms(), name="Of Nora")
    _, page = await answer(client, "GET", "/app/new", headers)
    assert "Of Nora" in page and "Of nobody" not in page
    assert 404 == (await answer(client, "GET", f"/app/drafts/{'ab' * 16}/people", headers))[0]
    token = rights.allowed.set(frozenset({"north"}))
    assert "north" == rights.usual("default")
    rights.allowed.reset(token)


async def that_default_has(client: Any, own: dict[str, str]) -> tuple[Caller, Caller]:
    """Whoever may do everything, and who is limited to two other accounts."""
    for name in ("default", "able", "north"):
        directory.ensure(name)
    everything = Caller(client, KEY)
    await everything.ask("PATCH", "/accounts/default", json=own)
    return everything, keyed(everything, "north", accounts=("able", "north"))


@pytest.mark.parametrize("of_settings", [True, False], ids=["of the settings", "of its own"])
async def test_the_number_of_another_account_is_not_taken(
    make_settings: Any, database: str, aiohttp_client: Any, of_settings: bool
) -> None:
    """What people write to it would go to whoever comes first by name. One's own numbers may be shared."""
    settings = make_settings(cloud_phone_number_id="111" if of_settings else "")
    client = await aiohttp_client(make_app(settings, KEY))
    everything, north = await that_default_has(client, {} if of_settings else {"cloud_phone_number_id": "111"})
    await north.ask("PATCH", "/accounts/north", json={"transport": "cloud"})
    taken = {"cloud_phone_number_id": " 111 ", "daily_cap": 7}
    refused = await north.ask("PATCH", "/accounts/north", 422, json=taken)
    assert ("number_id_taken", "cloud_phone_number_id") == (refused["code"], refused["errors"][0]["field"])
    late = await submit(client, "/app/accounts/north/cloud", by_login(), cloud_phone_number_id="111")
    assert (422, True) == (late.status, "Another account has this number" in await late.text())
    assert (None, None) == (directory.find("north").cloud_phone_number_id, directory.find("north").daily_cap)
    for name in ("able", "north"):
        await north.ask("PATCH", f"/accounts/{name}", json={"cloud_phone_number_id": "222"})
    await everything.ask("PATCH", "/accounts/north", json={"cloud_phone_number_id": "111"})
    await north.ask("PATCH", "/accounts/north", json=taken)  # it has that already


@pytest.mark.parametrize("of_settings", [True, False], ids=["of the settings", "of its own"])
async def test_the_business_account_of_another_account_is_not_taken(
    make_settings: Any, database: str, aiohttp_client: Any, of_settings: bool
) -> None:
    """What Meta says of it holds all its accounts, and they share how many people they may begin to write to."""
    settings = make_settings(cloud_business_account_id="111" if of_settings else "")
    client = await aiohttp_client(make_app(settings, KEY))
    everything, north = await that_default_has(client, {} if of_settings else {"cloud_business_account_id": "111"})
    taken = {"cloud_business_account_id": " 111 ", "daily_cap": 7}
    refused = await north.ask("PATCH", "/accounts/north", 422, json=taken)
    assert ("business_id_taken", "cloud_business_account_id") == (refused["code"], refused["errors"][0]["field"])
    assert (None, None) == (directory.find("north").cloud_business_account_id, directory.find("north").daily_cap)
    for name in ("able", "north"):
        await north.ask("PATCH", f"/accounts/{name}", json={"cloud_business_account_id": "222"})
    await everything.ask("PATCH", "/accounts/north", json={"cloud_business_account_id": "111"})
    await north.ask("PATCH", "/accounts/north", json=taken)  # it has that already


# The page of users


async def test_a_user_is_limited_to_accounts_on_the_page(client: Client, both: Any) -> None:
    someone(client)
    user = users.create("Anna", Role.OPERATOR, GOOD, "test", clock.now_ms())
    sessions.open_session(user, clock.now_ms())
    path = f"/app/users/{user.id}"
    answer_ = await submit(client, f"{path}/accounts", which="some", accounts="north", version=str(user.version))
    assert 303 == answer_.status
    assert ["north"] == users.find(user.id).accounts
    assert not Session.select().where(Session.user == user.id).exists()
    page = await look(client, path)
    assert re.search(r'value="north" checked', page) and not re.search(r'value="south" checked', page)
    stale = await submit(client, f"{path}/accounts", which="all", version=str(user.version))
    assert 409 == stale.status
    nobody = await submit(client, f"{path}/accounts", which="some")
    assert (422, True) == (nobody.status, "Choose at least one account" in await nobody.text())
    assert 422 == (await submit(client, f"{path}/accounts", which="some", accounts="west")).status
    await submit(client, f"{path}/accounts", which="all")
    assert None is users.find(user.id).accounts


async def test_answers_of_idempotent_writes_are_the_callers_own(client: Client, both: Any) -> None:
    """What another account's key was answered is not repeated to this one."""
    south = keyed(Caller(client, KEY), "other", accounts=("south",))
    once = {"Idempotency-Key": "k"}
    body = {"numbers": ["+4915110000333"], "message": "Hi", "account": "south"}
    await south.post("/send", body, headers=once)
    north = Caller(client, by_key(client)["X-API-KEY"])
    refused = await north.post("/send", body, status=422, headers=once)
    assert "job_id" not in json.dumps(refused)
