"""WhatsApp templates are read from Meta and handed in to it: by a program, and on the page."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from daemon.accounts import directory
from daemon.campaigns import cloud_templates
from daemon.db import clock
from daemon.http import make_app
from standin.graph.server import Graph, serving
from standin.graph.world import BUSINESS_ID, NUMBER_ID, TOKEN, World
from tests.http.conftest import KEY, Caller
from tests.support.drafting import look, send

NEW = {
    "name": "order_ready",
    "language": "en_US",
    "category": "UTILITY",
    "body": "Hello {{1}}, your order {{2}} is ready.",
    "examples": {"1": "Ada", "2": "17"},
    "header": "Order",
    "footer": "Reply STOP to end",
    "buttons": [{"text": "Track", "url": "https://shop.example/{{1}}", "example": "https://shop.example/17"}],
}
PATH = "/app/cloud-templates"


@pytest.fixture
async def graph() -> AsyncIterator[Graph]:
    """Meta's API, played."""
    async with serving(World()) as served:
        yield served


@pytest.fixture
async def cloud(graph: Graph, make_settings: Any, database: str, aiohttp_client: Any) -> Any:
    """An application whose account uses that."""
    directory.open_account("default", clock.now_ms())
    own = {"cloud_token": TOKEN, "cloud_business_account_id": BUSINESS_ID, "cloud_phone_number_id": NUMBER_ID}
    return await aiohttp_client(make_app(make_settings(transport="cloud", cloud_url=graph.url, **own), KEY))


@pytest.fixture
def api(cloud: Any) -> Caller:
    return Caller(cloud, KEY)


def templates(graph: Graph) -> Any:
    """What Meta has."""
    return graph.world.businesses[BUSINESS_ID].templates


def names() -> list[tuple[str, str]]:
    return [(each.name, each.status) for each in cloud_templates.every()]


async def test_a_template_is_handed_in_looked_at_and_read_again(api: Caller, graph: Graph) -> None:
    """Its status is Meta's; what Meta no longer has is gone here, too."""
    made = await api.post("/cloud/templates", NEW)
    again = await api.post("/cloud/templates/sync")

    assert ("PENDING", ["1", "2", "button_0"], "Order") == (made["status"], made["values"], made["header"])
    assert [("order_ready", made["status"])] == [each for each in names() if each[0] == "order_ready"]
    assert (True, "default", len(names())) == (again["success"], again["account"], again["total"])
    for template in templates(graph).values():
        template.status = "APPROVED"
    changed = await api.post("/cloud/templates/sync", {"account": "default"})
    assert 1 == changed["changed"]
    assert (await api.get(f"/cloud/templates/{made['id']}"))["usable"]
    templates(graph).clear()
    assert len(names()) == (await api.post("/cloud/templates/sync"))["gone"]
    assert [] == names()


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"name": "Order Ready"}, "template_name_unfit", "name"),
        ({"language": "english"}, "template_language_unfit", "language"),
        ({"category": "OTHER"}, "template_category_unfit", "category"),
        ({"body": "Hello {{1}} and {{3}} there.", "examples": {"1": "a", "3": "b"}}, "template_places_unfit", "body"),
        ({"body": "{{1}} is ready."}, "template_place_at_end", "body"),
        ({"body": "x" * 1025}, "template_text_too_long", "body"),
        ({"examples": {"1": "Ada"}}, "template_example_missing", "examples"),
        ({"buttons": [{"text": "Track", "url": "shop.example"}]}, "template_url_unfit", "buttons"),
    ],
)
async def test_what_meta_would_refuse_is_told_at_its_field(api: Caller, change: Any, code: str, field: str) -> None:
    """Before Meta is asked."""
    problem = await api.post("/cloud/templates", NEW | change, 422)

    assert (code, field) == (problem["code"], problem["errors"][0]["field"])


async def test_what_meta_says_is_told(api: Caller, graph: Graph) -> None:
    """In its words: a token that is none, an account that is not one of the Cloud API."""
    graph.world.tokens.clear()
    problem = await api.post("/cloud/templates/sync", status=502)
    await api.ask("PATCH", "/accounts/default", json={"transport": "browser"})
    other = await api.post("/cloud/templates/sync", status=422)

    assert ("meta_says", True) == (problem["code"], problem["detail"].startswith("Meta says: "))
    assert "account_not_of_cloud" == other["code"]
    assert TOKEN not in problem["detail"]


async def test_the_page_reads_them_and_hands_one_in(cloud: Any, graph: Graph) -> None:
    """What is wrong is told with what was entered; then it is there, as WhatsApp shows it."""
    headers = {"Accept": "text/html", "Origin": f"http://{cloud.host}:{cloud.port}"}
    await cloud.post("/app/login", data={"key": KEY}, headers=headers, allow_redirects=False)
    entered = {name: value for name, value in NEW.items() if isinstance(value, str)} | {"account": "default"}
    wrong = await send(cloud, f"{PATH}/new", again=True, csrf=await _csrf(cloud), **entered, examples="Ada")
    made = await send(cloud, f"{PATH}/new", again=True, csrf=await _csrf(cloud), **entered, examples="Ada\n17")
    page = await look(cloud, PATH)

    assert 422 == wrong.status and "Give an example of what stands in {{2}}" in await wrong.text()
    assert (303, f"{PATH}?done=created") == (made.status, made.headers["Location"])
    assert "Hello {{1}}, your order {{2}} is ready." in page and "in review" in page
    read = await send(cloud, f"{PATH}/sync", again=True, csrf=await _csrf(cloud), account="default")
    assert (303, f"{PATH}?done=synced") == (read.status, read.headers["Location"])


async def _csrf(client: Any) -> str:
    page = await look(client, f"{PATH}/new")
    return page.split('name="csrf" value="')[1].split('"')[0]
