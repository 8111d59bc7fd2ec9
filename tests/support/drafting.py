"""A new campaign, filled in step by step as a browser does it."""

from __future__ import annotations

import io
import re
from typing import Any

from aiohttp import ClientResponse, FormData
from aiohttp.test_utils import TestClient

from daemon.campaigns import drafts

KEY = "a-key-for-tests-0123456789"
HTML = {"Accept": "text/html"}
CSV = """name;phone;city
Anna;+49 30 23125 001;Berlin
Ben;+44 20 7946 0011;
Tom;12345;Leeds
Anna;+493023125001;Berlin
"""
Client = TestClient[Any, Any]


def _origin(client: Client) -> dict[str, str]:
    return {"Origin": f"http://{client.host}:{client.port}"}


async def look(client: Client, path: str, status: int = 200) -> str:
    response = await client.get(path, headers=HTML, allow_redirects=False)
    assert status == response.status, await response.text()
    return await response.text()


async def send(
    client: Client, path: str, files: Any = (), json: bool = False, again: bool = False, **fields: Any
) -> ClientResponse:
    """Send the form that the page at `path` shows, with these fields changed; redirects are not followed.

    again: that page is not there any more.
    """
    shown = re.sub(r"/test$", "/check", path) if path.count("/") > 3 and not again else "/app/new"
    page = await look(client, shown)
    form = FormData(quote_fields=False)
    for name in ("csrf", "version", "id"):
        if name not in fields and (found := re.search(rf'name="{name}" value="(\w+)"', page)):
            form.add_field(name, found[1])
    for name, value in fields.items():
        form.add_field(name.replace("__", "-"), str(value))
    for name, data, filename in files:
        form.add_field(name, io.BytesIO(data), filename=filename, content_type="application/octet-stream")
    headers = {"Accept": "application/json, text/html"} if json else HTML
    return await client.post(path, data=form, headers=headers | _origin(client), allow_redirects=False)


async def post(client: Client, path: str, files: Any = (), **fields: Any) -> str:
    """As `send`; where it leads to, which must be another page."""
    response = await send(client, path, files, **fields)
    assert 303 == response.status, await response.text()
    return response.headers["Location"]


async def refused(client: Client, path: str, status: int, files: Any = (), **fields: Any) -> str:
    """As `send`; the sentence of the refusal."""
    response = await send(client, path, files, **fields)
    text = await response.text()
    assert status == response.status, text
    at_field = re.search(r'<span id="[\w-]+-wrong"[^>]*>(.*?)</span>', text, re.S)
    found = at_field or re.search(r'<p id="step-error"[^>]*>(.*?)</p>', text, re.S)
    assert found, text
    return re.sub(r"<[^>]+>", "", found[1]).strip()


async def begin(client: Client) -> str:
    return await post(client, "/app/drafts")


async def with_people(client: Client, text: str = CSV, name: str = "people.csv") -> str:
    """A draft that has a file; its address."""
    base = await begin(client)
    await post(client, f"{base}/people", [("file", text.encode(), name)], go="next")
    return base


async def with_columns(client: Client, text: str = CSV, name: str = "people.csv", **roles: str) -> str:
    base = await with_people(client, text, name)
    await map_columns(client, base, **roles)
    return base


async def map_columns(client: Client, base: str, **changes: str) -> str:
    """Press Next on the columns as they are guessed, with some changes."""
    page = await look(client, f"{base}/columns")
    fields = dict(re.findall(r'<input name="((?:name|rule_value)-\d+)" value="([^"]*)"', page))
    for select in re.findall(r'<select (?:id="header" )?name="([\w-]+)".*?</select>', page, re.S):
        block = page[page.index(f'name="{select}"') :]
        chosen = re.search(r'<option (?:dir="auto" )?value="(\w+)" selected', block[: block.index("</select>")])
        fields[select] = chosen[1] if chosen else ""
    return await post(client, f"{base}/columns", **{**fields, **{k.replace("__", "-"): v for k, v in changes.items()}})


async def with_message(client: Client, text: str = "Hi {{ name }}", people: str = CSV, **when: str) -> str:
    """A draft up to the dry run."""
    base = await with_columns(client, people)
    await post(client, f"{base}/numbers", go="next")
    await post(client, f"{base}/message", text=text, go="next")
    await post(client, f"{base}/when", **{"name": "Spring", "delay_min": "1", "delay_max": "3", "start": "now", **when})
    return base


async def check(client: Client, base: str, **fields: str) -> str:
    """Do the dry run; the report's page."""
    await post(client, f"{base}/check", **{"days": "7", "recent": "leave", **fields})
    return await look(client, f"{base}/check")


def draft_of(base: str) -> drafts.Draft:
    return drafts.find(base.rpartition("/")[2])
