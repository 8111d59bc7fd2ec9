"""How far an account of the Cloud API is set up: what is missing is said, with Meta's own reasons."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any

import pytest

from daemon.accounts import cloud_standing, directory, portfolios
from daemon.db import clock
from daemon.http import make_app
from daemon.states import PersonKey
from standin.graph.server import Graph, serving
from standin.graph.world import BUSINESS_ID, NUMBER_ID, TOKEN, World
from tests.http.conftest import KEY, Caller
from tests.support.cloud_templates import there
from tests.support.drafting import look, send

OWN = {"cloud_token": TOKEN, "cloud_business_account_id": BUSINESS_ID, "cloud_phone_number_id": NUMBER_ID}
SECRETS = {"cloud_app_secret": "an-app-secret", "cloud_verify_token": "a-verify-token"}


@pytest.fixture
async def graph() -> AsyncIterator[Graph]:
    async with serving(World()) as served:
        yield served


@pytest.fixture
def started(graph: Graph, make_settings: Any, database: str, aiohttp_client: Any) -> Any:
    """Starts an application whose account is of the Cloud API, with these settings."""
    directory.open_account("default", clock.now_ms())

    async def start(**own: str) -> Any:
        return await aiohttp_client(make_app(make_settings(transport="cloud", cloud_url=graph.url, **own), KEY))

    return start


def steps(found: Any) -> dict[str, bool | None]:
    return {each["step"]: each["done"] for each in found["steps"]}


async def test_each_missing_step_says_what_to_do(started: Any) -> None:
    """Nothing is set: Meta is not asked, and what depends on that is later."""
    found = await Caller(await started(), KEY).get("/accounts/default/cloud")

    later = dict.fromkeys(("number", "permission", "subscription"))
    missing = ("ids", "token", "secrets", "address", "webhook", "template")
    assert dict.fromkeys(missing, False) | later == steps(found)
    waiting = {each["step"]: each["sentence"] for each in found["steps"] if each["done"] is None}
    assert "Checked once step 1 is done: The number can send." == waiting["number"]
    assert (
        "Checked once step 1 is done: An app is subscribed to the WhatsApp Business Account." == waiting["subscription"]
    )
    assert None is found["number"]
    assert all(each["sentence"].endswith(".") and each["code"].startswith("cloud_") for each in found["steps"])


async def test_all_is_done(started: Any, graph: Graph) -> None:
    """The number is as Meta sees it."""
    client = await started(**OWN, **SECRETS)
    api = Caller(client, KEY)
    there(clock.now_ms())
    cloud_standing.heard("default", clock.now_ms())
    portfolios.told(BUSINESS_ID, 250, clock.now_ms())
    portfolios.take(BUSINESS_ID, PersonKey("+4915110000000"), 1, clock.now_ms())
    async with client.session.post(
        f"{graph.url}/v26.0/{BUSINESS_ID}/subscribed_apps", headers={"Authorization": f"Bearer {TOKEN}"}
    ) as response:
        assert 200 == response.status
    found = await api.get("/accounts/default/cloud")
    headers = {"Accept": "text/html", "Origin": f"http://{client.host}:{client.port}"}
    await client.post("/app/login", data={"key": KEY}, headers=headers, allow_redirects=False)
    page = await look(client, "/app/accounts/default/cloud")

    assert {True} == set(steps(found).values()), found
    assert found["number"]["limit"].startswith("TIER_")
    assert (250, 1) == (found["number"]["most_people"], found["number"]["people"])
    assert "1 of 250" in page
    assert found["number"]["verified_name"] in page and "All steps are done." in page
    assert "/app/accounts/default/cloud" in await look(client, "/app/accounts")


async def test_what_the_account_has_of_its_own_is_set_on_its_page(started: Any) -> None:
    """Secrets are not shown again, and stay where their field is empty; an id that is none is told at its field."""
    client = await started()
    headers = {"Accept": "text/html", "Origin": f"http://{client.host}:{client.port}"}
    await client.post("/app/login", data={"key": KEY}, headers=headers, allow_redirects=False)
    path = "/app/accounts/default/cloud"
    ids = {"cloud_phone_number_id": NUMBER_ID, "cloud_business_account_id": BUSINESS_ID, "cloud_throughput": "40"}
    await send(client, path, **ids, cloud_token=TOKEN, cloud_app_secret="an-app-secret", cloud_verify_token="a-word")
    first = directory.find("default")
    await send(client, path, **ids | {"cloud_throughput": ""}, cloud_app_secret="another-secret")
    page = await look(client, path)
    answer = await send(client, path, cloud_phone_number_id="+49 30", cloud_token="kept-to-oneself")
    refused = await answer.text()
    account = directory.find("default")

    assert (NUMBER_ID, 40, TOKEN) == (first.cloud_phone_number_id, first.cloud_throughput, first.cloud_token)
    assert (BUSINESS_ID, None) == (account.cloud_business_account_id, account.cloud_throughput)
    assert (TOKEN, "another-secret", "a-word") == (
        account.cloud_token, account.cloud_app_secret, account.cloud_verify_token,
    )  # fmt: skip
    assert NUMBER_ID in page and not re.search(f"{TOKEN}|another-secret|a-word", page)
    assert 422 == answer.status
    assert "digits only" in refused and 'value="+49 30"' in refused and "kept-to-oneself" not in refused


async def test_a_token_that_is_none_is_told_in_metas_words(started: Any, graph: Graph) -> None:
    """And not the token itself; what needs it is later."""
    graph.world.tokens.clear()
    found = await Caller(await started(**OWN, **SECRETS), KEY).get("/accounts/default/cloud")
    (token,) = [each for each in found["steps"] if each["step"] == "token"]

    assert (False, "cloud_token_refused") == (token["done"], token["code"])
    assert TOKEN not in str(found)
    assert (None, None) == (steps(found)["number"], steps(found)["permission"])
    assert any("step 2 is done" in each["sentence"] for each in found["steps"])


async def test_the_public_name_has_to_be_served(started: Any) -> None:
    """Else Meta's requests are refused; whatever has come from Meta proves that they are not."""
    unknown = await Caller(await started(**OWN), KEY).get("/accounts/default/cloud")
    named = await Caller(await started(**OWN, allowed_hosts="wasender.example.org"), KEY).get("/accounts/default/cloud")
    cloud_standing.heard("default", clock.now_ms())
    heard = await Caller(await started(**OWN), KEY).get("/accounts/default/cloud")

    assert [False, True, True] == [steps(each)["address"] for each in (unknown, named, heard)]
    assert "wasender.example.org" in next(each["sentence"] for each in named["steps"] if each["step"] == "address")


async def test_an_account_of_whatsapp_web_has_none(api: Caller) -> None:
    """It says so."""
    directory.open_account("default", clock.now_ms())

    assert "account_not_of_cloud" == (await api.get("/accounts/default/cloud", 422))["code"]
